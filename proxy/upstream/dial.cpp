#include "proxy/upstream/dial.hpp"

#include <utility>

#include "proxy/base/log.hpp"

namespace outrigger::upstream {

void log_tls_failure(const Address& endpoint, std::string_view server_name, std::string_view why) {
  log::repeated(log::Level::kWarning, "tls handshake failed",
                {{"endpoint", endpoint.to_string()}, {"name", server_name}, {"why", why}});
}

Dial::Dial(UpstreamRuntime& upstream, const Address& address, io::TlsClientContextPtr tls,
           std::string_view server_name, DialEvents& events, io::AlpnOffer offer)
    : x_upstream(upstream),
      x_address(address),
      x_tls(std::move(tls)),
      x_server_name(server_name),
      x_events(events),
      x_offer(offer),
      x_step(upstream.network.connect(address, *this)) {}

void Dial::on_connected(io::StreamPtr stream) {
  if (is_cancelled()) return x_upstream.runtime.loop.reaper.doom(std::move(stream));
  if (x_tls == nullptr) return x_events.on_dialled(std::move(stream), {});
  chain::Runtime& runtime = x_upstream.runtime;
  runtime.loop.reaper.doom(std::move(x_step));
  x_step =
      std::make_unique<io::TlsHandshake>(io::TlsLoop{runtime.loop, runtime.outbox},
                                         std::move(stream), x_tls, x_server_name, *this, x_offer);
}

void Dial::on_connect_failed(Cause cause) {
  if (!is_cancelled()) x_events.on_dial_failed(cause);
}

void Dial::on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) {
  if (is_cancelled()) return x_upstream.runtime.loop.reaper.doom(std::move(stream));
  x_events.on_dialled(std::move(stream), info.alpn);
}

void Dial::on_handshake_failed(Cause cause, std::string_view reason) {
  if (is_cancelled()) return;
  const std::string& fixed = x_tls->server_name();
  log_tls_failure(x_address, fixed.empty() ? x_server_name : fixed, reason);
  x_events.on_dial_failed(cause);
}

}  // namespace outrigger::upstream
