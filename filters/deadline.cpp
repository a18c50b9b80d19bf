#include "filters/deadline.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/grpc.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;
using chain::Way;

// One timer runs to the earliest of what bounds the call now; `idle` moves with every byte.
struct DeadlineSlot {
  DeadlineSlot(Deadline&, Leg& leg_) : leg(leg_) {}

  int64_t head_by() const { return std::min({callers_at, request_at, total_at, openers_at}); }

  // While the caller uploads, `idle` is about who takes that; a caller that is slow is not ours to
  // judge.
  bool waits_for_caller() const { return upload && leg.exchange().body().has_room(); }

  void on_due() {
    LoopContext& loop = leg.exchange().loop();
    if (idle_at <= loop.clock.now_ms() && waits_for_caller()) {
      idle_at = loop.clock.now_ms() + idle_ms;
      return loop.timers.arm(timer, std::min(head_by(), idle_at));
    }
    const int64_t ours_at = std::min({request_at, total_at, openers_at, idle_at});
    Error error;
    error.cause = Cause::kTimeout;
    error.callers_deadline = callers_at <= ours_at || (request_is_callers && ours_at == request_at);
    error.detail = error.callers_deadline  ? "caller's deadline"
                   : ours_at == idle_at    ? "idle"
                   : ours_at == total_at   ? "total"
                   : ours_at == openers_at ? "within"
                                           : "request";
    leg.fail(this, error);
  }

  Leg& leg;
  Timer timer = Timer::of<&DeadlineSlot::on_due>(*this);
  int64_t callers_at = Leg::kNever;
  int64_t request_at = Leg::kNever;
  int64_t total_at = Leg::kNever;
  int64_t openers_at = Leg::kNever;
  int64_t idle_at = Leg::kNever;
  int64_t idle_ms = 0;  // 0: not guarded
  bool stream = false;
  bool upload = false;              // `idle` guards the request
  bool answered = false;            // an answer, or an error, has come up to here
  bool request_is_callers = false;  // `request_at` is the caller's deadline, less a reserve
};

void Deadline::make(const Context& context, FilterList& filters) {
  filters.push_back(std::make_unique<Deadline>(context));
}

Deadline::Deadline(const Context& context)
    : x_loop(context.runtime.loop),
      x_timeout(context.policy.timeout),
      x_header(context.policy.deadline_header) {}

Step Deadline::on_request(Leg& leg, void* slot_) {
  DeadlineSlot& slot = of(slot_);
  slot.timer.set_rank(leg.timer_rank(slot_));
  slot.openers_at = leg.deadline_ms();
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
  if (exchange.is_grpc()) guard_as_stream(slot, true);
  if (exchange.request_complete()) {
    bound_head(slot);
  } else if (!slot.stream) {
    slot.upload = true;
    slot.idle_ms = x_timeout.idle_ms.value_or(0);
    slot.idle_at = slot.idle_ms > 0 ? now_ms + slot.idle_ms : Leg::kNever;
  }
  arm(slot);
  return Step::kContinue;
}

void Deadline::on_body_end(Leg& leg, void* slot_, Way way) {
  DeadlineSlot& slot = of(slot_);
  if (way == Way::kResponse) return slot.timer.cancel();
  if (slot.answered) return;
  if (std::exchange(slot.upload, false)) slot.idle_at = Leg::kNever;
  // An error that has not come up to here may be tried again.
  if (leg.response() == nullptr) {
    // The opener of the leg was told before us, and may have bounded it.
    if (leg.deadline_ms() < slot.head_by()) slot.openers_at = leg.deadline_ms();
    bound_head(slot);
  }
  arm(slot);
}

// Whatever either side says keeps the call alive.
void Deadline::guard_as_stream(DeadlineSlot& slot, bool on) const {
  slot.stream = on;
  slot.idle_ms = on ? config::stream_idle_ms(x_timeout, false).value_or(0) : 0;
  slot.idle_at = slot.idle_ms > 0 ? x_loop.clock.now_ms() + slot.idle_ms : Leg::kNever;
}

// The caller has said all. Less what a fallback keeps back for itself, at most half.
void Deadline::bound_head(DeadlineSlot& slot) const {
  const chain::Exchange& exchange = slot.leg.exchange();
  const int64_t now_ms = x_loop.clock.now_ms();
  auto bound_ms = config::request_timeout_ms(x_timeout, exchange.caller_decides());
  slot.request_is_callers = !bound_ms && slot.callers_at != Leg::kNever;
  if (slot.request_is_callers) bound_ms = slot.callers_at - now_ms;
  if (!bound_ms) return;
  if (exchange.is_grpc()) guard_as_stream(slot, false);
  slot.request_at = now_ms + *bound_ms - std::min(slot.leg.reserve_ms(), *bound_ms / 2);
}

// What bounds the head ends here.
Step Deadline::on_response(Leg& leg, void* slot_) {
  DeadlineSlot& slot = of(slot_);
  note_left(slot);
  slot.answered = true;
  slot.upload = false;
  slot.idle_at = Leg::kNever;
  slot.request_at = slot.callers_at = slot.openers_at = Leg::kNever;
  if (leg.response() == nullptr) {
    slot.timer.cancel();
    return Step::kContinue;
  }
  slot.stream = leg.response()->stream;
  const bool opaque = leg.request().version == http::Version::kNone;
  const auto stream_idle_ms = config::stream_idle_ms(x_timeout, opaque);
  slot.idle_ms = (slot.stream ? stream_idle_ms : x_timeout.idle_ms).value_or(0);
  on_chunk(leg, slot_, Way::kResponse, {});
  return Step::kContinue;
}

// Bytes of the request keep alive a stream, and an upload that has no answer yet.
void Deadline::on_chunk(Leg&, void* slot_, Way way, std::string_view) {
  DeadlineSlot& slot = of(slot_);
  if (way == Way::kRequest && !slot.stream && !slot.upload) return;
  if (slot.idle_ms > 0) slot.idle_at = x_loop.clock.now_ms() + slot.idle_ms;
  arm(slot);
}

// It is the caller that is silent, not the upstream. Where all has come, nothing is guarded.
void Deadline::on_reader_stalled(Leg& leg, void* slot_) {
  DeadlineSlot& slot = of(slot_);
  if (leg.response() == nullptr || slot.idle_at == Leg::kNever || !slot.timer.is_armed()) return;
  guard_as_stream(slot, true);
  arm(slot);
}

void Deadline::on_end(Leg&, void* slot, const chain::Outcome&) noexcept { note_left(of(slot)); }

// What others read as the deadline of the leg is the bound on its response head.
void Deadline::arm(DeadlineSlot& slot) const {
  const int64_t head_by = slot.head_by();
  slot.leg.set_deadline_ms(head_by);
  const int64_t due = std::min(head_by, slot.idle_at);
  if (due == Leg::kNever) return slot.timer.cancel();
  x_loop.timers.arm(slot.timer, due);
}

// Notes the time left to the call itself, not to the service that answers in its place; the first
// time counts.
void Deadline::note_left(DeadlineSlot& slot) const {
  std::optional<int64_t>& left_ms = slot.leg.exchange().facts().deadline_left_ms;
  const int64_t head_by = slot.head_by();
  if (left_ms || head_by == Leg::kNever || slot.leg.is_alternate()) return;
  left_ms = head_by - x_loop.clock.now_ms();
}

std::optional<int64_t> Deadline::callers_ms(const Leg& leg) const {
  std::optional<int64_t> ms = header_ms(leg.request());
  if (leg.exchange().is_grpc()) {
    const std::string_view text = leg.request().fields.value(http::Name::kGrpcTimeout);
    const std::optional<int64_t> grpc_ms = http::parse_grpc_timeout_ms(text);
    if (grpc_ms) ms = std::min(*grpc_ms, ms.value_or(*grpc_ms));
  }
  if (!ms) return std::nullopt;
  constexpr int64_t kNsPerMs = 1'000'000;
  const int64_t since_first_byte_ns = x_loop.clock.precise_ns() - leg.exchange().facts().start_ns;
  return *ms - since_first_byte_ns / kNsPerMs;
}

std::optional<int64_t> Deadline::header_ms(const http::RequestHead& request) const {
  if (!x_header) return std::nullopt;
  const http::Field* field = request.fields.find(std::string_view(*x_header));
  if (field == nullptr) return std::nullopt;
  int64_t ms = 0;
  const char* const end = field->value.data() + field->value.size();
  const auto [at, error] = std::from_chars(field->value.data(), end, ms);
  if (error != std::errc{} || at != end) return std::nullopt;
  constexpr int64_t kDayMs = 86'400'000;
  return std::clamp<int64_t>(ms, 0, kDayMs);
}

}  // namespace outrigger::filters
