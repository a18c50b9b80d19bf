// What a retry asks before it is made, and how long it waits.
#include <set>

#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"
#include "tests/unit/filters/policies.hpp"

namespace outrigger {
namespace {

using config::Policy;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;
using testing::with_attempts;

void use_up_budget(PolicyWorld& world) {
  while (world.orders->service.retry_budget().try_withdraw(world.now_ms())) {
  }
}

TEST(Retry, ARetryAfterLongerThanTheLongestBackoffMeansNoRetry) {
  Policy policy = with_attempts(2);
  policy.retry->backoff = {0, 1'000};
  for (const auto& [said, tries] : {std::pair{"2", 1U},
                                    {"86400", 1U},
                                    {"Wed, 21 Oct 2026 07:28:00 GMT", 1U},
                                    {"-1", 1U},
                                    {"99999999999999999999", 1U},
                                    {"1", 2U},
                                    {"0", 2U}}) {
    PolicyWorld world(policy);
    world.script({Script::answering(503).with("Retry-After", said), Script::ok()});
    world.call();
    world.pass_ms(1'000);
    EXPECT_EQ(world.attempts(), tries) << said;
  }
}

TEST(Retry, WaitsAsLongAsRetryAfterSays) {
  Policy policy = with_attempts(2);
  policy.retry->backoff = {0, 5'000};
  PolicyWorld world(policy);
  world.script({Script::answering(503).with("Retry-After", "3"), Script::ok()});
  world.call();
  world.pass_ms(2'999);
  EXPECT_EQ(world.attempts(), 1U);
  world.pass_ms(1);
  EXPECT_EQ(world.attempts(), 2U);
}

TEST(Retry, ARetryAfterLongerThanTheTimeLeftMeansNoRetry) {
  Policy policy = with_attempts(2);
  policy.timeout.request_ms = 900;
  policy.timeout.attempt_ms.reset();
  policy.retry->backoff = {0, 5'000};
  PolicyWorld world(policy);
  world.script({Script::answering(503).with("Retry-After", "1"), Script::ok()});
  EXPECT_EQ(world.call().status(), 503);
}

TEST(Retry, ABackoffLongerThanTheTimeLeftMeansNoRetry) {
  Policy policy = with_attempts(2);
  policy.timeout.request_ms = 500;
  policy.timeout.attempt_ms.reset();
  policy.retry->backoff = {10'000'000, 10'000'000};
  PolicyWorld world(policy);
  world.script({Script::answering(503).after(499), Script::ok()});
  PolicyCall& call = world.call();
  world.pass_ms(499);
  EXPECT_EQ(call.status(), 503);
}

TEST(Retry, NoTimeLeftMeansNoRetry) {
  Policy policy = with_attempts(3);
  policy.timeout.request_ms = 500;
  policy.timeout.attempt_ms = 500;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& call = world.call();
  world.pass_ms(500);
  EXPECT_EQ(call.status(), 504);
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, NoBudgetMeansNoRetry) {
  PolicyWorld world(with_attempts(2));
  use_up_budget(world);
  world.script({Script::answering(503, "busy")});
  EXPECT_EQ(world.call().sink.body, "busy");
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, InAnOutageAttemptsStayWithinTheBudget) {
  Policy policy = with_attempts(4);
  policy.limits.outstanding.reset();
  PolicyWorld world(policy);
  world.script({Script::answering(503)});
  constexpr size_t kCalls = 1'000;
  for (size_t i = 0; i < kCalls; ++i) {
    world.call();
    if (i % 100 == 99) world.pass_ms(1'000);
  }
  EXPECT_LE(world.attempts(), kCalls * 12 / 10 + 3 * 11);
  EXPECT_GT(world.attempts(), kCalls * 11 / 10);
}

TEST(Retry, AnOpenCircuitMeansNoRetry) {
  Policy policy = with_attempts(3);
  policy.circuit = config::Circuit{};
  policy.circuit->consecutive_failures = config::ConsecutiveFailures{1, 0};
  PolicyWorld world(policy);
  world.script({Script::answering(503, "busy")});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.sink.body, "busy");
  EXPECT_EQ(world.attempts(), 1U);
  EXPECT_EQ(world.snapshot().refused, 0U);
}

TEST(Retry, ThatOurOwnSideRefusesGivesTheFirstAttemptsStatusWithReceivedStatus) {
  Policy policy = with_attempts(2);
  policy.retry->backoff = {1'000'000, 100};
  policy.circuit = config::Circuit{};
  PolicyWorld world(policy, 3);
  world.script({Script::answering(503, "busy")});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.status(), 0);
  world.circuit().force(upstream::CircuitForce::kForcedOpen, world.now_ms());
  world.pass_ms(101);
  EXPECT_EQ(call.status(), 503);
  EXPECT_EQ(world.attempts(), 1U);
  EXPECT_NE(call.proxy_status().find("received-status=503"), std::string::npos);
  EXPECT_NE(call.sink.body, "busy");
}

TEST(Retry, ThatOurOwnSideRefusesGivesTheFirstAttemptsError) {
  Policy policy = with_attempts(2);
  policy.retry->backoff = {1'000'000, 100};
  policy.circuit = config::Circuit{};
  PolicyWorld world(policy, 3);
  world.script({Script::failing(Cause::kResponseIncomplete)});
  PolicyCall& call = world.call();
  world.circuit().force(upstream::CircuitForce::kForcedOpen, world.now_ms());
  world.pass_ms(101);
  EXPECT_EQ(call.status(), 502);
  EXPECT_NE(call.proxy_status().find("http_response_incomplete"), std::string::npos);
}

// ---- backoff

TEST(Retry, BackoffDoublesWithinItsBounds) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Policy policy = with_attempts(5);
    policy.retry->backoff = {10, 40};
    policy.timeout.attempt_ms.reset();
    PolicyWorld world(policy, seed);
    world.script({Script::failing()});
    world.call();
    world.pass_ms(10 + 20 + 40 + 40);
    if (world.attempts() != 5) continue;  // the floor of the budget is 3 a second
    int64_t most = 10;
    for (size_t i = 1; i < 5; ++i) {
      const int64_t waited =
          world.upstream().call(i).start_ms - world.upstream().call(i - 1).start_ms;
      EXPECT_LE(waited, most) << i;
      most = std::min<int64_t>(most * 2, 40);
    }
  }
}

TEST(Retry, BackoffIsJittered) {
  std::set<int64_t> waits;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Policy policy = with_attempts(2);
    policy.retry->backoff = {100, 100};
    PolicyWorld world(policy, seed);
    world.script({Script::failing(), Script::ok()});
    world.call();
    world.pass_ms(101);
    ASSERT_EQ(world.attempts(), 2U);
    waits.insert(world.upstream().call(1).start_ms - world.upstream().call(0).start_ms);
  }
  EXPECT_GT(waits.size(), 15U);
  EXPECT_LT(*waits.begin(), 20);
  EXPECT_GT(*waits.rbegin(), 80);
}

TEST(Retry, ACallerWhoLeavesDuringTheBackoffEndsIt) {
  Policy policy = with_attempts(2);
  policy.retry->backoff = {1'000'000, 100};
  PolicyWorld world(policy, 3);
  world.script({Script::failing()});
  world.call().leave();
  world.pass_ms(200);
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, OffOpensNoLeg) {
  Policy policy = with_attempts(1);
  policy.retry.reset();
  PolicyWorld world(policy);
  world.script({Script::failing(Cause::kConnectRefused, Sent::kNever)});
  EXPECT_EQ(world.call().status(), 502);
  EXPECT_EQ(world.attempts(), 1U);
}

}  // namespace
}  // namespace outrigger
