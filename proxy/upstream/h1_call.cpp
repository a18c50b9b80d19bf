#include "proxy/upstream/h1_call.hpp"

#include <utility>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/h1_write.hpp"
#include "proxy/upstream/match.hpp"

namespace outrigger::upstream {

H1Call::H1Call(chain::CallLeg leg, const CallSettings& settings, ConnectionPool& pool,
               EndpointLease lease, std::string_view name)
    : Attempt(leg, settings, pool.upstream(), std::move(lease), name),
      x_pool(pool),
      x_may_be_repeated(covers(settings.repeatable, settings.repeatable_grpc, leg.request())) {}

void H1Call::begin(int64_t connect_by_ms) {
  x_connect_by_ms = connect_by_ms;
  note_begun();
  acquire();
}

void H1Call::begin_on(io::StreamPtr stream, int64_t connect_by_ms) {
  if (!x_pool.has_room()) return begin(connect_by_ms);
  note_begun();
  use(x_pool.adopt(std::move(stream), PoolSlot(x_pool), tls_name()));
}

void H1Call::fail_to_connect(Cause cause) {
  note_begun();
  fail(cause, Sent::kNever);
}

// ---- getting a connection

void H1Call::acquire() {
  if (!x_leg.is_replay()) {
    if (H1Connection* idle = x_pool.take_idle(x_may_be_repeated, tls_name())) return use(*idle);
  }
  if (!x_connect_timer.is_armed()) {
    upstream().runtime.loop.timers.arm(x_connect_timer, x_connect_by_ms);
  }
  if (!x_pool.has_room()) return x_pool.wait(*this);
  x_slot.emplace(x_pool);
  // An Upgrade is of HTTP/1, whatever the endpoint speaks best.
  const bool http1 = !x_leg.request().upgrade.empty() || x_leg.exchange().facts().http1_required ||
                     is_for_proxy(x_leg, x_settings);
  const auto offer = http1 ? io::AlpnOffer::kWithoutHttp2 : io::AlpnOffer::kAll;
  x_connect = std::make_unique<Dial>(upstream(), x_pool.address(), x_pool.tls().context(),
                                     tls_name(), *this, offer);
}

std::string_view H1Call::tls_name() const {
  return x_pool.tls().is_on() ? server_name() : std::string_view();
}

void H1Call::on_pool_ready() { acquire(); }

void H1Call::on_dialled(io::StreamPtr stream, std::string_view alpn) {
  upstream().runtime.loop.reaper.doom(std::move(x_connect));
  if (alpn == "h2") {
    log_tls_failure(x_pool.address(), tls_name(), "it agrees to HTTP/2 only (ALPN)");
    x_pool.tls().forget_agreed();
    upstream().runtime.loop.reaper.doom(std::move(stream));
    x_slot.reset();
    return fail(Cause::kTlsError, Sent::kNever);
  }
  note_connected();
  H1Connection& connection = x_pool.adopt(std::move(stream), std::move(*x_slot), tls_name());
  x_slot.reset();
  use(connection);
}

void H1Call::on_dial_failed(Cause cause) {
  upstream().runtime.loop.reaper.doom(std::move(x_connect));
  x_slot.reset();
  // We are short of what a connection takes: one that is there is better than none, however old.
  if (cause == Cause::kOverload && !x_leg.is_replay()) {
    if (H1Connection* idle = x_pool.take_idle(true, tls_name())) return use(*idle);
  }
  fail(cause, Sent::kNever);
}

void H1Call::on_connect_timeout() {
  // Waiting for room in the pool is waiting for a connection, but nobody failed to answer.
  fail(x_connect != nullptr ? Cause::kConnectTimeout : Cause::kLimit, Sent::kNever);
}

void H1Call::use(H1Connection& connection) {
  x_connect_timer.cancel();
  x_connection = &connection;
  note_spoken(http::Version::kHttp11);
  connection.lend(*this);
  send_head();
  send_body();
}

// ---- sending

void H1Call::send_head() {
  std::optional<http::RequestHead> to_send = request_head();
  if (!to_send) return fail(Cause::kTimeout, Sent::kNever);
  http::RequestHead& head = *to_send;
  if (!head.upgrade.empty()) {
    x_proof.add_to(head, x_leg.exchange().arena(), upstream().runtime.loop.random);
  }
  const http::RequestWriting writing{
      .close = false, .via = {}, .to_proxy = is_for_proxy(x_leg, x_settings)};
  const size_t bound = http::request_head_bound(head, writing);
  io::Outbox& outbox = upstream().runtime.outbox;
  io::Stream& stream = x_connection->stream();
  const bool in_place = bound <= io::Outbox::kScratchBytes;
  char* const begin =
      in_place ? outbox.reserve(stream, bound) : x_leg.exchange().arena().array<char>(bound);
  const auto size = static_cast<size_t>(http::write_request_head(begin, head, writing) - begin);
  in_place ? outbox.commit(size) : outbox.append_lasting(stream, {begin, size});
  count_written(static_cast<int64_t>(size));
  x_body_sent = head.framing == http::Framing::kNone;
  x_sends_chunks = http::framing_towards_server(head) == http::Framing::kChunked;
}

void H1Call::send_body() {
  if (x_body_sent || x_over) return;
  io::Outbox& outbox = upstream().runtime.outbox;
  while (x_connection->stream().unsent() == 0) {
    const std::string_view piece = x_leg.body_ready();
    if (piece.empty()) break;
    send_body_piece(piece);
    // The piece may lie in memory that is given up once it counts as read.
    if (piece.size() >= io::Outbox::kCopyBelowBytes) outbox.flush();
    x_leg.body_consume(piece.size());
  }
  if (!x_leg.body_ended()) return;
  x_body_sent = true;
  if (!x_sends_chunks) return;
  const http::Fields* trailers = x_leg.exchange().body().trailers();
  const http::Fields none;
  const http::Fields& fields = trailers != nullptr ? *trailers : none;
  char* const begin = outbox.reserve(x_connection->stream(), http::last_chunk_bound(fields));
  const char* const end = http::write_last_chunk(begin, fields);
  outbox.commit(static_cast<size_t>(end - begin));
  count_written(end - begin);
}

void H1Call::count_written(int64_t bytes) {
  x_connection->note_written(bytes);
  upstream().series.upstream_bytes_out.add(static_cast<uint64_t>(bytes));
}

void H1Call::send_body_piece(std::string_view piece) {
  io::Outbox& outbox = upstream().runtime.outbox;
  io::Stream& stream = x_connection->stream();
  count_written(static_cast<int64_t>(piece.size()));
  if (!x_sends_chunks) return outbox.append_lasting(stream, piece);
  char* const begin = outbox.reserve(stream, http::kChunkSizeBound);
  const char* const end = http::write_chunk_size(begin, piece.size());
  outbox.commit(static_cast<size_t>(end - begin));
  outbox.append_lasting(stream, piece);
  outbox.append(stream, http::kChunkEnd);
  count_written(end - begin + static_cast<int64_t>(http::kChunkEnd.size()));
}

void H1Call::on_request_body() {
  if (x_connection == nullptr) return;
  x_tunnel ? send_through_tunnel() : send_body();
}

void H1Call::on_drained() { on_request_body(); }

// ---- ends

// Bytes behind the response belong to no request of ours.
void H1Call::finish_before(std::string_view behind) {
  if (!behind.empty()) x_reusable = false;
  finish();
}

// The response is complete. The connection is given back first: the end may bring the next request
// of the caller, which then finds it.
void H1Call::finish() {
  const http::Fields* trailers = x_reader.trailers().empty() ? nullptr : &x_reader.trailers();
  settle_end(trailers);
  give_back_connection();
  if (is_head_held()) return finish_held(trailers);
  x_over = true;
  release_endpoint();
  x_leg.push_end(x_trailers_gone ? nullptr : trailers);
}

void H1Call::give_back_connection() {
  if (x_connection == nullptr) return;
  H1Connection& connection = *std::exchange(x_connection, nullptr);
  // The last bytes may have been more than the caller takes now; the next call reads on.
  if (x_congested) connection.stream().resume_reading();
  x_pool.give_back(connection, x_reusable && x_body_sent && !x_ended, x_keep_alive_s);
}

// No message came: the answer is a head alone, and ends where it flows. Unless it is replaced.
void H1Call::finish_held(const http::Fields* trailers) {
  x_trailers_gone = true;
  release_head_with(trailers);
  upstream().runtime.driver.run();
  if (x_over) return;
  if (x_leg.is_flowing()) finish();
}

// Closed before the response head. Whether the request can have been seen is what the kernel knows
// of its bytes, and only where the end was a clean one.
void H1Call::fail_closed(bool clean) {
  if (x_any_byte) return fail(Cause::kResponseIncomplete);
  const auto acked = x_connection->stream().bytes_acked();
  if (clean && acked && static_cast<int64_t>(*acked) <= x_connection->written_before()) {
    return fail(Cause::kReset, Sent::kNeverFree);
  }
  fail(Cause::kReset, x_connection->is_reused() ? Sent::kReusedDied : Sent::kMaybe);
}

void H1Call::fail(Cause cause, Sent sent) {
  if (x_over) return;
  x_over = true;
  const Error error = settle_failure(cause, sent);
  drop_connection();
  x_leg.deliver_error(error);
}

int64_t H1Call::kernel_bytes() const {
  return x_connection != nullptr ? x_connection->stream().kernel_bytes() : 0;
}

void H1Call::cancel() noexcept {
  if (!std::exchange(x_over, true)) settle_cancelled();
  // The other end of a tunnel must not take a part for the whole.
  if (x_tunnel && x_connection != nullptr) x_connection->stream().abort();
  drop_connection();
}

void H1Call::drop_connection() {
  x_connect_timer.cancel();
  ListNode<>::unlink();
  if (x_connect != nullptr) upstream().runtime.loop.reaper.doom(std::move(x_connect));
  x_slot.reset();
  if (x_connection != nullptr) x_pool.close(*std::exchange(x_connection, nullptr));
  release_endpoint();
}

}  // namespace outrigger::upstream
