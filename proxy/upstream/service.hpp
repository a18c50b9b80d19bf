// What is known of a service whatever configuration is in force: its circuit, limit, retry budget
// and endpoints, keyed by name and kept across reloads. A route with its own circuit or limits has
// a PolicyState of its own beside it. Created and changed on the control thread, which owns them
// through Services; workers read and settle. Must outlive the loops' use of it (shared_ptr, control
// path only).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/policy.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/published.hpp"
#include "proxy/io/tls_context.hpp"
#include "proxy/upstream/circuit.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/limits.hpp"
#include "proxy/upstream/retry_budget.hpp"

namespace outrigger::upstream {

// What the process gives to all of them.
struct UpstreamContext {
  unsigned workers = 1;
  PermitPost* permit_post = nullptr;        // may be null with one worker
  CircuitEvents* circuit_events = nullptr;  // may be null
  uint64_t seed = 0;
};

// Circuit and limit of a service ("orders") or of a route that has its own ("orders/reads").
struct PolicyState {
  PolicyState(std::string name, const config::Policy& policy, const UpstreamContext& context,
              int64_t now_ms);
  void set_policy(const config::Policy& policy, int64_t now_ms);

  const std::string name;
  Circuit circuit;
  OutstandingLimit limit;
};

struct ListedAddress {
  Address address;
  int weight = 1;
  bool terminating = false;
  std::string zone{};  // where it runs; empty: nobody said

  bool operator==(const ListedAddress&) const = default;
};

struct DiscoveryFacts {
  bool answered = false;       // a list came, be it empty
  int64_t answered_at_ms = 0;  // the age of the list counts from here
  uint64_t errors = 0;
  std::string last_error;  // empty after an answer
  bool from_disk = false;  // the list is one that an earlier process kept
};

class Service {
 public:
  static constexpr int64_t kForgetRemovedMs = 300'000;

  Service(std::string name, const config::Policy& policy, const UpstreamContext& context,
          int64_t now_ms);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const std::string& name() const { return x_state.name; }
  Circuit& circuit() { return x_state.circuit; }
  OutstandingLimit& limit() { return x_state.limit; }
  RetryBudget& retry_budget() { return x_retry_budget; }
  // Only of a service with `tls`: set before its first call, and again when its files change.
  Published<io::TlsClientContext>& tls() { return x_tls; }
  const Circuit& circuit() const { return x_state.circuit; }
  const OutstandingLimit& limit() const { return x_state.limit; }
  const EndpointGroup& endpoint_group() const { return *x_group; }

  // Control thread: a changed configuration. Keeps state and counts. Where it begins or ceases to
  // balance by a hash the list becomes another, which workers find in endpoints().
  void set_policy(const config::Policy& policy, int64_t now_ms);

  // Control thread: a new list (an address that comes twice counts once). Endpoints that stay keep
  // all that is known of them; removed ones are remembered for kForgetRemovedMs. Returns what the
  // workers get.
  std::shared_ptr<const EndpointSet> set_endpoints(const std::vector<ListedAddress>& list,
                                                   int64_t now_ms);
  // Control thread: of the endpoint at that address, listed or not, now and whenever it is listed.
  void set_operator_state(const Address& address, OperatorState state);
  // Control thread: the latest list came again; nothing changes but its age.
  void discovery_confirmed(int64_t now_ms);
  // Control thread: of the list that comes next.
  void set_list_from_disk(bool is_from_disk);
  // Control thread: a source failed. Never removes an endpoint. One that is not new, since it was
  // said before, counts no error.
  void discovery_failed(std::string error, bool is_new = true);

  // Any thread, control path.
  std::shared_ptr<const EndpointSet> endpoints() const { return x_group->current(); }
  DiscoveryFacts discovery() const;
  std::shared_ptr<Endpoint> find_endpoint(const Address& address) const;
  // Those that are listed or remembered, by address.
  std::vector<std::shared_ptr<const Endpoint>> known_endpoints(int64_t now_ms) const;

 private:
  struct Known {
    std::shared_ptr<Endpoint> endpoint;
    uint64_t version = 0;  // of the last list that had it
    int64_t removed_at_ms = 0;
  };

  void set_hashes(bool hashes);
  bool is_forgotten(const Known& known, int64_t now_ms) const {
    return known.version != x_version && now_ms - known.removed_at_ms >= kForgetRemovedMs;
  }

  PolicyState x_state;
  RetryBudget x_retry_budget;
  Published<io::TlsClientContext> x_tls;
  const std::shared_ptr<EndpointGroup> x_group;
  bool x_hashes;               // balances by a hash; control thread
  mutable std::mutex x_mutex;  // control path only
  std::unordered_map<Address, Known> x_known;
  std::unordered_map<Address, OperatorState> x_operator_states;  // without those that are auto
  uint64_t x_version = 0;
  DiscoveryFacts x_discovery;
};

// All of them by name. Control thread.
class Services {
 public:
  explicit Services(const UpstreamContext& context) : x_context(context) {}

  // The one that is known by this name, with the policy applied, or a new one.
  std::shared_ptr<Service> service(const std::string& name, const config::Policy& policy,
                                   int64_t now_ms);
  // The state of a route that has its own circuit or limits; the name is "SERVICE/ROUTE".
  std::shared_ptr<PolicyState> route(const std::string& name, const config::Policy& policy,
                                     int64_t now_ms);

  std::shared_ptr<Service> find(std::string_view name) const;
  std::shared_ptr<PolicyState> find_route(std::string_view name) const;

  // Forgets those that a new configuration no longer names: they live until the last call and
  // posted permit of theirs has ended, and one that is named again later is another.
  void keep_only(const std::set<std::string>& services, const std::set<std::string>& routes);

  const std::map<std::string, std::shared_ptr<Service>, std::less<>>& services() const {
    return x_services;
  }
  const std::map<std::string, std::shared_ptr<PolicyState>, std::less<>>& routes() const {
    return x_routes;
  }

 private:
  const UpstreamContext x_context;
  std::map<std::string, std::shared_ptr<Service>, std::less<>> x_services;
  std::map<std::string, std::shared_ptr<PolicyState>, std::less<>> x_routes;
};

}  // namespace outrigger::upstream
