// What one worker keeps open to one address: connections of either protocol. Owned by the service's
// client, or by passthrough; one thread.
#pragma once

#include "proxy/upstream/attempt.hpp"
#include "proxy/upstream/connection_pool.hpp"
#include "proxy/upstream/h2_pool.hpp"

namespace outrigger::upstream {

struct Pools final : Reapable {
  Pools(UpstreamRuntime& upstream, const Address& address, const config::Pool& settings)
      : http1(upstream, address, settings), http2(upstream, address, settings) {}

  void set_settings(const config::Pool& settings) {
    http1.set_settings(settings);
    http2.set_settings(settings);
  }
  // The address left the list: idle connections close now, others after their calls.
  void retire() {
    http1.retire();
    http2.retire();
  }
  // Nothing is left: when retired, it can go.
  bool is_empty() const { return http1.is_empty() && http2.is_empty(); }

  ConnectionPool http1;
  H2Pool http2;
};

// An attempt at that address, over what `settings.protocol` and the request say.
chain::CallPtr start_attempt(chain::Leg& leg, const CallSettings& settings, Pools& pools,
                             EndpointLease lease, std::string_view name, int64_t connect_by_ms);

}  // namespace outrigger::upstream
