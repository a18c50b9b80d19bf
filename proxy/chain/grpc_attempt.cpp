#include "proxy/chain/grpc_attempt.hpp"

#include "proxy/chain/exchange.hpp"
#include "proxy/http/grpc.hpp"

namespace outrigger::chain {

void GrpcHead::deliver(http::ResponseHead& head, int64_t hold_ms) {
  x_head = &head;
  if (hold_ms == 0 || !is_worth_holding(head)) return x_leg.deliver_head(head);
  x_held = true;
  const LoopContext& loop = x_leg.exchange().loop();
  loop.timers.arm(x_timer, loop.clock.now_ms() + hold_ms);
}

// A caller that still sends may wait for the head before it goes on.
bool GrpcHead::is_worth_holding(const http::ResponseHead& head) const {
  return http::grpc_status(head) == http::kGrpcPending && x_leg.exchange().request_complete() &&
         x_leg.may_replace();
}

void GrpcHead::release() {
  x_timer.cancel();
  x_held = false;
  x_leg.deliver_head(*x_head);
}

void GrpcHead::release_with(const http::Fields* trailers) {
  http::make_trailers_only(*x_head, trailers, x_leg.exchange().arena());
  release();
}

void GrpcHead::cancel() {
  x_timer.cancel();
  x_held = false;
}

// Only the caller's own deadline is carried on, as it bounds all; `request` bounds the head alone.
bool carry_grpc_deadline(Exchange& exchange, http::RequestHead& head) {
  if (!exchange.is_grpc() || exchange.callers_deadline_ms() == Leg::kNever) return true;
  const int64_t left_ms = exchange.callers_deadline_ms() - exchange.loop().clock.now_ms();
  if (left_ms <= 0) return false;
  Arena& arena = exchange.arena();
  head.fields = head.fields.clone(arena);
  head.fields.set(arena, http::Name::kGrpcTimeout, http::format_grpc_timeout(left_ms, arena));
  return true;
}

bool is_carried_deadline_over(Exchange& exchange) {
  return exchange.is_grpc() && exchange.callers_deadline_ms() != Leg::kNever &&
         exchange.loop().clock.now_ms() + 1 >= exchange.callers_deadline_ms();
}

bool is_callers_deadline(Exchange& exchange, int grpc_status) {
  return grpc_status == http::kGrpcDeadlineExceeded && is_carried_deadline_over(exchange);
}

}  // namespace outrigger::chain
