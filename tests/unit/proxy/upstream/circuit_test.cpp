#include "proxy/upstream/circuit.hpp"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

using config::ConsecutiveFailures;
using config::Mode;
using config::Ramp;

struct Recorder final : CircuitEvents {
  std::vector<std::string> seen;
  std::vector<uint64_t> sequences;

  void on_transition(const Circuit& circuit, const CircuitTransition& what) noexcept override {
    (void)circuit.snapshot(what.at_ms);  // would deadlock if the mutex were held
    seen.push_back(std::string(to_string(what.from)) + ">" + std::string(to_string(what.to)) + " " +
                   std::string(to_string(what.reason)) + (what.shadow ? " (shadow)" : ""));
    sequences.push_back(what.sequence);
  }
};

// Opens at three failures in a row, five seconds long; no ramp, no rates.
config::Circuit plain() {
  config::Circuit settings;
  settings.consecutive_failures = ConsecutiveFailures{3, 0};
  settings.failure_rate_share.reset();
  settings.ramp.reset();
  return settings;
}

config::Circuit only_rate() {
  config::Circuit settings = plain();
  settings.consecutive_failures.reset();
  settings.failure_rate_share = 0.5;
  return settings;
}

class CircuitTest : public testing::Test {
 protected:
  explicit CircuitTest(std::optional<config::Circuit> settings = plain()) { make(settings); }

  void make(std::optional<config::Circuit> settings, uint64_t seed = 7) {
    events.seen.clear();
    circuit = std::make_unique<Circuit>("orders", std::move(settings), seed, now, &events);
  }

  Admission admit() { return circuit->admit(now, random); }
  void call(Verdict verdict) {
    Admission admission = admit();
    ASSERT_FALSE(admission.refused);
    admission.token.settle(verdict, now);
  }
  void fail(int times = 1) {
    for (int i = 0; i < times; ++i) call(Verdict::kFailure);
  }
  void succeed(int times = 1) {
    for (int i = 0; i < times; ++i) call(Verdict::kSuccess);
  }
  void trip() {
    fail(3);
    ASSERT_EQ(circuit->state(), CircuitState::kOpen);
  }
  int64_t time_left() { return circuit->snapshot(now).next_probe_ms.value_or(-1); }
  void wait_out() { now += time_left(); }

  int64_t now = 1'000'000;
  Random random{42};
  Recorder events;
  std::unique_ptr<Circuit> circuit;
};

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

class CircuitRamp : public CircuitTest {
 protected:
  CircuitRamp() {
    settings.ramp = Ramp{{0.25, 0.5}, 1'000};
    make(settings);
  }
  void reach_ramp() {
    trip();
    wait_out();
    succeed();
    ASSERT_EQ(circuit->state(), CircuitState::kRamping);
  }
  Admission admitted() {
    for (;;) {
      Admission admission = admit();
      if (!admission.refused) return admission;
    }
  }
  double admitted_share() {
    int through = 0;
    for (int i = 0; i < 4'000; ++i) through += admit().refused ? 0 : 1;
    return through / 4'000.0;
  }
  config::Circuit settings = plain();
};

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

// --- shadow, operator, off

TEST_F(CircuitTest, ShadowDecidesAndCountsAndRefusesNothing) {
  config::Circuit settings = plain();
  settings.mode = Mode::kShadow;
  make(settings);
  fail(3);
  EXPECT_EQ(circuit->state(), CircuitState::kShadow);
  EXPECT_EQ(circuit->snapshot(now).machine, CircuitState::kOpen);
  for (int i = 0; i < 5; ++i) fail();
  EXPECT_EQ(circuit->would_refuse(), 5U);
  EXPECT_EQ(circuit->refused(), 0U);
  wait_out();
  succeed();
  EXPECT_EQ(circuit->snapshot(now).machine, CircuitState::kClosed);
  EXPECT_EQ(events.seen, (std::vector<std::string>{
                             "closed>open consecutive_failures (shadow)",
                             "open>half_open period_over (shadow)",
                             "half_open>closed probes_good (shadow)",
                         }));
}

TEST_F(CircuitTest, TheOperatorsShadowIsTheSameAsModeShadow) {
  circuit->force(CircuitForce::kShadow, now);
  EXPECT_EQ(circuit->state(), CircuitState::kShadow);
  fail(4);
  EXPECT_EQ(circuit->snapshot(now).machine, CircuitState::kOpen);
  EXPECT_EQ(circuit->would_refuse(), 1U);
  circuit->force(CircuitForce::kAuto, now);
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  EXPECT_TRUE(admit().refused);
}

TEST_F(CircuitTest, ForcedOpenRefusesEverything) {
  circuit->force(CircuitForce::kForcedOpen, now);
  EXPECT_EQ(circuit->state(), CircuitState::kForcedOpen);
  EXPECT_FALSE(circuit->is_willing(now));
  now += 3'600'000;
  const Admission admission = admit();
  EXPECT_TRUE(admission.refused);
  EXPECT_GE(admission.retry_after_s, 1);
  circuit->force(CircuitForce::kAuto, now);
  EXPECT_FALSE(admit().refused);
}

TEST_F(CircuitTest, ForcedClosedAdmitsEverythingWhateverHappens) {
  trip();
  circuit->force(CircuitForce::kForcedClosed, now);
  EXPECT_EQ(circuit->state(), CircuitState::kForcedClosed);
  fail(100);
  now += 60'000;
  fail(100);
  EXPECT_EQ(circuit->snapshot(now).machine, CircuitState::kOpen);
}

TEST_F(CircuitTest, AutoReturnsToTheMachine) {
  trip();
  circuit->force(CircuitForce::kForcedClosed, now);
  circuit->force(CircuitForce::kAuto, now);
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  EXPECT_TRUE(admit().refused);
}

TEST_F(CircuitTest, AProbeThatSettlesUnderAForcedStateGivesItsPlaceBack) {
  trip();
  wait_out();
  Admission probe = admit();
  circuit->force(CircuitForce::kForcedOpen, now);
  probe.token.settle(Verdict::kFailure, now);
  circuit->force(CircuitForce::kAuto, now);
  EXPECT_EQ(circuit->state(), CircuitState::kHalfOpen);
  EXPECT_TRUE(admit().token.is_probe());
}

TEST_F(CircuitTest, OffKeepsOnlyAForcedState) {
  make(std::nullopt);
  fail(100);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  EXPECT_EQ(circuit->snapshot(now).counts, Counts{});
  circuit->force(CircuitForce::kForcedOpen, now);
  EXPECT_TRUE(admit().refused);
  circuit->force(CircuitForce::kAuto, now);
  EXPECT_FALSE(admit().refused);
}

TEST_F(CircuitTest, SwitchingOffClosesAndSwitchingOnStartsAnew) {
  std::vector<Admission> old;
  for (int i = 0; i < 3; ++i) old.push_back(admit());
  trip();
  circuit->set_settings(std::nullopt, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  EXPECT_EQ(events.seen.back(), "open>closed settings");
  circuit->set_settings(plain(), now);
  for (auto& call : old) call.token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
  trip();
}

// --- settings, reports

TEST_F(CircuitTest, AChangeOfSettingsKeepsStateAndCounts) {
  make(only_rate());
  fail(15);
  config::Circuit settings = only_rate();
  settings.window_ms = 30'000;
  settings.min_requests = 16;
  circuit->set_settings(settings, now);
  EXPECT_EQ(circuit->snapshot(now).counts, (Counts{15, 15, 0}));
  EXPECT_EQ(circuit->snapshot(now).run, 15U);
  fail();
  ASSERT_EQ(circuit->state(), CircuitState::kOpen);
  const int64_t left = time_left();
  settings.open_for_ms = 50;
  circuit->set_settings(settings, now);
  EXPECT_EQ(circuit->state(), CircuitState::kOpen);
  EXPECT_EQ(time_left(), left);
}

TEST_F(CircuitTest, FewerProbesThanAreGoodAlreadyEndTheHalfOpenState) {
  config::Circuit settings = plain();
  settings.probes = 3;
  make(settings);
  trip();
  wait_out();
  succeed(2);
  ASSERT_EQ(circuit->state(), CircuitState::kHalfOpen);
  settings.probes = 2;
  circuit->set_settings(settings, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitRamp, AShorterRampThanItsStepCloses) {
  reach_ramp();
  now += 1'000;
  admitted().token.give_back();
  ASSERT_EQ(circuit->snapshot(now).ramp_step, 1);
  settings.ramp = Ramp{{0.5}, 1'000};
  circuit->set_settings(settings, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitTest, ADryRunSaysWhatTheCurrentWindowWouldDecide) {
  make(only_rate());
  fail(8);
  succeed(8);
  EXPECT_FALSE(circuit->dry_run(only_rate(), now).opens);
  config::Circuit settings = only_rate();
  settings.min_requests = 10;
  CircuitDecision decision = circuit->dry_run(settings, now);
  EXPECT_TRUE(decision.opens);
  EXPECT_EQ(decision.reason, CircuitReason::kFailureRate);
  EXPECT_EQ(decision.counts, (Counts{16, 8, 0}));
  now += 5'000;
  settings.window_ms = 2'000;
  EXPECT_FALSE(circuit->dry_run(settings, now).opens);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitTest, TellsEachTransitionOnceAndInOrder) {
  trip();
  wait_out();
  fail();
  wait_out();
  succeed();
  circuit->force(CircuitForce::kForcedOpen, now);
  circuit->force(CircuitForce::kForcedOpen, now);
  circuit->force(CircuitForce::kAuto, now);
  EXPECT_EQ(events.seen, (std::vector<std::string>{
                             "closed>open consecutive_failures",
                             "open>half_open period_over",
                             "half_open>open probe_failed",
                             "open>half_open period_over",
                             "half_open>closed probes_good",
                             "closed>forced_open operator",
                             "forced_open>closed operator",
                         }));
  EXPECT_EQ(events.sequences, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(CircuitTest, KnowsWhenItChangedAndHowLongItWasOpen) {
  now += 1'000;
  trip();
  EXPECT_EQ(circuit->changed_at_ms(), now);
  const int64_t period = time_left();
  now += period / 2;
  EXPECT_EQ(circuit->open_ms_total(now), period / 2);
  now += period - period / 2;
  Admission probe = admit();
  now += 100;
  probe.token.settle(Verdict::kSuccess, now);
  now += 10'000;
  EXPECT_EQ(circuit->open_ms_total(now), period + 100);
  circuit->force(CircuitForce::kForcedOpen, now);
  now += 50;
  EXPECT_EQ(circuit->open_ms_total(now), period + 150);
}

TEST_F(CircuitTest, IsWillingWhenItWouldAdmit) {
  EXPECT_TRUE(circuit->is_willing(now));
  trip();
  EXPECT_FALSE(circuit->is_willing(now));
  wait_out();
  EXPECT_TRUE(circuit->is_willing(now));
  const Admission probe = admit();
  EXPECT_FALSE(circuit->is_willing(now));
  circuit->force(CircuitForce::kShadow, now);
  EXPECT_TRUE(circuit->is_willing(now));
}

TEST(CircuitWords, NameEveryForcedStateBothWays) {
  for (auto force : {CircuitForce::kAuto, CircuitForce::kForcedOpen, CircuitForce::kForcedClosed,
                     CircuitForce::kShadow}) {
    EXPECT_EQ(circuit_force_from(to_string(force)), force);
  }
  EXPECT_EQ(circuit_force_from("ajar"), std::nullopt);
}

}  // namespace
}  // namespace outrigger::upstream
