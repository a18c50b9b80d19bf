// One worker's side of one service: its balancer and its connections, pools for each endpoint.
// Kept across configurations, so that a change of policy closes nothing. Owned by the worker; one
// thread.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/upstream/balancer.hpp"
#include "proxy/upstream/pools.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::upstream {

// A call that came before the first list of endpoints. Destroying it leaves the queue.
class ListWaiter : public ListNode<> {
 public:
  virtual void on_first_list() = 0;

 protected:
  ~ListWaiter() = default;
};

class ServiceClient {
 public:
  // So many endpoints of a list are seen to in one turn of the loop, which has calls to see to.
  static constexpr size_t kEndpointsPerTurn = 250;

  ServiceClient(UpstreamRuntime& upstream, std::shared_ptr<Service> service,
                const config::Policy& policy);
  ~ServiceClient();

  Service& service() { return *x_service; }
  UpstreamRuntime& upstream() { return x_upstream; }

  // Connections stay, but for those made under another `tls` or `protocol`: they take no new call.
  void set_policy(const config::Policy& policy);
  // A new list for this worker, in force at once, or turns later when it is long. Pools of
  // endpoints that left close their idle connections.
  void apply(std::shared_ptr<const EndpointSet> set);
  // Our zone is another one.
  void set_zone(std::string_view zone) { x_balancer.set_zone(zone); }
  bool has_list() const { return x_has_list; }
  void wait_for_list(ListWaiter& waiter) { x_waiters.push_back(waiter); }

  // `hash`: see Balancer.
  Pick pick(std::span<const chain::EndpointId> tried, std::optional<uint64_t> hash);
  Pools& pools_of(const Endpoint& endpoint);
  // Memory is short.
  void close_idle_connections();

 private:
  void take_more();
  void retire(std::unique_ptr<Pools> pools);
  void bury_empty_pools();

  UpstreamRuntime& x_upstream;
  const std::shared_ptr<Service> x_service;
  config::Pool x_pool_settings;
  std::optional<config::ClientTls> x_tls;
  config::Protocol x_protocol;
  Balancer x_balancer;
  std::unordered_map<const Endpoint*, std::unique_ptr<Pools>> x_pools;
  std::vector<std::unique_ptr<Pools>> x_retired;  // calls still run on them
  List<ListWaiter> x_waiters;
  bool x_has_list = false;
  Timer x_again = Timer::of<&ServiceClient::take_more>(*this);
};

}  // namespace outrigger::upstream
