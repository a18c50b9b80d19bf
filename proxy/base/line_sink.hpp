// Where log lines go. The real one is io::LineWriter, tests have their own. Any thread; it outlives
// those that write to it.
#pragma once

#include <string_view>

namespace outrigger {

class LineSink {
 public:
  // `line` without its newline. Waits for nobody: what cannot be taken is dropped and counted.
  virtual void append(std::string_view line) = 0;

 protected:
  ~LineSink() = default;
};

}  // namespace outrigger
