#include "proxy/upstream/tunnel_call.hpp"

#include <utility>

#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::upstream {

TunnelCall::TunnelCall(chain::CallLeg leg, const CallSettings& settings, UpstreamRuntime& upstream,
                       const Address& address, io::TlsClientContextPtr tls, EndpointLease lease,
                       std::string_view name)
    : Attempt(leg, settings, upstream, std::move(lease), name),
      x_address(address),
      x_tls(std::move(tls)) {}

// ---- connecting

void TunnelCall::begin(int64_t connect_by_ms) {
  note_begun();
  upstream().runtime.loop.timers.arm(x_connect_timer, connect_by_ms);
  x_dial = std::make_unique<Dial>(upstream(), x_address, std::move(x_tls), server_name(), *this);
}

void TunnelCall::begin_on(io::StreamPtr stream, int64_t /*connect_by_ms*/) {
  note_begun();
  open(std::move(stream));
}

void TunnelCall::fail_to_connect(Cause cause) {
  note_begun();
  fail(cause, Sent::kNever);
}

void TunnelCall::on_dialled(io::StreamPtr stream, std::string_view /*alpn*/) {
  x_connect_timer.cancel();
  upstream().runtime.loop.reaper.doom(std::move(x_dial));
  note_connected();
  open(std::move(stream));
}

void TunnelCall::open(io::StreamPtr stream) {
  x_stream = std::move(stream);
  count(1);
  constexpr int kOk = 200;
  auto* head = x_leg.exchange().arena().make<http::ResponseHead>();
  head->status = kOk;
  head->tunnel = true;
  deliver_head(*head);
  upstream().runtime.driver.run();
}

void TunnelCall::on_dial_failed(Cause cause) {
  upstream().runtime.loop.reaper.doom(std::move(x_dial));
  fail(cause, Sent::kNever);
}

// ---- bytes

void TunnelCall::on_flow() {
  x_tunnel.emplace(x_leg, *x_stream, upstream().series);
  x_stream->start(*this);
  on_request_body();
}

void TunnelCall::on_request_body() {
  if (!x_tunnel) return;
  x_tunnel->send();
  finish_if_over();
}

void TunnelCall::on_congestion(bool congested) { x_tunnel->on_congestion(congested); }

void TunnelCall::on_read(std::string_view bytes) { x_tunnel->on_read(bytes); }

void TunnelCall::on_end() {
  x_tunnel->on_end();
  finish_if_over();
}

// ---- ends

void TunnelCall::finish_if_over() {
  if (x_over || !x_tunnel->is_over()) return;
  x_over = true;
  drop();
  x_leg.push_end(nullptr);
}

void TunnelCall::fail(Cause cause, Sent sent) {
  if (std::exchange(x_over, true)) return;
  const Error error = settle_failure(cause, sent);
  drop();
  x_leg.deliver_error(error);
}

// The endpoint must not take a part for the whole.
void TunnelCall::cancel() noexcept {
  if (!std::exchange(x_over, true)) {
    settle_cancelled();
    const chain::Facts& facts = x_leg.exchange().facts();
    if (x_tunnel && facts.bytes_in + facts.bytes_out > 0) x_stream->abort();
  }
  drop();
}

void TunnelCall::drop() {
  x_connect_timer.cancel();
  Reaper& reaper = upstream().runtime.loop.reaper;
  if (x_dial != nullptr) reaper.doom(std::move(x_dial));
  x_tunnel.reset();
  if (x_stream != nullptr) {
    count(-1);
    reaper.doom(std::move(x_stream));
  }
  release_endpoint();
}

void TunnelCall::count(int by) {
  upstream().series.upstream_connections.add(by);
  upstream().series.upstream_tcp.add(by);
}

}  // namespace outrigger::upstream
