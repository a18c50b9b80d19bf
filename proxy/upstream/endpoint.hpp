// One instance of a service, and the list of them. An Endpoint is process-wide: keyed by service
// and address, kept across lists and configurations, so that what is known of it stays. An
// EndpointSet is an immutable list, made on the control thread and shared by the workers. The group
// holds what the endpoints of one service share. Connections and in-flight counts of a worker are
// not here.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/series.hpp"
#include "proxy/base/address.hpp"
#include "proxy/upstream/endpoint_circuit.hpp"
#include "proxy/upstream/endpoint_connections.hpp"
#include "proxy/upstream/maglev.hpp"

namespace outrigger::upstream {

struct EndpointSet;

class EndpointGroup final : public EndpointCircuitGroup {
 public:
  using EndpointCircuitGroup::EndpointCircuitGroup;

  void publish(std::shared_ptr<const EndpointSet> set);
  std::shared_ptr<const EndpointSet> current() const;  // may be null: no list yet

 private:
  bool others_eligible(const EndpointCircuit& opening, int64_t now_ms) const override;

  std::shared_ptr<const EndpointSet> x_set;  // under x_mutex
};

enum class OperatorState : uint8_t { kAuto, kDrain, kDisabled };
enum class Health : uint8_t { kUnknown, kHealthy, kUnhealthy };  // active checks; unknown is good

// What keeps an endpoint from being picked: the first that applies.
enum class Exclusion : uint8_t {
  kNone,
  kRemoved,
  kTerminating,
  kDrain,
  kDisabled,
  kUnhealthy,
  kCircuitOpen,
};
std::string_view to_string(Health health);
std::string_view to_string(OperatorState state);
std::optional<OperatorState> operator_state_from(std::string_view name);
std::string_view to_string(Exclusion exclusion);

class Endpoint {
 public:
  Endpoint(Address address, std::shared_ptr<EndpointGroup> group, int64_t now_ms);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const Address& address() const { return x_address; }
  const std::string& name() const { return x_name; }  // the address as text
  EndpointCircuit& circuit() { return x_circuit; }
  const EndpointCircuit& circuit() const { return x_circuit; }
  EndpointGroup& group() const { return *x_group; }

  // Control thread. A removed endpoint that is listed again starts slowly again.
  void set_listed(bool listed, int64_t now_ms);
  void set_operator_state(OperatorState state);
  void set_health(Health health, std::string why = {});
  // What the latest check found, for people; empty before the first. Control thread.
  const std::string& health_why() const { return x_health_why; }

  bool is_listed() const { return x_listed.load(std::memory_order_relaxed); }
  OperatorState operator_state() const { return x_operator.load(std::memory_order_relaxed); }
  Health health() const { return x_health.load(std::memory_order_relaxed); }
  // When it was last added to the list: slow start counts from here.
  int64_t listed_since_ms() const { return x_listed_since_ms.load(std::memory_order_relaxed); }
  int64_t outstanding() const { return x_outstanding.load(std::memory_order_relaxed); }
  const std::shared_ptr<EndpointConnections>& connections() const { return x_connections; }

  // Attempts by outcome, where they are counted (`metrics.endpoint_label`). Any thread.
  void count_attempt(metrics::AttemptOutcome outcome) {
    x_attempts[static_cast<size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  }
  uint64_t attempts(metrics::AttemptOutcome outcome) const {
    return x_attempts[static_cast<size_t>(outcome)].load(std::memory_order_relaxed);
  }

 private:
  friend class EndpointLease;

  const Address x_address;
  const std::string x_name;
  const std::shared_ptr<EndpointGroup> x_group;
  const std::shared_ptr<EndpointConnections> x_connections =
      std::make_shared<EndpointConnections>();
  EndpointCircuit x_circuit;
  std::atomic<bool> x_listed{true};
  std::atomic<OperatorState> x_operator{OperatorState::kAuto};
  std::atomic<Health> x_health{Health::kUnknown};
  std::string x_health_why;
  std::atomic<int64_t> x_listed_since_ms;
  std::atomic<int64_t> x_outstanding{0};  // over all workers, for display
  std::array<std::atomic<uint64_t>, metrics::kAttemptOutcomes> x_attempts{};
};

struct EndpointEntry {
  std::shared_ptr<Endpoint> endpoint;
  int weight = 1;            // >= 1
  bool terminating = false;  // serves still, and is used only while no other is listed
  uint16_t zone = 0;         // where it runs: an index into the zones of its set
};

struct EndpointSet {
  static constexpr size_t kMaxZones = 1'000;  // further ones count as none

  uint64_t version = 0;
  std::vector<EndpointEntry> entries;
  std::vector<std::string> zones{""};  // each once; the first stands for none
  // Of the entries, by their indices; null unless the service balances by a hash.
  std::shared_ptr<const MaglevTable> table{};

  const std::string& zone_of(const EndpointEntry& entry) const { return zones[entry.zone]; }
  bool has_ready() const;
  void make_table();
};

// Usable: ready (or, when none is, terminating) and not taken out by the operator. Eligible:
// usable, not unhealthy, circuit not open. `has_ready` is that of the set. What a later set took
// away is for the owner of this one to see.
bool is_usable(const EndpointEntry& entry, bool has_ready);
bool is_eligible(const EndpointEntry& entry, bool has_ready, int64_t now_ms);
Exclusion exclusion_of(const EndpointEntry& entry, bool has_ready, int64_t now_ms);

}  // namespace outrigger::upstream
