// One attempt at a tunnel to an endpoint: connects, says that it did as a response head without
// fields, then carries bytes both ways. What the caller sent before waits until the tunnel is
// accepted. Its connection is the call's own and never pooled. Lives in the arena of its exchange;
// one thread.
//
//   kConnecting ─> kAccepted (the head is on its way up) ─> kOpen (the tunnel) ─> kOver
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/upstream/attempt.hpp"
#include "proxy/upstream/dial.hpp"
#include "proxy/upstream/tunnel.hpp"

namespace outrigger::upstream {

class TunnelCall final : public Attempt, public io::StreamEvents, public DialEvents {
 public:
  // `tls`: to be spoken with the endpoint around the bytes; null: none.
  TunnelCall(chain::CallLeg leg, const CallSettings& settings, UpstreamRuntime& upstream,
             const Address& address, io::TlsClientContextPtr tls, EndpointLease lease,
             std::string_view name);

  void begin(int64_t connect_by_ms) override;
  void begin_on(io::StreamPtr stream, int64_t connect_by_ms) override;
  void fail_to_connect(Cause cause) override;

 private:
  // -- chain::Call
  void on_flow() override;
  void on_request_body() override;
  void on_congestion(bool congested) override;
  int64_t kernel_bytes() const override {
    return x_stream != nullptr ? x_stream->kernel_bytes() : 0;
  }
  void cancel() noexcept override;
  void reap() override { this->~TunnelCall(); }

  // -- DialEvents
  void on_dialled(io::StreamPtr stream, std::string_view alpn) override;
  void on_dial_failed(Cause cause) override;
  void on_connect_timeout() { fail(Cause::kConnectTimeout, Sent::kNever); }

  // -- io::StreamEvents
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override { fail(Cause::kReset, Sent::kMaybe); }
  void on_drained() override { on_request_body(); }

  void open(io::StreamPtr stream);
  void count(int by);
  void finish_if_over();
  void fail(Cause cause, Sent sent);
  void drop();

  const Address x_address;
  io::TlsClientContextPtr x_tls;
  io::OperationPtr x_dial;
  io::StreamPtr x_stream;
  std::optional<Tunnel> x_tunnel;  // once it is open
  Timer x_connect_timer = Timer::of<&TunnelCall::on_connect_timeout>(*this);
  bool x_over = false;  // cancelled, failed or complete
};

}  // namespace outrigger::upstream
