// A process with a service, a named route, two workers and every fact set. For the tests of the
// exporter; owned by the test.
#pragma once

#include "metrics/exporter.hpp"

namespace outrigger::metrics::testing {

struct FixedFacts final : FactsSource {
  std::vector<ServiceFacts> of_services;
  ProcessFacts of_process;

  // One in each slice.
  std::vector<ServiceFacts> services(FactsCursor& cursor, size_t) const override {
    const size_t next = cursor.after.size();
    if (next >= of_services.size()) return {};
    cursor.after.push_back('.');
    return {of_services[next]};
  }
  ProcessFacts process() const override { return of_process; }
};

inline ServiceFacts full_service(const std::string& name, const std::string& route = "") {
  ServiceFacts facts;
  facts.service = name;
  facts.route = route;
  facts.circuit = CircuitFacts{"half_open", 12.5, 1.7e9, 4};
  facts.outstanding = 3;
  facts.outstanding_limit = 1024;
  facts.queued = 1;
  facts.would_refuse_outstanding = 2;
  facts.streams = 5;
  facts.streams_limit = 64;
  facts.would_refuse_streams = 1;
  facts.retry_budget_remaining = 30;
  facts.endpoints = {{"eligible", 2}, {"unhealthy", 1}};
  facts.endpoint_attempts = {{"10.0.0.1:80", {4, 1, 0, 0}}};
  facts.endpoints_left_out = 3;
  facts.discovery_errors = {{"dns", 7}};
  facts.lists_doubted = 1;
  facts.panic = true;
  facts.discovery_age_s = 1.5;
  return facts;
}

inline ProcessFacts full_process() {
  ProcessFacts facts;
  facts.memory = {{"cache", 1024}, {"retry_bodies", 10}};
  facts.overload = {{"memory", 1}};
  facts.registrations = {{"consul", "registered", 1}};
  facts.overrides = {{"orders", "circuit", 2, 1.6e9}, {"orders", "state", 1, 1.5e9}};
  facts.overrides_file_successful = true;
  facts.certificate_expiry = {{"admin", 1.8e9}};
  facts.reload_success_at_s = 1.7e9;
  facts.config_hash = "00ff";
  facts.log_lines_dropped = 5;
  facts.version = "0.1.0";
  return facts;
}

class Process {
 public:
  Process() {
    facts.of_services = {full_service("orders"), full_service("orders", "reads")};
    facts.of_process = full_process();
    for (unsigned worker = 0; worker < 2; ++worker) {
      worker_series.push_back(shards.worker(worker));
      orders.push_back(shards.service(worker, {"orders", ""}));
      reads.push_back(shards.service(worker, {"orders", "reads"}));
    }
  }

  // Makes every family have a sample.
  void count_everything() {
    for (const auto& series : orders) {
      series->requests.add(200, RequestOutcome::kSuccess);
      series->tcp_connections[0].add();
      for (auto& histogram : series->request_duration) histogram.observe_ns(3'000'000);
      series->retries[0].add();
      series->replies[static_cast<size_t>(Cause::kCircuitOpen)].add();
      series->cache_skipped[0].add();
    }
    shards.count_transition({"orders", ""}, {"closed", "open", "failure_rate"});
  }

  std::string text() const { return exporter.expose(Exposition::kText); }
  std::string open_metrics() const { return exporter.expose(Exposition::kOpenMetrics); }

  Shards shards{{1, 5, 1000}};
  FixedFacts facts;
  Exporter exporter{shards, facts};
  std::vector<std::shared_ptr<WorkerSeries>> worker_series;
  std::vector<std::shared_ptr<ServiceSeries>> orders;
  std::vector<std::shared_ptr<ServiceSeries>> reads;
};

}  // namespace outrigger::metrics::testing
