#include "filters/deadline.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;
using chain::Way;

// One timer runs to the earliest of what bounds the call now; `idle` moves with every byte.
struct DeadlineSlot {
  DeadlineSlot(Deadline&, Leg& leg_) : leg(leg_) {}

  void on_due() {
    Error error;
    error.cause = Cause::kTimeout;
    error.callers_deadline = due == callers_at;
    error.detail = error.callers_deadline ? "caller's deadline"
                   : due == idle_at       ? "idle"
                   : due == total_at      ? "total"
                                          : "request";
    leg.fail(this, error);
  }

  Leg& leg;
  Timer timer = Timer::of<&DeadlineSlot::on_due>(*this);
  int64_t opener_at = Leg::kNever;  // what a fallback left to its alternate
  int64_t callers_at = Leg::kNever;
  int64_t request_at = Leg::kNever;
  int64_t total_at = Leg::kNever;
  int64_t idle_at = Leg::kNever;
  int64_t due = Leg::kNever;
  int64_t idle_ms = 0;  // 0: not guarded
};

void Deadline::make(const Context& context, FilterList& filters) {
  const config::Timeout& timeout = context.policy.timeout;
  const bool bounds = timeout.request_ms || timeout.idle_ms || timeout.stream_idle_ms ||
                      timeout.total_ms || context.policy.deadline_header;
  if (bounds) filters.push_back(std::make_unique<Deadline>(context));
}

Deadline::Deadline(const Context& context)
    : x_loop(context.runtime.loop),
      x_timeout(context.policy.timeout),
      x_header(context.policy.deadline_header) {}

Step Deadline::on_request(Leg& leg, void* slot_) {
  DeadlineSlot& slot = of(slot_);
  slot.timer.set_rank(leg.timer_rank(slot_));
  slot.opener_at = leg.deadline_ms();
  const int64_t now_ms = x_loop.clock.now_ms();
  // An alternate starts later, but the caller's time runs from its first byte.
  chain::Exchange& exchange = leg.exchange();
  const auto granted_ms = callers_ms(leg);
  if (granted_ms && exchange.callers_deadline_ms() == Leg::kNever) {
    exchange.set_callers_deadline_ms(now_ms + *granted_ms);
  }
  slot.callers_at = exchange.callers_deadline_ms();
  if (slot.callers_at <= now_ms) {
    Error error;
    error.cause = Cause::kTimeout;
    error.ours = true;
    error.callers_deadline = true;
    error.detail = "caller's deadline";
    leg.refuse(error);
    return Step::kReplied;
  }
  if (x_timeout.total_ms) slot.total_at = now_ms + *x_timeout.total_ms;
  if (exchange.request_complete()) start_request_timeout(slot);
  arm(slot);
  return Step::kContinue;
}

void Deadline::on_body_end(Leg& leg, void* slot_, Way way) {
  DeadlineSlot& slot = of(slot_);
  if (way == Way::kResponse) return slot.timer.cancel();
  if (leg.response() != nullptr) return;
  start_request_timeout(slot);
  arm(slot);
}

// Less what a fallback keeps back for itself, at most half.
void Deadline::start_request_timeout(DeadlineSlot& slot) const {
  if (!x_timeout.request_ms) return;
  const int64_t reserve_ms = std::min(slot.leg.reserve_ms(), *x_timeout.request_ms / 2);
  slot.request_at = x_loop.clock.now_ms() + *x_timeout.request_ms - reserve_ms;
}

Step Deadline::on_response(Leg& leg, void* slot_) {
  DeadlineSlot& slot = of(slot_);
  slot.opener_at = slot.request_at = slot.callers_at = Leg::kNever;
  if (leg.response() == nullptr) {
    slot.timer.cancel();
    return Step::kContinue;
  }
  const bool stream = http::is_stream(*leg.response());
  slot.idle_ms = (stream ? x_timeout.stream_idle_ms : x_timeout.idle_ms).value_or(0);
  on_chunk(leg, slot_, Way::kResponse, {});
  return Step::kContinue;
}

void Deadline::on_chunk(Leg&, void* slot_, Way, std::string_view) {
  DeadlineSlot& slot = of(slot_);
  if (slot.idle_ms > 0) slot.idle_at = x_loop.clock.now_ms() + slot.idle_ms;
  arm(slot);
}

// What others read as the deadline of the leg is the bound on its response head.
void Deadline::arm(DeadlineSlot& slot) const {
  const int64_t head_by =
      std::min({slot.opener_at, slot.callers_at, slot.request_at, slot.total_at});
  slot.leg.set_deadline_ms(head_by);
  slot.due = std::min(head_by, slot.idle_at);
  if (slot.due == Leg::kNever) return slot.timer.cancel();
  x_loop.timers.arm(slot.timer, slot.due);
}

std::optional<int64_t> Deadline::callers_ms(const Leg& leg) const {
  if (!x_header) return std::nullopt;
  const http::Field* field = leg.request().fields.find(std::string_view(*x_header));
  if (field == nullptr) return std::nullopt;
  int64_t ms = 0;
  const char* const end = field->value.data() + field->value.size();
  const auto [at, error] = std::from_chars(field->value.data(), end, ms);
  if (error != std::errc{} || at != end) return std::nullopt;
  constexpr int64_t kDayMs = 86'400'000;
  return std::clamp<int64_t>(ms, 0, kDayMs);
}

}  // namespace outrigger::filters
