#include "proxy/upstream/window.hpp"

#include <algorithm>

namespace outrigger::upstream {

namespace {

// A word: total (18 bits), failed (18), slow (18), cycle (10). The cycle is the slice's number
// divided by kSlices; ten bits are enough because advance() clears what is older than one turn of
// the ring.
constexpr int kFailedShift = 18;
constexpr int kSlowShift = 36;
constexpr int kCycleShift = 54;
constexpr uint64_t kPartMask = (uint64_t{1} << 18) - 1;
constexpr uint64_t kCycleMask = 0x3ff;

uint64_t cycle_of(int64_t slice) {
  return static_cast<uint64_t>(slice / Window::kSlices) & kCycleMask;
}
uint64_t cycle_in(uint64_t word) { return word >> kCycleShift; }

Counts counts_in(uint64_t word) {
  return {word & kPartMask, (word >> kFailedShift) & kPartMask, (word >> kSlowShift) & kPartMask};
}

uint64_t pack(const Counts& counts) {
  return counts.total | counts.failed << kFailedShift | counts.slow << kSlowShift;
}

void add_up(Counts& sum, const Counts& more) {
  sum.total += more.total;
  sum.failed += more.failed;
  sum.slow += more.slow;
}

size_t slot_of(int64_t slice) { return static_cast<size_t>(slice % Window::kSlices); }

}  // namespace

Window::Window(int64_t length_ms) {
  current().slice_ms.store(std::max<int64_t>(1, length_ms / kSlices), std::memory_order_relaxed);
}

void Window::add(int64_t now_ms, unsigned total, unsigned failed, unsigned slow) {
  Ring& ring = current();
  add_to(ring, now_ms / ring.slice_ms.load(std::memory_order_relaxed), pack({total, failed, slow}));
}

void Window::add_to(Ring& ring, int64_t slice, uint64_t increment) {
  const int64_t newest = ring.newest.load(std::memory_order_acquire);
  if (slice > newest) {
    advance(ring, slice);
  } else if (newest - slice >= kSlices) {
    slice = newest;
  }
  std::atomic<uint64_t>& word = ring.words[slot_of(slice)];
  const uint64_t cycle = cycle_of(slice);
  uint64_t value = word.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t ahead = (cycle_in(value) - cycle) & kCycleMask;
    if (ahead <= kCycleMask / 2) {  // ours, or a newer one that overtook us: count there
      const Counts counts = counts_in(value);
      if (std::max(counts.total, counts.failed) >= kSliceMax) return;
      word.fetch_add(increment, std::memory_order_acq_rel);
      return;
    }
    if (word.compare_exchange_weak(value, cycle << kCycleShift | increment,
                                   std::memory_order_acq_rel)) {
      return;
    }
  }
}

// After a pause of a whole turn the cycles no longer tell old from new, so everything is cleared.
// The words are read before `newest`: a thread that has already counted in the new slice published
// it first, so either we see that, or our exchange of its word fails.
void Window::advance(Ring& ring, int64_t slice) {
  std::array<uint64_t, kSlices> seen;
  for (size_t i = 0; i < seen.size(); ++i) seen[i] = ring.words[i].load(std::memory_order_acquire);
  int64_t newest = ring.newest.load(std::memory_order_acquire);
  if (slice - newest >= kSlices) {
    const uint64_t empty = ((cycle_of(slice) - 1) & kCycleMask) << kCycleShift;
    for (size_t i = 0; i < seen.size(); ++i) {
      ring.words[i].compare_exchange_strong(seen[i], empty, std::memory_order_acq_rel);
    }
  }
  while (newest < slice &&
         !ring.newest.compare_exchange_weak(newest, slice, std::memory_order_acq_rel)) {
  }
}

Counts Window::counts(int64_t now_ms) const { return counts(now_ms, length_ms()); }

Counts Window::counts(int64_t now_ms, int64_t span_ms) const {
  const Ring& ring = current();
  const int64_t slice_ms = ring.slice_ms.load(std::memory_order_relaxed);
  const int64_t newest = ring.newest.load(std::memory_order_acquire);
  const int64_t last = std::max(now_ms / slice_ms, newest);
  const int64_t slices = std::clamp<int64_t>((span_ms + slice_ms - 1) / slice_ms, 1, kSlices);
  Counts sum;
  for (int64_t slice = std::max<int64_t>(0, last - slices + 1); slice <= newest; ++slice) {
    const uint64_t word = ring.words[slot_of(slice)].load(std::memory_order_relaxed);
    if (cycle_in(word) == cycle_of(slice)) add_up(sum, counts_in(word));
  }
  return sum;
}

void Window::reset() {
  for (auto& word : current().words) {
    word.fetch_and(kCycleMask << kCycleShift, std::memory_order_acq_rel);
  }
}

int64_t Window::length_ms() const {
  return current().slice_ms.load(std::memory_order_relaxed) * kSlices;
}

void Window::set_length_ms(int64_t length_ms, int64_t now_ms) {
  const int64_t slice_ms = std::max<int64_t>(1, length_ms / kSlices);
  Ring& old = current();
  const int64_t old_ms = old.slice_ms.load(std::memory_order_relaxed);
  if (slice_ms == old_ms) return;

  const uint32_t next = 1 - x_index.load(std::memory_order_relaxed);
  Ring& ring = x_rings[next];
  ring.slice_ms.store(slice_ms, std::memory_order_relaxed);
  ring.newest.store(-1, std::memory_order_relaxed);
  for (auto& word : ring.words) word.store(0, std::memory_order_relaxed);
  x_index.store(next, std::memory_order_release);

  const int64_t newest = old.newest.load(std::memory_order_acquire);
  const int64_t first = std::max<int64_t>({0, newest - kSlices + 1, now_ms / old_ms - kSlices + 1});
  for (int64_t slice = first; slice <= newest; ++slice) {
    const uint64_t word = old.words[slot_of(slice)].exchange(0, std::memory_order_acq_rel);
    Counts moved = counts_in(word);
    if (cycle_in(word) != cycle_of(slice) || moved == Counts{}) continue;
    // Ten old slices may meet in one new slice, which must not overflow.
    const uint64_t most = std::max(moved.total, moved.failed);
    const uint64_t divisor = most / (kSliceMax / kSlices) + 1;
    moved = {moved.total / divisor, moved.failed / divisor, moved.slow / divisor};
    const int64_t target = std::min((slice + 1) * old_ms - 1, now_ms) / slice_ms;
    if (now_ms / slice_ms - target < kSlices) add_to(ring, target, pack(moved));
  }
}

}  // namespace outrigger::upstream
