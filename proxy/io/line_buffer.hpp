// Lines on their way from any thread to the file thread. Bounded: what does not fit is dropped and
// counted. Shared by the LineWriters of one path and the LineOutput that writes them out. For
// proxy/io only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <uv.h>

namespace outrigger::io {

// Lines that were lost, whoever wrote them; of one FileThread.
using DroppedLines = std::shared_ptr<std::atomic<uint64_t>>;

class LineBuffer {
 public:
  // Bytes of all that is not written yet.
  static constexpr size_t kBytesMax = 1 << 20;

  explicit LineBuffer(DroppedLines dropped) : x_dropped(std::move(dropped)) {}

  // -- any thread
  // Holds a mutex for a copy of the line.
  void append(std::string_view line);
  void ask_to_reopen();
  // One writer more; after the last one the output ends once all is written.
  void add_writer();
  void remove_writer();

  // -- the file thread
  bool is_to_reopen() const { return x_reopen.load(std::memory_order_relaxed); }
  void reopened() { x_reopen.store(false, std::memory_order_relaxed); }
  // Moves what waits into `lines`, which is empty. False: no line will ever follow.
  bool take(std::string& lines);
  // So many bytes of what was taken are gone.
  void release(size_t bytes) { x_taken_bytes.fetch_sub(bytes, std::memory_order_relaxed); }
  void count_dropped(std::string_view lines);
  // Is sent when there is something to take; null: nobody listens.
  void set_wake(uv_async_t* wake);

 private:
  void wake();

  const DroppedLines x_dropped;
  std::mutex x_mutex;
  std::string x_pending;
  uv_async_t* x_wake = nullptr;
  int x_writers = 0;
  std::atomic<bool> x_reopen{false};
  std::atomic<size_t> x_taken_bytes{0};
};

}  // namespace outrigger::io
