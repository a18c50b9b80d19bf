// A Dial opens a connection to an endpoint: the connect, and over TLS the handshake after it. Owned
// by whoever asked; destroying it or giving it to the Reaper cancels. The timeout is the owner's.
// One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/published.hpp"
#include "proxy/io/network.hpp"
#include "proxy/io/tls_handshake.hpp"
#include "proxy/upstream/endpoint_connections.hpp"
#include "proxy/upstream/upstream_runtime.hpp"

namespace outrigger::upstream {

class DialEvents {
 public:
  // Not yet started. `alpn` is what the handshake agreed upon (RFC 7301), or empty.
  virtual void on_dialled(io::StreamPtr stream, std::string_view alpn) = 0;
  virtual void on_dial_failed(Cause cause) = 0;

 protected:
  ~DialEvents() = default;
};

class Dial final : public io::Operation, public io::ConnectEvents, public io::TlsHandshakeEvents {
 public:
  // Without a context in clear text. `server_name` is the host that the peer's certificate must be
  // for, unless the context says another.
  Dial(UpstreamRuntime& upstream, const Address& address, io::TlsClientContextPtr tls,
       std::string_view server_name, DialEvents& events, io::AlpnOffer offer = io::AlpnOffer::kAll);

 private:
  void on_connected(io::StreamPtr stream) override;
  void on_connect_failed(Cause cause) override;
  void on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) override;
  void on_handshake_failed(Cause cause, std::string_view reason) override;

  // Given to the Reaper, which may come a callback later: nobody is told any more.
  bool is_cancelled() const { return is_linked(); }

  UpstreamRuntime& x_upstream;
  const Address x_address;
  const io::TlsClientContextPtr x_tls;
  const std::string x_server_name;
  DialEvents& x_events;
  const io::AlpnOffer x_offer;
  io::OperationPtr x_step;  // the connect, then the handshake
};

// Whether that failure of a dial says nothing about the endpoint under another name.
constexpr bool is_of_one_name(Cause cause) {
  return cause == Cause::kTlsError || cause == Cause::kCertificateRefused;
}
// One line, and a count each 10 s while it goes on.
void log_tls_failure(const Address& endpoint, std::string_view server_name, std::string_view why);

// The TLS of a service as the pools of one endpoint see it.
class PoolTls {
 public:
  PoolTls() = default;  // clear text
  PoolTls(const Published<io::TlsClientContext>& contexts, Agreed& agreed)
      : x_contexts(&contexts), x_agreed(&agreed) {}

  bool is_on() const { return x_contexts != nullptr; }
  io::TlsClientContextPtr context() const { return is_on() ? x_contexts->get() : nullptr; }
  // It speaks something else by now.
  void forget_agreed() const {
    if (x_agreed != nullptr) *x_agreed = Agreed::kNothing;
  }

 private:
  const Published<io::TlsClientContext>* x_contexts = nullptr;
  Agreed* x_agreed = nullptr;
};

}  // namespace outrigger::upstream
