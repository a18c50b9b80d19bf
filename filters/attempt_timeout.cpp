#include "filters/attempt_timeout.hpp"

#include <algorithm>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;
using chain::Way;

namespace {

int attempts_of(const config::Policy& policy) { return policy.retry ? policy.retry->attempts : 1; }

}  // namespace

struct AttemptTimeoutSlot {
  AttemptTimeoutSlot(AttemptTimeout& filter_, Leg& leg_) : filter(filter_), leg(leg_) {}

  void on_due() {
    if (filter.is_auto() && !leg.may_try_again()) return;
    Error error;
    error.cause = Cause::kTimeout;
    error.detail = "attempt";
    leg.fail(this, error);
  }

  AttemptTimeout& filter;
  Leg& leg;
  Timer timer = Timer::of<&AttemptTimeoutSlot::on_due>(*this);
};

void AttemptTimeout::make(const Context& context, FilterList& filters) {
  const config::Policy& policy = context.policy;
  // Whatever time a call will have.
  const bool bounds =
      config::attempt_timeout_ms(policy.timeout, attempts_of(policy), config::kRequestAutoMs)
          .has_value();
  if (!bounds && !policy.deadline_header) return;
  filters.push_back(std::make_unique<AttemptTimeout>(context));
}

AttemptTimeout::AttemptTimeout(const Context& context)
    : x_loop(context.runtime.loop),
      x_timeout(context.policy.timeout),
      x_attempts(attempts_of(context.policy)),
      x_header(context.policy.deadline_header) {}

Step AttemptTimeout::on_request(Leg& leg, void* slot) {
  of(slot).timer.set_rank(leg.timer_rank(slot));
  if (x_header && !pass_deadline_on(leg)) return Step::kReplied;
  if (leg.exchange().request_complete()) on_body_end(leg, slot, Way::kRequest);
  return Step::kContinue;
}

// Each attempt carries what is really left; with nothing left there is no attempt.
bool AttemptTimeout::pass_deadline_on(Leg& leg) const {
  if (leg.deadline_ms() == Leg::kNever) return true;
  const int64_t left_ms = leg.deadline_ms() - x_loop.clock.now_ms();
  if (left_ms <= 0) {
    Error error;
    error.cause = Cause::kTimeout;
    error.ours = true;
    leg.refuse(error);
    return false;
  }
  Arena& arena = leg.exchange().arena();
  leg.edit_request().fields.set(arena, *x_header, arena.number(left_ms));
  return true;
}

void AttemptTimeout::on_body_end(Leg& leg, void* slot, Way) {
  if (leg.response() != nullptr || leg.error() != nullptr) return;
  const std::optional<int64_t> ms = attempt_ms(leg);
  if (ms) x_loop.timers.arm(of(slot).timer, x_loop.clock.now_ms() + *ms);
}

// An equal share of what the caller grants, or of `request`, whichever is shorter.
std::optional<int64_t> AttemptTimeout::attempt_ms(const Leg& leg) const {
  if (is_auto() && !leg.may_replace()) return std::nullopt;
  const chain::Exchange& exchange = leg.exchange();
  auto total_ms = config::request_timeout_ms(x_timeout, exchange.caller_decides());
  if (exchange.callers_deadline_ms() != Leg::kNever) {
    constexpr int64_t kNsPerMs = 1'000'000;
    const int64_t granted_ms =
        exchange.callers_deadline_ms() - exchange.facts().start_ns / kNsPerMs;
    total_ms = std::min(total_ms.value_or(granted_ms), granted_ms);
  }
  return config::attempt_timeout_ms(x_timeout, x_attempts, total_ms);
}

Step AttemptTimeout::on_response(Leg&, void* slot) {
  of(slot).timer.cancel();
  return Step::kContinue;
}

}  // namespace outrigger::filters
