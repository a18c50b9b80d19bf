// Two hashed wheels (1 ms x 256, 256 ms x 256) hold every timer of a loop; the loop drives them
// with one system timer. Arming is O(1), moving a deadline later is one store (the timer is looked
// at again when its old slot comes up). Never early; due timers fire in order of their deadline,
// and of two with the same deadline the one with the higher rank, the inner policy, first.
// (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.) One thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "proxy/base/intrusive_list.hpp"

namespace outrigger {

class TimerWheel;

// A member of whatever waits. Destroying or cancelling it is silent.
class Timer : public ListNode<Timer> {
 public:
  using Fire = void (*)(void* owner);

  Timer(Fire fire, void* owner, uint16_t rank = 0) : x_fire(fire), x_owner(owner), x_rank(rank) {}

  // Timer x_timer = Timer::of<&Connection::on_idle>(*this);
  template <auto Method, class Owner>
  static Timer of(Owner& owner, uint16_t rank = 0) {
    return Timer([](void* self) { (static_cast<Owner*>(self)->*Method)(); }, &owner, rank);
  }

  bool is_armed() const { return x_deadline_ms != kNever; }
  int64_t deadline_ms() const { return x_deadline_ms; }
  void cancel() {
    x_deadline_ms = kNever;
    unlink();
  }
  void set_rank(uint16_t rank) { x_rank = rank; }

 private:
  friend class TimerWheel;
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  Fire x_fire;
  void* x_owner;
  int64_t x_deadline_ms = kNever;
  int64_t x_slot_ms = 0;  // when the slot it hangs in comes up; at most x_deadline_ms
  uint16_t x_rank;
};

class TimerWheel {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  explicit TimerWheel(int64_t now_ms) : x_now_ms(now_ms) {}

  // Fires once, at the first advance() to `deadline_ms` or later; replaces an earlier arming.
  void arm(Timer& timer, int64_t deadline_ms);

  // Fires what is due; callbacks may arm, cancel and destroy timers. `after_each()` runs after each
  // callback, so that what it started is finished before the next one.
  template <class F>
  void advance(int64_t now_ms, F after_each) {
    collect_due(now_ms);
    while (Timer* timer = next_due()) {
      fire(*timer);
      after_each();
    }
  }
  void advance(int64_t now_ms) {
    advance(now_ms, [] {});
  }

  // When advance() is next needed (a lower bound), or kNever.
  int64_t next_ms() const;

 private:
  static constexpr int64_t kSlots = 256;
  struct Wheel {
    std::array<List<Timer, Timer>, kSlots> slots;
    std::array<uint64_t, kSlots / 64> occupied{};
  };

  void place(Timer& timer);
  void collect_due(int64_t now_ms);
  void empty_slot(Wheel& wheel, int64_t index);
  Timer* next_due();
  static void fire(Timer& timer);
  static int64_t next_slot(const Wheel& wheel, int64_t from);

  int64_t x_now_ms;
  Wheel x_fine;
  Wheel x_coarse;
  List<Timer, Timer> x_due;  // sorted: earliest deadline first, then highest rank
};

}  // namespace outrigger
