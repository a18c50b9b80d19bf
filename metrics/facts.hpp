// What the exporter asks of the process beside the workers' counters: states and levels that exist
// once for all workers. Plain values, made for each scrape on the control thread; `FactsSource` is
// what the application implements.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/series.hpp"

namespace outrigger::metrics {

// One sample of a metric with one label.
struct Labelled {
  std::string label;
  double value = 0;
};

// Attempts at one endpoint, by outcome.
struct EndpointAttempts {
  std::string endpoint;
  std::array<uint64_t, kAttemptOutcomes> counts{};
};

struct CircuitFacts {
  std::string_view state;  // one of kCircuitStateNames
  double open_s = 0;
  double changed_at_s = 0;  // since 1970
  uint64_t would_refuse = 0;
};

// The facts of a service, or of a route that has its own circuit and limits.
struct ServiceFacts {
  std::string service;
  std::string route;
  std::optional<CircuitFacts> circuit;
  int64_t outstanding = 0;
  std::optional<int64_t> outstanding_limit;  // nothing: no limit
  int64_t queued = 0;
  uint64_t would_refuse_outstanding = 0;
  int64_t streams = 0;
  std::optional<int64_t> streams_limit;  // nothing: no limit
  uint64_t would_refuse_streams = 0;
  // Only of a service:
  std::optional<uint64_t> retry_budget_remaining;
  std::vector<Labelled> endpoints;                  // by state
  std::vector<EndpointAttempts> endpoint_attempts;  // with metrics.endpoint_label
  size_t endpoints_left_out = 0;
  std::optional<bool> panic;
  std::optional<double> discovery_age_s;
  std::vector<Labelled> discovery_errors;  // by source
  uint64_t lists_doubted = 0;
  bool snapshot_in_use = false;
};

struct OverrideCount {
  std::string service;
  std::string kind;
  int64_t count = 0;
  double oldest_at_s = 0;  // since 1970
};

struct RegistrationCount {
  std::string registry;
  std::string state;
  int64_t count = 0;
};

struct ProcessFacts {
  std::vector<Labelled> memory;    // bytes by kind
  std::vector<Labelled> overload;  // 0 or 1 by resource
  std::vector<RegistrationCount> registrations;
  std::vector<OverrideCount> overrides;
  std::optional<bool> overrides_file_successful;  // nothing: there is none
  uint64_t snapshot_failures = 0;
  std::vector<Labelled> certificate_expiry;  // since 1970, by name
  bool reload_successful = true;
  double reload_success_at_s = 0;  // since 1970
  std::string config_hash;
  size_t files_failing = 0;  // that the configuration names
  uint64_t file_errors = 0;
  uint64_t log_lines_dropped = 0;
  std::string version;
};

// How far a reader of FactsSource::services() has come. A value; begins at the first.
struct FactsCursor {
  bool in_routes = false;  // services come first
  std::string after;       // the key of the last one that was looked at
};

class FactsSource {
 public:
  virtual ~FactsSource() = default;
  // The next ones, at most `most`; none: that was all. The configuration may change between two
  // calls.
  virtual std::vector<ServiceFacts> services(FactsCursor& cursor, size_t most) const = 0;
  virtual ProcessFacts process() const = 0;
};

}  // namespace outrigger::metrics
