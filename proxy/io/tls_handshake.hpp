// A TlsHandshake turns a connected stream into a TlsStream, or says why not. Owned by whoever
// asked; destroying it closes the connection, silently. It knows no timeout: a slow handshake is
// the owner's timer. What it keeps of a peer is bounded by one read and OpenSSL's own limits.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/error.hpp"
#include "proxy/io/network.hpp"
#include "proxy/io/tls_context.hpp"
#include "proxy/io/tls_stream.hpp"

namespace outrigger::io {

// What a handshake agreed upon.
struct TlsInfo {
  std::string_view version;  // "TLSv1.3"; static
  std::string_view cipher;   // "TLS_AES_128_GCM_SHA256"; static
  std::string alpn;          // "h2"; empty: nothing was agreed upon
  std::string sni;           // the name that the client asked for; empty: none
  std::string peer;          // of its verified certificate: a spiffe:// id, DNS name or common name
  bool resumed = false;
};

class TlsHandshakeEvents {
 public:
  // Not yet started: the receiver calls Stream::start().
  virtual void on_handshake_done(StreamPtr stream, const TlsInfo& info) = 0;
  // kTlsError, kCertificateRefused (by us), or kOverload when memory ran out. `reason` is a
  // sentence for the log that says what was refused, and on the server's side the name that was
  // asked for; valid until the callback returns.
  virtual void on_handshake_failed(Cause cause, std::string_view reason) = 0;

 protected:
  ~TlsHandshakeEvents() = default;
};

class TlsHandshake final : public Operation, private StreamEvents {
 public:
  // The server's side. `inner` is connected and may have been started by somebody else.
  TlsHandshake(const TlsLoop& loop, StreamPtr inner, const TlsServerContextPtr& context,
               TlsHandshakeEvents& events, AlpnChoice choice = AlpnChoice::kOurs);
  // The client's side; `server_name` (a host name or an IP, without a port) counts unless the
  // context has its own. The peer's certificate must have it among its subjectAltNames (RFC 9525),
  // an IP among those of its IPs; a name is sent as SNI, an IP is not (RFC 6066 section 3).
  TlsHandshake(const TlsLoop& loop, StreamPtr inner, const TlsClientContextPtr& context,
               std::string_view server_name, TlsHandshakeEvents& events,
               AlpnOffer offer = AlpnOffer::kAll);
  ~TlsHandshake() override;

  // What was read before it was made, as if it came now.
  void take(std::string_view bytes) { on_read(bytes); }

 private:
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override {}

  void begin();
  void on_failed_at_once();
  void finish();
  void fail(Cause cause, const std::string& reason);
  bool is_over() const { return x_over || is_linked(); }

  TlsLoop x_loop;
  TlsHandshakeEvents& x_events;
  std::unique_ptr<TlsSession> x_session;
  // A failure within the constructor is told from the loop.
  Timer x_at_once = Timer::of<&TlsHandshake::on_failed_at_once>(*this);
  bool x_over = false;
};

}  // namespace outrigger::io
