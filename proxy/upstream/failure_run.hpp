// The unbroken run of failures, counted in the order in which calls settle: its length and when it
// began, in one atomic word. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace outrigger::upstream {

class FailureRun {
 public:
  struct Now {
    uint64_t length = 0;
    int64_t lasted_ms = 0;
  };

  // Requires: 0 <= now_ms < 2^44.
  void add(bool failed, int64_t now_ms) {
    uint64_t run = x_word.load(std::memory_order_relaxed);
    if (!failed) {
      if (run != 0) x_word.store(0, std::memory_order_relaxed);
      return;
    }
    uint64_t longer = 0;
    do {
      longer = run == 0 ? kOne | static_cast<uint64_t>(now_ms) : run >= kFull ? run : run + kOne;
    } while (!x_word.compare_exchange_weak(run, longer, std::memory_order_relaxed));
  }

  Now at(int64_t now_ms) const {
    const uint64_t run = x_word.load(std::memory_order_relaxed);
    if (run == 0) return {};
    return {run >> kShift, std::max<int64_t>(0, now_ms - static_cast<int64_t>(run & (kOne - 1)))};
  }

  void reset() { x_word.store(0, std::memory_order_relaxed); }

 private:
  static constexpr int kShift = 44;  // above: the length; below: the start in ms
  static constexpr uint64_t kOne = uint64_t{1} << kShift;
  static constexpr uint64_t kFull = ~(kOne - 1);  // the length stays at 2^20 - 1

  std::atomic<uint64_t> x_word{0};
};

}  // namespace outrigger::upstream
