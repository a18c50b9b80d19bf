#include "filters/circuit.hpp"

#include <algorithm>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/grpc_attempt.hpp"
#include "proxy/upstream/match.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Outcome;
using chain::Step;
using chain::Way;
using upstream::Verdict;

struct CircuitSlot {
  CircuitSlot(Circuit& filter_, Leg& leg_) : filter(filter_), leg(leg_) {}

  int64_t now_ms() const { return filter.x_runtime.loop.clock.now_ms(); }
  void settle_good() { token.settle(slow ? Verdict::kSlowSuccess : Verdict::kSuccess, now_ms()); }
  void settle_failure() {
    slow = slow || filter.is_slow(now_ms() - started_ms);
    token.settle(slow ? Verdict::kSlowFailure : Verdict::kFailure, now_ms());
  }

  void on_due() {
    if (good_head) return settle_good();
    if (leg.deadline_ms() == Leg::kNever) token.give_back();
  }

  Circuit& filter;
  Leg& leg;
  upstream::CircuitToken token;
  Timer timer = Timer::of<&CircuitSlot::on_due>(*this);
  int64_t started_ms = 0;
  bool slow = false;
  bool good_head = false;
};

// Always in the chain, so that it can be forced while it is off.
void Circuit::make(const Context& context, FilterList& filters) {
  filters.push_back(std::make_unique<Circuit>(context));
}

Circuit::Circuit(const Context& context)
    : x_runtime(context.runtime),
      x_circuit(*context.circuit),
      x_failures(context.policy.circuit ? context.policy.circuit->failures : config::Matcher{}),
      x_slow_ms(context.policy.circuit ? context.policy.circuit->slow_call_ms : std::nullopt),
      x_settle_after_ms(std::max(upstream::kGoodHeadSettlesMs, x_slow_ms.value_or(0))) {}

Step Circuit::on_request(Leg& leg, void* slot_) {
  CircuitSlot& slot = of(slot_);
  slot.started_ms = slot.now_ms();
  if (!leg.is_alternate()) {
    leg.exchange().facts().circuit = upstream::to_string(x_circuit.state());
  }
  upstream::Admission admission =
      x_circuit.admit(slot.started_ms, x_runtime.loop.random, leg.was_admitted());
  if (!admission.refused) {
    slot.token = std::move(admission.token);
    if (leg.exchange().is_grpc()) arm(slot, config::kRequestAutoMs);
    return Step::kContinue;
  }
  Arena& arena = leg.exchange().arena();
  Error error;
  error.cause = Cause::kCircuitOpen;
  error.ours = true;
  error.retry_after_s = admission.retry_after_s;
  // Seconds left, to the tenth.
  const int64_t tenths = (admission.left_ms + 50) / 100;
  error.detail = arena.concat({arena.number(tenths / 10), ".", arena.number(tenths % 10), "s"});
  leg.refuse(error);
  return Step::kReplied;
}

Step Circuit::on_response(Leg& leg, void* slot_) {
  CircuitSlot& slot = of(slot_);
  if (const Error* error = leg.error()) {
    leg.goes_elsewhere(*error) ? slot.token.give_back() : settle_error(slot, *error);
    return Step::kContinue;
  }
  slot.slow = is_slow(slot.now_ms() - slot.started_ms);
  if (upstream::matches(x_failures, leg)) {
    settle_bad_answer(slot);
  } else {
    slot.good_head = true;
    arm(slot, x_settle_after_ms);
  }
  return Step::kContinue;
}

void Circuit::arm(CircuitSlot& slot, int64_t ms) const {
  x_runtime.loop.timers.arm(slot.timer, slot.now_ms() + ms);
}

void Circuit::on_body_end(Leg& leg, void* slot_, Way) {
  CircuitSlot& slot = of(slot_);
  if (slot.token.holds() && upstream::matches(x_failures, leg)) settle_bad_answer(slot);
}

void Circuit::on_end(Leg&, void* slot_, const Outcome& outcome) noexcept {
  CircuitSlot& slot = of(slot_);
  if (!slot.token.holds()) return;
  if (outcome.kind == Outcome::Kind::kFailed) return settle_error(slot, *outcome.error);
  // A good head that another attempt or a fallback replaced is a good head all the same.
  const bool replaced = outcome.kind == Outcome::Kind::kDropped && slot.good_head;
  if (outcome.kind == Outcome::Kind::kDone || replaced) return slot.settle_good();
  slot.token.give_back();
}

// A deadline that the caller made too short tells nothing.
bool Circuit::is_too_short(const CircuitSlot& slot) const {
  return slot.now_ms() - slot.started_ms < x_settle_after_ms;
}

// The endpoint may be the first to say that the caller's deadline has passed.
void Circuit::settle_bad_answer(CircuitSlot& slot) const {
  const bool late = chain::is_callers_deadline(slot.leg.exchange(), slot.leg.grpc_status());
  if (late && is_too_short(slot)) return slot.token.give_back();
  slot.settle_failure();
}

// Our own refusals, a stale connection, and what the list of failures leaves out are no verdict.
void Circuit::settle_error(CircuitSlot& slot, const Error& error) const {
  const bool stale = error.sent == Sent::kNeverFree || error.sent == Sent::kReusedDied;
  const bool too_short = error.callers_deadline && is_too_short(slot);
  if (error.ours || stale || too_short || !upstream::matches(x_failures, error)) {
    return slot.token.give_back();
  }
  slot.settle_failure();
}

}  // namespace outrigger::filters
