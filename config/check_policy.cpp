// What must hold between the keys of one policy.
#include "config/describe_policy.hpp"

namespace outrigger::config {
namespace {

void check_open_periods(Reader& reader, const Node& node, int64_t open_for_ms,
                        int64_t open_max_ms) {
  if (open_for_ms > open_max_ms) {
    reader.problem(mark_of(node, node.find("open_max") != nullptr ? "open_max" : "open_for"),
                   "\"open_for\" is longer than \"open_max\"");
  }
}

}  // namespace

void check(Reader& reader, const Node& node, const Backoff& backoff) {
  if (backoff.base_ms > backoff.max_ms) {
    reader.problem(mark_of(node, "base"), "\"base\" is longer than \"max\"");
  }
}

void check(Reader& reader, const Node& node, const Limits& limits) {
  if (limits.queue > 0 && !limits.outstanding) {
    reader.problem(mark_of(node, "queue"), "\"queue\" needs \"outstanding\"; nothing would wait");
  }
}

void check(Reader& reader, const Node& node, const Ramp& ramp) {
  for (size_t i = 1; i < ramp.steps.size(); ++i) {
    if (ramp.steps[i] <= ramp.steps[i - 1]) {
      reader.problem(mark_of(node, "steps"), "\"steps\" must rise from one to the next");
      return;
    }
  }
}

void check(Reader& reader, const Node& node, const Circuit& circuit) {
  check_open_periods(reader, node, circuit.open_for_ms, circuit.open_max_ms);
  if (circuit.slow_rate_share && !circuit.slow_call_ms) {
    reader.problem(mark_of(node, "slow_rate"),
                   "\"slow_rate\" needs \"slow_call\": how slow is slow?");
  }
}

void check(Reader& reader, const Node& node, const EndpointCircuit& circuit) {
  check_open_periods(reader, node, circuit.open_for_ms, circuit.open_max_ms);
}

void check(Reader& reader, const Node& node, const HealthCheck& health) {
  const int kinds = int{health.http.has_value()} + int{health.grpc.has_value()} + int{health.tcp};
  if (kinds != 1) {
    reader.problem(node.mark,
                   "write one of http: PATH, grpc: NAME and tcp: on; `off` takes back another");
  }
  if (health.timeout_ms > health.interval_ms) {
    reader.problem(mark_of(node, node.find("timeout") != nullptr ? "timeout" : "interval"),
                   "\"timeout\" is longer than \"interval\"");
  }
}

void check(Reader& reader, const Node& node, const FallbackRespond& respond) {
  if (!respond.body.empty() && !respond.body_file.empty()) {
    reader.problem(mark_of(node, "body_file"), "\"body\" and \"body_file\" exclude each other");
  }
  const bool no_body = respond.status == 204 || respond.status == 304;
  if (no_body && !(respond.body.empty() && respond.body_file.empty())) {
    reader.problem(mark_of(node, "status"),
                   in_quotes(std::to_string(respond.status)) + " has no body");
  }
  if (!respond.message_file.empty() && respond.grpc_status != 0) {
    reader.problem(mark_of(node, "message_file"),
                   "\"message_file\" belongs to \"grpc_status: 0\"; no other status has a message");
  }
  const bool http = respond.status != FallbackRespond{}.status || !respond.body.empty() ||
                    !respond.body_file.empty();
  if (respond.grpc_status && http) {
    reader.problem(mark_of(node, "grpc_status"),
                   "\"grpc_status\" answers gRPC calls; \"status\" and \"body\" are for others");
  }
}

}  // namespace outrigger::config
