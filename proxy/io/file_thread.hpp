// The one thread of the process that waits for disks, pipes and terminals: it appends lines,
// watches and reads files. Others hand it work and go on. Made before and destroyed after whatever
// uses it; one in a process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "proxy/base/result.hpp"
#include "proxy/io/line_writer.hpp"
#include "proxy/io/watched_file.hpp"

namespace outrigger::io {

class FileThread {
 public:
  // How long opening a file and the end of the process wait for a disk that says nothing.
  static constexpr int64_t kPatienceMs = 1000;

  FileThread();
  // Lets the thread write out the lines that it has, and ends it. After kPatienceMs it is left
  // behind as it is: the process must be able to end. No LineWriter and no Files is left.
  ~FileThread();
  FileThread(const FileThread&) = delete;
  FileThread& operator=(const FileThread&) = delete;

  // Where log lines go. Any thread.
  LineWriter& standard_error() { return *x_standard_error; }
  // Appends to `path`, which is made where it is missing; "-" is standard error. The failure is a
  // sentence for people. What opens later than kPatienceMs gets its lines then.
  Result<std::unique_ptr<LineWriter>> append_to(const std::string& path);
  // Lines of all writers, since the start. Any thread.
  uint64_t lines_dropped() const { return x_dropped->load(std::memory_order_relaxed); }

  // For proxy/io only.
  class Watches {
   public:
    virtual void read(const std::string& path, size_t bytes_max, FileSubscriber& subscriber) = 0;
    virtual void add(const std::string& path, FileSubscriberPtr subscriber) = 0;
    virtual void remove(const std::string& path, const FileSubscriber& subscriber) = 0;

   protected:
    ~Watches() = default;
  };
  // Any thread: runs `task` on this one, in the order of the calls.
  void post(std::function<void(Watches&)> task);

 private:
  class Work;

  const std::shared_ptr<std::atomic<uint64_t>> x_dropped;
  std::shared_ptr<LineBuffer> x_lines_of_standard_error;
  std::unique_ptr<LineWriter> x_standard_error;
  const std::shared_ptr<Work> x_work;  // shared with the thread, which may outlive us
  std::thread x_thread;
};

}  // namespace outrigger::io
