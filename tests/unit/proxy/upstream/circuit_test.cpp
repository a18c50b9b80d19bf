#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/circuit_fixture.hpp"

namespace outrigger::upstream {
namespace {

// --- closed: what opens it

TEST_F(CircuitTest, IsClosedAndAdmitsAtFirst) {
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  const Admission admission = admit();
  EXPECT_FALSE(admission.refused);
  EXPECT_TRUE(admission.token.holds());
  EXPECT_FALSE(admission.token.is_probe());
}

TEST_F(CircuitTest, OpensAtAnUnbrokenRunOfFailures) {
  fail(2);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  fail();
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  EXPECT_TRUE(admit().refused);
}

TEST_F(CircuitTest, ASuccessBreaksTheRun) {
  fail(2);
  succeed();
  fail(2);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitTest, TheRunMustHaveLastedAtLeastOver) {
  config::Circuit settings = plain();
  settings.consecutive_failures = ConsecutiveFailures{3, 1'000};
  make(settings);
  fail(10);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  now += 999;
  fail();
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  now += 1;
  fail();
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
}

TEST_F(CircuitTest, TheDefaultsIgnoreABurstOfFailuresWithinOneSecond) {
  make(config::Circuit{});
  for (int i = 0; i < 19; ++i) fail();
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitTest, CountsARunInOrderOfSettling) {
  std::vector<Admission> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(admit());
  calls[4].token.settle(Verdict::kFailure, now);
  calls[0].token.settle(Verdict::kFailure, now);
  calls[2].token.settle(Verdict::kSuccess, now);
  calls[1].token.settle(Verdict::kFailure, now);
  calls[3].token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  EXPECT_EQ(circuit->snapshot(now).run, 2U);
}

TEST_F(CircuitTest, OpensAtTheFailureRateOnceMinRequestsAreIn) {
  make(only_rate());
  fail(10);
  succeed(9);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  succeed();  // the 20th: 10 of 20
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  EXPECT_EQ(circuit->snapshot(now).reason, CircuitReason::kFailureRate);
}

TEST_F(CircuitTest, StaysClosedBelowTheFailureRate) {
  make(only_rate());
  succeed(500);
  fail(499);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitTest, FailuresOutsideTheWindowNoLongerCount) {
  make(only_rate());
  fail(19);
  now += 11'000;
  succeed(15);
  fail(14);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  fail(1);
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
}

TEST_F(CircuitTest, OpensWhenOldSuccessesLeaveTheWindow) {
  make(only_rate());
  succeed(100);
  now += 5'000;
  for (int i = 0; i < 30; ++i) fail();
  succeed(10);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  now += 6'000;
  succeed();
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
}

TEST_F(CircuitTest, OpensAtTheSlowRate) {
  config::Circuit settings = only_rate();
  settings.slow_rate_share = 0.6;
  settings.slow_call_ms = 300;
  make(settings);
  for (int i = 0; i < 12; ++i) call(Verdict::kSlowSuccess);
  succeed(7);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  succeed();
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  EXPECT_EQ(circuit->snapshot(now).reason, CircuitReason::kSlowRate);
}

TEST_F(CircuitTest, SlowCallsMeanNothingWhileSlowRateIsOff) {
  make(only_rate());
  for (int i = 0; i < 100; ++i) call(Verdict::kSlowSuccess);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  EXPECT_EQ(circuit->snapshot(now).counts.slow, 100U);
}

TEST_F(CircuitTest, AnswersSentBeforeTheTripDoNotCountAfterIt) {
  std::vector<Admission> old;
  for (int i = 0; i < 20; ++i) old.push_back(admit());
  trip();
  wait_out();
  Admission probe = admit();
  ASSERT_TRUE(probe.token.is_probe());
  old[0].token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->state(), CircuitState::kHalfOpen);
  probe.token.settle(Verdict::kSuccess, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  for (int i = 1; i < 20; ++i) old[i].token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  EXPECT_EQ(circuit->snapshot(now).counts, Counts{});
}

// --- tokens

TEST_F(CircuitTest, ATokenSettlesOnce) {
  Admission admission = admit();
  admission.token.settle(Verdict::kFailure, now);
  admission.token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->snapshot(now).counts.total, 1U);
}

TEST_F(CircuitTest, ATokenThatIsDroppedOrGivenBackCountsNothing) {
  { const Admission dropped = admit(); }
  Admission back = admit();
  back.token.give_back();
  back.token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->snapshot(now).counts, Counts{});
}

TEST_F(CircuitTest, AMovedTokenLeavesNothingBehind) {
  Admission admission = admit();
  CircuitToken moved = std::move(admission.token);
  EXPECT_FALSE(admission.token.holds());
  admission.token.settle(Verdict::kFailure, now);
  moved.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->snapshot(now).counts.failed, 1U);
}

// --- open

TEST_F(CircuitTest, RefusesWithTheSecondsLeftRoundedUp) {
  trip();
  const int64_t left = time_left();
  EXPECT_EQ(admit().retry_after_s, (left + 999) / 1'000);
  now += left - 1'001;
  EXPECT_EQ(admit().retry_after_s, 2);
  now += 1;
  EXPECT_EQ(admit().retry_after_s, 1);
  now += 999;
  EXPECT_EQ(admit().retry_after_s, 1);
  EXPECT_EQ(circuit->refused(), 4U);
}

TEST_F(CircuitTest, TheOpenPeriodHasAQuarterOfJitter) {
  std::set<int64_t> periods;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    make(plain(), seed);
    trip();
    periods.insert(time_left());
  }
  EXPECT_GE(*periods.begin(), 3'750);
  EXPECT_LE(*periods.rbegin(), 6'250);
  EXPECT_LT(*periods.begin(), 4'000);
  EXPECT_GT(*periods.rbegin(), 6'000);
}

TEST_F(CircuitTest, TheOpenPeriodDoublesAtEachFailedProbeUpToOpenMax) {
  trip();
  for (int n = 1; n <= 8; ++n) {
    wait_out();
    fail();
    const double nominal = std::min(5'000.0 * (1 << n), 60'000.0);
    EXPECT_GE(time_left(), static_cast<int64_t>(nominal * 0.75)) << n;
    EXPECT_LE(time_left(), static_cast<int64_t>(nominal * 1.25) + 1) << n;
    EXPECT_EQ(circuit->snapshot(now).openings, n);
  }
}

TEST_F(CircuitTest, TheDoublingIsForgottenAfterOpenMaxClosed) {
  trip();
  wait_out();
  fail();  // n = 1
  wait_out();
  succeed();
  ASSERT_EQ(circuit->state(), CircuitState::kClosed);
  now += 59'999;
  trip();
  EXPECT_EQ(circuit->snapshot(now).openings, 1);
  wait_out();
  succeed();
  now += 60'000;
  trip();
  EXPECT_EQ(circuit->snapshot(now).openings, 0);
}

TEST_F(CircuitTest, ReadingStateNeverChangesIt) {
  trip();
  now += 3'600'000;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(circuit->state(), CircuitState::kOpen);
    EXPECT_EQ(circuit->snapshot(now).next_probe_ms, 0);
    EXPECT_TRUE(circuit->is_willing(now));
    (void)circuit->open_ms_total(now);
    (void)circuit->dry_run(plain(), now);
  }
  EXPECT_EQ(events.seen.size(), 1U);
  EXPECT_TRUE(admit().token.is_probe());
  EXPECT_EQ(circuit->state(), CircuitState::kHalfOpen);
}

// --- half-open

TEST_F(CircuitTest, LetsOneProbeThroughAfterTheOpenPeriod) {
  trip();
  now += time_left() - 1;
  EXPECT_TRUE(admit().refused);
  now += 1;
  const Admission probe = admit();
  EXPECT_TRUE(probe.token.is_probe());
  const Admission second = admit();
  EXPECT_TRUE(second.refused);
  EXPECT_EQ(second.retry_after_s, 1);
  EXPECT_EQ(circuit->snapshot(now).probes_in_flight, 1);
}

TEST_F(CircuitTest, LetsAsManyProbesThroughAsConfigured) {
  config::Circuit settings = plain();
  settings.probes = 3;
  make(settings);
  trip();
  wait_out();
  std::vector<Admission> probes;
  for (int i = 0; i < 3; ++i) probes.push_back(admit());
  EXPECT_TRUE(admit().refused);
  probes[0].token.settle(Verdict::kSuccess, now);
  EXPECT_TRUE(admit().refused);
  probes[1].token.settle(Verdict::kSuccess, now);
  EXPECT_EQ(circuit->state(), CircuitState::kHalfOpen);
  EXPECT_EQ(circuit->snapshot(now).probes_good, 2);
  probes[2].token.settle(Verdict::kSuccess, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitTest, AProbeThatIsGivenBackMakesRoomForAnother) {
  trip();
  wait_out();
  { const Admission probe = admit(); }
  EXPECT_EQ(circuit->snapshot(now).probes_in_flight, 0);
  EXPECT_EQ(circuit->state(), CircuitState::kHalfOpen);
  EXPECT_TRUE(admit().token.is_probe());
}

TEST_F(CircuitTest, AFailedProbeOpensAgain) {
  trip();
  wait_out();
  fail();
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  EXPECT_EQ(circuit->snapshot(now).reason, CircuitReason::kProbeFailed);
}

TEST_F(CircuitTest, ASlowProbeOpensAgainWhenSlowCallsCount) {
  config::Circuit settings = plain();
  settings.slow_rate_share = 0.5;
  make(settings);
  trip();
  wait_out();
  call(Verdict::kSlowSuccess);
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
}

TEST_F(CircuitTest, AProbeOfAnEarlierPhaseNeitherCountsNorTakesAPlace) {
  config::Circuit settings = plain();
  settings.probes = 2;
  make(settings);
  trip();
  wait_out();
  Admission first = admit();
  Admission late = admit();
  first.token.settle(Verdict::kFailure, now);
  wait_out();
  Admission probe = admit();
  late.token.settle(Verdict::kSuccess, now);
  EXPECT_EQ(circuit->snapshot(now).probes_good, 0);
  EXPECT_EQ(circuit->snapshot(now).probes_in_flight, 1);
  EXPECT_TRUE(admit().token.is_probe());
}

// --- ramping

TEST_F(CircuitRamp, AdmitsEachCallWithTheStepsShare) {
  reach_ramp();
  EXPECT_NEAR(admitted_share(), 0.25, 0.03);
  now += 1'000;
  EXPECT_NEAR(admitted_share(), 0.5, 0.03);
  EXPECT_EQ(circuit->snapshot(now).ramp_step, 1);
  now += 1'000;
  EXPECT_DOUBLE_EQ(admitted_share(), 1);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitRamp, RefusesAsCircuitOpenWithARetryAfter) {
  reach_ramp();
  for (;;) {
    const Admission admission = admit();
    if (!admission.refused) continue;
    EXPECT_EQ(admission.retry_after_s, 1);
    break;
  }
}

TEST_F(CircuitRamp, AFailureInItOpensAgainForTwiceAsLong) {
  reach_ramp();
  admitted().token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  const CircuitSnapshot snapshot = circuit->snapshot(now);
  EXPECT_EQ(snapshot.reason, CircuitReason::kRampFailed);
  EXPECT_EQ(snapshot.openings, 1);
}

TEST_F(CircuitRamp, JudgesByFreshCountsInEachStep) {
  reach_ramp();
  EXPECT_EQ(circuit->snapshot(now).counts, Counts{});
  for (int i = 0; i < 3; ++i) admitted().token.settle(Verdict::kSuccess, now);
  admitted().token.settle(Verdict::kFailure,
                          now);  // one of four: what a busy service has every day
  EXPECT_EQ(circuit->state(), CircuitState::kRamping);
  now += 1'000;
  admitted().token.settle(Verdict::kFailure, now);  // one of one
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
}

TEST_F(CircuitRamp, ACallOfOneStepThatSettlesInTheNextCountsThere) {
  reach_ramp();
  Admission call = admitted();
  now += 1'500;
  call.token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
}

TEST_F(CircuitRamp, ClosesWithFreshCountsWhenAllStepsAreOver) {
  reach_ramp();
  for (int i = 0; i < 50; ++i) admitted().token.settle(Verdict::kSuccess, now);
  now += 2'000;
  admitted().token.give_back();
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  EXPECT_EQ(circuit->snapshot(now).counts, Counts{});
  EXPECT_EQ(events.seen.back(), "ramping>closed ramp_done");
}

TEST_F(CircuitRamp, EmptyStepsCloseAtOnce) {
  settings.ramp->steps.clear();
  make(settings);
  trip();
  wait_out();
  succeed();
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

}  // namespace
}  // namespace outrigger::upstream
