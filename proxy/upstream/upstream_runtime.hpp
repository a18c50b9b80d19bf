// What the upstream side needs of its worker. Owned by the worker and used on its thread only; it
// outlives everything here. Borrowed references, no state of its own.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "config/policy.hpp"
#include "metrics/series.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/h2_guard.hpp"
#include "proxy/io/name_service.hpp"
#include "proxy/io/network.hpp"
#include "proxy/upstream/own_listeners.hpp"

namespace outrigger::upstream {

// So long a peer that speaks HTTP may leave what was sent to it lying in the network. A tunnel's
// reads when it likes.
constexpr int64_t kUnackedMaxMs = 60'000;

struct UpstreamRuntime {
  chain::Runtime& runtime;
  io::Network& network;
  io::NameService& names;
  metrics::WorkerSeries& series;
  std::shared_ptr<const OwnListeners> own_listeners;  // of the latest configuration
  http::H2Flood flood{};                              // what an upstream may do
  std::string zone{};                                 // ours; empty: not said

  int64_t now_ms() const { return runtime.loop.clock.now_ms(); }

  // When a connection that is made now takes no new call any more. Spread, so that connections that
  // were opened together do not close together.
  int64_t lifetime_ends_ms(const config::Pool& pool) const {
    if (!pool.lifetime_ms) return std::numeric_limits<int64_t>::max();
    const double spread = runtime.loop.random.between(0.8, 1.2);
    return now_ms() + static_cast<int64_t>(static_cast<double>(*pool.lifetime_ms) * spread);
  }
};

}  // namespace outrigger::upstream
