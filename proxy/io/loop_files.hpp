// The real Files of one loop: it asks the file thread, and hands what comes back to the loop. Dies
// before both. The loop's thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/io/file_thread.hpp"
#include "proxy/io/files.hpp"
#include "proxy/io/loop.hpp"

namespace outrigger::io {

class LoopFiles final : public Files {
 public:
  // Reads that wait for the disk; more are answered with a failure.
  static constexpr size_t kMaxReads = 1024;

  LoopFiles(Loop& loop, FileThread& thread);
  ~LoopFiles() override;

  FileTaskPtr read(const std::string& path, size_t bytes_max, FileEvents& events) override;
  FileTaskPtr watch(const std::string& path, FileEvents& events) override;

 private:
  struct Port;
  struct Question;
  class Answer;
  class Read;
  class Watch;

  FileThread& x_thread;
  const std::shared_ptr<Port> x_port;
};

}  // namespace outrigger::io
