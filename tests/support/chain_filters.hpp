// Small models of the policies that stress a chain: each does in a few lines what the real filter
// does at length. All keep the ledger.
#pragma once

#include <optional>

#include "proxy/base/timer_wheel.hpp"
#include "tests/support/chain_ledger.hpp"

namespace outrigger::testing {

// A timer of a frame: fires Method of the filter's slot.
template <class Slot>
struct Timed : Frame {
  explicit Timed(chain::Leg& owner)
      : leg(owner),
        timer([](void* self) { static_cast<Slot*>(self)->on_timer(); }, static_cast<Slot*>(this)) {}
  void arm(int64_t after_ms) {
    timer.set_rank(leg.timer_rank(static_cast<Slot*>(this)));
    LoopContext& loop = leg.exchange().loop();
    loop.timers.arm(timer, loop.clock.now_ms() + after_ms);
  }

  chain::Leg& leg;
  Timer timer;
};

inline bool is_good(const chain::Leg& leg) {
  return leg.error() == nullptr && leg.response()->status < 500 && leg.grpc_status() <= 0;
}

// Tries again after a failure, from the body's first byte.
class Retry;
struct RetrySlot : Timed<RetrySlot> {
  RetrySlot(Retry& filter, chain::Leg& owner) : Timed(owner), retry(filter) {}
  void on_timer() { open(); }
  void open();

  Retry& retry;
  chain::LegPtr below;
  int opened = 0;
};

class Retry final : public Kept<Retry, RetrySlot> {
 public:
  Retry(std::string name, Ledger& ledger, int attempts, int64_t backoff_ms, int64_t body_max = 1024)
      : Kept(std::move(name), ledger),
        x_attempts(attempts),
        x_backoff_ms(backoff_ms),
        x_body_max(body_max) {}

  chain::Wants wants() const override { return {.opens_legs = true}; }
  void on_leg(chain::Leg& mine, void* at, chain::Leg& below) override {
    RetrySlot& slot = of(at);
    const bool again = !is_good(below) && may_open(mine, at);
    if (!again) return mine.accept(std::move(slot.below));
    slot.below.reset();
    if (x_backoff_ms == 0) return slot.open();
    slot.arm(x_backoff_ms);
  }
  bool may_open(const chain::Leg& mine, const void* at) const override {
    return of(at).opened < x_attempts && mine.exchange().body().is_whole();
  }

 protected:
  chain::Step down(chain::Leg& leg, RetrySlot& slot) override {
    leg.exchange().body().retain(x_body_max, leg.request().content_length);
    slot.open();
    return chain::Step::kPaused;
  }

 private:
  friend struct RetrySlot;
  const int x_attempts;
  const int64_t x_backoff_ms;
  const int64_t x_body_max;
};

inline void RetrySlot::open() {
  below = leg.open_rest();
  below->set_attempt(opened++);
  retry.ledger().opened(*below, id);
}

// Opens a second leg when the first one is slow; the first good answer wins, the last bad one too.
class Hedge;
struct HedgeSlot : Timed<HedgeSlot> {
  HedgeSlot(Hedge& filter, chain::Leg& owner) : Timed(owner), hedge(filter) {}
  void on_timer() {
    if (leg.exchange().request_complete() && leg.exchange().body().is_whole()) open();
  }
  void open();

  Hedge& hedge;
  std::array<chain::LegPtr, 2> below;
  size_t opened = 0;
};

class Hedge final : public Kept<Hedge, HedgeSlot> {
 public:
  Hedge(std::string name, Ledger& ledger, int64_t after_ms)
      : Kept(std::move(name), ledger), x_after_ms(after_ms) {}

  chain::Wants wants() const override { return {.opens_legs = true}; }
  void on_leg(chain::Leg& mine, void* at, chain::Leg& below) override {
    HedgeSlot& slot = of(at);
    const size_t index = slot.below[0].get() == &below ? 0 : 1;
    if (!is_good(below) && slot.below[1 - index] != nullptr) return slot.below[index].reset();
    slot.timer.cancel();
    slot.below[1 - index].reset();
    mine.accept(std::move(slot.below[index]));
  }
  bool may_open(const chain::Leg& /*mine*/, const void* at) const override {
    return of(at).timer.is_armed() || (of(at).below[0] != nullptr && of(at).below[1] != nullptr);
  }

 protected:
  chain::Step down(chain::Leg& leg, HedgeSlot& slot) override {
    leg.exchange().body().retain(1024, leg.request().content_length);
    slot.open();
    slot.arm(x_after_ms);
    return chain::Step::kPaused;
  }

 private:
  friend struct HedgeSlot;
  const int64_t x_after_ms;
};

inline void HedgeSlot::open() {
  below[opened] = leg.open_rest();
  hedge.ledger().opened(*below[opened], id);
  ++opened;
}

// Asks another chain after a failure; gives the first failure when that one fails too.
struct AlternateSlot : Frame {
  chain::LegPtr first;
  chain::LegPtr second;
};

class Alternate final : public Kept<Alternate, AlternateSlot> {
 public:
  Alternate(std::string name, Ledger& ledger, const chain::Chain& other)
      : Kept(std::move(name), ledger), x_other(other) {}

  chain::Wants wants() const override { return {.opens_legs = true}; }
  void on_leg(chain::Leg& mine, void* at, chain::Leg& below) override {
    AlternateSlot& slot = of(at);
    if (slot.second != nullptr) {
      if (is_good(below)) return mine.accept(std::move(slot.second));
      slot.second.reset();
      return mine.accept(std::move(slot.first));
    }
    if (is_good(below) || !mine.exchange().body().is_whole()) {
      return mine.accept(std::move(slot.first));
    }
    slot.second = mine.open(x_other, true);
    ledger().opened(*slot.second, slot.id);
  }
  bool may_open(const chain::Leg& /*mine*/, const void* at) const override {
    return of(at).second == nullptr;
  }

 protected:
  chain::Step down(chain::Leg& leg, AlternateSlot& slot) override {
    leg.exchange().body().retain(1024, leg.request().content_length);
    slot.first = leg.open_rest();
    ledger().opened(*slot.first, slot.id);
    return chain::Step::kPaused;
  }

 private:
  const chain::Chain& x_other;
};

// Answers in place of an error.
class StandIn final : public Kept<StandIn, Frame> {
 public:
  using Kept::Kept;
  chain::Step on_response(chain::Leg& leg, void* /*slot*/) override {
    if (leg.error() == nullptr) return chain::Step::kContinue;
    leg.reply({203, {}, "stand-in"});
    return chain::Step::kReplied;
  }
};

// Fails what is below it when the answer takes too long.
struct DeadlineSlot : Timed<DeadlineSlot> {
  using Timed::Timed;
  template <class Filter>
  DeadlineSlot(Filter& /*filter*/, chain::Leg& owner) : Timed(owner) {}
  void on_timer() { leg.fail(this, {.cause = Cause::kTimeout}); }
};

class Deadline final : public Kept<Deadline, DeadlineSlot> {
 public:
  // A total one goes on after the head.
  Deadline(std::string name, Ledger& ledger, int64_t after_ms, bool total = false)
      : Kept(std::move(name), ledger), x_after_ms(after_ms), x_total(total) {}
  chain::Step on_response(chain::Leg& /*leg*/, void* slot) override {
    if (!x_total) of(slot).timer.cancel();
    return chain::Step::kContinue;
  }

 protected:
  chain::Step down(chain::Leg& leg, DeadlineSlot& slot) override {
    slot.arm(x_after_ms);
    leg.set_deadline_ms(slot.timer.deadline_ms());
    return chain::Step::kContinue;
  }

 private:
  const int64_t x_after_ms;
  const bool x_total;
};

// Waits on the way down, up, or both, and holds a permit meanwhile and until its frame ends.
struct PermitSlot : Timed<PermitSlot> {
  template <class Filter>
  PermitSlot(Filter& filter, chain::Leg& owner) : Timed(owner), held(filter.permits) {
    ++held;
  }
  ~PermitSlot() { --held; }
  void on_timer() { leg.resume(); }
  int& held;
};

class Wait final : public Kept<Wait, PermitSlot> {
 public:
  Wait(std::string name, Ledger& ledger, int64_t down_ms, int64_t up_ms)
      : Kept(std::move(name), ledger), x_down_ms(down_ms), x_up_ms(up_ms) {}
  chain::Step on_response(chain::Leg& /*leg*/, void* slot) override {
    return wait(of(slot), x_up_ms);
  }

  int permits = 0;

 protected:
  chain::Step down(chain::Leg& /*leg*/, PermitSlot& slot) override { return wait(slot, x_down_ms); }

 private:
  static chain::Step wait(PermitSlot& slot, int64_t ms) {
    if (ms == 0) return chain::Step::kContinue;
    slot.arm(ms);
    return chain::Step::kPaused;
  }

  const int64_t x_down_ms;
  const int64_t x_up_ms;
};

}  // namespace outrigger::testing
