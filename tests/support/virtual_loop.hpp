// A VirtualLoop is an event loop without an operating system: time moves only when a test says so,
// and events fire in the order of their times; with shuffle() those of one time fire in an order
// drawn from the seed. The same seed always gives the same run. It offers what io::Loop does:
// context, Outbox and the hook after each callback.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/assert.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/outbox.hpp"

namespace outrigger::testing {

class VirtualLoop {
 public:
  // Something that happens once at a time. A member of whoever waits; destroying it cancels.
  class Event {
   public:
    Event(VirtualLoop& loop, std::function<void()> fire) : x_loop(loop), x_fire(std::move(fire)) {}
    ~Event() { cancel(); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    bool is_armed() const { return x_is_armed; }
    // Keeps the earlier one of two armings.
    void arm_at(int64_t due_ms) {
      due_ms = std::max(due_ms, x_loop.now_ms());
      if (x_is_armed && x_at->first.first <= due_ms) return;
      cancel();
      x_at = x_loop.x_events.emplace(std::pair(due_ms, x_loop.x_next_number++), this).first;
      x_is_armed = true;
    }
    void arm() { arm_at(x_loop.now_ms()); }
    void cancel() {
      if (std::exchange(x_is_armed, false)) x_loop.x_events.erase(x_at);
    }

   private:
    friend class VirtualLoop;
    VirtualLoop& x_loop;
    std::function<void()> x_fire;
    std::map<std::pair<int64_t, uint64_t>, Event*>::iterator x_at;
    bool x_is_armed = false;
  };

  explicit VirtualLoop(uint64_t seed = 1) : x_random(seed), x_order(seed ^ 0x5eed) {}
  ~VirtualLoop() {
    x_inbox.drop_all();
    x_reaper.flush();
  }
  VirtualLoop(const VirtualLoop&) = delete;
  VirtualLoop& operator=(const VirtualLoop&) = delete;

  LoopContext context() { return {x_clock, x_timers, x_random, x_reaper, x_inbox}; }
  io::Outbox& outbox() { return x_outbox; }
  int64_t now_ms() const { return x_clock.now_ms(); }
  void jump_wall_ms(int64_t by) { x_clock.jump_wall_ms(by); }
  // How many events were handled.
  uint64_t moment() const { return x_moment; }
  // Chance for the network's own decisions: the product's numbers do not depend on them.
  Random& order() { return x_order; }
  void shuffle(bool on = true) { x_shuffle = on; }

  void set_after_each(void (*hook)(void*), void* argument) {
    x_after_each = hook;
    x_after_each_argument = argument;
  }

  // Runs `task` as an event of its own.
  void post(std::function<void()> task) { x_inbox.post(std::move(task)); }

  // Whoever would have got them is gone.
  void drop_posts() {
    x_inbox.drop_all();
    x_mail.cancel();
  }

  // Handles one event that is due; false when there is none. Time does not move.
  bool step() {
    settle();
    Event* const event = pick();
    if (event == nullptr) {
      idle();
      return pick() != nullptr;
    }
    event->cancel();
    ++x_moment;
    event->x_fire();
    settle();
    if (x_shuffle && x_order.chance(0.25)) idle();
    OUTRIGGER_ASSERT(++x_steps < kMostSteps);
    return true;
  }

  void run_until_idle() {
    while (step()) {
    }
  }

  // Moves time, in the exact order of what is due on the way.
  void advance_ms(int64_t by) {
    const int64_t end = now_ms() + by;
    run_until_idle();
    while (next_ms() <= end) move_to(next_ms());
    move_to(end);
  }

  // The process does not run for so long. What came meanwhile is there at once when it goes on, and
  // is handled before any timer is, as by io::Loop.
  void suspend_ms(int64_t by) {
    run_until_idle();
    x_clock.advance_ms(by);
    run_until_idle();
    move_to(now_ms());
  }

  // Moves to the next time at which something is due; false when nothing ever is.
  bool advance_to_next() {
    run_until_idle();
    if (next_ms() == TimerWheel::kNever) return false;
    move_to(next_ms());
    return true;
  }

  // Moves time until `done()`; false when that is not so within `limit_ms`.
  template <class Done>
  bool run_until(Done done, int64_t limit_ms = 60'000) {
    const int64_t end = now_ms() + limit_ms;
    while (!done()) {
      if (step()) continue;
      if (done()) break;
      if (next_ms() > end) return false;
      move_to(next_ms());
    }
    return true;
  }

  // When the next timer or event is due (a lower bound), or TimerWheel::kNever.
  int64_t next_ms() const {
    const int64_t timer = x_timers.next_ms();
    return x_events.empty() ? timer : std::min(timer, x_events.begin()->first.first);
  }
  bool is_empty() const { return next_ms() == TimerWheel::kNever && x_reaper.empty(); }

  // Bytes that live until the running callback has been settled, as in a read buffer; then they are
  // given back, so that a sanitizer sees who kept a view.
  std::string_view lend(std::string bytes) {
    x_lent.push_back(std::make_unique<std::string>(std::move(bytes)));
    return *x_lent.back();
  }

 private:
  // Without time moving: more than that is a loop.
  static constexpr uint64_t kMostSteps = 1'000'000;

  Event* pick() {
    if (x_events.empty() || x_events.begin()->first.first > now_ms()) return nullptr;
    if (!x_shuffle) return x_events.begin()->second;
    const auto end = x_events.upper_bound({now_ms(), UINT64_MAX});
    auto chosen = x_events.begin();
    std::advance(chosen, x_order.below(static_cast<uint32_t>(std::distance(chosen, end))));
    return chosen->second;
  }

  void move_to(int64_t at_ms) {
    if (at_ms > now_ms()) x_steps = 0;
    x_clock.advance_ms(std::max(int64_t{0}, at_ms - now_ms()));
    x_timers.advance(now_ms(), [this] { settle(); });
    run_until_idle();
  }

  void settle() {
    if (x_after_each != nullptr) x_after_each(x_after_each_argument);
    x_outbox.flush();
    x_lent.clear();
  }

  // What the real loop does before it sleeps.
  void idle() {
    while (!x_reaper.empty() || x_outbox.has_late_writers()) {
      x_outbox.call_late_writers();
      settle();
      x_reaper.flush();
      settle();
    }
  }

  void deliver_one() {
    if (!x_inbox.is_round_open()) x_inbox.open_round();
    x_mail.arm();
    if (!x_inbox.deliver_next()) x_mail.cancel();
  }

  ManualClock x_clock;
  TimerWheel x_timers{x_clock.now_ms()};
  Random x_random;
  Random x_order;
  std::map<std::pair<int64_t, uint64_t>, Event*> x_events;
  uint64_t x_next_number = 0;
  uint64_t x_steps = 0;
  uint64_t x_moment = 1;
  bool x_shuffle = false;
  void (*x_after_each)(void*) = nullptr;
  void* x_after_each_argument = nullptr;
  Event x_mail{*this, [this] { deliver_one(); }};
  Inbox x_inbox{[](void* mail) { static_cast<Event*>(mail)->arm(); }, &x_mail};
  std::vector<std::unique_ptr<std::string>> x_lent;
  io::Outbox x_outbox;
  Reaper x_reaper;
};

}  // namespace outrigger::testing
