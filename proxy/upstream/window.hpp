// Counts of the last `length_ms`, in ten slices. Each slice is one atomic word (its cycle, total,
// failed, slow), so that settling a call is one add. Any thread, lock-free; only reset() and
// set_length_ms() want one caller at a time. Time that runs a little behind on one thread is
// welcome.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace outrigger::upstream {

struct Counts {
  uint64_t total = 0;
  uint64_t failed = 0;
  uint64_t slow = 0;

  double failed_share() const { return share_of(failed); }
  double slow_share() const { return share_of(slow); }
  bool operator==(const Counts&) const = default;

 private:
  double share_of(uint64_t part) const {
    return total == 0 ? 0 : static_cast<double>(part) / static_cast<double>(total);
  }
};

class Window {
 public:
  static constexpr int kSlices = 10;
  // A slice stops counting here: its shares are those of its first 261,000 calls.
  static constexpr uint64_t kSliceMax = (uint64_t{1} << 18) - 1024;

  explicit Window(int64_t length_ms);

  // Requires: each part is 0 or 1.
  void add(int64_t now_ms, unsigned total, unsigned failed, unsigned slow);

  Counts counts(int64_t now_ms) const;
  // Counts the last `span_ms` of the window, to the slice: at least one, at most all of them.
  Counts counts(int64_t now_ms, int64_t span_ms) const;

  void reset();
  // What is in the window moves to slices of the new length; what is older than it is dropped.
  void set_length_ms(int64_t length_ms, int64_t now_ms);
  int64_t length_ms() const;

 private:
  struct Ring {
    std::atomic<int64_t> slice_ms{1};
    std::atomic<int64_t> newest{-1};  // number of the newest slice that was written
    std::array<std::atomic<uint64_t>, kSlices> words{};
  };

  static void add_to(Ring& ring, int64_t slice, uint64_t increment);
  static void advance(Ring& ring, int64_t slice);
  const Ring& current() const { return x_rings[x_index.load(std::memory_order_acquire)]; }
  Ring& current() { return x_rings[x_index.load(std::memory_order_acquire)]; }

  std::array<Ring, 2> x_rings;  // the second one is the next, while the length changes
  std::atomic<uint32_t> x_index{0};
};

}  // namespace outrigger::upstream
