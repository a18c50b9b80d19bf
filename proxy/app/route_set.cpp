#include "proxy/app/route_set.hpp"

#include <algorithm>

#include "proxy/app/worker.hpp"
#include "proxy/base/assert.hpp"

namespace outrigger::app {

RouteSet::RouteSet(Worker& worker, SnapshotPtr snapshot, const std::vector<Kinds>& more,
                   const RouteSet* before)
    : x_worker(worker), x_snapshot(std::move(snapshot)) {
  const config::Config& config = x_snapshot->config;
  const auto add = [this](const Kinds& kinds) {
    auto& known = x_common.kinds;
    if (std::find(known.begin(), known.end(), kinds) == known.end()) known.push_back(kinds);
  };
  for (const config::ListenerConfig& listener : config.listeners) add(listener.filters);
  for (const Kinds& kinds : more) add(kinds);
  x_common.access_log = worker.x_access_log;
  x_common.request_id = config.request_id;
  x_common.tracing = config.tracing;
  const auto metrics = config.metrics.value_or(config::MetricsConfig{});
  x_common.buckets_ms = metrics.histogram_buckets_ms;
  x_common.count_by_endpoint = metrics.endpoint_label;
  x_before = before != nullptr && before->x_common == x_common ? before : nullptr;
}

bool RouteSet::build(size_t routes_max) {
  const auto& all = x_snapshot->config.services;
  for (size_t done = 0; x_next < all.size() && done < routes_max; ++x_next) {
    const config::ServiceConfig& service = all[x_next];
    auto compiled = take_over(service);
    // What is taken over costs its place in the table.
    done += compiled != nullptr ? 1 : CompiledService::routes_in(service);
    if (compiled == nullptr) {
      compiled = CompiledService::compile(x_worker, *x_snapshot, x_common, service);
    }
    x_table.add(service.name, {compiled, &compiled->routes()});
    x_services.emplace(service.name, std::move(compiled));
  }
  if (x_next < all.size()) return false;
  x_passthrough = CompiledService::passthrough(x_worker, *x_snapshot, x_common);
  x_before = nullptr;
  return true;
}

std::shared_ptr<CompiledService> RouteSet::take_over(const config::ServiceConfig& service) const {
  if (x_before == nullptr) return nullptr;
  const auto known = x_before->x_services.find(service.name);
  const bool is_same = known != x_before->x_services.end() &&
                       known->second->version() == x_snapshot->versions.find(service.name)->second;
  return is_same ? known->second : nullptr;
}

std::shared_ptr<const chain::Chain> RouteSet::inner_chain(std::string_view service) const {
  const auto found = x_services.find(service);
  if (found == x_services.end()) return nullptr;
  return {found->second, found->second->otherwise().inner.get()};
}

size_t RouteSet::chain_index(const Kinds& filters) const {
  const auto found = std::find(x_common.kinds.begin(), x_common.kinds.end(), filters);
  OUTRIGGER_ASSERT(found != x_common.kinds.end());
  return static_cast<size_t>(found - x_common.kinds.begin());
}

std::vector<std::shared_ptr<CompiledService>> RouteSet::replaced_by(const RouteSet& next) const {
  std::vector<std::shared_ptr<CompiledService>> replaced{x_passthrough};
  for (const auto& [name, service] : x_services) {
    const auto now = next.x_services.find(name);
    if (now == next.x_services.end() || now->second != service) replaced.push_back(service);
  }
  return replaced;
}

}  // namespace outrigger::app
