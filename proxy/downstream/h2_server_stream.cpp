#include "proxy/downstream/h2_server_stream.hpp"

#include <new>
#include <utility>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/local_reply.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/downstream/h2_connection.hpp"
#include "proxy/downstream/patience.hpp"
#include "proxy/downstream/request_rules.hpp"

namespace outrigger::downstream {

H2ServerStream::H2ServerStream(H2Connection& connection)
    : x_connection(connection),
      x_exchange(chain::Exchange::create(connection.context().runtime, *this)) {
  x_exchange->facts().tls = connection.tls();
  if (ByteAccount* answers = connection.context().answers) x_out.count_in(*answers);
}

void* H2ServerStream::operator new(size_t bytes) {
  void* const memory = Pool::of_thread().allocate(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

// ---- what the caller sends

void H2ServerStream::on_request(http::RequestHead& head, Cause cause) {
  x_has_head = true;
  http::RequestHead& request = x_exchange->request();
  request = head;
  if (cause != Cause::kNone) return refuse(nullptr, cause);
  ServerContext& context = x_connection.context();
  const Admission admission = admit(*x_exchange, x_connection.original(), context);
  if (admission.ends_here) return answer_options();
  const Resolution& found = admission.found;
  if (found.cause != Cause::kNone) return refuse(found.route, found.cause);
  x_exchange->facts().service_port = found.service_port;
  x_exchange->set_original_destination(x_connection.original());
  x_exchange->begin(*found.route, *found.chain);
  if (request.framing == http::Framing::kNone && !request.asks_tunnel()) {
    x_exchange->finish_request(nullptr);
  }
  watch();
  context.runtime.driver.run();
}

void H2ServerStream::refuse(const chain::Route* route, Cause cause) {
  if (cause == Cause::kOverload) x_connection.context().series.overload_memory.add();
  x_exchange->answer(route, refusal(cause));
}

void H2ServerStream::answer_options() {
  const http::ResponseHead head = options_head(x_exchange->arena());
  x_exchange->facts().status = head.status;
  send_head(head);
  send_end(nullptr);
}

void H2ServerStream::on_data(std::string_view bytes) {
  if (is_answered()) return x_connection.session().consume(*this, bytes.size());
  x_exchange->append_request_body(bytes);
  if (x_exchange == nullptr) return;
  watch();
  give_credit();
}

void H2ServerStream::on_end(const http::Fields* trailers) {
  if (is_answered() || x_exchange->body().is_complete()) return;
  x_exchange->finish_request(trailers);
  x_connection.context().runtime.driver.run();
}

// Both ways of a tunnel may have ended here while the upstream has still to take what came.
void H2ServerStream::on_done() {
  if (x_error != nullptr) return end(chain::Outcome::Kind::kFailed, x_error);
  if (!x_tunnel || x_complete) return end(chain::Outcome::Kind::kDone);
  x_session_done = true;
}

void H2ServerStream::on_closed(const http::H2Close& close) {
  if (close.by_peer) return end(chain::Outcome::Kind::kCallerGone);
  const Error error = refusal(close.cause);
  x_exchange->facts().cause = close.cause;
  end(chain::Outcome::Kind::kFailed, &error);
}

Address H2ServerStream::caller() const { return x_connection.caller(); }

void H2ServerStream::want_request_body() {
  if (x_exchange == nullptr) return;
  give_credit();
  watch();
}

// The window opens again by what went on to the other side.
void H2ServerStream::give_credit() {
  if (x_exchange == nullptr) return;
  const int64_t read = is_answered() ? x_exchange->body().size() : x_exchange->body().read();
  if (read <= x_credited) return;
  x_connection.session().consume(*this, static_cast<size_t>(read - x_credited));
  x_credited = read;
}

// ---- what the exchange answers

void H2ServerStream::send_interim(int status, std::string_view /*reason*/,
                                  const http::Fields& fields) {
  x_connection.session().submit_interim(*this, status, fields);
}

void H2ServerStream::send_head(const http::ResponseHead& head) {
  const bool asked = x_exchange->request().asks_tunnel();
  if (asked && !head.tunnel && head.status / 100 == 2) return refuse_tunnel();
  x_bodiless = head.framing == http::Framing::kNone && !head.tunnel;
  x_has_length = head.content_length > 0;
  if (!x_bodiless && head.content_length != 0) return submit(head, true);
  // Only its end tells whether trailers follow.
  x_lone_head = x_exchange->arena().make<http::ResponseHead>(head);
}

void H2ServerStream::submit(const http::ResponseHead& head, bool has_body) {
  const http::H2ResponseWriting writing{x_exchange->request().method, x_connection.context().via()};
  x_tunnel = head.tunnel;
  x_connection.session().submit_response(*this, head, writing, has_body);
}

// To a caller that asked by CONNECT any 2xx is a tunnel, so no other answer may look like one.
void H2ServerStream::refuse_tunnel() {
  const Error error = refusal(Cause::kMalformedResponse);
  Arena& arena = x_exchange->arena();
  const chain::Route* const route = x_exchange->route();
  http::ResponseHead head;
  head.status = row_of(error.cause).status;
  head.fields.add(arena, http::Name::kProxyStatus,
                  chain::proxy_status(error, route != nullptr ? route->label : "", arena));
  chain::Facts& facts = x_exchange->facts();
  facts.status = head.status;
  facts.cause = error.cause;
  facts.own_reply = true;
  x_bodiless = true;
  x_connection.session().submit_response(*this, head, {}, false);
}

void H2ServerStream::send_half_close() {
  x_half_closed = true;
  x_connection.session().resume(*this);
}

void H2ServerStream::send_body(std::string_view bytes) {
  if (x_bodiless || bytes.empty()) return;
  const bool first = !std::exchange(x_body_begun, true);
  if (first && bytes.size() <= kSmallMax) {
    x_small = x_exchange->arena().copy(bytes);
  } else {
    x_out.append(bytes);
  }
  watch();
  x_connection.session().resume(*this);
}

// The exchange lives on until the session has taken everything: then comes on_done().
void H2ServerStream::send_end(const http::Fields* trailers) {
  x_complete = true;
  x_trailers = trailers;
  if (x_session_done) return end(chain::Outcome::Kind::kDone);
  if (x_lone_head != nullptr) submit(*std::exchange(x_lone_head, nullptr), false);
  give_credit();
  x_connection.session().resume(*this);
}

void H2ServerStream::shed() {
  const Error error = refusal(Cause::kOverload);
  if (x_exchange->is_committed()) return cut_off(error);
  x_connection.context().series.overload_memory.add();
  x_exchange->fail(error);
}

// What came of the answer goes on first, as far as the caller takes some of it within write_stall;
// then nobody takes a part for the whole.
void H2ServerStream::abort(const Error& error) {
  // A body that is shorter than its head says is malformed, whatever the trailers say.
  const bool may_end = !x_bodiless && !x_has_length && !x_tunnel;
  if (x_exchange->is_grpc() && may_end) return end_with_status(error);
  if (waiting() == 0) return cut_off(error);
  x_error = x_exchange->arena().make<Error>(error);
  give_credit();
  watch();
}

void H2ServerStream::cut_off(const Error& error) {
  x_connection.session().reset(*this, code_of(error));
  end(chain::Outcome::Kind::kFailed, &error);
}

// What has come goes on, and then the caller learns in trailers what it was. Clients take the code
// of a reset for a fault of their own, or of ours, and do not connect again.
void H2ServerStream::end_with_status(const Error& error) {
  Arena& arena = x_exchange->arena();
  const chain::Route* const route = x_exchange->route();
  x_error = arena.make<Error>(error);
  x_exchange->facts().grpc_status = chain::grpc_status_of(error);
  send_end(chain::grpc_trailers(error, route != nullptr ? route->label : "", arena));
}

// The end of a connection has a code of its own (RFC 9113 section 8.5); for a WebSocket it is
// CANCEL (RFC 8441 section 5).
http::H2Code H2ServerStream::code_of(const Error& error) const {
  if (x_tunnel && x_exchange->request().upgrade.empty()) return http::H2Code::kConnectError;
  if (x_tunnel || error.cause == Cause::kTimeout) return http::H2Code::kCancel;
  if (error.h2_code > 0) return static_cast<http::H2Code>(error.h2_code);
  return http::H2Code::kInternalError;
}

void H2ServerStream::body_sent(size_t bytes) {
  if (x_small.empty()) {
    x_out.consume(bytes);
  } else {
    x_small.remove_prefix(bytes);
  }
  // A little now and then is as bad as nothing: it keeps what was read for it.
  x_taken += static_cast<int64_t>(bytes);
  const int64_t stall_ms = x_connection.context().config.timeout.write_stall_ms;
  if (waiting() == 0 || x_taken * 1'000 >= kSlowestPerS * stall_ms) x_stalling = false;
  watch();
  x_connection.note_pulled(*this);
}

void H2ServerStream::after_pull() {
  if (x_exchange == nullptr) return;
  const bool is_broken = x_error != nullptr && !x_complete;
  if (is_broken && waiting() == 0) return cut_off(*x_error);
  if (!is_broken && !is_congested()) x_exchange->on_sink_drained();
}

// ---- times

// One timer for what the caller owes: to take the answer that waits for its window, or to send more
// of its body. A gRPC caller may be silent within its stream: the deadline filter sees to it.
void H2ServerStream::watch() {
  const config::ListenerTimeout& timeout = x_connection.context().config.timeout;
  TimerWheel& timers = x_connection.context().runtime.loop.timers;
  const int64_t now_ms = x_connection.now_ms();
  // Whoever reads from a tunnel reads when it likes.
  if (x_tunnel && x_error == nullptr) return x_timer.cancel();
  if (waiting() > 0) {
    if (std::exchange(x_stalling, true)) return;
    x_taken = x_stalled_ms = 0;
    return timers.arm(x_timer, now_ms + timeout.write_stall_ms);
  }
  // Where its window has closed because nobody reads on, it owes nothing.
  const bool owes_body = !is_answered() && !x_exchange->request_complete() &&
                         !x_exchange->is_grpc() && x_exchange->body().has_room();
  if (owes_body) return timers.arm(x_timer, now_ms + timeout.body_idle_ms);
  x_timer.cancel();
}

void H2ServerStream::on_timer() {
  if (waiting() == 0 && x_exchange->request_complete()) return;
  if (waiting() == 0) {
    x_connection.context().series.slow_bodies.add();
    return x_exchange->fail(refusal(Cause::kRequestTooSlow));
  }
  on_stall();
}

void H2ServerStream::on_stall() {
  ServerContext& context = x_connection.context();
  const int64_t stall_ms = context.config.timeout.write_stall_ms;
  if (x_error != nullptr && !x_complete) {
    context.series.write_stalls.add();
    return cut_off(*x_error);
  }
  const bool first = x_stalled_ms == 0;
  x_stalled_ms += first ? stall_ms : stall_ms / kStallLooks;
  if (may_stall(context, x_connection.stream(), x_stalled_ms)) {
    if (first) x_exchange->on_sink_stalled();
    return context.runtime.loop.timers.arm(x_timer, x_connection.now_ms() + stall_ms / kStallLooks);
  }
  context.series.write_stalls.add();
  x_connection.session().reset(*this, http::H2Code::kCancel);
  end(chain::Outcome::Kind::kCallerGone);
}

void H2ServerStream::end(chain::Outcome::Kind kind, const Error* error) {
  if (x_exchange == nullptr) return;
  x_timer.cancel();
  x_connection.session().release(*this);
  ListNode<OwnedByConnection>::unlink();
  ListNode<PulledTag>::unlink();
  std::exchange(x_exchange, nullptr)->end({kind, error});
  Reaper& reaper = x_connection.context().runtime.loop.reaper;
  x_connection.note_ended();
  reaper.doom(this);
}

}  // namespace outrigger::downstream
