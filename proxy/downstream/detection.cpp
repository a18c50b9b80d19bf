#include "proxy/downstream/detection.hpp"

#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/downstream/h1_connection.hpp"
#include "proxy/downstream/h2_connection.hpp"
#include "proxy/downstream/refused_connection.hpp"

namespace outrigger::downstream {

namespace {

constexpr int64_t kFreshMs = 1'000;

}  // namespace

using Verdict = OpaqueConnection::Verdict;

Detection::Detection(ServerContext& context, Arrival arrival, Owner& owner, io::StreamPtr stream)
    : Connection(context, std::move(arrival)),
      x_owner(owner),
      x_stream(std::move(stream)),
      x_sniffer(is_redirected()                    ? Sniffer::Expected::kAnything
                : x_context.resolver.carries_tls() ? Sniffer::Expected::kHttpOrTls
                                                   : Sniffer::Expected::kHttp) {
  if (context.answers != nullptr) x_stream->count_unsent_in(*context.answers);
}

void Detection::start() {
  if (x_context.tls == nullptr) return listen();
  x_is_tls = true;
  x_caller = x_stream->peer();
  arm(silence_ms());
  x_stream->start(*this);
}

void Detection::begin_handshake(std::string_view bytes) {
  x_is_tls = false;
  chain::Runtime& runtime = x_context.runtime;
  auto handshake = std::make_unique<io::TlsHandshake>(
      io::TlsLoop{runtime.loop, runtime.outbox}, std::move(x_stream), x_context.tls->get(), *this,
      is_opaque() ? io::AlpnChoice::kCallersFirst : io::AlpnChoice::kOurs);
  io::TlsHandshake& begun = *handshake;
  x_handshake = std::move(handshake);
  begun.take(bytes);
}

// What is spoken is nothing to us: a name of it (ALPN) is neither refused nor gone by.
bool Detection::is_opaque() const {
  return x_context.tunnels && x_context.resolver.is_opaque(original());
}

void Detection::start_with(std::string_view bytes) {
  x_stream->start(*this);
  on_read(bytes);
}

void Detection::arm(int64_t after_ms) {
  LoopContext& loop = x_context.runtime.loop;
  loop.timers.arm(x_timer, loop.clock.now_ms() + after_ms);
}

void Detection::on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) {
  x_context.runtime.loop.reaper.doom(std::move(x_handshake));
  x_stream = std::move(stream);
  if (x_context.answers != nullptr) x_stream->count_unsent_in(*x_context.answers);
  x_arrival.know().tls = info;
  x_context.series.detect_tls.add();
  if (is_opaque()) {
    listen();
  } else if (info.alpn == "h2") {
    hand_to_http2({});
  } else if (info.alpn == "http/1.1") {
    hand_to_http1({});
  } else {
    listen();
  }
}

void Detection::on_handshake_failed(Cause /*cause*/, std::string_view reason) {
  note_failed(reason);
  end();
}

int64_t Detection::silence_ms() const {
  if (x_is_tls) return x_context.config.timeout.handshake_ms;
  return is_redirected() ? x_context.config.detect_timeout_ms
                         : x_context.config.timeout.keepalive_ms;
}

void Detection::note_failed(std::string_view why) {
  x_context.series.detect_tls_failed.add();
  log::repeated(
      log::Level::kWarning, "tls handshake failed",
      {{"listener", x_context.config.name}, {"why", why}, {"caller", x_caller.to_string()}});
}

void Detection::listen() {
  if (is_opaque()) {
    hand_to_tunnel(Verdict::kConfigured, {});
    return;
  }
  arm(silence_ms());
  x_stream->start(*this);
}

void Detection::on_read(std::string_view bytes) {
  if (x_is_tls) return begin_handshake(bytes);
  const bool first = x_begun.empty();
  if (!first) {
    x_begun.append(bytes);
    bytes = x_begun.view();
  }
  const Speech speech = x_sniffer.look(bytes);
  if (speech != Speech::kUnclear) return decide(speech, bytes);
  if (!first) return;
  x_begun.append(bytes);
  arm(x_context.config.timeout.head_ms);
}

void Detection::decide(Speech speech, std::string_view bytes) {
  switch (speech) {
    case Speech::kHttp1:
      hand_to_http1(bytes);
      return;
    case Speech::kHttp2:
      hand_to_http2(bytes);
      return;
    case Speech::kTls:
      // TLS that was meant for us is carried only when it asks for a name that is configured.
      if (is_redirected() || x_context.resolver.carries_tls_of(x_sniffer.server_name())) {
        hand_to_tunnel(Verdict::kTls, bytes);
      } else {
        hand_to_http1(bytes);
      }
      return;
    case Speech::kOpaque:
    case Speech::kUnclear:
      hand_to_tunnel(Verdict::kBytes, bytes);
      return;
  }
}

// A caller that only wants to listen has its side of the connection ended at once, perhaps.
void Detection::on_end() {
  if (x_is_tls) {
    note_failed("the peer closed the connection within the handshake");
    end();
  } else if (is_redirected()) {
    hand_to_tunnel(verdict_in_silence(), x_begun.view()).on_end();
  } else if (x_begun.empty()) {
    end();
  } else {
    hand_to_http1(x_begun.view()).on_end();
  }
}

void Detection::on_broken() {
  if (x_is_tls) note_failed("the connection broke within the handshake");
  end();
}

void Detection::on_timer() {
  const bool in_handshake = x_is_tls || x_handshake != nullptr;
  if (in_handshake) note_failed("it took longer than timeout.handshake");
  if (!is_redirected() || in_handshake) return end();
  hand_to_tunnel(verdict_in_silence(), x_begun.view());
}

// Nothing more has come for a while.
Verdict Detection::verdict_in_silence() const {
  return x_begun.empty() ? Verdict::kNone : Verdict::kBytes;
}

io::StreamEvents& Detection::hand_to_http1(std::string_view bytes) {
  note_http();
  return hand_to(*new H1Connection(x_context, take_arrival(), std::move(x_stream)), bytes);
}

io::StreamEvents& Detection::hand_to_http2(std::string_view bytes) {
  note_http();
  return hand_to(*new H2Connection(x_context, take_arrival(), std::move(x_stream)), bytes);
}

void Detection::note_http() {
  if (is_redirected()) x_context.counts.ports.note_http(original()->port());
}

io::StreamEvents& Detection::hand_to_tunnel(Verdict verdict, std::string_view bytes) {
  return hand_to(*new OpaqueConnection(x_context, take_arrival(), x_owner, std::move(x_stream),
                                       verdict, x_sniffer.server_name()),
                 bytes);
}

// The Reaper keeps us, and so the bytes, until the end of the turn.
template <class Protocol>
io::StreamEvents& Detection::hand_to(Protocol& connection, std::string_view bytes) {
  x_owner.push_back(connection);
  end();
  connection.start();
  io::StreamEvents& events = connection;
  if (!bytes.empty()) events.on_read(bytes);
  return events;
}

Holding Detection::holding() {
  Holding holding;
  if (x_handshake != nullptr) {
    holding.kind = Holding::Kind::kUnfinished;
    holding.bytes += Holding::kHandshakeBytes;
  } else if (!x_begun.empty()) {
    holding.kind = Holding::Kind::kUnfinished;
    holding.bytes += static_cast<int64_t>(x_begun.size());
  } else {
    holding.since_ms = x_timer.deadline_ms() - silence_ms();
  }
  return holding;
}

// Of one that came just now the request may be on its way: it gets an answer.
void Detection::shed() {
  const Holding held = holding();
  const int64_t age_ms = x_context.runtime.loop.clock.now_ms() - held.since_ms;
  if (held.kind != Holding::Kind::kIdle || x_is_tls || is_redirected() || age_ms > kFreshMs) {
    reset();
    return;
  }
  x_context.series.overload_memory.add();
  RefusedConnection::refuse(x_context, std::move(x_stream), kNoMemory);
  end();
}

int Detection::reset() {
  if (x_stream != nullptr) x_stream->abort();
  end();
  return 0;
}

void Detection::end() {
  x_timer.cancel();
  ListNode<OwnedByAcceptor>::unlink();
  Reaper& reaper = x_context.runtime.loop.reaper;
  if (x_handshake != nullptr) reaper.doom(std::move(x_handshake));
  if (x_stream != nullptr) reaper.doom(std::move(x_stream));
  reaper.doom(this);
}

}  // namespace outrigger::downstream
