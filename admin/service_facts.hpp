// What can be said of a service at one moment, from its process-wide state: for the API and, as
// facts, for the exporter. Pure functions; control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "admin/events.hpp"
#include "metrics/facts.hpp"
#include "metrics/shards.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::admin {

struct EndpointCounts {
  size_t listed = 0;
  size_t usable = 0;
  size_t eligible = 0;
};
// Of one zone, or of all.
EndpointCounts count_endpoints(const upstream::EndpointSet* set, int64_t now_ms,
                               std::optional<std::string_view> zone = std::nullopt);

// The word for an endpoint: "eligible", or the first that excludes it.
std::string_view state_of(const upstream::EndpointEntry& entry, bool has_ready, int64_t now_ms);

// The same as a sentence.
std::string why_of(const upstream::EndpointEntry& entry, bool has_ready, int64_t now_ms);

metrics::ServiceFacts facts_of(upstream::Service& service, const config::Policy& policy,
                               const Clock& clock);
// The facts of a route that has its own circuit or limits.
metrics::ServiceFacts facts_of(const upstream::PolicyState& state, const std::string& service,
                               const std::string& route, const Clock& clock);

// A transition as an event and as a counter. The name of the circuit is "orders" or "orders/reads".
Event event_of(std::string_view circuit, const upstream::CircuitTransition& what);
metrics::SeriesKey key_of(std::string_view circuit);
metrics::Transition transition_of(const upstream::CircuitTransition& what);

}  // namespace outrigger::admin
