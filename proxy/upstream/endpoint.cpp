#include "proxy/upstream/endpoint.hpp"

#include <algorithm>
#include <array>

#include "proxy/base/hash.hpp"

namespace outrigger::upstream {

namespace {

constexpr std::array<std::string_view, 3> kOperatorStateNames = {"auto", "drain", "disabled"};

}  // namespace

std::string_view to_string(Health health) {
  constexpr std::array<std::string_view, 3> kNames = {"unknown", "healthy", "unhealthy"};
  return kNames[static_cast<size_t>(health)];
}

std::string_view to_string(OperatorState state) {
  return kOperatorStateNames[static_cast<size_t>(state)];
}

std::optional<OperatorState> operator_state_from(std::string_view name) {
  const auto found = std::find(kOperatorStateNames.begin(), kOperatorStateNames.end(), name);
  if (found == kOperatorStateNames.end()) return std::nullopt;
  return static_cast<OperatorState>(found - kOperatorStateNames.begin());
}

std::string_view to_string(Exclusion exclusion) {
  constexpr std::array<std::string_view, 7> kNames = {
      "none", "removed", "terminating", "drain", "disabled", "unhealthy", "circuit_open",
  };
  return kNames[static_cast<size_t>(exclusion)];
}

// The old list is let go outside the mutex: it may be the last to hold some endpoints.
void EndpointGroup::publish(std::shared_ptr<const EndpointSet> set) {
  {
    const std::lock_guard lock(x_mutex);
    x_set.swap(set);
  }
  touch();
}

std::shared_ptr<const EndpointSet> EndpointGroup::current() const {
  const std::lock_guard lock(x_mutex);
  return x_set;
}

bool EndpointGroup::others_eligible(const EndpointCircuit& opening, int64_t now_ms) const {
  if (!x_set) return false;
  const bool has_ready = x_set->has_ready();
  return std::any_of(x_set->entries.begin(), x_set->entries.end(), [&](const auto& entry) {
    return &entry.endpoint->circuit() != &opening && is_eligible(entry, has_ready, now_ms);
  });
}

Endpoint::Endpoint(Address address, std::shared_ptr<EndpointGroup> group, int64_t now_ms)
    : x_address(std::move(address)),
      x_name(x_address.to_string()),
      x_group(std::move(group)),
      x_circuit(*x_group),
      x_listed_since_ms(now_ms) {}

void Endpoint::set_listed(bool listed, int64_t now_ms) {
  if (listed == is_listed()) return;
  if (listed) x_listed_since_ms.store(now_ms, std::memory_order_relaxed);
  x_listed.store(listed, std::memory_order_relaxed);
  x_group->touch();
}

void Endpoint::set_operator_state(OperatorState state) {
  x_operator.store(state, std::memory_order_relaxed);
  x_group->touch();
}

void Endpoint::set_health(Health health, std::string why) {
  x_health_why = std::move(why);
  if (health == x_health.exchange(health, std::memory_order_relaxed)) return;
  x_group->touch();
}

bool EndpointSet::has_ready() const {
  return std::any_of(entries.begin(), entries.end(),
                     [](const EndpointEntry& entry) { return !entry.terminating; });
}

void EndpointSet::make_table() {
  table.reset();
  if (entries.empty()) return;
  std::vector<MaglevTable::Member> members;
  members.reserve(entries.size());
  for (const EndpointEntry& entry : entries) {
    members.push_back({stable_hash(entry.endpoint->name()), std::max(1, entry.weight)});
  }
  table = std::make_shared<const MaglevTable>(members);
}

Exclusion exclusion_of(const EndpointEntry& entry, bool has_ready, int64_t now_ms) {
  const Endpoint& endpoint = *entry.endpoint;
  if (!endpoint.is_listed()) return Exclusion::kRemoved;
  if (entry.terminating && has_ready) return Exclusion::kTerminating;
  if (endpoint.operator_state() == OperatorState::kDrain) return Exclusion::kDrain;
  if (endpoint.operator_state() == OperatorState::kDisabled) return Exclusion::kDisabled;
  if (endpoint.health() == Health::kUnhealthy) return Exclusion::kUnhealthy;
  if (endpoint.circuit().excludes(now_ms)) return Exclusion::kCircuitOpen;
  return Exclusion::kNone;
}

// That it left the list is not asked: the worker's own list says who is in it, and until the next
// one comes a moment later, those of this one must do.
bool is_usable(const EndpointEntry& entry, bool has_ready) {
  return !(entry.terminating && has_ready) &&
         entry.endpoint->operator_state() == OperatorState::kAuto;
}

bool is_eligible(const EndpointEntry& entry, bool has_ready, int64_t now_ms) {
  return is_usable(entry, has_ready) && entry.endpoint->health() != Health::kUnhealthy &&
         !entry.endpoint->circuit().excludes(now_ms);
}

}  // namespace outrigger::upstream
