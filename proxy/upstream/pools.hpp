// What one worker keeps open to one address: connections of either protocol. Where TLS lets the
// endpoint choose (ALPN), the first call finds out what it speaks. Owned by the service's client,
// or by passthrough; one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/upstream/attempt.hpp"
#include "proxy/upstream/connection_pool.hpp"
#include "proxy/upstream/h2_pool.hpp"

namespace outrigger::upstream {

// A call that waits for what the endpoint speaks. Destroying it leaves the queue.
class AgreementWaiter : public ListNode<> {
 public:
  // The host that the endpoint's certificate must be for.
  virtual std::string_view wanted_name() const = 0;
  virtual void on_agreed() = 0;
  virtual void on_not_reached(Cause cause) = 0;

 protected:
  ~AgreementWaiter() = default;
};

class Pools final : public Reapable, public DialEvents {
  Agreed x_agreed = Agreed::kNothing;
  const std::shared_ptr<EndpointConnections> x_open;

 public:
  // `tls`: of the service; null: clear text. `open` is where the endpoint shows its connections.
  Pools(UpstreamRuntime& upstream, const Address& address, const config::Pool& settings,
        const Published<io::TlsClientContext>* tls, std::shared_ptr<EndpointConnections> open);
  ~Pools() override;

  UpstreamRuntime& upstream() const { return http1.upstream(); }
  void set_settings(const config::Pool& settings);
  // Memory is short.
  void close_idle();
  // The address left the list: idle connections close now, others after their calls.
  void retire();
  // Nothing is left: when retired, it can go.
  bool is_empty() const { return http1.is_empty() && http2.is_empty() && x_waiters.empty(); }
  // A connection of any protocol.
  bool has_connection() const { return x_open->http1 + x_open->http2 > 0; }

  Agreed agreed() const { return x_agreed; }
  // Whether the endpoint, in whatever worker, was last found to speak HTTP/2.
  bool spoke_http2() const {
    return x_open->agreed.load(std::memory_order_relaxed) == Agreed::kHttp2;
  }
  // Dials as the waiter wants it, unless a dial is under way that is younger than a connect may
  // last. The waiter is told in any case, and is out of the queue then.
  void find_out(AgreementWaiter& waiter, int64_t connect_timeout_ms);
  // Idempotent. Nobody dials for nobody.
  void stop_waiting(AgreementWaiter& waiter, int64_t connect_timeout_ms);

  ConnectionPool http1;
  H2Pool http2;

 private:
  void on_dialled(io::StreamPtr stream, std::string_view alpn) override;
  void on_dial_failed(Cause cause) override;
  void dial_if_needed(int64_t connect_timeout_ms);

  io::OperationPtr x_dial;
  std::string x_dialled_name;
  int64_t x_dialled_at_ms = 0;
  List<AgreementWaiter> x_waiters;
};

// An attempt at that address that is not begun yet; `name` outlives it. Requires: it is known what
// the endpoint speaks.
chain::CallPtr make_attempt(chain::CallLeg leg, const CallSettings& settings, Pools& pools,
                            EndpointLease lease, std::string_view name, Attempt*& attempt);
// One that begins now, over what `settings.protocol`, the endpoint or the request say.
chain::CallPtr start_attempt(chain::CallLeg leg, const CallSettings& settings, Pools& pools,
                             EndpointLease lease, std::string_view name, int64_t connect_by_ms);

}  // namespace outrigger::upstream
