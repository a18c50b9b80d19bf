// Writes the lines of a LineBuffer to where they belong, never waiting in a system call for a
// reader: a pipe or terminal that takes no more is waited for by the loop. What the system refuses
// is dropped and counted. Owned by the FileThread; its thread. For proxy/io only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/reaper.hpp"
#include "proxy/base/result.hpp"
#include "proxy/io/fd.hpp"
#include "proxy/io/line_buffer.hpp"
#include "proxy/io/loop.hpp"

namespace outrigger::io {

class LineOutput;

class LineOutputEvents {
 public:
  // All is written, and its last writer is gone.
  virtual void on_end(LineOutput& output) = 0;

 protected:
  ~LineOutputEvents() = default;
};

class LineOutput final : public Reapable {
 public:
  // How often a FIFO without a reader is tried again.
  static constexpr int64_t kRetryMs = 1000;

  LineOutput(Loop& loop, std::string path, std::shared_ptr<LineBuffer> buffer,
             LineOutputEvents& events);
  ~LineOutput() override;

  // "-" is standard error. Once, before all else. A FIFO without a reader is no failure: lines
  // wait for one. The failure is a sentence for people.
  Result<bool> open();

 private:
  struct Target {
    Fd fd;
    bool may_block = false;  // each write must be asked for first
  };
  static Target open_standard_error();
  Target open_path() const;

  void on_wake();
  void on_again();
  void on_writable();
  void write_out();
  bool write_rest();
  ssize_t write_some(std::string_view bytes) const;
  void reopen();
  bool wait_until_writable();
  void consume(size_t bytes);
  void drop(size_t bytes);

  Loop& x_loop;
  LineOutputEvents& x_events;
  const std::string x_path;
  const std::shared_ptr<LineBuffer> x_buffer;
  Target x_target;
  std::string x_lines;
  std::string_view x_rest;  // of x_lines
  bool x_in_line = false;   // the file ends within a line
  bool x_torn = false;      // the rest of that line was dropped
  UvHandle<uv_async_t> x_wake;
  UvHandle<uv_poll_t> x_writable;  // open while the target takes no more
  Fd x_epoll;                      // what it polls
  Timer x_again = Timer::of<&LineOutput::on_again>(*this);
};

}  // namespace outrigger::io
