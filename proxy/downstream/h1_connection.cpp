#include "proxy/downstream/h1_connection.hpp"

#include <algorithm>

#include "proxy/chain/driver.hpp"
#include "proxy/downstream/patience.hpp"

namespace outrigger::downstream {
namespace {

constexpr int64_t kLookMs = 1'000;
// So long a caller that owes nothing has to end its side, once we have ended ours.
constexpr int64_t kEndMs = 1'000;
// What may come behind the last request, before its answer is complete, and is dropped.
constexpr size_t kDiscardMax = 64 * 1024;

}  // namespace

H1Connection::H1Connection(ServerContext& context, Arrival arrival, io::StreamPtr stream)
    : Connection(context, std::move(arrival)), x_stream(std::move(stream)) {
  context.series.downstream_http1.add(1);
}

H1Connection::~H1Connection() { x_context.series.downstream_http1.add(-1); }

void H1Connection::start() {
  x_stream->start(*this);
  settle();
}

// ---- events of the stream

void H1Connection::on_read(std::string_view bytes) {
  x_context.series.downstream_bytes_in.add(bytes.size());
  x_begun = 0;
  x_owes = x_owes || x_closing;
  // Only these times restart on every byte.
  const bool anew = x_wait == Wait::kBody || x_wait == Wait::kRest || x_wait == Wait::kClose;
  if (anew) x_wait = Wait::kNothing;
  if (x_buffer.empty()) {
    x_taking = true;
    const std::string_view rest = take(bytes);
    x_taking = false;
    if (!is_over()) keep(rest);
  } else {
    keep(bytes);
    take_buffered();
  }
  settle();
}

// An end while the answer is pending means that the caller has left, unless it said that this was
// its last request, or a tunnel is open: there each way ends by itself, also before the answer.
void H1Connection::on_end() {
  x_ended = true;
  if (x_held) take_buffered();
  if (is_over()) return;
  if (x_body != nullptr) {
    fail_body(Cause::kMalformedRequest);
  } else if (x_tunnel_open || (x_tunnel && x_half_closes)) {
    x_exchange->finish_request(nullptr);
  } else if (x_exchange != nullptr) {
    if (!x_half_closes) return end(chain::Outcome::Kind::kCallerGone);
  } else {
    begin_close();
  }
  settle();
}

void H1Connection::on_broken() { end(chain::Outcome::Kind::kCallerGone); }

void H1Connection::on_drained() {
  if (x_closing) {
    if (x_ended) return end(chain::Outcome::Kind::kDone);
    wait_for(Wait::kClose);
    return;
  }
  if (x_exchange != nullptr) x_exchange->on_sink_drained();
  if (x_exchange == nullptr) take_buffered();
  settle();
}

// ---- timers

void H1Connection::on_timer() {
  switch (x_wait) {
    case Wait::kNothing:
      return;
    case Wait::kRest:
      x_owes = true;
      [[fallthrough]];
    case Wait::kRequest:
      begin_close();
      break;
    case Wait::kHead:
      x_context.series.slow_heads.add();
      refuse(nullptr, Cause::kRequestTooSlow);
      break;
    case Wait::kBody:
      x_context.series.slow_bodies.add();
      fail_body(Cause::kRequestTooSlow);
      break;
    case Wait::kNextTurn:
      x_begun = 0;
      x_wait = Wait::kNothing;
      take_buffered();
      break;
    case Wait::kPaused:
      return look_if_broken();
    case Wait::kClose:
      return end(chain::Outcome::Kind::kDone);
  }
  settle();
}

void H1Connection::look_if_broken() {
  if (x_stream->is_broken()) return on_broken();
  runtime().loop.timers.arm(x_timer, now_ms() + kLookMs);
}

// Armed by the first write and at rest when nothing is unsent, so a connection that gets rid of its
// answers pays for it once in a while only.
void H1Connection::on_write_timer() {
  const size_t unsent = x_stream->unsent();
  if (unsent == 0) return;
  const uint32_t taken = x_written - static_cast<uint32_t>(unsent);
  // Whoever reads from a tunnel reads when it likes.
  const bool stalls = taken == x_taken && !x_tunnel_open;
  x_idle_writes = stalls ? static_cast<uint16_t>(x_idle_writes + 1) : uint16_t{0};
  x_taken = taken;
  const int64_t look_ms = x_context.config.timeout.write_stall_ms / kStallLooks;
  if (x_idle_writes >= kStallLooks && !may_stall(x_context, *x_stream, x_idle_writes * look_ms)) {
    x_context.series.write_stalls.add();
    return abort(chain::Outcome::Kind::kCallerGone);
  }
  if (x_idle_writes == kStallLooks && x_exchange != nullptr) x_exchange->on_sink_stalled();
  runtime().loop.timers.arm(x_write_timer, now_ms() + look_ms);
}

// ---- what comes next

// A caller that does not take its answers gets no new ones; one that sends many requests at once
// lets others have their turn.
bool H1Connection::may_begin() const {
  return x_exchange == nullptr && x_stream->unsent() == 0 &&
         x_begun < x_context.config.limits.requests_per_turn;
}

bool H1Connection::reads_on() const {
  if (x_closing) return true;
  if (x_body != nullptr || x_tunnel) return x_exchange->body().has_room();
  if (x_last && !x_upgrading) return x_linger.bytes() < kDiscardMax;
  if (may_begin()) return true;
  // One more read may follow: at most a head and a read buffer wait here.
  const config::ListenerLimits& limits = x_context.config.limits;
  return x_buffer.size() < static_cast<size_t>(limits.header_bytes) && x_heads < limits.pipelined;
}

void H1Connection::settle() {
  if (is_over()) return;
  const bool reads = reads_on();
  if (reads != x_reading) {
    x_reading = reads;
    reads ? x_stream->resume_reading() : x_stream->pause_reading();
  }
  const Wait next = next_wait();
  if (next != x_wait) wait_for(next);
}

H1Connection::Wait H1Connection::next_wait() const {
  if (x_closing) return Wait::kClose;
  const bool turn_is_over =
      x_exchange == nullptr && x_begun >= x_context.config.limits.requests_per_turn;
  if (x_held || turn_is_over) return Wait::kNextTurn;
  if (!x_reading) return Wait::kPaused;
  if (x_body != nullptr) return Wait::kBody;
  if (x_exchange != nullptr) return Wait::kNothing;
  if (x_skip > 0 || x_rest != nullptr) return Wait::kRest;
  if (!may_begin()) return Wait::kNothing;
  return x_head_end.began() ? Wait::kHead : Wait::kRequest;
}

void H1Connection::wait_for(Wait wait) {
  x_wait = wait;
  const config::ListenerTimeout& timeout = x_context.config.timeout;
  int64_t after_ms = 0;
  switch (wait) {
    case Wait::kNothing:
      // Left armed: the next deadline is mostly a later one, and moving it is one store.
      return;
    case Wait::kRequest:
      after_ms = timeout.keepalive_ms;
      break;
    case Wait::kHead:
      after_ms = timeout.head_ms;
      break;
    case Wait::kBody:
      after_ms = timeout.body_idle_ms;
      break;
    case Wait::kRest:
      after_ms = x_linger.due_ms(now_ms()) - now_ms();
      break;
    case Wait::kNextTurn:
      break;
    case Wait::kPaused:
      after_ms = kLookMs;
      break;
    case Wait::kClose:
      // Before everything is sent the write timer watches.
      if (x_stream->unsent() > 0) return x_timer.cancel();
      after_ms = x_owes ? x_linger.due_ms(now_ms()) - now_ms() : kEndMs;
      break;
  }
  runtime().loop.timers.arm(x_timer, now_ms() + after_ms);
}

void H1Connection::discard(size_t bytes) {
  if (!x_linger.take(bytes) && x_closing) end(chain::Outcome::Kind::kDone);
}

// ---- ends

// Our FIN first, and a while for the caller to read and to end its side: closing over unread bytes
// would reset the connection and take the answer away from it (RFC 9112 section 9.6).
void H1Connection::begin_close() {
  if (!x_closing) {
    x_closing = true;
    runtime().outbox.flush();
    x_buffer.clear();
    // A rest has been read past for a while.
    if (x_skip == 0 && x_rest == nullptr) x_linger.begin(now_ms());
    x_skip = 0;
    x_rest.reset();
    x_stream->finish();
  }
  if (x_ended && x_stream->unsent() == 0) end(chain::Outcome::Kind::kDone);
}

void H1Connection::end(chain::Outcome::Kind kind) {
  if (x_exchange != nullptr) std::exchange(x_exchange, nullptr)->end({kind, nullptr});
  x_body = nullptr;
  x_timer.cancel();
  x_write_timer.cancel();
  ListNode<OwnedByAcceptor>::unlink();
  Reaper& reaper = runtime().loop.reaper;
  if (x_stream != nullptr) {
    runtime().outbox.forget(*x_stream);
    reaper.doom(std::move(x_stream));
  }
  reaper.doom(this);
}

void H1Connection::abort(chain::Outcome::Kind kind) {
  runtime().outbox.forget(*x_stream);
  x_stream->abort();
  end(kind);
}

void H1Connection::close_if_idle() {
  if (x_exchange != nullptr || x_head_end.began() || !x_buffer.empty()) return;
  begin_close();
  settle();
}

Holding H1Connection::holding() {
  Holding holding;
  holding.bytes += static_cast<int64_t>(x_buffer.size() + x_stream->unsent());
  if (tls() != nullptr) holding.bytes += Holding::kTlsBytes;
  if (x_exchange != nullptr) {
    holding.kind = Holding::Kind::kCalls;
    holding.bytes += x_exchange->held_bytes();
  } else if (x_head_end.began() || !x_buffer.empty()) {
    holding.kind = Holding::Kind::kUnfinished;
  } else if (x_wait == Wait::kRequest) {
    holding.since_ms = x_timer.deadline_ms() - x_context.config.timeout.keepalive_ms;
  }
  return holding;
}

int64_t H1Connection::kernel_bytes() {
  return x_stream->kernel_bytes() + (x_exchange != nullptr ? x_exchange->kernel_bytes() : 0);
}

// Its last answer may not have been read yet: a reset could take it away. A call that has no answer
// yet gets one.
void H1Connection::shed() {
  if (x_exchange != nullptr && !x_exchange->is_committed()) {
    x_context.series.overload_memory.add();
    fail_body(Cause::kOverload);
    settle();
  } else if (holding().kind == Holding::Kind::kIdle && x_stream->unsent() == 0) {
    end(chain::Outcome::Kind::kDone);
  } else {
    reset();
  }
}

int H1Connection::reset() {
  const int calls = x_exchange != nullptr ? 1 : 0;
  abort(chain::Outcome::Kind::kDropped);
  return calls;
}

}  // namespace outrigger::downstream
