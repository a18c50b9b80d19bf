#include "proxy/upstream/h2_connection.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/http/h2_send.hpp"
#include "proxy/upstream/h2_pool.hpp"

namespace outrigger::upstream {
namespace {

constexpr uint64_t kWindowMax = 64 * 1024 * 1024;
constexpr uint32_t kFrameBytes = 16 * 1024;  // the most that a peer may put into one frame

http::H2Limits limits_of(const H2Pool& pool) {
  http::H2Limits limits;
  limits.streams = static_cast<uint32_t>(pool.settings().streams);
  limits.streams_assumed = pool.streams_assumed();
  limits.flood = pool.upstream().flood;
  limits.head.head_bytes = pool.head_bytes();
  const auto frames = limits.head.head_bytes / kFrameBytes + 1;
  limits.flood.continuations = std::max(limits.flood.continuations, frames);
  // The calls are of different callers: answers that some do not take may not stop the others'.
  limits.connection_window_bytes = static_cast<uint32_t>(
      std::min(uint64_t{limits.streams} * limits.stream_window_bytes, kWindowMax));
  return limits;
}

}  // namespace

H2Connection::H2Connection(H2Pool& pool, io::StreamPtr stream, std::string_view server_name,
                           int64_t expires_ms)
    : x_pool(pool),
      x_stream(std::move(stream)),
      x_server_name(server_name),
      x_session(http::H2Role::kClient, limits_of(pool), pool.upstream().runtime.loop.clock, *this),
      x_opened_ms(now_ms()),
      x_expires_ms(expires_ms),
      x_heard_ms(now_ms()) {}

void H2Connection::start() {
  x_stream->bound_unacked(kUnackedMaxMs);
  x_stream->start(*this);
  on_want_write();  // our preface and SETTINGS
}

int64_t H2Connection::now_ms() const { return x_pool.upstream().now_ms(); }

bool H2Connection::is_good(int64_t now_ms) const {
  return !x_dead && !x_lost && !x_failed && !x_finishing && now_ms < x_expires_ms &&
         !x_session.is_closing();
}

std::optional<bool> H2Connection::takes_tunnels() const {
  return x_session.is_settled() ? std::optional(x_session.takes_tunnels()) : std::nullopt;
}

bool H2Connection::note_call() {
  x_idle_since_ms = 0;
  // Silence while nobody waited says nothing.
  if (x_session.streams_open() == 0) x_heard_ms = now_ms();
  return x_calls++ > 0;
}

// May come from within an event of the session, so what follows from it waits for the late write.
void H2Connection::note_call_over() {
  if (x_dead) return;
  on_want_write();
  x_pool.serve_waiters();
}

// ---- events

void H2Connection::on_read(std::string_view bytes) {
  x_pool.upstream().series.upstream_bytes_in.add(bytes.size());
  if (x_dead || x_failed) return;
  x_heard_ms = now_ms();
  x_pinged = false;
  x_failed = !x_session.receive(bytes);
  x_pool.upstream().runtime.driver.run();
  if (x_failed && !x_dead) on_want_write();
  if (!x_dead) settle();
}

void H2Connection::on_goaway(int32_t /*last_stream_id*/, http::H2Code code) {
  x_wants_http1 |= code == http::H2Code::kHttp11Required;
  on_want_write();
}

void H2Connection::on_settings() {
  if (x_dead) return;
  x_pool.on_settings(x_session.streams_max());
}

void H2Connection::on_fault(http::Http2Fault reason, std::string_view text) {
  x_pool.upstream().series.upstream_http2_faults[static_cast<size_t>(reason)].add();
  log::repeated(log::Level::kWarning, "http2 connection to an upstream ended",
                {{"endpoint", x_pool.address().to_string()}, {"why", text}});
}

void H2Connection::on_want_write() {
  if (!x_dead) x_pool.upstream().runtime.outbox.write_later(*this);
}

void H2Connection::write_late() {
  const size_t size = http::send_pending(x_session, *x_stream, x_pool.upstream().runtime.outbox);
  x_pool.upstream().series.upstream_bytes_out.add(size);
  if (x_dead) return;
  const bool all_sent = x_stream->unsent() == 0 && !x_session.wants_write();
  if (all_sent && (x_failed || x_session.is_over())) return lose();
  settle();
}

// ---- times and ends

bool H2Connection::is_idle() const {
  return x_session.streams_open() == 0 && !x_pool.awaits(*this);
}

// Idle: until pool.idle. With calls: until it has been silent for too long.
void H2Connection::settle() {
  const bool idle = is_idle();
  if (idle && (x_finishing || x_session.is_closing() || now_ms() >= x_expires_ms)) return finish();
  TimerWheel& timers = x_pool.upstream().runtime.loop.timers;
  if (!idle) {
    x_idle_since_ms = 0;
    return timers.arm(x_timer, x_heard_ms + kPingAfterMs + (x_pinged ? kPingAnswerMs : 0));
  }
  const int64_t idle_ms = x_pool.settings().idle_ms.value_or(0);
  // What the peer says meanwhile does not prolong it.
  if (x_idle_since_ms == 0) x_idle_since_ms = now_ms();
  timers.arm(x_timer, std::min(x_idle_since_ms + idle_ms, x_expires_ms));
}

void H2Connection::on_timer() {
  if (is_idle()) return x_finish_by_ms > 0 ? lose() : finish();
  if (now_ms() < x_heard_ms + kPingAfterMs) return settle();
  if (std::exchange(x_pinged, true)) return lose();
  x_session.ping();
  settle();
}

void H2Connection::finish() {
  if (x_dead) return;
  x_finishing = true;
  // Requests that have not gone out yet may not follow a GOAWAY.
  if (x_session.streams_open() > 0) return;
  if (!x_session.is_closing()) x_session.submit_goaway(http::H2Code::kNoError);
  if (x_lost) return;
  // The GOAWAY goes out first, and before it what is left of a tunnel whose stream is over.
  if (x_stream->unsent() > 0) return wait_for_last_bytes();
  if (x_session.wants_write()) return on_want_write();
  lose();
}

// As long as for the answer to a PING.
void H2Connection::wait_for_last_bytes() {
  if (x_finish_by_ms == 0) x_finish_by_ms = now_ms() + kPingAnswerMs;
  x_pool.upstream().runtime.loop.timers.arm(x_timer, x_finish_by_ms);
}

void H2Connection::lose() {
  if (x_dead || std::exchange(x_lost, true)) return;
  x_session.lose(Cause::kReset);
  x_pool.upstream().runtime.driver.run();
  x_pool.close(*this);
}

void H2Connection::die() {
  x_dead = true;
  x_timer.cancel();
  io::LateWriter::unlink();
  x_pool.upstream().runtime.outbox.forget(*x_stream);
  if (!std::exchange(x_lost, true)) x_session.lose(Cause::kReset);
  x_stream->finish();
}

}  // namespace outrigger::upstream
