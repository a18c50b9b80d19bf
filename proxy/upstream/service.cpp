#include "proxy/upstream/service.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace outrigger::upstream {

namespace {

uint64_t seed_for(const UpstreamContext& context, const std::string& name, uint64_t use) {
  return context.seed ^ (std::hash<std::string>{}(name) + use);
}

double budget_share(const config::Policy& policy) {
  return policy.retry ? policy.retry->budget_share : 0;
}

// Numbers the zones of a list that is being made.
class ZoneNumbers {
 public:
  explicit ZoneNumbers(std::vector<std::string>& zones) : x_zones(zones) {}

  uint16_t of(const std::string& zone) {
    if (zone.empty()) return 0;
    const auto known = x_numbers.find(zone);
    if (known != x_numbers.end()) return known->second;
    if (x_zones.size() > EndpointSet::kMaxZones) return 0;
    const auto number = static_cast<uint16_t>(x_zones.size());
    x_zones.push_back(zone);
    x_numbers.emplace(zone, number);
    return number;
  }

 private:
  std::vector<std::string>& x_zones;
  std::unordered_map<std::string, uint16_t> x_numbers;
};

template <class Map>
auto find_in(const Map& map, std::string_view name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : found->second;
}

}  // namespace

PolicyState::PolicyState(std::string name_of_it, const config::Policy& policy,
                         const UpstreamContext& context, int64_t now_ms)
    : name(std::move(name_of_it)),
      circuit(name, policy.circuit, seed_for(context, name, 1), now_ms, context.circuit_events),
      limit(policy.limits, context.workers, context.permit_post) {
  circuit.set_probe_hold_ms(probe_hold_ms(policy.timeout));
}

void PolicyState::set_policy(const config::Policy& policy, int64_t now_ms) {
  circuit.set_settings(policy.circuit, now_ms);
  circuit.set_probe_hold_ms(probe_hold_ms(policy.timeout));
  limit.set_limits(policy.limits);
}

Service::Service(std::string name, const config::Policy& policy, const UpstreamContext& context,
                 int64_t now_ms)
    : x_state(std::move(name), policy, context, now_ms),
      x_retry_budget(budget_share(policy)),
      x_group(std::make_shared<EndpointGroup>(policy.endpoint_circuit,
                                              seed_for(context, x_state.name, 2))),
      x_hashes(policy.balance.rule == config::BalanceRule::kHash) {
  x_group->set_probe_hold_ms(probe_hold_ms(policy.timeout));
}

// The group holds the list, its endpoints the group.
Service::~Service() { x_group->publish(nullptr); }

void Service::set_policy(const config::Policy& policy, int64_t now_ms) {
  x_state.set_policy(policy, now_ms);
  x_retry_budget.set_share(budget_share(policy));
  x_group->set_settings(policy.endpoint_circuit);
  x_group->set_probe_hold_ms(probe_hold_ms(policy.timeout));
  set_hashes(policy.balance.rule == config::BalanceRule::kHash);
}

void Service::set_hashes(bool hashes) {
  if (std::exchange(x_hashes, hashes) == hashes) return;
  const auto before = x_group->current();
  if (before == nullptr) return;
  auto set = std::make_shared<EndpointSet>(*before);
  hashes ? set->make_table() : set->table.reset();
  x_group->publish(std::move(set));
}

std::shared_ptr<const EndpointSet> Service::set_endpoints(const std::vector<ListedAddress>& list,
                                                          int64_t now_ms) {
  auto set = std::make_shared<EndpointSet>();
  ZoneNumbers zones(set->zones);
  {
    const std::lock_guard lock(x_mutex);
    set->version = ++x_version;
    set->entries.reserve(list.size());
    for (const ListedAddress& listed : list) {
      Known& known = x_known[listed.address];
      if (known.version == x_version) continue;
      known.version = x_version;
      if (!known.endpoint) {
        known.endpoint = std::make_shared<Endpoint>(listed.address, x_group, now_ms);
        const auto state = x_operator_states.find(listed.address);
        if (state != x_operator_states.end()) known.endpoint->set_operator_state(state->second);
      }
      known.endpoint->set_listed(true, now_ms);
      set->entries.push_back(
          {known.endpoint, std::max(1, listed.weight), listed.terminating, zones.of(listed.zone)});
    }
    for (auto& [address, known] : x_known) {
      if (known.version == x_version || !known.endpoint->is_listed()) continue;
      known.endpoint->set_listed(false, now_ms);
      known.removed_at_ms = now_ms;
    }
    std::erase_if(x_known, [&](const auto& item) { return is_forgotten(item.second, now_ms); });
  }
  if (x_hashes) set->make_table();
  discovery_confirmed(now_ms);
  x_group->publish(set);
  return set;
}

void Service::set_operator_state(const Address& address, OperatorState state) {
  std::shared_ptr<Endpoint> endpoint;
  {
    const std::lock_guard lock(x_mutex);
    if (state == OperatorState::kAuto) {
      x_operator_states.erase(address);
    } else {
      x_operator_states.insert_or_assign(address, state);
    }
    const auto known = x_known.find(address);
    if (known != x_known.end()) endpoint = known->second.endpoint;
  }
  if (endpoint != nullptr) endpoint->set_operator_state(state);
}

void Service::discovery_confirmed(int64_t now_ms) {
  const std::lock_guard lock(x_mutex);
  x_discovery.answered = true;
  x_discovery.answered_at_ms = now_ms;
  x_discovery.last_error.clear();
}

void Service::discovery_failed(std::string error, bool is_new) {
  const std::lock_guard lock(x_mutex);
  x_discovery.errors += is_new ? 1 : 0;
  x_discovery.last_error = std::move(error);
}

void Service::set_list_from_disk(bool is_from_disk) {
  const std::lock_guard lock(x_mutex);
  x_discovery.from_disk = is_from_disk;
}

DiscoveryFacts Service::discovery() const {
  const std::lock_guard lock(x_mutex);
  return x_discovery;
}

std::shared_ptr<Endpoint> Service::find_endpoint(const Address& address) const {
  const std::lock_guard lock(x_mutex);
  const auto found = x_known.find(address);
  return found == x_known.end() ? nullptr : found->second.endpoint;
}

std::vector<std::shared_ptr<const Endpoint>> Service::known_endpoints(int64_t now_ms) const {
  std::vector<std::shared_ptr<const Endpoint>> all;
  {
    const std::lock_guard lock(x_mutex);
    for (const auto& [address, known] : x_known) {
      if (!is_forgotten(known, now_ms)) all.push_back(known.endpoint);
    }
  }
  std::ranges::sort(all, {}, [](const auto& endpoint) { return endpoint->name(); });
  return all;
}

std::shared_ptr<Service> Services::service(const std::string& name, const config::Policy& policy,
                                           int64_t now_ms) {
  std::shared_ptr<Service>& known = x_services[name];
  if (known) {
    known->set_policy(policy, now_ms);
  } else {
    known = std::make_shared<Service>(name, policy, x_context, now_ms);
    known->limit().set_owner(known);
  }
  return known;
}

std::shared_ptr<PolicyState> Services::route(const std::string& name, const config::Policy& policy,
                                             int64_t now_ms) {
  std::shared_ptr<PolicyState>& known = x_routes[name];
  if (known) {
    known->set_policy(policy, now_ms);
  } else {
    known = std::make_shared<PolicyState>(name, policy, x_context, now_ms);
    known->limit.set_owner(known);
  }
  return known;
}

std::shared_ptr<Service> Services::find(std::string_view name) const {
  return find_in(x_services, name);
}

std::shared_ptr<PolicyState> Services::find_route(std::string_view name) const {
  return find_in(x_routes, name);
}

void Services::keep_only(const std::set<std::string>& services,
                         const std::set<std::string>& routes) {
  const auto not_in = [](const std::set<std::string>& names) {
    return [&names](const auto& item) { return !names.contains(item.first); };
  };
  std::erase_if(x_services, not_in(services));
  std::erase_if(x_routes, not_in(routes));
}

}  // namespace outrigger::upstream
