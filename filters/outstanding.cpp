#include "filters/outstanding.hpp"

#include <algorithm>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/grpc.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;
using upstream::Permit;
using upstream::PermitQueue;
using upstream::PermitWaiter;
using upstream::StreamPermit;

namespace {

Error refusal(Cause cause, std::string_view detail = {}) {
  Error error;
  error.cause = cause;
  error.ours = true;
  error.detail = detail;
  return error;
}

// Whether more is to come after this head, for as long as the upstream likes. An answer of ours, or
// one that says all in its head, is over already.
bool becomes_stream(const Leg& leg) {
  const http::ResponseHead& head = *leg.response();
  if (head.tunnel) return true;
  return head.stream && head.framing != http::Framing::kNone && !leg.is_local_reply() &&
         leg.grpc_status() == http::kGrpcPending;
}

}  // namespace

struct OutstandingSlot : PermitWaiter {
  OutstandingSlot(Outstanding& filter_, Leg& leg_)
      : PermitWaiter(&OutstandingSlot::on_permit), filter(filter_), leg(leg_) {}

  static void on_permit(PermitWaiter& waiter, Permit granted) noexcept {
    auto& self = static_cast<OutstandingSlot&>(waiter);
    self.permit = std::move(granted);
    self.timer.cancel();
    self.note_wait();
    self.leg.resume();
  }

  void on_waited() {
    leave_queue();
    leg.fail(this, refusal(Cause::kLimit, "queue_wait"));
  }

  void leave_queue() {
    if (!is_waiting()) return;
    cancel();
    note_wait();
  }

  void note_wait() {
    const int64_t waited_ms = filter.x_loop.clock.now_ms() - since_ms;
    leg.exchange().facts().queue_ms += waited_ms;
    filter.x_series.queue_wait.observe_ns(waited_ms * 1'000'000);
  }

  Outstanding& filter;
  Leg& leg;
  Permit permit;
  StreamPermit stream;
  Timer timer = Timer::of<&OutstandingSlot::on_waited>(*this);
  int64_t since_ms = 0;
};

// A route's own limit applies in addition to the service's.
void Outstanding::make(const Context& context, FilterList& filters) {
  const upstream::OutstandingLimit& limit = context.service.limit();
  const bool limited =
      limit.limit() != upstream::OutstandingLimit::kNoLimit || limit.streams().is_on();
  if (limited || context.policy.limits.body_bytes) {
    filters.push_back(std::make_unique<Outstanding>(context, context.service.limit()));
  }
  if (context.route_limit != nullptr) {
    filters.push_back(std::make_unique<Outstanding>(context, *context.route_limit));
  }
}

Outstanding::Outstanding(const Context& context, upstream::OutstandingLimit& limit)
    : x_loop(context.runtime.loop),
      x_queue(limit.queue(context.worker)),
      x_streams(limit.streams()),
      x_series(context.series),
      x_queue_wait_ms(context.policy.limits.queue_wait_ms),
      x_body_bytes(context.policy.limits.body_bytes) {}

Step Outstanding::on_request(Leg& leg, void* slot_) {
  OutstandingSlot& slot = of(slot_);
  const int64_t known_bytes =
      std::max(leg.request().content_length, leg.exchange().facts().bytes_in);
  if (x_body_bytes && known_bytes > *x_body_bytes && !leg.request().asks_tunnel()) {
    leg.refuse(refusal(Cause::kRequestBodyTooLarge));
    return Step::kReplied;
  }
  if (leg.request().tunnel && !take_stream(slot)) {
    leg.refuse(refusal(Cause::kLimit, "streams"));
    return Step::kReplied;
  }
  slot.permit = x_queue.try_acquire();
  return slot.permit.holds() ? Step::kContinue : wait(leg, slot);
}

// The deadline is the outer filter's, and ends the wait as well.
Step Outstanding::wait(Leg& leg, OutstandingSlot& slot) {
  switch (x_queue.wait(slot, slot.permit)) {
    case PermitQueue::Wait::kGranted:
      return Step::kContinue;
    case PermitQueue::Wait::kFull:
      leg.refuse(refusal(Cause::kLimit));
      return Step::kReplied;
    case PermitQueue::Wait::kWaiting:
      break;
  }
  slot.since_ms = x_loop.clock.now_ms();
  slot.timer.set_rank(leg.timer_rank(&slot));
  x_loop.timers.arm(slot.timer, slot.since_ms + x_queue_wait_ms);
  return Step::kPaused;
}

bool Outstanding::take_stream(OutstandingSlot& slot) const {
  slot.stream = x_streams.try_acquire();
  return slot.stream.holds();
}

// What asked for a tunnel and got something else gives its place back.
Step Outstanding::on_response(Leg& leg, void* slot_) {
  OutstandingSlot& slot = of(slot_);
  const bool stream = leg.response() != nullptr && leg.response()->stream;
  if (stream || leg.error() != nullptr) slot.permit.release();
  if (!stream) {
    slot.stream.release();
    return Step::kContinue;
  }
  if (slot.stream.holds() || !becomes_stream(leg) || take_stream(slot)) return Step::kContinue;
  leg.refuse(refusal(Cause::kLimit, "streams"));
  return Step::kReplied;
}

// What the caller sends into a tunnel is no body.
void Outstanding::on_chunk(Leg& leg, void* slot, chain::Way, std::string_view) {
  if (leg.error() != nullptr || leg.request().asks_tunnel()) return;
  if (leg.exchange().facts().bytes_in <= *x_body_bytes) return;
  leg.fail(slot, refusal(Cause::kRequestBodyTooLarge));
}

void Outstanding::on_end(Leg&, void* slot, const chain::Outcome&) noexcept {
  of(slot).leave_queue();
}

}  // namespace outrigger::filters
