// What the upstream side needs of its worker. Owned by the worker and used on its thread only; it
// outlives everything here. Borrowed references, no state of its own.
#pragma once

#include "metrics/series.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/io/network.hpp"
#include "proxy/upstream/own_listeners.hpp"

namespace outrigger::upstream {

struct UpstreamRuntime {
  chain::Runtime& runtime;
  io::Network& network;
  metrics::WorkerSeries& series;
  const OwnListeners& own_listeners;

  int64_t now_ms() const { return runtime.loop.clock.now_ms(); }
};

}  // namespace outrigger::upstream
