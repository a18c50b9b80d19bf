// A Detection is a connection that has not said yet which version it speaks. On a listener with TLS
// the handshake comes first, and may agree upon it (ALPN, RFC 7301); else the first bytes decide
// between HTTP/1 and HTTP/2 with prior knowledge (RFC 9113 section 3.3). Then it hands its stream
// on. Silence is no verdict: a connection may lie idle before its first request. Owned by the
// Acceptor; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/downstream/connection.hpp"
#include "proxy/io/stream.hpp"
#include "proxy/io/tls_handshake.hpp"

namespace outrigger::downstream {

class Detection final : public Connection, private io::StreamEvents, public io::TlsHandshakeEvents {
 public:
  Detection(ServerContext& context, List<Connection, OwnedByAcceptor>& owner, io::StreamPtr stream);

  void start();
  void close_if_idle() override { end(); }
  int reset() override;

 private:
  static constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override { end(); }
  void on_drained() override {}
  void on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) override;
  void on_handshake_failed(Cause cause, std::string_view reason) override;
  void on_timer();

  void listen();
  void note_failed(std::string_view why);

  // The stream is another connection's from now on, which has the bytes that came.
  template <class Protocol>
  io::StreamEvents& hand_over(std::string_view behind);
  void end();

  List<Connection, OwnedByAcceptor>& x_owner;
  io::StreamPtr x_stream;
  io::OperationPtr x_handshake;
  Address x_caller;  // of a handshake
  Timer x_timer = Timer::of<&Detection::on_timer>(*this);
  std::array<char, kPreface.size()> x_begun;  // a part of the preface
  uint8_t x_begun_bytes = 0;
};

}  // namespace outrigger::downstream
