#include "proxy/base/timer_wheel.hpp"

#include <algorithm>
#include <bit>

namespace outrigger {
void TimerWheel::arm(Timer& timer, int64_t deadline_ms) {
  timer.x_deadline_ms = deadline_ms;
  if (timer.is_linked() && deadline_ms >= timer.x_slot_ms) return;
  timer.unlink();
  place(timer);
}

void TimerWheel::place(Timer& timer) {
  const int64_t at = std::max(timer.x_deadline_ms, x_now_ms + 1);
  if (at - x_now_ms < kSlots) {
    timer.x_slot_ms = at;
    x_fine.slots[at % kSlots].push_back(timer);
    x_fine.occupied[at % kSlots / 64] |= uint64_t{1} << (at % 64);
    return;
  }
  // A deadline beyond the coarse wheel waits in its last slot and is placed again from there.
  const int64_t coarse = std::min(at / kSlots, x_now_ms / kSlots + kSlots - 1);
  timer.x_slot_ms = coarse * kSlots;
  x_coarse.slots[coarse % kSlots].push_back(timer);
  x_coarse.occupied[coarse % kSlots / 64] |= uint64_t{1} << (coarse % 64);
}

void TimerWheel::collect_due(int64_t now_ms) {
  while (true) {
    const int64_t next = next_ms();
    if (next > now_ms) break;
    x_now_ms = next;
    if (next % kSlots == 0) empty_slot(x_coarse, next / kSlots % kSlots);
    empty_slot(x_fine, next % kSlots);
  }
  x_now_ms = std::max(x_now_ms, now_ms);
}

// What is due goes to x_due, what was moved later in the meantime is placed again.
void TimerWheel::empty_slot(Wheel& wheel, int64_t index) {
  wheel.occupied[index / 64] &= ~(uint64_t{1} << (index % 64));
  List<Timer, Timer> waiting;
  waiting.splice_back(wheel.slots[index]);
  while (!waiting.empty()) {
    Timer& timer = waiting.pop_front();
    if (timer.x_deadline_ms > x_now_ms) {
      place(timer);
      continue;
    }
    timer.x_slot_ms = x_now_ms;
    x_due.insert_sorted(timer, [](const Timer& a, const Timer& b) {
      if (a.x_deadline_ms != b.x_deadline_ms) return a.x_deadline_ms < b.x_deadline_ms;
      return a.x_rank > b.x_rank;
    });
  }
}

// A due timer that an earlier callback moved later goes back to the wheel.
Timer* TimerWheel::next_due() {
  while (!x_due.empty()) {
    Timer& timer = x_due.pop_front();
    if (timer.x_deadline_ms <= x_now_ms) return &timer;
    place(timer);
  }
  return nullptr;
}

void TimerWheel::fire(Timer& timer) {
  timer.x_deadline_ms = Timer::kNever;
  timer.x_fire(timer.x_owner);
}

int64_t TimerWheel::next_ms() const {
  const int64_t fine = next_slot(x_fine, (x_now_ms + 1) % kSlots);
  const int64_t coarse = next_slot(x_coarse, (x_now_ms / kSlots + 1) % kSlots);
  int64_t next = kNever;
  if (fine >= 0) next = x_now_ms + 1 + fine;
  if (coarse >= 0) next = std::min(next, (x_now_ms / kSlots + 1 + coarse) * kSlots);
  return next;
}

// Slots from `from` to the first occupied one, going round; -1 when all are empty.
int64_t TimerWheel::next_slot(const Wheel& wheel, int64_t from) {
  constexpr int64_t kWords = kSlots / 64;
  for (int64_t i = 0; i <= kWords; ++i) {
    const int64_t word = (from / 64 + i) % kWords;
    uint64_t bits = wheel.occupied[word];
    if (i == 0) bits &= ~uint64_t{0} << (from % 64);
    if (i == kWords) bits &= (uint64_t{1} << (from % 64)) - 1;
    if (bits == 0) continue;
    const int64_t slot = word * 64 + std::countr_zero(bits);
    return (slot - from + kSlots) % kSlots;
  }
  return -1;
}

}  // namespace outrigger
