#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/circuit_fixture.hpp"

namespace outrigger::upstream {
namespace {

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

TEST_F(CircuitTest, AReplayNeedsNoFreePlaceAmongTheProbes) {
  trip();
  EXPECT_TRUE(circuit->admit(now, random, true).refused);
  wait_out();
  Admission probe = admit();
  EXPECT_TRUE(circuit->is_willing(now, true));
  Admission replay = circuit->admit(now, random, true);
  ASSERT_FALSE(replay.refused);
  replay.token.give_back();
  probe.token.give_back();
  probe = admit();
  EXPECT_TRUE(probe.token.is_probe());
  EXPECT_TRUE(admit().refused);
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
