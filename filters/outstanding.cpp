#include "filters/outstanding.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/upstream/probe_places.hpp"

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
    self.filter.watch(self);
    self.leg.resume();
  }

  void on_due() {
    if (!is_waiting()) return look();
    leave_queue();
    leg.fail(this, refusal(Cause::kLimit, filter.x_waited_keys));
  }

  // What is silent keeps no place that others wait for: a caller within its request, and a gRPC
  // call that nothing bounds.
  void look() {
    const chain::Exchange& exchange = leg.exchange();
    const int64_t before = std::exchange(bytes_seen, exchange.facts().bytes_in);
    const bool silent = exchange.is_grpc() ? leg.deadline_ms() == Leg::kNever
                                           : before == bytes_seen && !exchange.request_complete();
    if (silent) become_stream();
    if (permit.holds()) filter.watch(*this);
  }

  // Where there is no place among those it stays what it is, for now.
  void become_stream() {
    if (stream.holds() || filter.take_stream(*this)) permit.release();
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
  Timer timer = Timer::of<&OutstandingSlot::on_due>(*this);
  int64_t since_ms = 0;
  int64_t bytes_seen = 0;  // of the request, when it was looked at
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
      x_silent_ms(upstream::probe_hold_ms(context.policy.timeout)),
      x_body_bytes(context.policy.limits.body_bytes) {
  const std::string_view whose = &limit == context.route_limit ? " of the route" : "";
  x_full_keys = x_waited_keys = "limits.outstanding";
  if (context.policy.limits.queue > 0) x_full_keys += ", limits.queue";
  x_waited_keys += ", limits.queue_wait";
  x_streams_keys = "limits.streams";
  for (std::string* keys : {&x_full_keys, &x_waited_keys, &x_streams_keys}) *keys += whose;
}

Step Outstanding::on_request(Leg& leg, void* slot_) {
  OutstandingSlot& slot = of(slot_);
  const int64_t known_bytes =
      std::max(leg.request().content_length, leg.exchange().facts().bytes_in);
  if (x_body_bytes && known_bytes > *x_body_bytes && !leg.request().begins_tunnel()) {
    leg.refuse(refusal(Cause::kRequestBodyTooLarge));
    return Step::kReplied;
  }
  if (leg.request().tunnel && !take_stream(slot)) {
    leg.refuse(refusal(Cause::kLimit, x_streams_keys));
    return Step::kReplied;
  }
  slot.timer.set_rank(leg.timer_rank(&slot));
  slot.permit = x_queue.try_acquire();
  if (!slot.permit.holds()) return wait(leg, slot);
  watch(slot);
  return Step::kContinue;
}

// The deadline is the outer filter's, and ends the wait as well.
Step Outstanding::wait(Leg& leg, OutstandingSlot& slot) {
  switch (x_queue.wait(slot, slot.permit)) {
    case PermitQueue::Wait::kGranted:
      watch(slot);
      return Step::kContinue;
    case PermitQueue::Wait::kFull:
      leg.refuse(refusal(Cause::kLimit, x_full_keys));
      return Step::kReplied;
    case PermitQueue::Wait::kWaiting:
      break;
  }
  slot.since_ms = x_loop.clock.now_ms();
  x_loop.timers.arm(slot.timer, slot.since_ms + x_queue_wait_ms);
  return Step::kPaused;
}

// A call whose caller has said all is bounded by `request`, and costs no timer.
void Outstanding::watch(OutstandingSlot& slot) const {
  const chain::Exchange& exchange = slot.leg.exchange();
  if (!exchange.is_grpc() && exchange.request_complete()) return;
  const int64_t after_ms = exchange.is_grpc() ? config::kRequestAutoMs : x_silent_ms;
  x_loop.timers.arm(slot.timer, x_loop.clock.now_ms() + after_ms);
}

bool Outstanding::take_stream(OutstandingSlot& slot) const {
  slot.stream = x_streams.try_acquire();
  return slot.stream.holds();
}

// What asked for a tunnel and got something else gives its place back.
Step Outstanding::on_response(Leg& leg, void* slot_) {
  OutstandingSlot& slot = of(slot_);
  slot.timer.cancel();
  const bool stream = leg.response() != nullptr && leg.response()->stream;
  const bool failed = leg.error() != nullptr;
  if (failed || (!stream && slot.permit.holds())) slot.stream.release();
  if (stream || failed) slot.permit.release();
  if (!stream) return Step::kContinue;
  if (slot.stream.holds() || !becomes_stream(leg) || take_stream(slot)) return Step::kContinue;
  leg.refuse(refusal(Cause::kLimit, x_streams_keys));
  return Step::kReplied;
}

// What the caller sends into a tunnel is no body.
void Outstanding::on_chunk(Leg& leg, void* slot, chain::Way, std::string_view) {
  const bool open = leg.response() != nullptr && leg.response()->tunnel;
  if (leg.error() != nullptr || open || leg.request().begins_tunnel()) return;
  if (leg.exchange().facts().bytes_in <= *x_body_bytes) return;
  leg.fail(slot, refusal(Cause::kRequestBodyTooLarge));
}

void Outstanding::on_reader_stalled(Leg&, void* slot) {
  if (of(slot).permit.holds()) of(slot).become_stream();
}

void Outstanding::on_end(Leg&, void* slot, const chain::Outcome&) noexcept {
  of(slot).leave_queue();
}

}  // namespace outrigger::filters
