#include "proxy/downstream/opaque_connection.hpp"

#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/downstream/cut_connection.hpp"
#include "proxy/downstream/detection.hpp"
#include "proxy/downstream/patience.hpp"
#include "proxy/downstream/request_rules.hpp"

namespace outrigger::downstream {
namespace {

constexpr int64_t kLookMs = 1'000;
constexpr size_t kFlushFrom = 32 * 1024;

}  // namespace

OpaqueConnection::OpaqueConnection(ServerContext& context, Arrival arrival, Owner& owner,
                                   io::StreamPtr stream, Verdict verdict,
                                   std::string_view server_name)
    : Connection(context, std::move(arrival)),
      x_owner(owner),
      x_stream(std::move(stream)),
      x_exchange(chain::Exchange::create(context.runtime, *this, chain::ExchangeBlock::kTunnel)),
      x_verdict(Verdict::kNone) {
  http::RequestHead& request = x_exchange->request();
  Arena& arena = x_exchange->arena();
  request.version = http::Version::kNone;
  request.method = http::Method::kConnect;
  request.method_text = "CONNECT";
  request.tunnel = true;
  if (!server_name.empty()) {
    request.authority = arena.copy(server_name);
  } else if (original() != nullptr) {
    request.authority = arena.copy(original()->to_string());
  }
  context.series.downstream_tcp.add(1);
  note_verdict(verdict);
}

OpaqueConnection::~OpaqueConnection() { x_context.series.downstream_tcp.add(-1); }

void OpaqueConnection::start() {
  const Resolution found =
      x_context.draining
          ? Resolution{.cause = Cause::kDraining}
          : x_context.resolver.resolve(x_exchange->request(), original(), x_exchange->arena());
  x_stream->start(*this);
  if (found.cause != Cause::kNone) return x_exchange->answer(found.route, refusal(found.cause));
  x_exchange->facts().service_port = found.service_port;
  x_exchange->set_original_destination(original());
  x_exchange->begin(*found.route, *found.chain);
  x_context.runtime.driver.run();
}

// ---- what the caller sends

void OpaqueConnection::on_read(std::string_view bytes) {
  if (x_exchange == nullptr) return;
  x_context.series.downstream_bytes_in.add(bytes.size());
  x_verdict == Verdict::kNone ? look(bytes) : pass_on(bytes);
}

// Neither side had spoken. The connection that was made for a server that might is of no use to
// HTTP.
void OpaqueConnection::look(std::string_view bytes) {
  x_unclear.append(bytes);
  const Speech speech = x_sniffer.look(x_unclear.view());
  if (speech == Speech::kUnclear) return wait_for_more();
  if (speech == Speech::kOpaque) return settle_as_opaque();
  auto* again = new Detection(x_context, take_arrival(), x_owner, std::move(x_stream));
  x_owner.push_back(*again);
  // The Reaper keeps us, and so the bytes, until the end of the turn.
  end(chain::Outcome::Kind::kDropped);
  again->start_with(x_unclear.view());
}

void OpaqueConnection::wait_for_more() {
  if (x_timer.is_armed()) return;
  LoopContext& loop = x_context.runtime.loop;
  loop.timers.arm(x_timer, loop.clock.now_ms() + x_context.config.timeout.head_ms);
}

void OpaqueConnection::settle_as_opaque() {
  x_timer.cancel();
  note_verdict(Verdict::kBytes);
  if (!x_unclear.empty()) pass_on(x_unclear.view());
}

void OpaqueConnection::pass_on(std::string_view bytes) {
  x_exchange->append_request_body(bytes);
  x_context.runtime.driver.run();
  settle();
}

void OpaqueConnection::on_end() {
  if (x_exchange == nullptr) return;
  if (x_verdict == Verdict::kNone) settle_as_opaque();
  if (x_exchange == nullptr) return;
  x_exchange->finish_request(nullptr);
  x_context.runtime.driver.run();
}

void OpaqueConnection::settle() {
  if (x_exchange == nullptr) return;
  const bool reads = x_exchange->body().has_room();
  if (reads == std::exchange(x_reading, reads)) return;
  reads ? x_stream->resume_reading() : x_stream->pause_reading();
  if (reads) return x_timer.cancel();
  LoopContext& loop = x_context.runtime.loop;
  loop.timers.arm(x_timer, loop.clock.now_ms() + kLookMs);
}

// While nothing is read nothing tells that the caller is gone; and one whose tunnel is over has
// `write_stall` to take the rest.
void OpaqueConnection::on_timer() {
  if (x_exchange == nullptr) return on_stall();
  if (x_verdict == Verdict::kNone) return settle_as_opaque();
  if (x_stream->is_broken()) return on_broken();
  LoopContext& loop = x_context.runtime.loop;
  loop.timers.arm(x_timer, loop.clock.now_ms() + kLookMs);
}

void OpaqueConnection::on_stall() {
  LoopContext& loop = x_context.runtime.loop;
  const int64_t stall_ms = x_context.config.timeout.write_stall_ms;
  const bool moves = std::exchange(x_left, x_stream->unsent()) != x_stream->unsent();
  x_stalled_ms = moves ? 0 : x_stalled_ms + stall_ms;
  if (moves || may_stall(x_context, *x_stream, x_stalled_ms)) {
    return loop.timers.arm(x_timer, loop.clock.now_ms() + stall_ms);
  }
  x_context.series.write_stalls.add();
  x_stream->abort();
  end(chain::Outcome::Kind::kDone);
}

// ---- what the other side sends

// A caller that knows no HTTP cannot be told why.
void OpaqueConnection::send_head(const http::ResponseHead& head) {
  x_refused = !head.tunnel;
  if (!x_refused) return;
  const Cause cause = x_exchange->facts().cause;
  log::repeated(log::Level::kWarning, "opaque connection refused",
                {{"listener", x_context.config.name},
                 {"to", x_exchange->request().authority},
                 {"why", cause == Cause::kNone ? std::string_view() : row_of(cause).name}});
}

void OpaqueConnection::send_body(std::string_view bytes) {
  if (x_refused) return;
  if (x_verdict == Verdict::kNone) settle_as_opaque();
  if (is_over()) return;
  x_context.series.downstream_bytes_out.add(bytes.size());
  io::Outbox& outbox = x_context.runtime.outbox;
  outbox.append_lasting(*x_stream, bytes);
  // So that is_congested() tells the upstream to wait before it reads the next piece.
  if (bytes.size() >= kFlushFrom) outbox.flush();
}

void OpaqueConnection::on_drained() {
  if (x_exchange == nullptr) return end(chain::Outcome::Kind::kDone);
  x_exchange->on_sink_drained();
}

void OpaqueConnection::send_end(const http::Fields* /*trailers*/) {
  std::exchange(x_exchange, nullptr)->end({chain::Outcome::Kind::kDone, nullptr});
  if (x_refused) {
    x_stream->abort();
    return end(chain::Outcome::Kind::kDone);
  }
  x_stream->finish();
  x_left = x_stream->unsent();
  if (x_left == 0) return end(chain::Outcome::Kind::kDone);
  LoopContext& loop = x_context.runtime.loop;
  loop.timers.arm(x_timer, loop.clock.now_ms() + x_context.config.timeout.write_stall_ms);
}

// What came goes on; then the caller must not take a part for the whole.
void OpaqueConnection::abort(const Error& error) {
  x_context.runtime.outbox.flush();
  CutConnection::cut(x_context, take_arrival(), std::move(x_stream));
  end(chain::Outcome::Kind::kFailed, &error);
}

// ---- ends

void OpaqueConnection::note_verdict(Verdict verdict) {
  x_verdict = verdict;
  if (verdict == Verdict::kTls) x_context.series.detect_sni.add();
  if (verdict != Verdict::kBytes) return;
  x_context.series.detect_opaque.add();
  if (original() == nullptr || !x_context.counts.ports.spoke_http(original()->port())) return;
  log::repeated(log::Level::kWarning, "a port that spoke HTTP carries something else",
                {{"listener", x_context.config.name}, {"to", original()->to_string()}});
}

Holding OpaqueConnection::holding() {
  Holding holding{.kind = Holding::Kind::kCalls};
  holding.bytes += static_cast<int64_t>(x_unclear.size() + x_stream->unsent());
  if (x_exchange != nullptr) holding.bytes += x_exchange->held_bytes();
  return holding;
}

int64_t OpaqueConnection::kernel_bytes() {
  return x_stream->kernel_bytes() + (x_exchange != nullptr ? x_exchange->kernel_bytes() : 0);
}

int OpaqueConnection::reset() {
  const int calls = x_exchange != nullptr ? 1 : 0;
  x_stream->abort();
  end(chain::Outcome::Kind::kDropped);
  return calls;
}

void OpaqueConnection::end(chain::Outcome::Kind kind, const Error* error) {
  if (x_exchange != nullptr) std::exchange(x_exchange, nullptr)->end({kind, error});
  x_timer.cancel();
  ListNode<OwnedByAcceptor>::unlink();
  Reaper& reaper = x_context.runtime.loop.reaper;
  if (x_stream != nullptr) {
    x_context.runtime.outbox.forget(*x_stream);
    reaper.doom(std::move(x_stream));
  }
  reaper.doom(this);
}

}  // namespace outrigger::downstream
