#include <algorithm>
#include <map>

#include "metrics/collect.hpp"

namespace outrigger::metrics {
namespace {

using Workers = std::vector<std::shared_ptr<const WorkerSeries>>;

double sum(const Workers& workers, Counter WorkerSeries::*which) {
  uint64_t total = 0;
  for (const auto& worker : workers) total += ((*worker).*which).value();
  return static_cast<double>(total);
}

double sum(const Workers& workers, std::array<Counter, kHttp2Faults> WorkerSeries::*which,
           size_t index) {
  uint64_t total = 0;
  for (const auto& worker : workers) total += ((*worker).*which)[index].value();
  return static_cast<double>(total);
}

double sum(const Workers& workers, Gauge WorkerSeries::*which) {
  int64_t total = 0;
  for (const auto& worker : workers) total += ((*worker).*which).value();
  return static_cast<double>(total);
}

// The words are read one after the other while connections come and go.
double at_least_0(double value) { return std::max(value, 0.0); }

void collect_connections(Families& families, const Workers& workers) {
  const auto add = [&](std::string_view side, std::string_view protocol, double count) {
    families.add(index_of_metric("connections"), {side, protocol}, at_least_0(count));
  };
  const double http1 = sum(workers, &WorkerSeries::downstream_http1);
  const double http2 = sum(workers, &WorkerSeries::downstream_http2);
  add("downstream", "http1", http1);
  add("downstream", "http2", http2);
  const double tcp = sum(workers, &WorkerSeries::downstream_tcp);
  add("downstream", "tcp", tcp);
  const double all = sum(workers, &WorkerSeries::downstream_connections);
  add("downstream", "undetected", all - http1 - http2 - tcp);
  const double upstream_http2 = sum(workers, &WorkerSeries::upstream_http2);
  const double upstream_tcp = sum(workers, &WorkerSeries::upstream_tcp);
  const double upstream_all = sum(workers, &WorkerSeries::upstream_connections);
  add("upstream", "http1", upstream_all - upstream_http2 - upstream_tcp);
  add("upstream", "http2", upstream_http2);
  add("upstream", "tcp", upstream_tcp);
}

}  // namespace

void collect_workers(Families& families, const Workers& workers) {
  const auto one = [&](size_t metric, LabelValues labels, auto which) {
    families.add(metric, labels, sum(workers, which));
  };
  collect_connections(families, workers);
  constexpr size_t kDetect = index_of_metric("detect_total");
  one(kDetect, {"http1"}, &WorkerSeries::detect_http1);
  one(kDetect, {"http2"}, &WorkerSeries::detect_http2);
  one(kDetect, {"tls"}, &WorkerSeries::detect_tls);
  one(kDetect, {"tls_failed"}, &WorkerSeries::detect_tls_failed);
  one(kDetect, {"refused"}, &WorkerSeries::detect_refused);
  one(kDetect, {"sni"}, &WorkerSeries::detect_sni);
  one(kDetect, {"opaque"}, &WorkerSeries::detect_opaque);
  constexpr size_t kBytes = index_of_metric("bytes_total");
  one(kBytes, {"downstream", "in"}, &WorkerSeries::downstream_bytes_in);
  one(kBytes, {"downstream", "out"}, &WorkerSeries::downstream_bytes_out);
  one(kBytes, {"upstream", "in"}, &WorkerSeries::upstream_bytes_in);
  one(kBytes, {"upstream", "out"}, &WorkerSeries::upstream_bytes_out);
  constexpr size_t kTimeouts = index_of_metric("downstream_timeouts_total");
  one(kTimeouts, {"head"}, &WorkerSeries::slow_heads);
  one(kTimeouts, {"body"}, &WorkerSeries::slow_bodies);
  one(kTimeouts, {"write"}, &WorkerSeries::write_stalls);
  constexpr size_t kFaults = index_of_metric("http2_faults_total");
  for (size_t i = 0; i < kHttp2Faults; ++i) {
    families.add(kFaults, {"downstream", kHttp2FaultNames[i]},
                 sum(workers, &WorkerSeries::downstream_http2_faults, i));
    families.add(kFaults, {"upstream", kHttp2FaultNames[i]},
                 sum(workers, &WorkerSeries::upstream_http2_faults, i));
  }
  constexpr size_t kRefusals = index_of_metric("overload_refusals_total");
  one(kRefusals, {"descriptors"}, &WorkerSeries::overload_descriptors);
  one(kRefusals, {"memory"}, &WorkerSeries::overload_memory);
  one(kRefusals, {"connections"}, &WorkerSeries::overload_connections);

  constexpr double kMsPerSecond = 1e3;
  int64_t lag_ms = 0;
  for (const auto& worker : workers) lag_ms = std::max(lag_ms, worker->loop_lag_ms.value());
  families.add(index_of_metric("loop_lag_seconds"), {}, static_cast<double>(lag_ms) / kMsPerSecond);
}

void collect_facts(Families& families, const ServiceFacts& facts, const Past& past) {
  const std::string& service = facts.service;
  const std::string& route = facts.route;
  const auto would_refuse = [&](std::string_view policy, uint64_t count) {
    if (count == 0 && !past.was_called) return;
    families.add(index_of_metric("would_refuse_total"), {service, route, policy},
                 static_cast<double>(count));
  };
  const auto whole = [](auto value) { return static_cast<double>(value); };
  families.add(index_of_metric("outstanding"), {service, route}, whole(facts.outstanding));
  families.add(index_of_metric("queued"), {service, route}, whole(facts.queued));
  if (facts.outstanding_limit) {
    families.add(index_of_metric("outstanding_limit"), {service, route},
                 whole(*facts.outstanding_limit));
  }
  would_refuse("outstanding", facts.would_refuse_outstanding);
  families.add(index_of_metric("streams"), {service, route}, whole(facts.streams));
  if (facts.streams_limit) {
    families.add(index_of_metric("streams_limit"), {service, route}, whole(*facts.streams_limit));
  }
  would_refuse("streams", facts.would_refuse_streams);
  if (const auto& circuit = facts.circuit) {
    for (const std::string_view state : kCircuitStateNames) {
      if (state != circuit->state && !past.circuit_has_changed) continue;
      families.add(index_of_metric("circuit_state"), {service, route, state},
                   state == circuit->state ? 1 : 0);
    }
    families.add(index_of_metric("circuit_open_seconds_total"), {service, route}, circuit->open_s);
    families.add(index_of_metric("circuit_changed_timestamp_seconds"), {service, route},
                 circuit->changed_at_s);
    would_refuse("circuit", circuit->would_refuse);
  }
  if (!route.empty()) return;
  for (const Labelled& state : facts.endpoints) {
    families.add(index_of_metric("endpoints"), {service, state.label}, state.value);
  }
  for (const EndpointAttempts& attempts : facts.endpoint_attempts) {
    for (size_t i = 0; i < kAttemptOutcomes; ++i) {
      families.add(index_of_metric("endpoint_attempts_total"),
                   {service, attempts.endpoint, kAttemptOutcomeNames[i]},
                   whole(attempts.counts[i]));
    }
  }
  if (facts.retry_budget_remaining) {
    families.add(index_of_metric("retry_budget_remaining"), {service},
                 whole(*facts.retry_budget_remaining));
  }
  if (facts.endpoints_left_out > 0) {
    families.add(index_of_metric("endpoints_left_out"), {service}, whole(facts.endpoints_left_out));
  }
  if (facts.panic) families.add(index_of_metric("panic"), {service}, *facts.panic ? 1 : 0);
  if (facts.discovery_age_s) {
    families.add(index_of_metric("discovery_age_seconds"), {service}, *facts.discovery_age_s);
    families.add(index_of_metric("snapshot_in_use"), {service}, facts.snapshot_in_use ? 1 : 0);
  }
  for (const Labelled& source : facts.discovery_errors) {
    families.add(index_of_metric("discovery_errors_total"), {service, source.label}, source.value);
  }
  if (facts.lists_doubted > 0) {
    families.add(index_of_metric("discovery_doubted_total"), {service}, whole(facts.lists_doubted));
  }
}

void collect_facts(Families& families, const ProcessFacts& facts) {
  const auto each = [&](size_t metric, const std::vector<Labelled>& values) {
    for (const Labelled& one : values) families.add(metric, {one.label}, one.value);
  };
  each(index_of_metric("memory_bytes"), facts.memory);
  each(index_of_metric("overload"), facts.overload);
  each(index_of_metric("certificate_expiry_timestamp_seconds"), facts.certificate_expiry);
  for (const RegistrationCount& of : facts.registrations) {
    families.add(index_of_metric("registrations"), {of.registry, of.state},
                 static_cast<double>(of.count));
  }
  std::map<std::string_view, double> oldest;
  for (const OverrideCount& of : facts.overrides) {
    families.add(index_of_metric("overrides"), {of.service, of.kind},
                 static_cast<double>(of.count));
    const auto [at, fresh] = oldest.emplace(of.service, of.oldest_at_s);
    if (!fresh) at->second = std::min(at->second, of.oldest_at_s);
  }
  for (const auto& [service, at_s] : oldest) {
    families.add(index_of_metric("oldest_override_timestamp_seconds"), {service}, at_s);
  }
  if (facts.overrides_file_successful) {
    families.add(index_of_metric("overrides_file_successful"), {},
                 *facts.overrides_file_successful ? 1 : 0);
  }
  families.add(index_of_metric("snapshot_failures_total"), {},
               static_cast<double>(facts.snapshot_failures));
  families.add(index_of_metric("config_last_reload_successful"), {},
               facts.reload_successful ? 1 : 0);
  families.add(index_of_metric("config_last_reload_success_timestamp_seconds"), {},
               facts.reload_success_at_s);
  families.add(index_of_metric("config_info"), {facts.config_hash}, 1);
  families.add(index_of_metric("files_failing"), {}, static_cast<double>(facts.files_failing));
  families.add(index_of_metric("file_errors_total"), {}, static_cast<double>(facts.file_errors));
  families.add(index_of_metric("log_lines_dropped_total"), {},
               static_cast<double>(facts.log_lines_dropped));
  families.add(index_of_metric("build_info"), {facts.version}, 1);
}

void collect_process(Families& families, const ProcessStats& stats) {
  const auto one = [&](size_t metric, auto value) {
    families.add(metric, {}, static_cast<double>(value));
  };
  one(index_of_metric("process_cpu_seconds_total"), stats.cpu_s);
  one(index_of_metric("process_resident_memory_bytes"), stats.resident_bytes);
  one(index_of_metric("process_virtual_memory_bytes"), stats.virtual_bytes);
  one(index_of_metric("process_open_fds"), stats.open_fds);
  one(index_of_metric("process_max_fds"), stats.max_fds);
  one(index_of_metric("process_start_time_seconds"), stats.started_at_s);
}

}  // namespace outrigger::metrics
