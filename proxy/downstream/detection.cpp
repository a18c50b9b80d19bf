#include "proxy/downstream/detection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/base/log.hpp"
#include "proxy/downstream/h1_connection.hpp"
#include "proxy/downstream/h2_connection.hpp"

namespace outrigger::downstream {

Detection::Detection(ServerContext& context, List<Connection, OwnedByAcceptor>& owner,
                     io::StreamPtr stream)
    : Connection(context, ConnectionCount(context)), x_owner(owner), x_stream(std::move(stream)) {}

void Detection::start() {
  if (x_context.tls == nullptr) return listen();
  chain::Runtime& runtime = x_context.runtime;
  x_caller = x_stream->peer();
  runtime.loop.timers.arm(x_timer,
                          runtime.loop.clock.now_ms() + x_context.config.timeout.handshake_ms);
  x_handshake = std::make_unique<io::TlsHandshake>(
      io::TlsLoop{runtime.loop, runtime.outbox}, std::move(x_stream), x_context.tls->get(), *this);
}

void Detection::on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) {
  x_context.runtime.loop.reaper.doom(std::move(x_handshake));
  x_stream = std::move(stream);
  x_tls = std::make_unique<const io::TlsInfo>(info);
  x_context.series.detect_tls.add();
  if (info.alpn == "h2") {
    hand_over<H2Connection>({});
  } else if (info.alpn == "http/1.1") {
    hand_over<H1Connection>({});
  } else {
    listen();
  }
}

void Detection::on_handshake_failed(Cause /*cause*/, std::string_view reason) {
  note_failed(reason);
  end();
}

void Detection::on_timer() {
  if (x_handshake != nullptr) note_failed("it took longer than timeout.handshake");
  end();
}

void Detection::note_failed(std::string_view why) {
  x_context.series.detect_tls_failed.add();
  log::repeated(
      log::Level::kWarning, "tls handshake failed",
      {{"listener", x_context.config.name}, {"why", why}, {"caller", x_caller.to_string()}});
}

void Detection::listen() {
  LoopContext& loop = x_context.runtime.loop;
  loop.timers.arm(x_timer, loop.clock.now_ms() + x_context.config.timeout.keepalive_ms);
  x_stream->start(*this);
}

void Detection::on_read(std::string_view bytes) {
  const size_t wanted = std::min(bytes.size(), kPreface.size() - x_begun_bytes);
  if (bytes.substr(0, wanted) != kPreface.substr(x_begun_bytes, wanted)) {
    hand_over<H1Connection>(bytes);
    return;
  }
  if (x_begun_bytes + wanted == kPreface.size()) {
    hand_over<H2Connection>(bytes);
    return;
  }
  if (x_begun_bytes == 0) {
    LoopContext& loop = x_context.runtime.loop;
    loop.timers.arm(x_timer, loop.clock.now_ms() + x_context.config.timeout.head_ms);
  }
  std::memcpy(x_begun.data() + x_begun_bytes, bytes.data(), wanted);
  x_begun_bytes = static_cast<uint8_t>(x_begun_bytes + wanted);
}

void Detection::on_end() {
  if (x_begun_bytes == 0) return end();
  hand_over<H1Connection>({}).on_end();
}

template <class Protocol>
io::StreamEvents& Detection::hand_over(std::string_view behind) {
  auto* connection = new Protocol(x_context, std::exchange(x_count, ConnectionCount()),
                                  std::move(x_tls), std::move(x_stream));
  x_owner.push_back(*connection);
  end();
  connection->start();
  // The Reaper keeps us, and so the bytes, until the end of the turn.
  io::StreamEvents& events = *connection;
  if (x_begun_bytes > 0) events.on_read({x_begun.data(), x_begun_bytes});
  if (!behind.empty()) events.on_read(behind);
  return events;
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
