#include "filters/retry.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/upstream/match.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::LegPtr;
using chain::Step;

struct RetrySlot {
  RetrySlot(Retry& filter_, Leg& leg_) : filter(filter_), leg(leg_) {}

  void on_backoff_over() { filter.open(*this, {}); }

  Retry& filter;
  Leg& leg;
  LegPtr below;
  Timer backoff = Timer::of<&RetrySlot::on_backoff_over>(*this);
  // What an earlier attempt got, in case our own side refuses a later one.
  Error first_error;
  int first_status = 0;
  int first_grpc_status = http::kGrpcPending;
  int attempts = 0;  // that count
  int legs = 0;
  int unsent = 0;
  bool replayed = false;
  bool repeatable = false;
};

namespace {

// Nobody saw the request, and to send it elsewhere asks no more of those who are left than the call
// would have by itself; what we were short of at one instance, such as ports towards it, another
// may not need. One that made us wait, or that says it has too much to do, is another case.
bool is_free(const Error& error) {
  const bool nobody_there = error.cause == Cause::kConnectRefused ||
                            error.cause == Cause::kConnectUnreachable ||
                            error.cause == Cause::kOverload;
  return error.sent == Sent::kNeverFree || (error.sent == Sent::kNever && nobody_there);
}

// Neither an attempt nor a verdict: the connection was dead before anybody saw the request.
bool was_unseen(const Error& error) {
  return error.sent == Sent::kReusedDied || error.sent == Sent::kNeverFree;
}

}  // namespace

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
  slot.repeatable = upstream::covers(x_policy.methods, x_policy.grpc, request);
  if (request.framing != http::Framing::kNone) {
    const bool known = request.framing == http::Framing::kLength;
    leg.exchange().body().retain(x_policy.body_max_bytes, known ? request.content_length : -1);
  }
  slot.attempts = slot.legs = 1;
  return Step::kContinue;
}

// The first attempt runs in our own leg: a call that goes well costs no other.
Step Retry::on_response(Leg& leg, void* slot_) {
  RetrySlot& slot = of(slot_);
  const std::optional<Again> again = decide(slot, leg);
  if (!again) return Step::kContinue;
  take(slot, leg);
  leg.split();
  go_again(slot, *again);
  return Step::kPaused;
}

void Retry::open(RetrySlot& slot, const Again& again) const {
  slot.below = slot.leg.open_rest();
  slot.below->set_attempt(slot.legs++);
  slot.below->set_replay(again.replay);
  slot.below->set_was_admitted(again.admitted);
}

void Retry::on_leg(Leg& mine, void* slot_, Leg& below) {
  RetrySlot& slot = of(slot_);
  const std::optional<Again> again = decide(slot, below);
  if (again) {
    take(slot, below);
    slot.below.reset();
    return go_again(slot, *again);
  }
  const Error* error = below.error();
  const bool refused_by_us = error != nullptr && error->ours && slot.legs > 1;
  if (!refused_by_us) return mine.accept(std::move(slot.below));
  // The caller gets what the first attempt got, as our own reply.
  Error answer = slot.first_status > 0 ? *error : slot.first_error;
  answer.received_status = slot.first_status;
  answer.received_grpc_status = slot.first_grpc_status;
  slot.below.reset();
  mine.refuse(answer);
}

bool Retry::may_open(const Leg&, const void* slot) const {
  return of(slot).repeatable && of(slot).attempts < x_policy.attempts;
}

bool Retry::may_try_again(const Leg& leg, const void* slot) const {
  if (!may_open(leg, slot) || !x_policy.on.has(Token::kTimeout)) return false;
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  return leg.exchange().body().is_whole() && x_circuit.is_willing(now_ms) &&
         x_budget.remaining(now_ms) > 0;
}

bool Retry::sends_elsewhere(const Leg& leg, const void* slot, const Error& error) const {
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  return is_free(error) && of(slot).unsent < unsent_most(error) && leg.deadline_ms() > now_ms &&
         leg.exchange().body().is_whole() && x_circuit.is_willing(now_ms, true);
}

// Time left and circuit are asked before anything else; the budget last, for what it grants is
// spent.
std::optional<Retry::Again> Retry::decide(RetrySlot& slot, const Leg& below) const {
  const Error* error = below.error();
  if (error != nullptr && error->ours && !is_free(*error)) return std::nullopt;
  // The call that goes well is asked nothing more.
  if (error == nullptr && slot.attempts >= x_policy.attempts) return std::nullopt;
  if (!slot.leg.exchange().body().is_whole()) return std::nullopt;
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  const bool replay = error != nullptr && was_unseen(*error);
  const bool admitted = replay || (error != nullptr && is_free(*error));
  if (slot.leg.deadline_ms() <= now_ms || !x_circuit.is_willing(now_ms, admitted)) {
    return std::nullopt;
  }
  if (error != nullptr && may_resend(slot, *error)) {
    return Again{.replay = replay, .admitted = admitted};
  }
  const std::optional<int64_t> wait_ms = may_retry(slot, below);
  if (!wait_ms) return std::nullopt;
  ++slot.attempts;
  return Again{.wait_ms = *wait_ms};
}

// What was never seen, or died with a connection that was idle a moment ago. Counts as no attempt.
bool Retry::may_resend(RetrySlot& slot, const Error& error) const {
  if (error.sent == Sent::kReusedDied) {
    return slot.repeatable && !std::exchange(slot.replayed, true);
  }
  const bool free = is_free(error);
  if (!free && error.sent != Sent::kNever) return false;
  if (slot.unsent >= unsent_most(error)) return false;
  if (!free && !x_budget.try_withdraw(x_runtime.loop.clock.now_ms())) return false;
  ++slot.unsent;
  return true;
}

// A server that ends its connections gives notice to many calls at once, and some meet the next one
// that does. Go's own client tries as often.
int Retry::unsent_most(const Error& error) const {
  const bool is_notice = error.sent == Sent::kNeverFree && error.cause == Cause::kRefusedStream;
  return is_notice && x_policy.unsent > 0 ? std::max(x_policy.unsent, kNoticesMax)
                                          : x_policy.unsent;
}

// How long to wait before the next attempt; nothing: there is none.
std::optional<int64_t> Retry::may_retry(const RetrySlot& slot, const Leg& below) const {
  if (!slot.repeatable || slot.attempts >= x_policy.attempts ||
      !upstream::matches(x_policy.on, below)) {
    return std::nullopt;
  }
  const int64_t asked_ms = retry_after_ms(below);
  if (asked_ms > x_policy.backoff.max_ms) return std::nullopt;
  const int64_t wait_ms = std::max(asked_ms, backoff_ms(slot.attempts));
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  if (wait_ms >= slot.leg.deadline_ms() - now_ms) return std::nullopt;
  if (!x_budget.try_withdraw(now_ms)) return std::nullopt;
  return wait_ms;
}

// What Retry-After asks for: an upstream that says when to come back is believed. A date instead of
// seconds (RFC 9110 section 10.2.3), or anything else, is taken for a day.
int64_t Retry::retry_after_ms(const Leg& below) {
  if (below.response() == nullptr) return 0;
  const std::string_view text = below.response()->fields.value(http::Name::kRetryAfter);
  if (text.empty()) return 0;
  constexpr int64_t kDayS = 86'400;
  int64_t seconds = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc{} || at != end || seconds < 0) seconds = kDayS;
  return std::min(seconds, kDayS) * 1000;
}

void Retry::go_again(RetrySlot& slot, const Again& again) const {
  if (again.wait_ms == 0) return open(slot, again);
  x_runtime.loop.timers.arm(slot.backoff, x_runtime.loop.clock.now_ms() + again.wait_ms);
}

// Notes what the attempt got, before it is dropped.
void Retry::take(RetrySlot& slot, const Leg& below) const {
  chain::Facts& facts = slot.leg.exchange().facts();
  const Error* error = below.error();
  if (slot.legs == 1) {
    if (error != nullptr) slot.first_error = *error;
    slot.first_status = error != nullptr ? 0 : below.response()->status;
    slot.first_grpc_status = below.grpc_status();
  }
  if (error == nullptr) {
    facts.retried_on_status = true;
    x_series.retries.back().add();
    return;
  }
  // What we ourselves are short of has no token; here it kept us from a connection.
  const bool short_of_something = error->cause == Cause::kOverload;
  const Token token = short_of_something ? Token::kConnect : row_of(error->cause).token;
  facts.retry_reasons |= static_cast<uint8_t>(token);
  x_series.retries[metrics::index_of(token)].add();
}

// Full jitter (AWS, "Exponential Backoff And Jitter"), so that those who failed together do not
// come back together.
int64_t Retry::backoff_ms(int attempts_made) const {
  constexpr int kDoublingsMax = 20;
  const int64_t doubled = x_policy.backoff.base_ms << std::min(attempts_made - 1, kDoublingsMax);
  const int64_t most = std::min(doubled, x_policy.backoff.max_ms);
  return static_cast<int64_t>(x_runtime.loop.random.between(0, static_cast<double>(most + 1)));
}

}  // namespace outrigger::filters
