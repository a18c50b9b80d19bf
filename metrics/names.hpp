// Every metric that the proxy exports, in one list. The exporter takes names, types, labels and
// help from here and nowhere else; docs/metrics.md is checked against it. Constants only; no
// counter is here (see series.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace outrigger::metrics {

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

struct Metric {
  std::string_view name;
  MetricKind kind;
  std::string_view labels;  // comma-separated, in order; `route` is left out where it is empty
  std::string_view help;
};

// The values of `state` in circuit_state; exactly one of them is 1 for each circuit.
inline constexpr std::array<std::string_view, 7> kCircuitStateNames = {
    "closed", "open", "half_open", "ramping", "forced_open", "forced_closed", "shadow",
};

inline constexpr std::array kMetrics = {
    Metric{"outrigger_requests_total", MetricKind::kCounter, "service,route,code,grpc_code,outcome",
           "Calls that ended, by the status the caller got and how they went."},
    Metric{
        "outrigger_request_duration_seconds", MetricKind::kHistogram, "service,route,outcome",
        "From the first byte of a call to its response head, or to its end when there was none."},
    Metric{"outrigger_stream_duration_seconds", MetricKind::kHistogram, "service,route",
           "From the first byte of a streaming call to its end."},
    Metric{"outrigger_tcp_connections_total", MetricKind::kCounter, "service,route,outcome",
           "Opaque connections that are over, by how they ended."},
    Metric{"outrigger_attempts_total", MetricKind::kCounter, "service,route,outcome",
           "Attempts sent to an endpoint."},
    Metric{"outrigger_endpoint_attempts_total", MetricKind::kCounter, "service,endpoint,outcome",
           "The same by endpoint, with metrics.endpoint_label; one that was removed goes after 5 "
           "min."},
    Metric{"outrigger_attempt_duration_seconds", MetricKind::kHistogram, "service,route",
           "From the start of an attempt to its response head or failure."},
    Metric{"outrigger_connect_duration_seconds", MetricKind::kHistogram, "service,route",
           "Time to establish an upstream connection."},
    Metric{"outrigger_queue_wait_seconds", MetricKind::kHistogram, "service,route",
           "Time that calls waited for the limit on outstanding calls."},
    Metric{"outrigger_retries_total", MetricKind::kCounter, "service,route,reason",
           "Further attempts, by what made them necessary."},
    Metric{"outrigger_retry_budget_remaining", MetricKind::kGauge, "service",
           "Retries that the budget would allow at this moment."},
    Metric{"outrigger_replies_total", MetricKind::kCounter, "service,route,error",
           "Answers that the proxy gave by itself, by cause."},
    Metric{"outrigger_would_refuse_total", MetricKind::kCounter, "service,route,policy",
           "Calls that a policy in shadow mode would have refused."},
    Metric{"outrigger_fallbacks_total", MetricKind::kCounter, "service,route,kind",
           "Calls that a fallback answered."},
    Metric{"outrigger_cache_skipped_total", MetricKind::kCounter, "service,route,reason",
           "Answers that were not stored for a stale fallback."},
    Metric{"outrigger_outstanding", MetricKind::kGauge, "service,route",
           "Calls between their admission and their response head."},
    Metric{"outrigger_outstanding_limit", MetricKind::kGauge, "service,route",
           "How many calls may be outstanding; missing when there is no limit."},
    Metric{"outrigger_streams", MetricKind::kGauge, "service,route",
           "Streams and tunnels that are open, after their response head."},
    Metric{"outrigger_streams_limit", MetricKind::kGauge, "service,route",
           "How many streams and tunnels may be open; missing when there is no limit."},
    Metric{"outrigger_queued", MetricKind::kGauge, "service,route",
           "Calls that wait for the limit on outstanding calls."},
    Metric{"outrigger_circuit_state", MetricKind::kGauge, "service,route,state",
           "1 for the state that the circuit is in, 0 for the others once it has changed."},
    Metric{"outrigger_circuit_transitions_total", MetricKind::kCounter,
           "service,route,from,to,reason", "Changes of the circuit's state."},
    Metric{"outrigger_circuit_open_seconds_total", MetricKind::kCounter, "service,route",
           "Time that the circuit spent open, half-open or forced open."},
    Metric{"outrigger_circuit_changed_timestamp_seconds", MetricKind::kGauge, "service,route",
           "When the circuit last changed its state."},
    Metric{"outrigger_endpoints", MetricKind::kGauge, "service,state",
           "Endpoints, by the first word that keeps them from being picked, or eligible."},
    Metric{"outrigger_endpoints_left_out", MetricKind::kGauge, "service",
           "Endpoints that were listed beyond the most that a service may have."},
    Metric{"outrigger_panic", MetricKind::kGauge, "service",
           "1 while so few endpoints are eligible that all usable ones are used."},
    Metric{"outrigger_panic_picks_total", MetricKind::kCounter, "service,route",
           "Attempts that were sent while too few endpoints were eligible."},
    Metric{"outrigger_discovery_age_seconds", MetricKind::kGauge, "service",
           "Age of the list of endpoints."},
    Metric{"outrigger_snapshot_in_use", MetricKind::kGauge, "service",
           "1 while the list is one that an earlier process kept on disk."},
    Metric{
        "outrigger_discovery_doubted_total", MetricKind::kCounter, "service",
        "Lists that lost more than half of their endpoints at once, and waited to be confirmed."},
    Metric{"outrigger_discovery_errors_total", MetricKind::kCounter, "service,source",
           "Failed look-ups of endpoints."},
    Metric{"outrigger_registrations", MetricKind::kGauge, "registry,state",
           "The neighbour in registries: pending, registered, failing, or left."},
    Metric{"outrigger_connections", MetricKind::kGauge, "side,protocol",
           "Open connections; callers that have not shown yet what they speak are `undetected`."},
    Metric{"outrigger_detect_total", MetricKind::kCounter, "result",
           "Protocols that the first bytes of a connection showed."},
    Metric{"outrigger_bytes_total", MetricKind::kCounter, "side,direction",
           "Bytes of connections; `in` is what we read."},
    Metric{"outrigger_downstream_timeouts_total", MetricKind::kCounter, "kind",
           "Callers that were too slow, by what did not move."},
    Metric{"outrigger_http2_faults_total", MetricKind::kCounter, "side,reason",
           "HTTP/2 connections ended because of what the peer sent: floods, or no protocol."},
    Metric{"outrigger_overload", MetricKind::kGauge, "resource",
           "1 while the resource is short: `memory`, new calls are refused; `streams`, an HTTP/2 "
           "caller has as many requests open on one connection as `limits.streams` allows."},
    Metric{"outrigger_overload_refusals_total", MetricKind::kCounter, "resource",
           "Connections or calls refused because the resource was short."},
    Metric{"outrigger_memory_bytes", MetricKind::kGauge, "kind", "Memory, by its use."},
    Metric{"outrigger_loop_lag_seconds", MetricKind::kGauge, "",
           "How late the latest event loop is."},
    Metric{"outrigger_overrides", MetricKind::kGauge, "service,kind",
           "Settings that differ from the file."},
    Metric{"outrigger_oldest_override_timestamp_seconds", MetricKind::kGauge, "service",
           "When the oldest setting that differs from the file was made."},
    Metric{"outrigger_overrides_file_successful", MetricKind::kGauge, "",
           "1 when what the overrides file says is in force, 0 when it was refused; missing when "
           "there is none."},
    Metric{"outrigger_snapshot_failures_total", MetricKind::kCounter, "",
           "Writes to the snapshot folder that failed."},
    Metric{"outrigger_certificate_expiry_timestamp_seconds", MetricKind::kGauge, "name",
           "When the certificate in use ends: that of `admin` or `listener/NAME`, or the one that "
           "`service/NAME` shows its endpoints and `registry/NAME` to a registry."},
    Metric{"outrigger_config_last_reload_successful", MetricKind::kGauge, "",
           "1 when the last reload was taken, 0 when the file was refused."},
    Metric{"outrigger_config_last_reload_success_timestamp_seconds", MetricKind::kGauge, "",
           "When the configuration in force was loaded."},
    Metric{"outrigger_config_info", MetricKind::kGauge, "hash",
           "Always 1; the hash is that of the effective configuration."},
    Metric{"outrigger_files_failing", MetricKind::kGauge, "",
           "Files named in the configuration that cannot be used now; their last content is."},
    Metric{"outrigger_file_errors_total", MetricKind::kCounter, "",
           "How often a file named in the configuration began to be of no use."},
    Metric{"outrigger_log_lines_dropped_total", MetricKind::kCounter, "",
           "Log lines that were lost because the log could not be written fast enough."},
    Metric{"outrigger_build_info", MetricKind::kGauge, "version", "Always 1."},
    Metric{"process_cpu_seconds_total", MetricKind::kCounter, "",
           "User and system CPU time of the process."},
    Metric{"process_resident_memory_bytes", MetricKind::kGauge, "", "Resident memory."},
    Metric{"process_virtual_memory_bytes", MetricKind::kGauge, "", "Virtual memory."},
    Metric{"process_open_fds", MetricKind::kGauge, "", "Open file descriptors."},
    Metric{"process_max_fds", MetricKind::kGauge, "", "Limit on open file descriptors."},
    Metric{"process_start_time_seconds", MetricKind::kGauge, "", "When the process started."},
};

// The place of a metric in the list; a name that is not in it does not compile. Without
// "outrigger_".
consteval size_t index_of_metric(std::string_view name) {
  constexpr std::string_view kPrefix = "outrigger_";
  for (size_t i = 0; i < kMetrics.size(); ++i) {
    const std::string_view full = kMetrics[i].name;
    if (full == name) return i;
    if (full.starts_with(kPrefix) && full.substr(kPrefix.size()) == name) return i;
  }
  throw "no such metric";
}

}  // namespace outrigger::metrics
