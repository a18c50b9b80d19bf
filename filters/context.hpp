// What a filter is made of: the policies of its route and the process-wide state they act on. Used
// once, when a worker's route table is compiled; everything in here outlives the filter.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "config/model.hpp"
#include "metrics/series.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::filters {

class AccessLog;
class StaleStore;

struct Context {
  const config::Config& config;
  const config::Policy& policy;  // of the route, or of the service
  chain::Runtime& runtime;
  unsigned worker;
  std::string_view label;  // "orders" or "orders/reads"
  upstream::Service& service;
  upstream::Circuit* circuit;                         // the service's, or the route's own
  upstream::OutstandingLimit* route_limit = nullptr;  // in addition, where the route has its own
  metrics::ServiceSeries& series;
  StaleStore& stale;
  AccessLog* access_log = nullptr;  // null: off
  // The inner chain of another service, which may be compiled later: asked at run time. It is kept
  // alive by whoever has it.
  std::function<std::shared_ptr<const chain::Chain>(std::string_view service)> inner_chain;
};

}  // namespace outrigger::filters
