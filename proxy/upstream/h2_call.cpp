#include "proxy/upstream/h2_call.hpp"

#include <utility>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/h2_map.hpp"
#include "proxy/http/websocket.hpp"

namespace outrigger::upstream {
namespace {

// What an extended CONNECT asks for in place of an Upgrade. Empty: it has no room for this request,
// which then goes as one that asks for nothing else (RFC 9110 section 7.8).
std::string_view protocol_of(const http::RequestHead& request) {
  const bool bodiless = request.framing == http::Framing::kNone ||
                        (request.framing == http::Framing::kLength && request.content_length == 0);
  const bool fits = request.method == http::Method::kGet && bodiless;
  return fits ? http::h2_protocol_of(request.upgrade) : std::string_view();
}

}  // namespace

H2Call::H2Call(chain::CallLeg leg, const CallSettings& settings, H2Pool& pool, EndpointLease lease,
               std::string_view name)
    : Attempt(leg, settings, pool.upstream(), std::move(lease), name),
      x_pool(pool),
      x_protocol(protocol_of(leg.request())),
      x_tunnel(x_protocol.empty() ? Tunnel::kNone : Tunnel::kAsked) {}

// ---- getting a stream

void H2Call::begin(int64_t connect_by_ms) {
  note_begun();
  constexpr int64_t kNsPerMs = 1'000'000;
  // What died with its connection may meet no other one that lay idle.
  if (x_leg.is_replay()) x_opened_since_ms = x_leg.exchange().facts().start_ns / kNsPerMs;
  const H2Pool::Offer offer = x_pool.offer(*this);
  if (offer.connection != nullptr) return use(*offer.connection);
  if (offer.refused) return fail(Cause::kRefusedStream, Sent::kNever);
  upstream().runtime.loop.timers.arm(x_connect_timer, connect_by_ms);
  x_pool.wait(*this);
}

// One connection is enough for many calls.
void H2Call::begin_on(io::StreamPtr stream, int64_t connect_by_ms) {
  if (x_pool.is_empty()) x_pool.adopt(std::move(stream), {});
  begin(connect_by_ms);
}

void H2Call::fail_to_connect(Cause cause) {
  note_begun();
  fail(cause, Sent::kNever);
}

void H2Call::on_connect_timeout() {
  // Waiting for a free stream is waiting for a connection, but nobody failed to answer.
  const bool unanswered = x_pool.is_connecting() || x_pool.offer(*this).pending;
  const Cause cause = unanswered ? Cause::kConnectTimeout : Cause::kLimit;
  fail(cause, Sent::kNever);
  x_pool.on_waiter_timed_out(x_settings.connect_timeout_ms);
}

void H2Call::use(H2Connection& connection) {
  if (x_connect_timer.is_armed()) note_connected();
  x_connect_timer.cancel();
  x_connection = &connection;
  note_spoken(http::Version::kHttp2);
  x_reused = connection.note_call();
  std::optional<http::RequestHead> to_send = request_head();
  if (!to_send) return fail(Cause::kTimeout, Sent::kNever);
  http::RequestHead& head = *to_send;
  head.upgrade = x_protocol;
  if (wants_tunnel()) head.framing = http::Framing::kNone;
  // Behind a length of 0 there may still be trailers.
  const bool ends_here = x_leg.body_ended() && trailers_out() == nullptr;
  const bool has_body =
      wants_tunnel() ||
      (head.framing != http::Framing::kNone &&
       (head.content_length > 0 || !ends_here || head.framing == http::Framing::kChunked));
  const http::H2RequestWriting writing{
      .authority = head.authority, .scheme = x_pool.tls().is_on() ? "https" : "http", .via = {}};
  if (!connection.session().submit_request(*this, head, writing, has_body)) {
    fail(Cause::kRefusedStream, Sent::kNeverFree);
  }
}

// ---- the request

void H2Call::on_request_body() {
  if (x_connection != nullptr) x_connection->session().resume(*this);
}

std::string_view H2Call::body_ready() {
  const bool flows = x_tunnel == Tunnel::kNone || x_tunnel == Tunnel::kOpen;
  return flows ? x_leg.body_ready() : std::string_view();
}

bool H2Call::body_ended() const {
  const bool flows = x_tunnel == Tunnel::kNone || x_tunnel == Tunnel::kOpen;
  return flows ? x_leg.body_ended() : x_tunnel == Tunnel::kRefused;
}

const http::Fields* H2Call::trailers_out() const {
  return wants_tunnel() ? nullptr : x_leg.exchange().body().trailers();
}

// ---- the answer

Arena& H2Call::arena() { return x_leg.exchange().arena(); }

void H2Call::on_response(http::ResponseHead& head) {
  if (head.status < 200 && !head.tunnel) {
    if (!take_interim()) return fail(Cause::kMalformedResponse, Sent::kMaybe);
    return x_leg.deliver_interim(head.status, {}, head.fields);
  }
  x_head_read = true;
  auto& kept = *arena().make<http::ResponseHead>(head);
  if (x_tunnel == Tunnel::kAsked) answer_tunnel(kept);
  deliver_head(kept);
  upstream().runtime.driver.run();
}

// RFC 8441 section 5. What was sent ahead of another answer goes nowhere.
void H2Call::answer_tunnel(http::ResponseHead& head) {
  x_tunnel = head.tunnel ? Tunnel::kAccepted : Tunnel::kRefused;
  if (!head.tunnel) return x_connection->session().resume(*this);
  head.upgrade = x_protocol;
  http::prove_websocket(x_leg.request(), head, arena());
}

void H2Call::on_flow() {
  if (x_tunnel == Tunnel::kAccepted) {
    x_tunnel = Tunnel::kOpen;
    on_request_body();
  }
  push_held();
}

void H2Call::on_data(std::string_view bytes) {
  settle_body();
  if (is_head_held()) {
    release_head();
    upstream().runtime.driver.run();
    if (x_over) return;
  }
  if (!x_held.empty() || !may_push()) return x_held.append(bytes);
  x_owed += bytes.size();
  x_leg.push_body(bytes);
  if (!x_over) consume_owed();
}

// What was pushed has gone on when the caller's side is not full.
void H2Call::consume_owed() {
  if (x_congested || x_owed == 0 || x_connection == nullptr) return;
  x_connection->session().consume(*this, std::exchange(x_owed, size_t{0}));
}

void H2Call::on_congestion(bool congested) {
  x_congested = congested;
  if (!congested) push_held();
}

void H2Call::push_held() {
  if (x_over || std::exchange(x_pushing, true)) return;
  while (!x_over && may_push() && !x_held.empty()) {
    const size_t size = x_held.size();
    x_owed += size;
    x_leg.push_body(x_held.view());
    // What went on its way may still point into the buffer.
    upstream().runtime.outbox.flush();
    x_held.consume(size);
  }
  x_pushing = false;
  if (x_over) return;
  consume_owed();
  finish_if_complete();
}

void H2Call::on_end(const http::Fields* trailers) {
  x_peer_done = true;
  if (is_tunnel()) return finish_if_complete();
  x_trailers = trailers;
  // The rest of the request is of no use any more (RFC 9113 section 8.1), be it only its end, which
  // a shut window may hold up for ever.
  if (!is_all_sent()) x_done = true;
  settle_end(trailers);
  if (is_head_held()) {
    // No message came: the answer is a head alone. Unless it is replaced.
    x_trailers = nullptr;
    release_head_with(trailers);
    upstream().runtime.driver.run();
    if (x_over) return;
  }
  finish_if_complete();
}

void H2Call::on_done() {
  // It takes no more of what the caller has to say.
  if (is_tunnel() && !body_ended()) return fail(Cause::kReset, Sent::kMaybe);
  x_done = true;
  // What is held may outlive the connection.
  leave();
  finish_if_complete();
}

void H2Call::finish_if_complete() {
  if (!x_peer_done || !x_held.empty() || !x_leg.is_flowing()) return;
  if (!x_done) {
    if (is_tunnel() && !std::exchange(x_half_closed, true)) x_leg.push_half_close();
    return;
  }
  x_over = true;
  drop();
  x_leg.push_end(x_trailers);
}

// ---- ends

void H2Call::on_closed(const http::H2Close& close) {
  if (is_tunnel()) return fail(Cause::kReset, Sent::kMaybe);
  if (x_peer_done) return on_done();  // all of the answer is here
  const http::H2Code theirs = close.by_peer ? close.code : http::H2Code::kNoError;
  // gRPC servers reset what has taken too long, often in the moment in which our own timer is due.
  if (theirs == http::H2Code::kCancel && chain::is_carried_deadline_over(x_leg.exchange())) {
    return fail_late();
  }
  if (x_head_read) return fail(Cause::kResponseIncomplete, Sent::kMaybe, theirs);
  const bool unseen = close.sent == Sent::kNeverFree && x_connection->wants_http1();
  if (unseen || (close.by_peer && close.code == http::H2Code::kHttp11Required)) {
    // Whoever tries again finds that noted, so this does not come twice.
    x_leg.exchange().facts().http1_required = true;
    return fail(Cause::kRefusedStream, Sent::kNeverFree);
  }
  fail(close.cause, sent_of(close));
}

// A connection that was lost before the peer said a word is as one that failed to open.
Sent H2Call::sent_of(const http::H2Close& close) const {
  if (!x_connection->is_lost()) return close.sent;
  const bool spoke = x_connection->session().is_settled();
  if (close.sent == Sent::kNeverFree) return spoke ? close.sent : Sent::kNever;
  return spoke && x_reused && close.sent == Sent::kMaybe ? Sent::kReusedDied : close.sent;
}

void H2Call::fail(Cause cause, Sent sent, http::H2Code code) {
  if (std::exchange(x_over, true)) return;
  const Error error = settle_failure(cause, sent, code);
  drop();
  x_leg.deliver_error(error);
}

void H2Call::fail_late() {
  if (std::exchange(x_over, true)) return;
  const Error error = settle_late();
  drop();
  x_leg.deliver_error(error);
}

void H2Call::cancel() noexcept {
  if (!std::exchange(x_over, true)) settle_cancelled();
  drop();
}

void H2Call::drop() {
  x_connect_timer.cancel();
  if (ListNode<>::is_linked()) {
    ListNode<>::unlink();
    x_pool.on_waiter_left();
  }
  leave();
  release_endpoint();
}

void H2Call::leave() {
  if (x_connection == nullptr) return;
  H2Connection& connection = *std::exchange(x_connection, nullptr);
  connection.session().release(*this);
  connection.note_call_over();
}

}  // namespace outrigger::upstream
