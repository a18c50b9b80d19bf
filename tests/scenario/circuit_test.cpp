// Circuit, and Which endpoint. When calls stop, who is let through again, and what counts.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

using upstream::CircuitForce;
using upstream::CircuitState;

constexpr const char* kAt = "10.0.0.1:80";

std::string orders(std::string_view circuit, std::string_view more = {}) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, "
         "endpoint_circuit: off, circuit: {" +
         std::string(circuit) + "}" + std::string(more) + "}}";
}
// Opens at the third failure in a row, and tries one call again after four to six seconds.
constexpr std::string_view kThree =
    "consecutive_failures: 3, failure_rate: off, open_for: 5s, ramp: off";

// So that it may be tried again, whatever the jitter was.
void wait_open_period(Town& town) { town.pass_ms(6'300); }

void fail_three_times(Town& town) {
  Caller caller(town);
  for (int i = 0; i < 3; ++i) caller.get();
  ASSERT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, ARunOfFailuresOpensItAndNothingReachesTheUpstream) {
  Town town(orders(kThree));
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  const Message answer = Caller(town).get();
  EXPECT_EQ(answer.status(), 503);
  EXPECT_NE(answer.field("proxy-status").find("circuit_open orders"), std::string::npos);
  const int seconds = std::stoi(answer.field("retry-after"));
  EXPECT_GE(seconds, 4);
  EXPECT_LE(seconds, 7);
  EXPECT_EQ(origin.requests.size(), 3u);
}

TEST(Circuit, RetryAfterIsNeverBelowOne) {
  Town town(orders(kThree));
  town.origin(kAt).otherwise = answers(500);
  fail_three_times(town);
  for (Message answer; (answer = Caller(town).get()).status() == 503; town.pass_ms(100)) {
    EXPECT_GE(std::stoi(answer.field("retry-after")), 1);
  }
}

TEST(Circuit, ConsecutiveFailuresMustHaveLastedSoLong) {
  Town town(orders("consecutive_failures: {count: 3, over: 1s}, failure_rate: off"));
  town.origin(kAt).otherwise = answers(500);
  Caller caller(town);
  for (int i = 0; i < 10; ++i) caller.get();
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
  town.pass_ms(1000);
  caller.get();
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, ASuccessBreaksTheRun) {
  Town town(orders(kThree));
  town.origin(kAt).script = {answers(500), answers(500), answers(200), answers(500), answers(500)};
  Caller caller(town);
  for (int i = 0; i < 5; ++i) caller.get();
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Circuit, ErrorsOfTheCallerAreNoFailures) {
  Town town(orders(kThree));
  Caller caller(town);
  for (const int status : {400, 404, 429, 499, 501, 505}) {
    town.origin(kAt).otherwise = answers(status);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(caller.get().status(), status);
  }
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Circuit, TheShareOfFailuresOpensItOnceMinRequestsAreIn) {
  Town town(orders("consecutive_failures: off, failure_rate: 50%, min_requests: 10"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  for (int i = 0; i < 9; ++i) {
    origin.script = {answers(i % 2 == 0 ? 500 : 200)};
    caller.get();
  }
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
  origin.script = {answers(500)};
  caller.get();
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, WhatIsOlderThanTheWindowDoesNotCount) {
  Town town(orders("consecutive_failures: off, failure_rate: 50%, min_requests: 4, window: 10s"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  for (int i = 0; i < 3; ++i) {
    origin.script = {answers(500)};
    caller.get();
  }
  town.pass_ms(11'000);
  origin.script = {answers(500)};
  caller.get();
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Circuit, TheShareOfSlowCallsOpensIt) {
  Town town(orders("failure_rate: off, slow_rate: 50%, slow_call: 300ms, min_requests: 4"));
  town.origin(kAt).otherwise = after(301, answers(200));
  Caller caller(town);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(caller.get().status(), 200);
  town.pass_ms(1000);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, AGoodProbeClosesIt) {
  Town town(orders(kThree));
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  wait_open_period(town);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);  // reading never changes it
  origin.otherwise = answers(200);
  EXPECT_EQ(Caller(town).get().status(), 200);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Circuit, AFailedProbeOpensItForTwiceAsLong) {
  Town town(orders(kThree));
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  wait_open_period(town);
  EXPECT_EQ(Caller(town).get().status(), 500);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
  town.pass_ms(7'400);  // 10 s x 0.75 and more
  EXPECT_EQ(Caller(town).get().status(), 503);
  town.pass_ms(5'200);
  EXPECT_EQ(Caller(town).get().status(), 500);
}

// ABUSE 143
TEST(Circuit, HalfOpenLetsOneProbeThroughHoweverManyCome) {
  Town town(orders(kThree), 2);
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  wait_open_period(town);
  origin.otherwise = after(100, answers(200));
  std::vector<std::unique_ptr<Caller>> callers;
  for (unsigned i = 0; i < 40; ++i) callers.push_back(std::make_unique<Caller>(town, i % 2));
  for (auto& caller : callers) caller->begin("GET", "/");
  int good = 0;
  for (auto& caller : callers) good += caller->next().status() == 200 ? 1 : 0;
  EXPECT_EQ(good, 1);
  EXPECT_EQ(origin.requests.size(), 4u);
}

TEST(Circuit, AProbeWhoseCallerLeavesGivesItsTokenBack) {
  Town town(orders(kThree));
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  wait_open_period(town);
  origin.script = {stalls()};
  {
    Caller leaves(town);
    leaves.begin("GET", "/");
    town.run();
    ASSERT_EQ(origin.requests.size(), 4u);
    leaves.abort();
  }
  town.run();
  origin.otherwise = answers(200);
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(Circuit, TheRampAdmitsAShareAndThenAll) {
  Town town(
      orders("consecutive_failures: 3, failure_rate: off, ramp: {steps: [25%, 50%], each: 1s}"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  wait_open_period(town);
  origin.otherwise = answers(200);
  ASSERT_EQ(Caller(town).get().status(), 200);
  ASSERT_EQ(town.circuit("orders"), CircuitState::kRamping);
  Caller caller(town);
  const auto admitted = [&] {
    int good = 0;
    for (int i = 0; i < 200; ++i) good += caller.get().status() == 200 ? 1 : 0;
    return good;
  };
  const int first = admitted();
  EXPECT_GT(first, 25);
  EXPECT_LT(first, 80);
  town.pass_ms(1000);
  const int second = admitted();
  EXPECT_GT(second, 65);
  EXPECT_LT(second, 140);
  town.pass_ms(1000);
  EXPECT_EQ(admitted(), 200);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Circuit, AFailureInTheRampOpensItAgain) {
  Town town(orders("consecutive_failures: 3, failure_rate: off"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  wait_open_period(town);
  origin.otherwise = answers(200);
  ASSERT_EQ(Caller(town).get().status(), 200);
  origin.otherwise = answers(500);
  Caller caller(town);
  for (int i = 0; i < 50 && town.circuit("orders") == CircuitState::kRamping; ++i) caller.get();
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, AnswersThatWereSentBeforeTheTripDoNotCountAfterIt) {
  Town town(orders(kThree));
  Origin& origin = town.origin(kAt);
  origin.script = {after(7'000, answers(200))};
  Caller slow(town);
  slow.begin("GET", "/slow");
  town.run();
  origin.otherwise = answers(500);
  fail_three_times(town);
  EXPECT_EQ(slow.next().status(), 200);
  town.pass_ms(1'100);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, ATimeoutOfOursCountsAndAnImpatientCallersDoesNot) {
  Town town(orders(kThree, ", timeout: {request: 2s}, deadline_header: x-ms"));
  town.origin(kAt).otherwise = stalls();
  Caller caller(town);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(caller.get("/", "X-Ms: 100\r\n").status(), 504);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(caller.get().status(), 504);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, ACallersDeadlineCountsWhenASecondWasWaited) {
  Town town(orders(kThree, ", deadline_header: x-ms"));
  town.origin(kAt).otherwise = stalls();
  Caller caller(town);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(caller.get("/", "X-Ms: 1000\r\n").status(), 504);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, CallersThatLeaveAreNoVerdict) {
  Town town(orders(kThree));
  town.origin(kAt).otherwise = stalls();
  for (int i = 0; i < 5; ++i) {
    Caller caller(town);
    caller.begin("GET", "/");
    town.pass_ms(5'000);
    caller.abort();
    town.run();
  }
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Circuit, ItSeesAttemptsAndNotOnlyCalls) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: {attempts: 3, "
      "backoff: {base: 1ms, max: 1ms}}, circuit: {" +
      std::string(kThree) + "}}}");
  town.origin(kAt).otherwise = answers(503);
  EXPECT_EQ(Caller(town).get().status(), 503);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kOpen);
}

TEST(Circuit, ShadowCountsAndRefusesNothing) {
  Town town(orders(std::string(kThree) + ", mode: shadow"));
  town.origin(kAt).otherwise = answers(500);
  Caller caller(town);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(caller.get().status(), 500);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kShadow);
  EXPECT_GT(town.service("orders").circuit().would_refuse(), 0u);
}

TEST(Circuit, AnOperatorForcesItBothWaysAlsoWhenItIsOff) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off}}");
  town.origin(kAt);
  upstream::Circuit& circuit = town.service("orders").circuit();
  Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  circuit.force(CircuitForce::kForcedOpen, town.now_ms());
  EXPECT_EQ(caller.get().status(), 503);
  circuit.force(CircuitForce::kAuto, town.now_ms());
  EXPECT_EQ(caller.get().status(), 200);
}

TEST(Circuit, AStaleConnectionIsNoFailure) {
  Town town(orders("consecutive_failures: 1, failure_rate: off"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.get();
  origin.script = {closes()};  // of the reused connection; nobody retries here
  EXPECT_EQ(caller.get().status(), 502);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

// A quarter is admitted in this ramp, so that a replay that had to be lucky again would show.
TEST(Circuit, ACallThatTheRampAdmittedIsReplayedWithoutAnotherDraw) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, endpoint_circuit: off, circuit: "
      "{consecutive_failures: 3, failure_rate: off, ramp: {steps: [25%], each: 10s}}}}");
  town.network.at(*Address::parse(kAt)).pipe.latency_ms = 5;
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  fail_three_times(town);
  wait_open_period(town);
  origin.otherwise = answers(200);
  Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  ASSERT_EQ(town.circuit("orders"), CircuitState::kRamping);
  int replayed = 0;
  for (int i = 0; i < 60; ++i) {
    const size_t opened = origin.accepted();
    if (origin.open_connections() > 0) origin.last().reset();
    town.pass_ms(2);  // our side does not know yet
    const int status = caller.get().status();
    ASSERT_NE(status, 502);
    if (status == 200 && origin.accepted() > opened) ++replayed;
  }
  EXPECT_GT(replayed, 5);
}

TEST(WhichEndpoint, AFailingInstanceIsLeftOutAndTriedAgain) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, circuit: off, "
      "retry: off, balance: round_robin, endpoint_circuit: {consecutive_failures: 3, "
      "open_for: 5s}}}");
  Origin& bad = town.origin("10.0.0.1:80");
  Origin& good = town.origin("10.0.0.2:80");
  bad.otherwise = answers(500);
  Caller caller(town);
  for (int i = 0; i < 6; ++i) caller.get();
  EXPECT_EQ(bad.requests.size(), 3u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(bad.requests.size(), 3u);
  bad.otherwise = answers(200);
  town.pass_ms(6'300);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(caller.get().status(), 200);
  EXPECT_GT(bad.requests.size(), 3u);
  EXPECT_GT(good.requests.size(), 20u);
}

TEST(WhichEndpoint, TheLastOneIsNeverLeftOut) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, circuit: off, "
      "retry: off, endpoint_circuit: {consecutive_failures: 1}}}");
  for (const char* at : {"10.0.0.1:80", "10.0.0.2:80"}) town.origin(at).otherwise = answers(500);
  Caller caller(town);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(caller.get().status(), 500);
}

TEST(WhichEndpoint, NoEndpointAtAllIs503) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  town.set_endpoints("orders", {});
  const Message answer = Caller(town).get();
  EXPECT_EQ(answer.status(), 503);
  EXPECT_NE(answer.field("proxy-status").find("no_endpoint orders"), std::string::npos);
}

// "A call before a source's first answer waits for it within `connect`, then `no_endpoint`."
TEST(WhichEndpoint, ACallBeforeTheFirstListWaitsForIt) {
  Town town("services: {orders: {endpoints: {dns: {name: orders.svc, port: 80}}}}");
  town.origin(kAt);
  Caller early(town), late(town);
  early.begin("GET", "/");
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(early.next().status(), 503);
  EXPECT_EQ(town.now_ms() - began_ms, 1000);
  late.begin("GET", "/");
  town.pass_ms(500);
  town.set_endpoints("orders", {kAt});
  EXPECT_EQ(late.next().status(), 200);
}

TEST(WhichEndpoint, ServingAndTerminatingOnesAreTakenOnlyWhenNoneIsReady) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  Origin& leaving = town.origin(kAt);
  Origin& ready = town.origin("10.0.0.2:80");
  const auto first = *Address::parse(kAt);
  const auto second = *Address::parse("10.0.0.2:80");
  Caller caller(town);
  town.give("orders", {{first, 1, true}, {second, 1, false}});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(leaving.requests.size(), 0u);
  town.give("orders", {{first, 1, true}});
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(leaving.requests.size(), 1u);
  EXPECT_EQ(ready.requests.size(), 10u);
}

}  // namespace
}  // namespace outrigger::testing
