// Writes lines to a file from a thread of its own, so that a slow or full disk never holds up a
// call: what does not fit into the bounded buffer, or what the disk refuses, is dropped and
// counted. append() from any thread; it holds a mutex for a copy of the line.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "proxy/base/result.hpp"

namespace outrigger {

class LineWriter {
 public:
  static constexpr size_t kBufferBytesMax = 1 << 20;

  // Appends to `path`; "-" is standard error. The failure is a sentence for people.
  static Result<std::unique_ptr<LineWriter>> open(const std::string& path);
  // Writes what is buffered, then ends.
  ~LineWriter();

  // `line` without its newline.
  void append(std::string_view line);
  // Opens the path anew, as after a rotation (SIGHUP). Keeps the old file if that fails.
  void reopen();
  uint64_t dropped() const { return x_dropped.load(std::memory_order_relaxed); }

 private:
  LineWriter(std::string path, int fd);
  void run();
  void write_out(std::string_view lines);

  const std::string x_path;
  int x_fd;
  std::mutex x_mutex;
  std::condition_variable x_wake;
  std::string x_pending;
  bool x_reopen = false;
  bool x_end = false;
  bool x_torn = false;  // the file ends within a line
  std::atomic<uint64_t> x_dropped{0};
  std::thread x_thread;
};

}  // namespace outrigger
