#include "proxy/io/tls_handshake.hpp"

#include <utility>

#include "proxy/io/tls_session.hpp"

namespace outrigger::io {

TlsHandshake::TlsHandshake(const TlsLoop& loop, StreamPtr inner, const TlsServerContextPtr& context,
                           TlsHandshakeEvents& events, AlpnChoice choice)
    : x_loop(loop),
      x_events(events),
      x_session(std::make_unique<TlsSession>(std::move(inner), context, choice)) {
  begin();
}

TlsHandshake::TlsHandshake(const TlsLoop& loop, StreamPtr inner, const TlsClientContextPtr& context,
                           std::string_view server_name, TlsHandshakeEvents& events,
                           AlpnOffer offer)
    : x_loop(loop),
      x_events(events),
      x_session(std::make_unique<TlsSession>(std::move(inner), context, server_name, offer)) {
  begin();
}

TlsHandshake::~TlsHandshake() = default;

// A client speaks at once; a server waits for it.
void TlsHandshake::begin() {
  x_session->inner().start(*this);
  if (x_session->shake_hands({}) != TlsSession::Step::kFailed) return;
  x_session->inner().pause_reading();
  x_loop.context.timers.arm(x_at_once, x_loop.context.clock.now_ms());
}

void TlsHandshake::on_failed_at_once() {
  if (!is_over()) fail(x_session->cause(), x_session->reason());
}

void TlsHandshake::on_read(std::string_view bytes) {
  if (is_over()) return;
  const TlsSession::Step step = x_session->shake_hands(bytes);
  if (step == TlsSession::Step::kFailed) return fail(x_session->cause(), x_session->reason());
  if (step == TlsSession::Step::kDone) finish();
}

void TlsHandshake::on_end() {
  if (!is_over()) fail(Cause::kTlsError, "the peer closed the connection within the handshake");
}

void TlsHandshake::on_broken() {
  if (!is_over()) fail(Cause::kTlsError, "the connection broke within the handshake");
}

void TlsHandshake::finish() {
  x_over = true;
  const TlsInfo info = x_session->info();
  x_events.on_handshake_done(std::make_unique<TlsStream>(x_loop, std::move(x_session)), info);
}

// The alert that says why goes out before the connection ends.
void TlsHandshake::fail(Cause cause, const std::string& reason) {
  x_over = true;
  x_session->inner().pause_reading();
  x_session->inner().finish();
  const std::string_view name = x_session->asked_for();
  if (name.empty()) return x_events.on_handshake_failed(cause, reason);
  x_events.on_handshake_failed(cause, reason + "; it asked for \"" + std::string(name) + '"');
}

}  // namespace outrigger::io
