#include "proxy/downstream/h2_connection.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/chain/request_body.hpp"
#include "proxy/downstream/patience.hpp"
#include "proxy/http/h2_send.hpp"
#include "proxy/http/linger.hpp"

namespace outrigger::downstream {
namespace {

// What was read of a body counts when more of it comes, or when it had been too much; and nghttp2
// speaks of half a window at a time.
static_assert(http::H2Limits().stream_window_bytes > 2 * chain::RequestBody::kUnreadMax);
constexpr uint64_t kWindowMax = 64 * 1024 * 1024;
constexpr size_t kPieceMin = 256;
constexpr size_t kPieceMax = 16 * 1024;
constexpr int64_t kLingerMs = 1'000;
// What nghttp2 keeps for a session at rest.
constexpr int64_t kSessionBytes = 12 * 1024;
// For requests that crossed the first GOAWAY (RFC 9113 section 6.8).
constexpr int64_t kShutdownMs = 1'000;

http::H2Limits limits_of(const ServerContext& context) {
  http::H2Limits limits;
  limits.head = context.head_limits();
  limits.streams = static_cast<uint32_t>(context.config.limits.streams);
  limits.tunnels = context.tunnels;
  // Bodies that some upstreams do not take may not stop the others.
  limits.connection_window_bytes = static_cast<uint32_t>(
      std::min(uint64_t{limits.streams} * limits.stream_window_bytes, kWindowMax));
  limits.flood = http::H2Flood(context.config.flood);
  return limits;
}

}  // namespace

H2Connection::H2Connection(ServerContext& context, Arrival arrival, io::StreamPtr stream)
    : Connection(context, std::move(arrival)),
      x_stream(std::move(stream)),
      x_session(http::H2Role::kServer, limits_of(context), context.runtime.loop.clock, *this) {
  context.series.downstream_http2.add(1);
}

H2Connection::~H2Connection() {
  on_full(false);
  x_context.series.downstream_http2.add(-1);
}

void H2Connection::start() {
  x_stream->start(*this);
  x_context.series.detect_http2.add();
  on_want_write();  // our SETTINGS
  settle();
}

// ---- events

void H2Connection::on_read(std::string_view bytes) {
  x_context.series.downstream_bytes_in.add(bytes.size());
  take(bytes);
}

// About as many requests as one connection may begin in a turn; then others have theirs. Bodies are
// read in larger pieces than requests.
void H2Connection::take(std::string_view bytes) {
  if (x_closing || x_failed) return;
  x_begun = 0;
  size_t piece = kPieceMin;
  while (!bytes.empty() && !x_failed && x_begun < x_context.config.limits.requests_per_turn) {
    const int64_t begun = x_begun;
    x_failed = !x_session.receive(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    piece = x_begun == begun ? std::min(piece * 4, kPieceMax) : kPieceMin;
  }
  if (!bytes.empty() && !x_failed) {
    x_rest.append(bytes);
    x_stream->pause_reading();
    x_context.runtime.loop.timers.arm(x_turn_timer, now_ms());
  }
  x_context.runtime.driver.run();
  if (!is_over()) settle();
}

void H2Connection::on_next_turn() {
  // What is made of it may point into it until the turn ends.
  x_taking = std::exchange(x_rest, Buffer());
  x_stream->resume_reading();
  take(x_taking.view());
}

// Callers that close after their last request wait for nothing more: RFC 9113 knows no half-closed
// connection.
void H2Connection::on_end() {
  x_ended = true;
  if (x_closing && x_stream->unsent() == 0) return end_if_done();
  lose_caller();
}

// What we sent as a caller closed makes its kernel reset the connection.
void H2Connection::on_broken() {
  x_ended = true;
  x_context.runtime.outbox.forget(*x_stream);
  x_stream->abort();
  lose_caller();
}

void H2Connection::on_drained() {
  if (x_closing) return wait_for(next_wait());
  x_context.runtime.outbox.write_later(*this);
}

void H2Connection::on_fault(http::Http2Fault reason, std::string_view text) {
  x_context.series.downstream_http2_faults[static_cast<size_t>(reason)].add();
  log::repeated(log::Level::kWarning, "http2 connection of a caller ended",
                {{"why", text}, {"listener", x_context.config.name}});
}

// Callers keep to the limit, and what they would like to open waits on their side without a word.
void H2Connection::on_full(bool full) {
  if (std::exchange(x_full, full) == full) return;
  x_context.counts.full_connections.fetch_add(full ? 1 : -1, std::memory_order_relaxed);
  if (!full) return;
  log::repeated(log::Level::kWarning, "a caller has limits.streams requests open, more must wait",
                {{"listener", x_context.config.name}});
}

http::H2Stream* H2Connection::on_new_stream() {
  ++x_begun;
  auto* stream = new H2ServerStream(*this);
  x_streams.push_back(*stream);
  return stream;
}

// ---- writing

void H2Connection::write_late() {
  const size_t size = http::send_pending(x_session, *x_stream, x_context.runtime.outbox);
  x_context.series.downstream_bytes_out.add(size);
  x_written += size;
  while (!x_pulled.empty()) x_pulled.pop_front().after_pull();
  if (!is_over()) settle();
}

void H2Connection::note_pulled(H2ServerStream& stream) {
  if (!stream.ListNode<PulledTag>::is_linked()) x_pulled.push_back(stream);
}

void H2Connection::note_ended() {
  if (is_over() || !x_streams.empty()) return;
  if (!x_closing) return on_want_write();
  end_if_done();
  if (!is_over()) settle();
}

// ---- what comes next

void H2Connection::settle() {
  const bool nothing_to_send = x_stream->unsent() == 0 && !x_session.wants_write();
  if ((x_failed || x_session.is_over()) && nothing_to_send) begin_close();
  if (is_over()) return;
  if (x_stream->unsent() > 0 && !x_write_timer.is_armed()) watch_writing();
  const Wait next = next_wait();
  if (next != x_wait) wait_for(next);
}

H2Connection::Wait H2Connection::next_wait() {
  if (x_closing) return x_streams.empty() ? Wait::kClose : Wait::kNothing;
  if (x_shutting && !x_session.is_closing()) return Wait::kShutdown;
  if (!x_session.is_settled() || !x_session.is_acknowledged()) return Wait::kSettings;
  if (x_streams.empty()) return Wait::kRequest;
  return x_streams.back().has_head() ? Wait::kNothing : Wait::kHead;
}

void H2Connection::wait_for(Wait wait) {
  x_wait = wait;
  const config::ListenerTimeout& timeout = x_context.config.timeout;
  int64_t after_ms = 0;
  switch (wait) {
    case Wait::kNothing:
      return x_timer.cancel();
    case Wait::kSettings:
    case Wait::kHead:
      after_ms = timeout.head_ms;
      break;
    case Wait::kRequest:
      after_ms = timeout.keepalive_ms;
      break;
    case Wait::kShutdown:
      after_ms = kShutdownMs;
      break;
    case Wait::kClose:
      if (x_stream->unsent() > 0) return x_timer.cancel();
      after_ms = kLingerMs;
      break;
  }
  x_context.runtime.loop.timers.arm(x_timer, now_ms() + after_ms);
}

void H2Connection::on_timer() {
  switch (std::exchange(x_wait, Wait::kNothing)) {
    case Wait::kNothing:
      return;
    case Wait::kSettings:
      x_context.series.slow_heads.add();
      x_session.terminate(http::H2Code::kSettingsTimeout);
      break;
    case Wait::kHead:
      x_context.series.slow_heads.add();
      x_session.terminate(http::H2Code::kEnhanceYourCalm);
      break;
    case Wait::kRequest:
    case Wait::kShutdown:
      x_session.submit_goaway(http::H2Code::kNoError);
      break;
    case Wait::kClose:
      end(chain::Outcome::Kind::kDone);
      return;
  }
  settle();
}

void H2Connection::on_rest() {
  if (x_rest_timer.is_armed()) return;
  x_context.runtime.loop.timers.arm(x_rest_timer, now_ms() + http::Linger::kSilenceMs);
}

void H2Connection::end_rests() {
  const int64_t next_ms = x_session.end_rests();
  if (next_ms > 0) x_context.runtime.loop.timers.arm(x_rest_timer, now_ms() + next_ms);
}

void H2Connection::watch_writing() {
  x_taken = x_written - x_stream->unsent();
  x_stalled_ms = 0;
  x_context.runtime.loop.timers.arm(x_write_timer,
                                    now_ms() + x_context.config.timeout.write_stall_ms);
}

void H2Connection::on_write_timer() {
  const size_t unsent = x_stream->unsent();
  if (unsent == 0) return;
  if (x_written - unsent != x_taken) return watch_writing();
  const int64_t stall_ms = x_context.config.timeout.write_stall_ms;
  const int64_t look_ms = stall_ms / kStallLooks;
  x_stalled_ms += x_stalled_ms == 0 ? stall_ms : look_ms;
  if (may_stall(x_context, *x_stream, x_stalled_ms)) {
    return x_context.runtime.loop.timers.arm(x_write_timer, now_ms() + look_ms);
  }
  x_context.series.write_stalls.add();
  x_stream->abort();
  end(chain::Outcome::Kind::kCallerGone);
}

// ---- ends

// Twice (RFC 9113 section 6.8): requests that are on their way when the first one goes out are
// still served, those that come after the second are not begun.
void H2Connection::close_if_idle() {
  if (x_closing || std::exchange(x_shutting, true)) return;
  x_session.submit_shutdown_notice();
  settle();
}

int H2Connection::reset() {
  x_stream->abort();
  return end(chain::Outcome::Kind::kDropped);
}

H2ServerStream* H2Connection::largest_stream() {
  H2ServerStream* largest = nullptr;
  x_streams.for_each([&](H2ServerStream& stream) {
    if (largest == nullptr || stream.held_bytes() > largest->held_bytes()) largest = &stream;
  });
  return largest;
}

Holding H2Connection::holding() {
  Holding holding;
  if (tls() != nullptr) holding.bytes += Holding::kTlsBytes;
  if (H2ServerStream* const largest = largest_stream()) {
    holding.kind = Holding::Kind::kCalls;
    holding.bytes = largest->held_bytes();
  } else {
    holding.bytes += kSessionBytes + static_cast<int64_t>(x_rest.size() + x_stream->unsent());
    holding.since_ms = x_timer.deadline_ms() - x_context.config.timeout.keepalive_ms;
  }
  return holding;
}

int64_t H2Connection::kernel_bytes() {
  H2ServerStream* const largest = largest_stream();
  return largest != nullptr ? largest->kernel_bytes() : 0;
}

// The other calls of the connection go on.
void H2Connection::shed() {
  H2ServerStream* const largest = largest_stream();
  if (largest == nullptr) {
    reset();
  } else {
    largest->shed();
  }
}

void H2Connection::begin_close() {
  if (x_closing) return;
  x_closing = true;
  x_stream->finish();
  x_session.lose(Cause::kReset);
  end_if_done();
}

void H2Connection::end_if_done() {
  if (!x_ended || x_stream->unsent() > 0 || !x_streams.empty()) return;
  end(chain::Outcome::Kind::kDone);
}

// Tunnels that are over for the caller still have their last bytes on the way to the upstream.
void H2Connection::lose_caller() {
  List<H2ServerStream, OwnedByConnection> gone;
  List<H2ServerStream, OwnedByConnection> left;
  while (!x_streams.empty()) {
    H2ServerStream& stream = x_streams.pop_front();
    (stream.outlives_caller() ? left : gone).push_back(stream);
  }
  x_streams.splice_back(left);
  while (!gone.empty()) gone.front().end(chain::Outcome::Kind::kCallerGone);
  if (is_over()) return;
  if (!x_streams.empty()) return begin_close();
  end(chain::Outcome::Kind::kCallerGone);
}

int H2Connection::end(chain::Outcome::Kind kind) {
  if (is_over()) return 0;
  Reaper& reaper = x_context.runtime.loop.reaper;
  x_context.runtime.outbox.forget(*x_stream);
  reaper.doom(std::move(x_stream));
  int calls = 0;
  while (!x_streams.empty()) {
    x_streams.front().end(kind);
    ++calls;
  }
  x_timer.cancel();
  x_turn_timer.cancel();
  x_rest_timer.cancel();
  x_write_timer.cancel();
  io::LateWriter::unlink();
  ListNode<OwnedByAcceptor>::unlink();
  reaper.doom(this);
  return calls;
}

}  // namespace outrigger::downstream
