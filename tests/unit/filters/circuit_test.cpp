#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"

namespace outrigger {
namespace {

using config::Policy;
using testing::CallRequest;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;
using upstream::CircuitState;

Policy tripping_after(int failures) {
  Policy policy;
  policy.circuit->consecutive_failures = config::ConsecutiveFailures{failures, 0};
  policy.circuit->min_requests = 1'000;
  policy.circuit->ramp.reset();
  return policy;
}

// So many calls have settled, so many of them as failures.
void expect_counts(PolicyWorld& world, uint64_t total, uint64_t failed) {
  const upstream::Counts counts = world.snapshot().counts;
  EXPECT_EQ(counts.total, total);
  EXPECT_EQ(counts.failed, failed);
}

void open(PolicyWorld& world) {
  world.script({Script::failing()});
  while (world.circuit().state() == CircuitState::kClosed) world.call();
}

// ---- what settles an attempt

TEST(CircuitFilter, SettlesAtAFailingHead) {
  PolicyWorld world;
  world.script({{.status = 500, .body = {"a"}, .gap_ms = 60'000}});
  world.call();
  expect_counts(world, 1, 1);
}

TEST(CircuitFilter, SettlesAtAnError) {
  PolicyWorld world;
  world.script({Script::failing(Cause::kConnectRefused)});
  world.call();
  expect_counts(world, 1, 1);
}

TEST(CircuitFilter, SettlesAtTheEndOfAGoodAnswer) {
  PolicyWorld world;
  world.script({{.body = {"a"}, .gap_ms = 500}});
  world.call();
  expect_counts(world, 0, 0);
  world.pass_ms(500);
  expect_counts(world, 1, 0);
}

TEST(CircuitFilter, SettlesASecondAfterAGoodHeadAsSuccess) {
  PolicyWorld world;
  world.script({{.body = {"a"}, .gap_ms = 60'000}});
  world.call();
  world.pass_ms(999);
  expect_counts(world, 0, 0);
  world.pass_ms(1);
  expect_counts(world, 1, 0);
}

TEST(CircuitFilter, SettlesAfterSlowCallWhereThatIsLonger) {
  Policy policy;
  policy.circuit->slow_call_ms = 3'000;
  PolicyWorld world(policy);
  world.script({{.body = {"a"}, .gap_ms = 60'000}});
  world.call();
  world.pass_ms(2'999);
  expect_counts(world, 0, 0);
  world.pass_ms(1);
  expect_counts(world, 1, 0);
}

TEST(CircuitFilter, AnAnswerThatBreaksOffWithinASecondIsAFailure) {
  PolicyWorld world;
  world.script({{.body = {"a", "b"}, .gap_ms = 500, .break_after = 1}});
  world.call();
  world.pass_ms(500);
  expect_counts(world, 1, 1);
}

TEST(CircuitFilter, AFailureAfterSettlingIsNothing) {
  PolicyWorld world;
  world.script({{.body = {"a", "b"}, .gap_ms = 1'500, .break_after = 1}});
  PolicyCall& call = world.call();
  world.pass_ms(3'000);
  EXPECT_TRUE(call.sink.aborted);
  expect_counts(world, 1, 0);
}

TEST(CircuitFilter, SeesAttemptsNotCalls) {
  Policy policy;
  policy.retry->attempts = 3;
  policy.retry->backoff = {0, 0};
  PolicyWorld world(policy);
  world.script({Script::failing(), Script::answering(503), Script::ok()});
  world.call();
  expect_counts(world, 3, 2);
}

TEST(CircuitFilter, FourHundredsAreNotFailuresNorAre501And505) {
  PolicyWorld world;
  for (const int status : {400, 404, 429, 501, 505}) {
    world.script({Script::answering(status)});
    world.call();
  }
  expect_counts(world, 5, 0);
}

TEST(CircuitFilter, AFieldMayBeAFailure) {
  Policy policy;
  policy.circuit->failures.headers = {{"x-outcome", "failure"}};
  PolicyWorld world(policy);
  world.script({Script::ok().with("X-Outcome", "failure"), Script::ok().with("X-Outcome", "fine")});
  world.call();
  world.call();
  expect_counts(world, 2, 1);
}

TEST(CircuitFilter, AGoodHeadThatIsTriedAgainCountsAsSuccess) {
  Policy policy;
  policy.retry->attempts = 2;
  policy.retry->on.statuses = {404};
  policy.retry->backoff = {0, 0};
  PolicyWorld world(policy);
  world.script({Script::answering(404), Script::ok()});
  world.call();
  expect_counts(world, 2, 0);
}

TEST(CircuitFilter, TimeToTheHeadMakesACallSlow) {
  Policy policy;
  policy.circuit->slow_call_ms = 100;
  policy.circuit->slow_rate_share = 0.9;
  PolicyWorld world(policy);
  world.script(
      {Script::ok().after(100), Script::ok().after(101), Script::answering(500).after(101)});
  for (int i = 0; i < 3; ++i) {
    world.call();
    world.pass_ms(101);
  }
  EXPECT_EQ(world.snapshot().counts.slow, 2U);
  expect_counts(world, 3, 1);
}

// ---- ended from above

TEST(CircuitFilter, ADeadlineThatEndsItIsATimeout) {
  Policy policy;
  policy.timeout.request_ms = 300;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  world.call();
  world.pass_ms(300);
  expect_counts(world, 1, 1);
}

TEST(CircuitFilter, AnAttemptTimeoutThatEndsItIsATimeout) {
  Policy policy;
  policy.timeout.attempt_ms = 300;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  world.call();
  world.pass_ms(300);
  expect_counts(world, 1, 1);
}

TEST(CircuitFilter, AShortDeadlineOfTheCallerDoesNotCount) {
  Policy policy;
  policy.deadline_header = "x-deadline-ms";
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  world.call({.fields = {{"x-deadline-ms", "999"}}});
  world.pass_ms(999);
  expect_counts(world, 0, 0);
  world.call({.fields = {{"x-deadline-ms", "1000"}}});
  world.pass_ms(1'000);
  expect_counts(world, 1, 1);
}

TEST(CircuitFilter, ACallerWhoLeavesGivesTheTokenBack) {
  PolicyWorld world;
  world.script({Script::hanging(), {.body = {"a"}, .gap_ms = 5'000}});
  world.call().leave();
  world.call().leave();
  expect_counts(world, 0, 0);
}

TEST(CircuitFilter, OurOwnRefusalsAndStaleConnectionsAreNoVerdict) {
  Policy policy;
  policy.retry->unsent = 0;
  PolicyWorld world(policy);
  Script none = Script::failing(Cause::kNoEndpoint);
  none.error.ours = true;
  for (const Script& script : {none, Script::failing(Cause::kReset, Sent::kNeverFree)}) {
    world.script({script});
    world.call();
  }
  expect_counts(world, 0, 0);
}

// ---- refusals

TEST(CircuitFilter, RefusesWhileOpenWithRetryAfter) {
  PolicyWorld world(tripping_after(2));
  open(world);
  EXPECT_EQ(world.attempts(), 2U);
  PolicyCall& refused = world.call();
  EXPECT_EQ(refused.status(), 503);
  EXPECT_EQ(world.attempts(), 2U);
  const int after_s = std::stoi(refused.sink.field("retry-after"));
  EXPECT_GE(after_s, 3);
  EXPECT_LE(after_s, 7);
  const std::string marked = refused.proxy_status();
  const std::string before =
      "outrigger; error=destination_unavailable; details=\"circuit_open orders ";
  ASSERT_TRUE(marked.starts_with(before)) << marked;
  EXPECT_TRUE(marked.ends_with("s\"")) << marked;
  // The same time to the tenth of a second; Retry-After is rounded up.
  const double left_s = std::stod(marked.substr(before.size()));
  EXPECT_GT(left_s, after_s - 1.06);
  EXPECT_LE(left_s, after_s);
  EXPECT_EQ(refused.facts().circuit, "open");
}

TEST(CircuitFilter, LetsOneProbeThroughAndClosesWhenItIsGood) {
  PolicyWorld world(tripping_after(1));
  open(world);
  world.pass_ms(6'250);
  world.script({Script::ok().after(10)});
  PolicyCall& probe = world.call();
  PolicyCall& other = world.call();
  EXPECT_EQ(other.status(), 503);
  EXPECT_EQ(probe.facts().circuit, "open");
  EXPECT_EQ(other.facts().circuit, "half_open");
  world.pass_ms(10);
  EXPECT_EQ(probe.status(), 200);
  EXPECT_EQ(world.circuit().state(), CircuitState::kClosed);
}

TEST(CircuitFilter, AProbeWhoseCallerLeavesMakesRoomForTheNext) {
  PolicyWorld world(tripping_after(1));
  open(world);
  world.pass_ms(6'250);
  world.script({Script::hanging(), Script::ok()});
  world.call().leave();
  EXPECT_EQ(world.call().status(), 200);
}

TEST(CircuitFilter, AProbeOnAStaleConnectionIsReplayed) {
  PolicyWorld world(tripping_after(1));
  open(world);
  world.pass_ms(6'250);
  world.script({Script::failing(Cause::kReset, Sent::kReusedDied), Script::ok()});
  EXPECT_EQ(world.call().status(), 200);
  EXPECT_EQ(world.circuit().state(), CircuitState::kClosed);
}

TEST(CircuitFilter, ARefusedConnectIsAVerdictOnceTheCallGoesNowhereElse) {
  PolicyWorld world;
  const Script refused = Script::failing(Cause::kConnectRefused, Sent::kNever);
  world.script({refused, Script::ok(), refused});
  EXPECT_EQ(world.call().status(), 200);
  expect_counts(world, 1, 0);
  EXPECT_EQ(world.call().status(), 502);
  EXPECT_EQ(world.attempts(), 5U);
  expect_counts(world, 2, 1);
}

TEST(CircuitFilter, AProbeWhoseConnectIsRefusedProbesElsewhere) {
  PolicyWorld world(tripping_after(1));
  open(world);
  world.pass_ms(6'250);
  world.script({Script::failing(Cause::kConnectRefused, Sent::kNever), Script::ok()});
  EXPECT_EQ(world.call().status(), 200);
  EXPECT_EQ(world.circuit().state(), CircuitState::kClosed);
}

TEST(CircuitFilter, AnswersThatWereSentBeforeTheTripDoNotCountAfterIt) {
  PolicyWorld world(tripping_after(1));
  world.script({Script::ok().after(8'000), Script::failing()});
  world.call();
  world.call();
  world.pass_ms(7'000);
  const uint64_t counted = world.snapshot().counts.total;
  world.pass_ms(2'000);
  EXPECT_EQ(world.snapshot().counts.total, counted);
  EXPECT_EQ(world.circuit().state(), CircuitState::kOpen);
}

TEST(CircuitFilter, ShadowRefusesNothing) {
  Policy policy = tripping_after(1);
  policy.circuit->mode = config::Mode::kShadow;
  PolicyWorld world(policy);
  world.script({Script::failing(), Script::ok()});
  world.call();
  EXPECT_EQ(world.call().status(), 200);
  EXPECT_EQ(world.snapshot().would_refuse, 1U);
}

TEST(CircuitFilter, OffItCanStillBeForced) {
  Policy policy;
  policy.circuit.reset();
  PolicyWorld world(policy);
  world.script({Script::failing()});
  for (int i = 0; i < 50; ++i) world.call();
  EXPECT_EQ(world.attempts(), 50U);
  world.circuit().force(upstream::CircuitForce::kForcedOpen, world.now_ms());
  EXPECT_EQ(world.call().status(), 503);
  EXPECT_EQ(world.attempts(), 50U);
}

}  // namespace
}  // namespace outrigger
