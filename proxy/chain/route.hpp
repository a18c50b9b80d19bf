// A Route is what the router finds: the chains of one service or of one of its named routes,
// compiled for this worker. Owned by the worker's RouteTable; outlives every exchange that runs it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metrics/series.hpp"
#include "proxy/chain/chain.hpp"

namespace outrigger::chain {

struct Route {
  std::string service;
  std::string name;   // of a named route, else empty
  std::string label;  // "orders" or "orders/reads": for details, metrics and the log
  metrics::ServiceSeries* series = nullptr;
  bool proxy = false;           // its endpoints are forward proxies
  mutable int64_t running = 0;  // exchanges that are on it now
  // One for each distinct filter list of the listeners; a listener knows its index.
  std::vector<std::unique_ptr<Chain>> chains;
  // As `chains`, with the filters that take part in tunnels.
  std::vector<std::unique_ptr<Chain>> tunnels;
  // Entered by the fallback of another service: without access_log, trace and fallback.
  std::unique_ptr<Chain> inner;
};

}  // namespace outrigger::chain
