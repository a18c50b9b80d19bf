#include "filters/retry.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/upstream/match.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::LegPtr;
using chain::Step;

struct RetrySlot {
  RetrySlot(Retry& filter_, Leg& leg_) : filter(filter_), leg(leg_) {}

  void on_backoff_over() { filter.open(*this, false); }

  Retry& filter;
  Leg& leg;
  LegPtr below;
  Timer backoff = Timer::of<&RetrySlot::on_backoff_over>(*this);
  // What an earlier attempt got, in case our own side refuses a later one.
  Error first_error;
  int first_status = 0;
  int attempts = 0;  // that count
  int legs = 0;
  int unsent = 0;
  bool replayed = false;
  bool repeatable = false;
};

void Retry::make(const Context& context, FilterList& filters) {
  if (context.policy.retry) filters.push_back(std::make_unique<Retry>(context));
}

Retry::Retry(const Context& context)
    : x_runtime(context.runtime),
      x_policy(*context.policy.retry),
      x_budget(context.service.retry_budget()),
      x_circuit(*context.circuit),
      x_series(context.series) {}

Step Retry::on_request(Leg& leg, void* slot_) {
  RetrySlot& slot = of(slot_);
  const http::RequestHead& request = leg.request();
  x_budget.deposit(x_runtime.loop.clock.now_ms());
  slot.repeatable = x_policy.methods.has(request.method_text);
  if (request.framing != http::Framing::kNone) {
    const bool known = request.framing == http::Framing::kLength;
    leg.exchange().body().retain(x_policy.body_max_bytes, known ? request.content_length : -1);
  }
  slot.attempts = 1;
  open(slot, false);
  return Step::kPaused;
}

void Retry::open(RetrySlot& slot, bool fresh) const {
  slot.below = slot.leg.open_rest();
  slot.below->set_attempt(slot.legs++);
  slot.below->set_fresh_connection(fresh);
}

void Retry::on_leg(Leg& mine, void* slot_, Leg& below) {
  RetrySlot& slot = of(slot_);
  const Again again = decide(slot, below);
  if (again != Again::kNo) return try_again(slot, below, again);
  const Error* error = below.error();
  const bool refused_by_us = error != nullptr && error->ours && slot.legs > 1;
  if (!refused_by_us) return mine.accept(std::move(slot.below));
  // The caller gets what the first attempt got, as our own reply.
  Error answer = slot.first_status > 0 ? *error : slot.first_error;
  answer.received_status = slot.first_status;
  slot.below.reset();
  mine.refuse(answer);
}

bool Retry::may_open(const Leg&, const void* slot) const {
  return of(slot).repeatable && of(slot).attempts < x_policy.attempts;
}

Retry::Again Retry::decide(RetrySlot& slot, const Leg& below) const {
  const Error* error = below.error();
  if (error != nullptr && error->ours) return Again::kNo;
  if (!slot.leg.exchange().body().is_whole()) return Again::kNo;
  if (error != nullptr) {
    const Again unsent = decide_unsent(slot, *error);
    if (unsent != Again::kNo) return unsent;
  }
  if (!may_try_again(slot, below)) return Again::kNo;
  ++slot.attempts;
  return Again::kAfterBackoff;
}

// What was never seen, or died with a connection that was idle a moment ago.
Retry::Again Retry::decide_unsent(RetrySlot& slot, const Error& error) const {
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  if (error.sent == Sent::kReusedDied && slot.repeatable && !slot.replayed) {
    slot.replayed = true;
    return Again::kFresh;
  }
  const bool free = error.sent == Sent::kNeverFree;
  if (!free && error.sent != Sent::kNever) return Again::kNo;
  if (slot.unsent >= x_policy.unsent) return Again::kNo;
  if (slot.leg.deadline_ms() <= now_ms) return Again::kNo;
  if (!free && !x_budget.try_withdraw(now_ms)) return Again::kNo;
  ++slot.unsent;
  return Again::kAtOnce;
}

bool Retry::may_try_again(const RetrySlot& slot, const Leg& below) const {
  if (!slot.repeatable || slot.attempts >= x_policy.attempts || !listed(below)) return false;
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  if (slot.leg.deadline_ms() <= now_ms || waits_too_long(slot, below)) return false;
  // The budget last: what it grants is spent.
  return x_circuit.is_willing(now_ms) && x_budget.try_withdraw(now_ms);
}

bool Retry::listed(const Leg& below) const {
  if (const Error* error = below.error()) return upstream::matches(x_policy.on, *error);
  return !below.is_local_reply() && upstream::matches(x_policy.on, *below.response());
}

// An upstream that says when to come back is believed. (A date instead of seconds is far away.)
bool Retry::waits_too_long(const RetrySlot& slot, const Leg& below) const {
  if (below.response() == nullptr) return false;
  const std::string_view text = below.response()->fields.value(http::Name::kRetryAfter);
  if (text.empty()) return false;
  int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, seconds);
  constexpr int64_t kDayS = 86'400;
  if (error != std::errc{} || at != end) seconds = kDayS;
  const int64_t wait_ms = std::min(seconds, kDayS) * 1000;
  const int64_t left_ms = slot.leg.deadline_ms() == Leg::kNever
                              ? Leg::kNever
                              : slot.leg.deadline_ms() - x_runtime.loop.clock.now_ms();
  return wait_ms > std::min(x_policy.backoff.max_ms, left_ms);
}

void Retry::try_again(RetrySlot& slot, const Leg& below, Again how) const {
  take(slot, below);
  slot.below.reset();
  if (how != Again::kAfterBackoff) return open(slot, how == Again::kFresh);
  x_runtime.loop.timers.arm(slot.backoff,
                            x_runtime.loop.clock.now_ms() + backoff_ms(slot.attempts - 1));
}

// Notes what the attempt got, before it is dropped.
void Retry::take(RetrySlot& slot, const Leg& below) const {
  chain::Facts& facts = slot.leg.exchange().facts();
  const Error* error = below.error();
  if (slot.legs == 1) {
    if (error != nullptr) slot.first_error = *error;
    slot.first_status = error != nullptr ? 0 : below.response()->status;
  }
  if (error == nullptr) {
    facts.retried_on_status = true;
    x_series.retries.back().add();
    return;
  }
  const Token token = row_of(error->cause).token;
  facts.retry_reasons |= static_cast<uint8_t>(token);
  x_series.retries[metrics::index_of(token)].add();
}

// Full jitter (AWS, "Exponential Backoff And Jitter"), so that those who failed together do not come
// back together.
int64_t Retry::backoff_ms(int attempts_made) const {
  constexpr int kDoublingsMax = 20;
  const int64_t doubled = x_policy.backoff.base_ms << std::min(attempts_made - 1, kDoublingsMax);
  const int64_t most = std::min(doubled, x_policy.backoff.max_ms);
  return static_cast<int64_t>(x_runtime.loop.random.between(0, static_cast<double>(most + 1)));
}

}  // namespace outrigger::filters
