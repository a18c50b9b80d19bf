// `outrigger await`: runs a command once the sidecar is ready, passes signals on to it, ends with
// its exit code, and then ends the sidecar where that is wanted (jobs). As PID 1 it also reaps
// whatever is left to it. Blocking; a process of its own, one thread.
#pragma once

#include <memory>

namespace CLI {
class App;
}

namespace outrigger::ctl {

class AwaitCommandLine {
 public:
  // Adds `await`; outlives the parsing.
  explicit AwaitCommandLine(CLI::App& cli);
  ~AwaitCommandLine();
  AwaitCommandLine(const AwaitCommandLine&) = delete;
  AwaitCommandLine& operator=(const AwaitCommandLine&) = delete;

  // Takes off what stands behind `--`: the command, whose words are not for the parser.
  void take_command(int& argc, char** argv);
  bool is_wanted() const;
  // The exit code: that of the command, 128 + N where signal N ended it, 126 or 127 where it could
  // not be run; 1 where the sidecar was not ready in time, 2 for a bad command line.
  int run();

 private:
  struct Parts;

  const std::unique_ptr<Parts> x_parts;
};

}  // namespace outrigger::ctl
