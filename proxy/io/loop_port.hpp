// The way from the file thread back to a loop, which may be gone by the time of the answer. Both
// sides hold it; the loop's side closes it before the loop dies.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "proxy/io/loop.hpp"

namespace outrigger::io {

class LoopPort {
 public:
  explicit LoopPort(Loop& loop) : x_loop(&loop) {}

  // Any thread. Drops the task where the loop is gone.
  void post(std::function<void()> task) {
    const std::lock_guard lock(x_mutex);
    if (x_loop != nullptr) x_loop->post(std::move(task));
  }
  void close() {
    const std::lock_guard lock(x_mutex);
    x_loop = nullptr;
  }

 private:
  std::mutex x_mutex;
  Loop* x_loop;  // null: gone
};

}  // namespace outrigger::io
