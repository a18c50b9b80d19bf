#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;

TEST(Layers, MapsMergeKeyByKey) {
  const Policy policy = only_service(R"(
defaults: { timeout: { connect: 2s, request: 3s } }
services:
  orders: { timeout: { request: 4s } }
)")
                            .policy;
  EXPECT_EQ(policy.timeout.connect_ms, 2'000);
  EXPECT_EQ(policy.timeout.request_ms, 4'000);
  EXPECT_EQ(policy.timeout.idle_ms, 300'000);
}

TEST(Layers, ScalarsAndListsReplace) {
  const Policy policy = only_service(R"(
defaults: { balance: random, retry: { on: [connect, timeout] } }
services:
  orders: { balance: round_robin, retry: { on: [503] } }
)")
                            .policy;
  EXPECT_EQ(policy.balance.rule, BalanceRule::kRoundRobin);
  EXPECT_FALSE(policy.retry->on.has(Token::kConnect));
  EXPECT_THAT(policy.retry->on.statuses, ElementsAre(503));
}

TEST(Layers, OffReplacesAWholeMap) {
  const Policy policy = only_service(R"(
defaults: { circuit: { window: 20s }, retry: { attempts: 3 }, timeout: { request: 1s },
            fallback: [{ omit: no_content }] }
services:
  orders: { circuit: off, retry: off, timeout: off, limits: off, cache: off, pool: off,
            endpoint_circuit: off, headers: off, fallback: off }
)")
                            .policy;
  EXPECT_FALSE(policy.circuit);
  EXPECT_FALSE(policy.retry);
  EXPECT_FALSE(policy.timeout.request_ms);
  EXPECT_FALSE(policy.timeout.idle_ms);
  EXPECT_EQ(policy.timeout.connect_ms, 1'000);
  EXPECT_FALSE(policy.limits.outstanding);
  EXPECT_EQ(policy.limits.header_bytes, 65'536);
  EXPECT_FALSE(policy.cache);
  EXPECT_FALSE(policy.pool.idle_ms);
  EXPECT_FALSE(policy.endpoint_circuit);
  EXPECT_TRUE(policy.fallback.empty());
}

TEST(Layers, AMapOverOffStartsFromTheBuiltInValues) {
  const Policy policy = only_service(R"(
defaults: { circuit: off, timeout: off }
services:
  orders: { circuit: { window: 20s }, timeout: { total: 1m } }
)")
                            .policy;
  ASSERT_TRUE(policy.circuit);
  EXPECT_EQ(policy.circuit->window_ms, 20'000);
  EXPECT_EQ(policy.circuit->failure_rate_share, 0.5);
  EXPECT_EQ(policy.timeout.request_ms, kAutoMs);
  EXPECT_EQ(policy.timeout.total_ms, 60'000);
}

TEST(Layers, ARouteStandsOverItsService) {
  const ServiceConfig orders = only_service(R"(
defaults: { timeout: { connect: 2s } }
services:
  orders:
    timeout: { request: 4s }
    circuit: off
    routes:
      - { match: { path: /slow/* }, timeout: { request: 9s } }
      - { name: reads, match: { path: "*", method: GET, headers: { X-Beta: "1" } },
          circuit: { window: 20s } }
)");
  ASSERT_EQ(orders.routes.size(), 2U);
  const RouteConfig& slow = orders.routes[0];
  EXPECT_EQ(slow.match.path, "/slow/*");
  EXPECT_EQ(slow.policy.timeout.request_ms, 9'000);
  EXPECT_EQ(slow.policy.timeout.connect_ms, 2'000);
  EXPECT_FALSE(slow.policy.circuit);
  EXPECT_TRUE(slow.owns("timeout"));
  EXPECT_FALSE(slow.owns("circuit"));
  const RouteConfig& reads = orders.routes[1];
  EXPECT_EQ(reads.match.path, "");
  EXPECT_THAT(reads.match.methods, ElementsAre("GET"));
  EXPECT_THAT(reads.match.headers, ElementsAre(HeaderMatch{"x-beta", "1"}));
  ASSERT_TRUE(reads.policy.circuit);
  EXPECT_EQ(reads.policy.circuit->failure_rate_share, 0.5);
  EXPECT_EQ(reads.policy.timeout.request_ms, 4'000);
  EXPECT_THAT(reads.overrides, ElementsAre("circuit"));
}

TEST(Layers, ARuleBetweenKeysLooksAtAllLayersTogether) {
  EXPECT_THAT(mistakes(R"(
defaults: { circuit: { slow_rate: 50% } }
services:
  orders:
    circuit: { slow_call: 1s }
    routes: [{ name: r, circuit: { slow_rate: 80% } }]
)"),
              testing::IsEmpty());
}

TEST(Layers, HeadersMergeByNameWhateverTheirCase) {
  const Policy policy = only_service(R"(
defaults: { headers: { request: { set: { X-A: low, x-b: low } } } }
services:
  orders: { headers: { request: { set: { x-a: high } } } }
)")
                            .policy;
  EXPECT_THAT(policy.headers.request.set,
              ElementsAre(HeaderValue{"x-b", "low", "", ""}, HeaderValue{"x-a", "high", "", ""}));
}

TEST(Layers, AFailureRunWrittenAsANumberNeedsNoTime) {
  const Policy number = only_service("services: {a: {circuit: {consecutive_failures: 3}}}").policy;
  EXPECT_EQ(number.circuit->consecutive_failures, (ConsecutiveFailures{3, 0}));
  const Policy map =
      only_service("services: {a: {circuit: {consecutive_failures: {count: 3}}}}").policy;
  EXPECT_EQ(map.circuit->consecutive_failures, (ConsecutiveFailures{3, 1'000}));
}

TEST(Layers, PassthroughTakesFourSectionsOfTheDefaults) {
  const Policy passthrough = good(R"(
defaults:
  timeout: { connect: 3s }
  limits: { outstanding: 50 }
  headers: { request: { set: { x-a: b } } }
  circuit: { window: 20s }
  balance: random
)")
                                 .passthrough;
  EXPECT_EQ(passthrough.timeout.connect_ms, 3'000);
  EXPECT_FALSE(passthrough.timeout.request_ms);
  EXPECT_EQ(passthrough.limits.outstanding, 50);
  EXPECT_EQ(passthrough.headers.request.set.size(), 1U);
  EXPECT_FALSE(passthrough.circuit);
  EXPECT_EQ(passthrough.balance.rule, BalanceRule::kLeastLoaded);
}

TEST(Layers, AKeyWithoutAValueIsAsIfAbsentForMapsOnly) {
  EXPECT_EQ(only_service("services:\n  orders:\n").policy, Policy{});
  EXPECT_EQ(only_service("defaults:\nservices:\n  a:\n    timeout:\n    routes:\n").policy,
            Policy{});
  EXPECT_THAT(mistakes("services:\n  a:\n    balance:\n"),
              ElementsAre("f:3:5: \"balance\" has no value"));
}

TEST(Layers, SeveralFilesMergeInOrderAndKeepTheirPositions) {
  const std::string folder = testing::TempDir();
  const std::string first = folder + "/outrigger_layers_1.yaml";
  const std::string second = folder + "/outrigger_layers_2.yaml";
  std::ofstream(first) << "services:\n  a: {timeout: {request: 1s, connect: 2s}}\n";
  std::ofstream(second) << "\n\nservices:\n  a: {timeout: {request: 3s, conect: 1s}}\n  b: {}\n";
  const Loaded loaded = load_files({first, second}, no_environment());
  EXPECT_THAT(texts(loaded.problems),
              ElementsAre(second + ":4:30: unknown key \"conect\"; did you mean \"connect\"?"));
  ASSERT_EQ(loaded.config.services.size(), 2U);
  EXPECT_EQ(loaded.config.services[0].policy.timeout.request_ms, 3'000);
  EXPECT_EQ(loaded.config.services[0].policy.timeout.connect_ms, 2'000);
}

TEST(Environment, ExpandsInsideScalarsAfterParsing) {
  const Loaded loaded = load_text("f", R"(
services:
  orders:
    endpoints: { static: ["${HOST}:${PORT:-8080}"] }
    timeout: { request: "${TIMEOUT:-3s}" }
    headers: { request: { set: { x-a: "$${HOST} ${EMPTY:-full} ${HOST}: #{x: y}" } } }
)",
                                  environment({{"HOST", "10.0.0.9"}, {"EMPTY", ""}}));
  EXPECT_THAT(texts(loaded.problems), testing::IsEmpty());
  const ServiceConfig& orders = loaded.config.services.at(0);
  EXPECT_EQ(orders.endpoints.endpoints.at(0).address, "10.0.0.9:8080");
  EXPECT_EQ(orders.policy.timeout.request_ms, 3'000);
  EXPECT_EQ(orders.policy.headers.request.set.at(0).value, "${HOST} full 10.0.0.9: #{x: y}");
}

TEST(Environment, CannotAddStructure) {
  const Loaded loaded =
      load_text("f", "unmatched: ${X}\n", environment({{"X", "refuse\nworkers: 7"}}));
  EXPECT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.config.workers, 1);
}

TEST(Environment, SaysOnceWhatIsMissingOrMalformed) {
  EXPECT_THAT(mistakes("services:\n  a:\n    timeout: { request: \"${NOPE}\" }\n"),
              ElementsAre("f:3:25: environment variable NOPE is not set; ${NOPE:-default} would "
                          "give it a default"));
  EXPECT_THAT(mistakes("unmatched: ${a b}\n"),
              ElementsAre("f:1:12: \"${a b}\" names no environment variable; write ${NAME} or "
                          "${NAME:-default}, and \"$${\" for a plain \"${\""));
  EXPECT_THAT(mistakes("unmatched: \"${A\"\n"),
              ElementsAre("f:1:12: \"${\" has no closing \"}\"; write \"$${\" for a plain \"${\""));
}

TEST(Yaml, MergesAnchorsAndExplicitKeysWin) {
  const Config config = good(R"(
x-slow: &slow { timeout: { request: 30s }, balance: random }
x-fast: &fast { timeout: { request: 1s }, slow_start: 5s }
services:
  a: { <<: *slow }
  b: { <<: [*fast, *slow], balance: round_robin }
)");
  EXPECT_EQ(config.services[0].policy.timeout.request_ms, 30'000);
  EXPECT_EQ(config.services[0].policy.balance.rule, BalanceRule::kRandom);
  EXPECT_EQ(config.services[1].policy.timeout.request_ms, 1'000);
  EXPECT_EQ(config.services[1].policy.slow_start_ms, 5'000);
  EXPECT_EQ(config.services[1].policy.balance.rule, BalanceRule::kRoundRobin);
}

TEST(Yaml, ReadsWhatAYaml11ToolMadeOfOnAndOff) {
  const Config config = good(R"(
admin: false
access_log: { path: false }
metrics: { histogram_buckets: [1ms] }
request_id: { generate: on }
tracing: { propagate: off }
services:
  a:
    circuit: false
    retry: { true: [503], methods: safe }
    fallback: [{ true: [any], omit: no_content }]
)");
  EXPECT_FALSE(config.admin);
  EXPECT_FALSE(config.access_log.path);
  EXPECT_TRUE(config.request_id.generate);
  EXPECT_FALSE(config.tracing.propagate);
  const Policy& policy = config.services[0].policy;
  EXPECT_FALSE(policy.circuit);
  EXPECT_THAT(policy.retry->on.statuses, ElementsAre(503));
  EXPECT_TRUE(policy.fallback[0].on.any);
}

TEST(Yaml, Reads12AndNot11) {
  const Policy policy =
      only_service("services: {a: {headers: {request: {set: {x-a: yes, x-b: 010, x-c: 1:30}}}}}")
          .policy;
  EXPECT_THAT(policy.headers.request.set,
              ElementsAre(HeaderValue{"x-a", "yes", "", ""}, HeaderValue{"x-b", "010", "", ""},
                          HeaderValue{"x-c", "1:30", "", ""}));
}

TEST(Yaml, LeavesTopLevelKeysThatBeginWithXFree) {
  EXPECT_EQ(good("x-anything: [1, {a: b}]\nx-: off\n"), Config{});
  EXPECT_THAT(mistakes("services: {a: {x-y: 1}}").size(), 1);
}

}  // namespace
}  // namespace outrigger::config::test
