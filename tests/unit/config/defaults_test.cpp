#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/error.hpp"
#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

constexpr std::string_view kThreeLines =
    "services:\n"
    "  orders:\n"
    "    endpoints: { static: [\"10.0.0.1:8080\", \"10.0.0.2:8080\"] }\n";

// Every key of this version as the documentation writes it, with its default.
constexpr std::string_view kWrittenOut = R"(
requires: off
admin:
  address: 127.0.0.1:9901
  tokens: []
  tls: off
metrics:
  address: 127.0.0.1:9902
  endpoint_label: off
  histogram_buckets: [0.5ms, 1ms, 2.5ms, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2.5s,
                      5s, 10s, 30s, 60s]
zone: off
workers: 1
memory: { limit: auto, cache: 32MiB, retry_bodies: 16MiB }
access_log: { path: off, format: json, when: all, sample: 100%, slow: off }
request_id: { header: x-request-id, generate: false }
tracing: { propagate: true, sample: 0%, export: off }
startup: { wait: 10s }
drain: { grace: 25s, quiet: 2s }
unmatched: passthrough
listeners:
  - name: outbound
    address: [127.0.0.1:15001, "[::1]:15001"]
    intercept: any
    service: off
    detect_timeout: 100ms
    opaque_ports: [25, 465, 587, 1433, 1521, 3306, 4444, 5432, 6379, 9042, 9092, 9300, 11211,
                   27017]
    via: off
    tls: off
    timeout: { head: 10s, body_idle: 60s, keepalive: 1h, write_stall: 30s,
               handshake: 5s }
    limits: { connections: 16384, pipelined: 16, header_bytes: 64KiB, fields: 100,
              target_bytes: 8KiB, requests_per_turn: 32 }
    flood: { resets: 200, per_second: 33, control_frames: 100/s, continuations: 8 }
    filters: [access_log, trace, headers, fallback, deadline, outstanding, retry, circuit,
              attempt_timeout]
intercept: { user: 15001, include_ports: all, exclude_ports: [],
             exclude_cidrs: [169.254.169.254/32], ipv6: auto }
registries:
  dns: { kind: dns, servers: system, ttl_min: 1s, ttl_max: 5m, hosts_file: off }
snapshot: { dir: off }
overrides: { file: off }
register: []
defaults: {}
profiles: {}
services:
  orders:
    hosts: auto
    addresses: []
    endpoints: { static: ["10.0.0.1:8080", "10.0.0.2:8080"] }
    when_empty: { keep_last: 10m }
    protocol: auto
    pool: { connections: off, idle: 50s, idle_unsafe: 1s, lifetime: 10m }
    authority: auto
    tls: off
    balance: least_loaded
    slow_start: off
    health_check: off
    panic_below: 20%
    timeout: { connect: 1s, request: auto, attempt: auto, idle: 5m, stream_idle: auto, total: off }
    deadline_header: off
    retry:
      attempts: 1
      unsent: 2
      on: [connect, reset, refused_stream, timeout, 502, 503, 504, grpc-unavailable]
      methods: idempotent
      grpc: []
      backoff: { base: 25ms, max: 250ms }
      budget: 20%
      body_max: 64KiB
      hold_head: 100ms
      hedge_after: off
    limits: { outstanding: 1024, streams: off, queue: 0, queue_wait: 250ms, rate: off, burst: off,
              rate_wait: off, rate_share: off, on_429: pass, adaptive: off, header_bytes: 64KiB,
              body_bytes: off, mode: enforce }
    circuit:
      mode: enforce
      consecutive_failures: { count: 5, over: 1s }
      failure_rate: 50%
      slow_rate: off
      slow_call: off
      window: 10s
      min_requests: 20
      open_for: 5s
      open_max: 60s
      probes: 1
      ramp: { steps: [25%, 50%], each: 1s }
      failures: [connect, timeout, reset, 5xx, grpc-unavailable, grpc-internal, grpc-unknown,
                 grpc-deadline-exceeded]
    endpoint_circuit: { consecutive_failures: 7, open_for: 5s, open_max: 60s, mode: enforce }
    fallback: []
    cache: { entry_bytes: 256KiB, key: all_but_noise, store: unless_forbidden }
    headers: { request: {set: {}, add: {}, remove: []}, response: {set: {}, add: {}, remove: []} }
    mirror: off
    fault: off
    idempotency: off
    routes: []
)";

TEST(Defaults, AreWhatTheDocumentedFileWritesOut) {
  EXPECT_EQ(good(kThreeLines), good(kWrittenOut));
}

TEST(Defaults, MakeAFileOfThreeLinesComplete) {
  const Config config = good(kThreeLines);
  ASSERT_EQ(config.services.size(), 1U);
  const ServiceConfig& orders = config.services[0];
  EXPECT_EQ(orders.name, "orders");
  EXPECT_THAT(orders.hosts, testing::ElementsAre("orders"));
  ASSERT_EQ(orders.endpoints.kind, EndpointSource::Kind::kStatic);
  ASSERT_EQ(orders.endpoints.endpoints.size(), 2U);
  EXPECT_EQ(orders.endpoints.endpoints[1].address, "10.0.0.2:8080");
  EXPECT_EQ(orders.policy, Policy{});
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_THAT(config.listeners[0].addresses,
              testing::ElementsAre("127.0.0.1:15001", "[::1]:15001"));
}

TEST(Defaults, HoldForAFileThatSaysNothing) {
  EXPECT_EQ(good("{}"), Config{});
  EXPECT_EQ(good("# nothing yet\n"), Config{});
}

TEST(Defaults, AnAnswerForGrpcCallersStandsInForAllOfThemUnlessItSaysWhich) {
  const auto fallback = [](const std::string& step) {
    return good("services: {a: {fallback: [{" + step + "}]}}").services.at(0).policy.fallback.at(0);
  };
  EXPECT_EQ(fallback("on: [any], respond: {grpc_status: 0, message_file: /dev/null}").methods.kind,
            Methods::Kind::kAny);
  EXPECT_EQ(fallback("omit: empty_message").methods.kind, Methods::Kind::kAny);
  EXPECT_EQ(fallback("grpc: [/a.B/C], omit: empty_message").methods.kind, Methods::Kind::kSafe);
  EXPECT_EQ(fallback("methods: [POST], omit: empty_message").methods.kind, Methods::Kind::kList);
  EXPECT_EQ(fallback("omit: no_content").methods.kind, Methods::Kind::kSafe);
}

TEST(Defaults, OfTimeAndRetry) {
  const Policy policy;
  EXPECT_EQ(policy.timeout.connect_ms, 1'000);
  EXPECT_EQ(request_timeout_ms(policy.timeout, false), 15'000);
  EXPECT_FALSE(request_timeout_ms(policy.timeout, true));
  EXPECT_EQ(policy.timeout.idle_ms, 300'000);
  EXPECT_EQ(stream_idle_ms(policy.timeout, false), 3'600'000);
  EXPECT_FALSE(policy.timeout.total_ms);
  ASSERT_TRUE(policy.retry);
  EXPECT_EQ(policy.retry->attempts, 1);
  EXPECT_EQ(policy.retry->unsent, 2);
  EXPECT_TRUE(policy.retry->on.has(Token::kRefusedStream));
  EXPECT_FALSE(policy.retry->on.has(Token::kRate));
  EXPECT_TRUE(policy.retry->on.has_status(503));
  EXPECT_FALSE(policy.retry->on.has_status(500));
  EXPECT_EQ(policy.retry->budget_share, 0.2);
}

TEST(Defaults, OfTheCircuitCountServerErrorsButNotImplemented) {
  const Circuit circuit;
  EXPECT_TRUE(circuit.failures.has_status(500));
  EXPECT_TRUE(circuit.failures.has_status(599));
  EXPECT_FALSE(circuit.failures.has_status(501));
  EXPECT_FALSE(circuit.failures.has_status(505));
  EXPECT_FALSE(circuit.failures.has_status(404));
  EXPECT_TRUE(circuit.failures.has_grpc(14));
  EXPECT_FALSE(circuit.failures.has_grpc(5));
  ASSERT_TRUE(circuit.consecutive_failures);
  EXPECT_EQ(circuit.consecutive_failures->count, 5);
  EXPECT_EQ(circuit.open_max_ms, 60'000);
}

TEST(Defaults, LetPassthroughGoOnAsItWas) {
  const Policy& passthrough = good(kThreeLines).passthrough;
  EXPECT_FALSE(passthrough.timeout.request_ms);
  EXPECT_EQ(passthrough.timeout.connect_ms, 1'000);
  EXPECT_FALSE(passthrough.limits.outstanding);
  EXPECT_FALSE(passthrough.circuit);
  EXPECT_FALSE(passthrough.endpoint_circuit);
  ASSERT_TRUE(passthrough.retry);
  EXPECT_EQ(passthrough.retry->attempts, 1);
  EXPECT_EQ(passthrough.retry->unsent, 2);
  EXPECT_TRUE(passthrough.fallback.empty());
}

TEST(Defaults, AttemptTimeoutIsAnEqualShareOfWhatAllAttemptsHave) {
  Timeout timeout;
  EXPECT_FALSE(attempt_timeout_ms(timeout, 1, 15'000));
  EXPECT_EQ(attempt_timeout_ms(timeout, 3, 15'000), 5'000);
  EXPECT_FALSE(attempt_timeout_ms(timeout, 3, std::nullopt));
  timeout.attempt_ms = 700;
  EXPECT_EQ(attempt_timeout_ms(timeout, 1, std::nullopt), 700);
  timeout.attempt_ms.reset();
  EXPECT_FALSE(attempt_timeout_ms(timeout, 3, 15'000));
}

TEST(Defaults, AStreamMayRestAnHourAndAnOpaqueConnectionForever) {
  Timeout timeout;
  EXPECT_EQ(stream_idle_ms(timeout, false), 3'600'000);
  EXPECT_FALSE(stream_idle_ms(timeout, true));
  timeout.stream_idle_ms = 5'000;
  EXPECT_EQ(stream_idle_ms(timeout, false), 5'000);
  EXPECT_EQ(stream_idle_ms(timeout, true), 5'000);
  timeout.stream_idle_ms.reset();
  EXPECT_FALSE(stream_idle_ms(timeout, false));
}

TEST(Matcher, AnyIsAllButTooManyRequestsAndOtherClientErrors) {
  const Matcher any = any_failure();
  for (const Token token : {Token::kNoEndpoint, Token::kCircuitOpen, Token::kLimit, Token::kConnect,
                            Token::kTimeout, Token::kReset}) {
    EXPECT_TRUE(any.has(token)) << to_string(token);
  }
  EXPECT_FALSE(any.has(Token::kRate));
  EXPECT_TRUE(any.has_status(501));
  EXPECT_FALSE(any.has_status(429));
  EXPECT_FALSE(any.has_status(404));
  EXPECT_FALSE(any.has_status(200));
}

TEST(Methods, AreSafeIdempotentAnyOrAList) {
  const Methods safe{Methods::Kind::kSafe, {}};
  const Methods idempotent{Methods::Kind::kIdempotent, {}};
  const Methods list{Methods::Kind::kList, {"POST"}};
  EXPECT_TRUE(safe.has("GET"));
  EXPECT_FALSE(safe.has("PUT"));
  EXPECT_FALSE(safe.has("get"));
  EXPECT_TRUE(idempotent.has("DELETE"));
  EXPECT_FALSE(idempotent.has("PATCH"));
  EXPECT_TRUE(list.has("POST"));
  EXPECT_FALSE(list.has("GET"));
  EXPECT_TRUE((Methods{Methods::Kind::kAny, {}}.has("BREW")));
}

}  // namespace
}  // namespace outrigger::config::test
