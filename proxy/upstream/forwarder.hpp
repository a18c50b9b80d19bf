// The terminal of a service's chain: picks an endpoint and starts an attempt there. One for each
// route and worker, immutable; the state is the client's. One thread.
#pragma once

#include "proxy/chain/terminal.hpp"
#include "proxy/upstream/attempt.hpp"
#include "proxy/upstream/service_client.hpp"

namespace outrigger::upstream {

class Forwarder final : public chain::Terminal {
 public:
  // Both must outlive it.
  Forwarder(ServiceClient& client, CallSettings settings)
      : x_client(client), x_settings(std::move(settings)) {}

  chain::CallPtr start(chain::CallLeg leg) override;

 private:
  friend class FirstListCall;
  chain::CallPtr start_attempt(chain::CallLeg leg, int64_t connect_by_ms);

  ServiceClient& x_client;
  const CallSettings x_settings;
};

// What an attempt under `policy` needs to know.
CallSettings call_settings(const config::Policy& policy, metrics::ServiceSeries& series);

}  // namespace outrigger::upstream
