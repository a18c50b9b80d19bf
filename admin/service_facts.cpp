#include "admin/service_facts.hpp"

#include <algorithm>
#include <map>

#include "proxy/upstream/balancer.hpp"

namespace outrigger::admin {
namespace {

constexpr double kMsPerSecond = 1e3;

void fill(metrics::ServiceFacts& facts, const upstream::Circuit& circuit,
          const upstream::OutstandingLimit& limit, const Clock& clock) {
  const int64_t now_ms = clock.now_ms();
  metrics::CircuitFacts state;
  state.state = upstream::to_string(circuit.state());
  state.open_s = static_cast<double>(circuit.open_ms_total(now_ms)) / kMsPerSecond;
  state.changed_at_s =
      static_cast<double>(clock.wall_ms() - (now_ms - circuit.changed_at_ms())) / kMsPerSecond;
  state.would_refuse = circuit.would_refuse();
  facts.circuit = state;
  facts.outstanding = limit.outstanding();
  facts.queued = limit.queued();
  if (limit.limit() != upstream::OutstandingLimit::kNoLimit) {
    facts.outstanding_limit = limit.limit();
  }
  facts.would_refuse_outstanding = limit.would_refuse();
  const upstream::StreamLimit& streams = limit.streams();
  facts.streams = streams.open();
  if (streams.is_on()) facts.streams_limit = streams.limit();
  facts.would_refuse_streams = streams.would_refuse();
}

}  // namespace

EndpointCounts count_endpoints(const upstream::EndpointSet* set, int64_t now_ms,
                               std::optional<std::string_view> zone) {
  EndpointCounts counts;
  if (set == nullptr) return counts;
  const bool has_ready = set->has_ready();
  for (const upstream::EndpointEntry& entry : set->entries) {
    if (zone && set->zone_of(entry) != *zone) continue;
    ++counts.listed;
    if (upstream::is_usable(entry, has_ready)) ++counts.usable;
    if (upstream::is_eligible(entry, has_ready, now_ms)) ++counts.eligible;
  }
  return counts;
}

std::string_view state_of(const upstream::EndpointEntry& entry, bool has_ready, int64_t now_ms) {
  const upstream::Exclusion why = upstream::exclusion_of(entry, has_ready, now_ms);
  return why == upstream::Exclusion::kNone ? "eligible" : upstream::to_string(why);
}

std::string why_of(const upstream::EndpointEntry& entry, bool has_ready, int64_t now_ms) {
  const upstream::Endpoint& endpoint = *entry.endpoint;
  const upstream::EndpointCircuit& circuit = endpoint.circuit();
  switch (upstream::exclusion_of(entry, has_ready, now_ms)) {
    case upstream::Exclusion::kNone:
      if (entry.terminating) return "gets calls: it shuts down, but no other is ready";
      return "gets calls";
    case upstream::Exclusion::kRemoved:
      return "is no longer listed";
    case upstream::Exclusion::kTerminating:
      return "shuts down, and others are ready";
    case upstream::Exclusion::kDrain:
      return "an operator drains it";
    case upstream::Exclusion::kDisabled:
      return "an operator took it out";
    case upstream::Exclusion::kUnhealthy:
      return "its health check fails: " + endpoint.health_why();
    case upstream::Exclusion::kCircuitOpen: {
      const int64_t left_ms = std::max<int64_t>(0, circuit.excludes_until_ms() - now_ms);
      return "its circuit is open for " + std::to_string(left_ms) + " ms more, after " +
             std::to_string(circuit.run()) + " failures in a row";
    }
  }
  return {};
}

metrics::ServiceFacts facts_of(upstream::Service& service, const config::Policy& policy,
                               const Clock& clock) {
  const int64_t now_ms = clock.now_ms();
  metrics::ServiceFacts facts;
  facts.service = service.name();
  fill(facts, service.circuit(), service.limit(), clock);
  if (policy.retry) {
    facts.retry_budget_remaining = service.retry_budget().remaining(now_ms);
  }
  const auto set = service.endpoints();
  std::map<std::string_view, double> states{{"eligible", 0}};
  if (set != nullptr) {
    const bool has_ready = set->has_ready();
    for (const auto& entry : set->entries) ++states[state_of(entry, has_ready, now_ms)];
  }
  for (const auto& [state, count] : states) {
    facts.endpoints.push_back({std::string(state), count});
  }
  const EndpointCounts counts = count_endpoints(set.get(), now_ms);
  facts.panic = upstream::is_panic(counts.eligible, counts.usable, policy.panic_below_share);
  const upstream::DiscoveryFacts discovery = service.discovery();
  if (discovery.answered) {
    facts.discovery_age_s = static_cast<double>(now_ms - discovery.answered_at_ms) / kMsPerSecond;
  }
  return facts;
}

metrics::ServiceFacts facts_of(const upstream::PolicyState& state, const std::string& service,
                               const std::string& route, const Clock& clock) {
  metrics::ServiceFacts facts;
  facts.service = service;
  facts.route = route;
  fill(facts, state.circuit, state.limit, clock);
  return facts;
}

Event event_of(std::string_view circuit, const upstream::CircuitTransition& what) {
  const metrics::SeriesKey key = key_of(circuit);
  Event event;
  event.kind = what.shadow ? "circuit_shadow" : "circuit";
  event.service = key.service;
  event.route = key.route;
  event.from = upstream::to_string(what.from);
  event.to = upstream::to_string(what.to);
  event.reason = upstream::to_string(what.reason);
  return event;
}

metrics::SeriesKey key_of(std::string_view circuit) {
  const size_t slash = std::min(circuit.find('/'), circuit.size());
  return {std::string(circuit.substr(0, slash)),
          std::string(circuit.substr(std::min(slash + 1, circuit.size())))};
}

metrics::Transition transition_of(const upstream::CircuitTransition& what) {
  return {std::string(upstream::to_string(what.from)), std::string(upstream::to_string(what.to)),
          std::string(upstream::to_string(what.reason))};
}

}  // namespace outrigger::admin
