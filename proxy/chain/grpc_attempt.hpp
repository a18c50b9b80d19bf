// What an attempt of a gRPC call has to see to, whatever version of HTTP carries it. Used by the
// calls of upstream, which know the wire; the policies see heads and statuses only. One thread.
#pragma once

#include <cstdint>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/call_leg.hpp"

namespace outrigger::chain {

// The head of the answer, between the call that read it and its leg. It is held back for the first
// message or the trailers while the caller has said all and a filter could still replace the
// answer. A head that trailers follow becomes one head without a body (trailers-only), so that a
// call which failed without a message can be retried or replaced. Lives in the arena with its call,
// which cancels it when it is over.
//
// While a head is held the call reads on: at the first byte of a message it calls release() and
// pushes as ever once the leg flows; at the end release_with(), and then ends without trailers.
class GrpcHead {
 public:
  explicit GrpcHead(CallLeg leg) : x_leg(leg) {}

  // Goes to the leg now, or is held for at most `hold_ms`. `head` lives as long as the exchange.
  void deliver(http::ResponseHead& head, int64_t hold_ms);
  bool is_held() const { return x_held; }
  // Requires: it was delivered.
  const http::ResponseHead& head() const { return *x_head; }
  // Both require: it is held.
  void release();
  void release_with(const http::Fields* trailers);
  void cancel();

 private:
  bool is_worth_holding(const http::ResponseHead& head) const;

  const CallLeg x_leg;
  http::ResponseHead* x_head = nullptr;
  bool x_held = false;
  Timer x_timer = Timer::of<&GrpcHead::release>(*this);
};

// Writes into `head`, a copy of the request's, what is left of the deadline that the caller set.
// False when nothing is. Other calls, and those without a deadline, stay as they are.
bool carry_grpc_deadline(Exchange& exchange, http::RequestHead& head);

// Whether the deadline that went on with the call has passed for the endpoint: it counts whole
// milliseconds, as we do, and may be one ahead.
bool is_carried_deadline_over(Exchange& exchange);

// Whether an answer with that status says no more than this.
bool is_callers_deadline(Exchange& exchange, int grpc_status);

}  // namespace outrigger::chain
