// A Detection is a connection that has not said yet what it speaks. On a listener with TLS the
// handshake comes first, and may agree upon it (ALPN, RFC 7301); else the first bytes decide. The
// state of TLS is made at the first byte: who is silent costs no more than in clear text. Then
// it hands its stream on. Silence is no verdict: a caller may lie idle before its first request.
// Only a redirected connection is helped on after `detect_timeout`, for the server may be the one
// to speak first. Owned by the Acceptor; one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/buffer.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/downstream/connection.hpp"
#include "proxy/downstream/opaque_connection.hpp"
#include "proxy/downstream/sniffer.hpp"
#include "proxy/io/stream.hpp"
#include "proxy/io/tls_handshake.hpp"

namespace outrigger::downstream {

class Detection final : public Connection, public io::StreamEvents, public io::TlsHandshakeEvents {
 public:
  using Owner = List<Connection, OwnedByAcceptor>;

  Detection(ServerContext& context, Arrival arrival, Owner& owner, io::StreamPtr stream);

  void start();
  // For bytes that have come to another connection: they are to be looked at as any.
  void start_with(std::string_view bytes);
  void close_if_idle() override { end(); }
  int reset() override;
  Holding holding() override;
  void shed() override;

 private:
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override {}
  void on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) override;
  void on_handshake_failed(Cause cause, std::string_view reason) override;
  void on_timer();

  void begin_handshake(std::string_view bytes);
  bool is_redirected() const { return original() != nullptr; }
  bool is_opaque() const;
  void arm(int64_t after_ms);
  // How long nothing at all may come.
  int64_t silence_ms() const;
  void note_failed(std::string_view why);
  void listen();
  void decide(Speech speech, std::string_view bytes);
  OpaqueConnection::Verdict verdict_in_silence() const;

  // The stream is another connection's from now on, which has the bytes that came.
  void note_http();
  io::StreamEvents& hand_to_http1(std::string_view bytes);
  io::StreamEvents& hand_to_http2(std::string_view bytes);
  io::StreamEvents& hand_to_tunnel(OpaqueConnection::Verdict verdict, std::string_view bytes);
  template <class Protocol>
  io::StreamEvents& hand_to(Protocol& connection, std::string_view bytes);
  void end();

  Owner& x_owner;
  io::StreamPtr x_stream;
  io::OperationPtr x_handshake;
  Address x_caller;       // of a handshake
  bool x_is_tls = false;  // a handshake comes first
  Timer x_timer = Timer::of<&Detection::on_timer>(*this);
  Sniffer x_sniffer;
  Buffer x_begun;  // while it is unclear
};

}  // namespace outrigger::downstream
