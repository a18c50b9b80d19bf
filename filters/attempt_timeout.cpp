#include "filters/attempt_timeout.hpp"

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;
using chain::Way;

struct AttemptTimeoutSlot {
  AttemptTimeoutSlot(AttemptTimeout&, Leg& leg_) : leg(leg_) {}

  void on_due() {
    Error error;
    error.cause = Cause::kTimeout;
    error.detail = "attempt";
    leg.fail(this, error);
  }

  Leg& leg;
  Timer timer = Timer::of<&AttemptTimeoutSlot::on_due>(*this);
};

void AttemptTimeout::make(const Context& context, FilterList& filters) {
  if (!config::attempt_timeout_ms(context.policy) && !context.policy.deadline_header) return;
  filters.push_back(std::make_unique<AttemptTimeout>(context));
}

AttemptTimeout::AttemptTimeout(const Context& context)
    : x_loop(context.runtime.loop),
      x_attempt_ms(config::attempt_timeout_ms(context.policy)),
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
  if (!x_attempt_ms || leg.response() != nullptr || leg.error() != nullptr) return;
  x_loop.timers.arm(of(slot).timer, x_loop.clock.now_ms() + *x_attempt_ms);
}

Step AttemptTimeout::on_response(Leg&, void* slot) {
  of(slot).timer.cancel();
  return Step::kContinue;
}

}  // namespace outrigger::filters
