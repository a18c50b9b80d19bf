// `outrigger ctl` on the command line: its commands and options, and which of them is run. One
// description is behind parsing, --help and completion. Blocking; a process of its own.
#pragma once

#include <memory>

namespace CLI {
class App;
}

namespace outrigger::ctl {

class CtlCommandLine {
 public:
  // Adds `ctl`; outlives the parsing.
  explicit CtlCommandLine(CLI::App& cli);
  ~CtlCommandLine();
  CtlCommandLine(const CtlCommandLine&) = delete;
  CtlCommandLine& operator=(const CtlCommandLine&) = delete;

  bool is_wanted() const;
  // The exit code: 0 done, 1 not reached, 2 a bad command line, 3 refused.
  int run();

 private:
  struct Parts;

  const std::unique_ptr<Parts> x_parts;
};

}  // namespace outrigger::ctl
