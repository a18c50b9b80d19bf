#include "proxy/upstream/service_client.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace outrigger::upstream {
namespace {

// By the addresses of endpoints, not by where they happen to be in memory: a simulated run must go
// the same way again.
template <class Map>
std::vector<typename Map::mapped_type*> in_order(Map& pools) {
  std::vector<typename Map::value_type*> entries;
  entries.reserve(pools.size());
  for (auto& entry : pools) entries.push_back(&entry);
  const auto address = [](const auto* entry) -> const Address& { return entry->first->address(); };
  std::ranges::sort(entries, {}, address);
  std::vector<typename Map::mapped_type*> sorted;
  sorted.reserve(entries.size());
  for (auto* entry : entries) sorted.push_back(&entry->second);
  return sorted;
}

}  // namespace

ServiceClient::ServiceClient(UpstreamRuntime& upstream, std::shared_ptr<Service> service,
                             const config::Policy& policy)
    : x_upstream(upstream),
      x_service(std::move(service)),
      x_pool_settings(policy.pool),
      x_tls(policy.tls),
      x_protocol(policy.protocol),
      x_balancer(BalancerSettings::from(policy)) {
  x_balancer.set_zone(upstream.zone);
  if (auto set = x_service->endpoints()) apply(std::move(set));
}

ServiceClient::~ServiceClient() = default;

void ServiceClient::set_policy(const config::Policy& policy) {
  if (x_tls != policy.tls || x_protocol != policy.protocol) {
    for (auto* pools : in_order(x_pools)) retire(std::move(*pools));
    x_pools.clear();
    bury_empty_pools();
  }
  x_tls = policy.tls;
  x_protocol = policy.protocol;
  x_pool_settings = policy.pool;
  x_balancer.set_settings(BalancerSettings::from(policy));
  // With the policy the service has made the same list with a table, or without.
  const bool has_table = x_balancer.view().table() != nullptr;
  if (x_has_list && has_table != x_balancer.wants_table()) apply(x_service->endpoints());
  for (auto* pools : in_order(x_pools)) (*pools)->set_settings(policy.pool);
}

void ServiceClient::apply(std::shared_ptr<const EndpointSet> set) {
  x_balancer.view().begin(std::move(set));
  take_more();
}

void ServiceClient::take_more() {
  EndpointView& view = x_balancer.view();
  size_t budget = kEndpointsPerTurn;
  while (view.is_busy() && budget > 0) x_has_list = view.advance(budget) || x_has_list;
  for (const auto& endpoint : view.take_gone()) {
    if (auto pools = x_pools.extract(endpoint.get())) retire(std::move(pools.mapped()));
  }
  bury_empty_pools();
  if (view.is_busy()) x_upstream.runtime.loop.timers.arm(x_again, x_upstream.now_ms());
  while (x_has_list && !x_waiters.empty()) x_waiters.pop_front().on_first_list();
}

void ServiceClient::retire(std::unique_ptr<Pools> pools) {
  pools->retire();
  x_retired.push_back(std::move(pools));
}

Pick ServiceClient::pick(std::span<const chain::EndpointId> tried, std::optional<uint64_t> hash) {
  return x_balancer.pick(x_upstream.now_ms(), x_upstream.runtime.loop.random, tried, hash);
}

Pools& ServiceClient::pools_of(const Endpoint& endpoint) {
  auto& pools = x_pools[&endpoint];
  if (pools == nullptr) {
    pools = std::make_unique<Pools>(x_upstream, endpoint.address(), x_pool_settings,
                                    x_tls ? &x_service->tls() : nullptr, endpoint.connections());
  }
  return *pools;
}

void ServiceClient::close_idle_connections() {
  for (auto* pools : in_order(x_pools)) (*pools)->close_idle();
}

// Retired pools stay while calls run on them. Looked at when a list comes; there are few.
void ServiceClient::bury_empty_pools() {
  std::erase_if(x_retired, [&](auto& retired) {
    if (!retired->is_empty()) return false;
    x_upstream.runtime.loop.reaper.doom(std::move(retired));
    return true;
  });
}

}  // namespace outrigger::upstream
