// A CallLeg is what a Call sees of the leg that it answers: the request, the reports that it makes,
// and the body, which it pulls. One pointer, copied freely; it lasts as long as the leg. One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/error.hpp"
#include "proxy/chain/leg.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::chain {

class CallLeg {
 public:
  explicit CallLeg(Leg& leg) : x_leg(&leg) {}

  Exchange& exchange() const { return x_leg->exchange(); }

  // -- the request (see Leg)

  const http::RequestHead& request() const { return x_leg->request(); }
  bool is_alternate() const { return x_leg->is_alternate(); }
  int attempt() const { return x_leg->attempt(); }
  bool is_replay() const { return x_leg->is_replay(); }
  Tried& tried() const { return x_leg->tried(); }
  bool may_replace() const { return x_leg->may_replace(); }

  // The body, by pieces. Requires for consume: count <= body_ready().size().
  std::string_view body_ready() const { return x_leg->body_ready(); }
  void body_consume(size_t count) const { x_leg->body_consume(count); }
  bool body_ended() const { return x_leg->body_ended(); }

  // -- the answer

  void deliver_head(http::ResponseHead& head) const { x_leg->deliver_head(head); }
  // Also after a head: what was answered is lost. Before the commit the error goes up in its place,
  // to the frames that have not seen the head; afterwards it aborts the exchange. In a leg that its
  // opener keeps without having taken it, it only replaces the answer.
  void deliver_error(const Error& error) const { x_leg->deliver_error(error); }
  void deliver_reply(const LocalReply& reply) const { x_leg->deliver_reply(reply); }
  // `reason` and `fields` last as long as the exchange.
  void deliver_interim(int status, std::string_view reason, const http::Fields& fields) const {
    x_leg->deliver_interim(status, reason, fields);
  }
  // Whether the body may be pushed. `bytes` must live until the loop callback returns.
  bool is_flowing() const { return x_leg->x_flowing; }
  void push_body(std::string_view bytes) const { x_leg->push_body(bytes); }
  // The upstream's side of a tunnel has ended; push_end follows when the caller's has, too.
  void push_half_close() const { x_leg->push_half_close(); }
  // The response is complete. The last thing a call does with its leg, which may end in here.
  void push_end(const http::Fields* trailers) const { x_leg->push_end(trailers); }

  // For Call::cancel(): the error from above that ended the leg, or null.
  const Error* ending_error() const { return x_leg->x_ending_error; }

 private:
  Leg* x_leg;
};

}  // namespace outrigger::chain
