#include "proxy/upstream/balancer.hpp"

#include <chrono>
#include <set>

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/balancer_fixture.hpp"

namespace outrigger::upstream {
namespace {

TEST_F(BalancerTest, WhatTheCallHasNotTriedComesBeforeTheEligibleOnesThatFailedIt) {
  for (const auto rule : kRules) {
    entries.clear();
    make(3, rule);
    open_circuit(at(2));
    EXPECT_EQ(pick({&at(0)}).endpoint(), &at(1));
    const Pick last = pick({&at(0), &at(1)});
    EXPECT_EQ(last.endpoint(), &at(2));
    EXPECT_FALSE(last.panic);
    EXPECT_NE(pick({&at(0), &at(1), &at(2)}).endpoint(), &at(2));
  }
}

// --- the three ways

TEST_F(BalancerTest, HasNothingToPickWithoutEndpoints) {
  EXPECT_EQ(pick().endpoint(), nullptr);
  make(0);
  EXPECT_EQ(pick().endpoint(), nullptr);
}

TEST_F(BalancerTest, RoundRobinTakesTurns) {
  make(3, BalanceRule::kRoundRobin);
  for (int round = 0; round < 4; ++round) {
    std::set<const Endpoint*> seen;
    for (int i = 0; i < 3; ++i) seen.insert(pick().endpoint());
    EXPECT_EQ(seen.size(), 3U);
  }
}

TEST_F(BalancerTest, WeightedRoundRobinIsExactAndSmooth) {
  const auto heavy = add(5);
  const auto one = add(1);
  const auto other = add(1);
  make(0, BalanceRule::kRoundRobin);
  const Endpoint* last = nullptr;
  int in_a_row = 0;
  std::map<const Endpoint*, int> count;
  for (int i = 0; i < 70; ++i) {
    const Endpoint* picked = pick().endpoint();
    ++count[picked];
    in_a_row = picked == last ? in_a_row + 1 : 1;
    EXPECT_LE(in_a_row, 4);
    last = picked;
  }
  EXPECT_EQ(count[heavy.get()], 50);
  EXPECT_EQ(count[one.get()], 10);
  EXPECT_EQ(count[other.get()], 10);
}

TEST_F(BalancerTest, RandomFollowsTheWeights) {
  add(1);
  add(3);
  make(0, BalanceRule::kRandom);
  const auto count = spread(8'000);
  EXPECT_NEAR(count.at(&at(0)) / 8'000.0, 0.25, 0.02);
}

TEST_F(BalancerTest, LeastLoadedSpreadsIdleEndpointsEvenly) {
  make(4);
  for (const auto& [endpoint, count] : spread(8'000)) EXPECT_NEAR(count, 2'000, 200);
}

TEST_F(BalancerTest, LeastLoadedPrefersTheOneWithFewerCallsOutstanding) {
  make(2);
  std::vector<Pick> held;
  for (int i = 0; i < 20; ++i) held.push_back(pick());
  EXPECT_EQ(at(0).outstanding(), 10);
  EXPECT_EQ(at(1).outstanding(), 10);
  std::erase_if(held, [&](const Pick& p) { return p.endpoint() == &at(0); });
  for (int i = 0; i < 5; ++i) {
    held.push_back(pick());
    EXPECT_EQ(held.back().endpoint(), &at(0));
  }
}

TEST_F(BalancerTest, LeastLoadedFollowsWeightsIdleAndBusy) {
  add(1);
  add(3);
  make(0);
  EXPECT_NEAR(spread(8'000)[&at(1)] / 8'000.0, 0.75, 0.03);
  std::vector<Pick> held;
  for (int i = 0; i < 400; ++i) held.push_back(pick());
  EXPECT_NEAR(static_cast<double>(at(1).outstanding()), 300, 12);
}

TEST_F(BalancerTest, AFastFailureDoesNotLookLikeAFastServer) {
  make(2);
  // The first fails within a millisecond, the second takes 100 ms and succeeds.
  std::vector<std::pair<int64_t, Pick>> running;
  int failures = 0;
  for (int i = 0; i < 2'000; ++i) {
    now += 5;
    std::erase_if(running, [&](const auto& call) { return call.first <= now; });
    Pick p = pick();
    if (p.endpoint() == &at(0)) {
      ++failures;
      p.lease.settle(true, now);
      at(0).circuit().admit(now).settle(false, now);  // keeps the endpoint circuit out of this
    } else {
      running.emplace_back(now + 100, std::move(p));
    }
  }
  EXPECT_LT(failures, 300);
}

TEST_F(BalancerTest, AFailureIsForgottenWithTime) {
  make(2);
  for (int i = 0; i < 5; ++i) {
    Pick p = pick({&at(1)});
    p.lease.settle(true, now);
  }
  now += 60'000;
  const auto slots = balancer.view().all();
  EXPECT_LT(slots[0]->load(now), 0.001);
}

// --- who may be picked

TEST_F(BalancerTest, DrainedAndDisabledEndpointsGetNoNewCall) {
  make(3);
  at(0).set_operator_state(OperatorState::kDrain);
  at(1).set_operator_state(OperatorState::kDisabled);
  EXPECT_EQ(spread(100)[&at(2)], 100);
  at(2).set_operator_state(OperatorState::kDrain);
  EXPECT_EQ(pick().endpoint(), nullptr);
  at(1).set_operator_state(OperatorState::kAuto);
  EXPECT_EQ(pick().endpoint(), &at(1));
}

TEST_F(BalancerTest, PanicNeverUsesDrainedOnes) {
  make(2);
  at(0).set_operator_state(OperatorState::kDrain);
  at(1).set_health(Health::kUnhealthy);
  const Pick p = pick();
  EXPECT_TRUE(p.panic);
  EXPECT_EQ(p.endpoint(), &at(1));
}

TEST_F(BalancerTest, AnEndpointThatFailsItsActiveCheckIsNotEligible) {
  make(2);
  at(0).set_health(Health::kUnhealthy);
  EXPECT_EQ(spread(100)[&at(1)], 100);
  at(0).set_health(Health::kHealthy);
  EXPECT_GT(spread(100)[&at(0)], 20);
}

TEST_F(BalancerTest, TerminatingEndpointsServeOnlyWhenNoneIsReady) {
  add(1, true);
  add(1);
  make(0);
  EXPECT_EQ(spread(100)[&at(1)], 100);
  entries.erase(entries.begin() + 1);
  publish();
  EXPECT_EQ(pick().endpoint(), &at(0));
}

TEST_F(BalancerTest, AnOpenEndpointCircuitIsNotPickedUntilItsPeriodIsOver) {
  make(3);
  open_circuit(at(0));
  EXPECT_EQ(spread(200)[&at(0)], 0);
  now = at(0).circuit().excludes_until_ms();
  std::vector<Pick> held;
  int probes = 0;
  for (int i = 0; i < 50; ++i) {
    held.push_back(pick());
    if (held.back().endpoint() == &at(0)) {
      ++probes;
      EXPECT_TRUE(held.back().lease.is_probe());
    }
  }
  EXPECT_EQ(probes, 1);
  for (auto& p : held) p.lease.settle(false, now);
  held.clear();
  EXPECT_GT(spread(300)[&at(0)], 50);
}

TEST_F(BalancerTest, TheLastEligibleEndpointDoesNotOpen) {
  make(2);
  open_circuit(at(0));
  for (int i = 0; i < 50; ++i) at(1).circuit().admit(now).settle(true, now);
  EXPECT_EQ(at(1).circuit().state(), EndpointCircuitState::kClosed);
}

TEST_F(BalancerTest, AnEndpointAloneNeverOpens) {
  make(1);
  for (int i = 0; i < 50; ++i) {
    Pick p = pick();
    ASSERT_EQ(p.endpoint(), &at(0));
    p.lease.settle(true, now);
  }
  EXPECT_EQ(at(0).circuit().state(), EndpointCircuitState::kClosed);
}

TEST_F(BalancerTest, PanicsBelowTheShareAndUsesAllUsable) {
  make(10);
  for (size_t i = 0; i < 8; ++i) open_circuit(at(i));
  EXPECT_FALSE(pick().panic);  // 2 of 10 are not fewer than 20 %
  open_circuit(at(8));
  std::set<const Endpoint*> seen;
  for (int i = 0; i < 500; ++i) {
    const Pick p = pick();
    EXPECT_TRUE(p.panic);
    seen.insert(p.endpoint());
  }
  EXPECT_EQ(seen.size(), 10U);
}

TEST_F(BalancerTest, NeverPanicsWhenPanicBelowIsZeroAndSomebodyIsEligible) {
  settings.panic_below_share = 0;
  make(10);
  for (size_t i = 0; i < 9; ++i) open_circuit(at(i));
  const Pick p = pick();
  EXPECT_FALSE(p.panic);
  EXPECT_EQ(p.endpoint(), &at(9));
}

TEST_F(BalancerTest, EachEndpointShowsTheFirstWordThatExcludedIt) {
  make(3);
  const auto word = [&](size_t i) { return to_string(exclusion_of(entries[i], true, now)); };
  EXPECT_EQ(word(0), "none");
  open_circuit(at(0));
  EXPECT_EQ(word(0), "circuit_open");
  at(0).set_health(Health::kUnhealthy);
  EXPECT_EQ(word(0), "unhealthy");
  at(0).set_operator_state(OperatorState::kDrain);
  EXPECT_EQ(word(0), "drain");
  at(0).set_operator_state(OperatorState::kDisabled);
  EXPECT_EQ(word(0), "disabled");
  entries[1].terminating = true;
  EXPECT_EQ(word(1), "terminating");
  at(1).set_listed(false, now);
  EXPECT_EQ(word(1), "removed");
}

// Workers take a list a moment after the process knows it.
TEST_F(BalancerTest, LeavesOutWhatTheNextListTookAwayUnlessThatIsEverybody) {
  make(2);
  at(0).set_listed(false, now);
  EXPECT_EQ(spread(10)[&at(1)], 10);
  at(1).set_listed(false, now);
  for (const auto rule : kRules) {
    settings.rule = rule;
    balancer.set_settings(settings);
    EXPECT_EQ(spread(10)[nullptr], 0);
  }
  open_circuit(at(0));
  EXPECT_EQ(spread(10)[&at(1)], 10);
}

// --- what was tried

TEST_F(BalancerTest, AvoidsWhatTheCallHasTried) {
  for (const auto rule : kRules) {
    entries.clear();
    make(3, rule);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(pick({&at(0), &at(2)}).endpoint(), &at(1));
  }
}

TEST_F(BalancerTest, PicksATriedOneRatherThanNone) {
  for (const auto rule : kRules) {
    entries.clear();
    make(2, rule);
    EXPECT_NE(pick({&at(0), &at(1)}).endpoint(), nullptr);
    open_circuit(at(0));
    EXPECT_EQ(pick({&at(0), &at(1)}).endpoint(), &at(1));
  }
}

TEST_F(BalancerTest, AvoidsWithWeightsToo) {
  for (const auto rule : kRules) {
    entries.clear();
    add(1);
    add(1'000);
    make(0, rule);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(pick({&at(1)}).endpoint(), &at(0));
  }
}

// --- slow start

TEST_F(BalancerTest, SlowStartScalesTheWeightLinearly) {
  settings.slow_start_ms = 10'000;
  make(1, BalanceRule::kRandom);
  now += 60'000;
  add();
  publish();
  EXPECT_LT(spread(4'000)[&at(1)] / 4'000.0, 0.04);
  now += 5'000;
  EXPECT_NEAR(spread(4'000)[&at(1)] / 4'000.0, 1.0 / 3, 0.03);
  now += 5'000;
  EXPECT_NEAR(spread(4'000)[&at(1)] / 4'000.0, 0.5, 0.03);
}

TEST_F(BalancerTest, EndpointsThatAllStartTogetherShareEvenly) {
  settings.slow_start_ms = 10'000;
  make(2, BalanceRule::kRoundRobin);
  EXPECT_EQ(spread(100)[&at(0)], 50);
}

// --- lists

TEST_F(BalancerTest, KeepsTheCountsOfEndpointsThatStay) {
  make(2);
  std::vector<Pick> held;
  for (int i = 0; i < 10; ++i) held.push_back(pick({&at(1)}));
  const auto removed = entries[1].endpoint;
  entries.pop_back();
  add();
  publish();
  EXPECT_EQ(gone, (std::vector<std::shared_ptr<Endpoint>>{removed}));
  EXPECT_EQ(balancer.view().all()[0]->in_flight(), 10);
  for (int i = 0; i < 5; ++i) held.push_back(pick());
  EXPECT_EQ(held.back().endpoint(), &at(1));
}

TEST_F(BalancerTest, CallsInFlightEndOnARemovedEndpoint) {
  make(2);
  Pick held = pick({&at(1)});
  std::weak_ptr<Endpoint> removed = entries[0].endpoint;
  entries.erase(entries.begin());
  publish();
  gone.clear();
  EXPECT_EQ(spread(20)[&at(0)], 20);
  ASSERT_FALSE(removed.expired());
  EXPECT_EQ(removed.lock()->outstanding(), 1);
  held.lease.settle(false, now);
  held.lease.release();
  EXPECT_TRUE(removed.expired());
}

TEST_F(BalancerTest, ALeaseMayOutliveTheBalancer) {
  Pick held;
  {
    Balancer short_lived{settings};
    add();
    take_list(short_lived, std::make_shared<EndpointSet>(EndpointSet{0, entries}));
    held = short_lived.pick(now, random);
  }
  EXPECT_EQ(held.endpoint()->outstanding(), 1);
  held.lease.release();
  EXPECT_EQ(at(0).outstanding(), 0);
}

TEST_F(BalancerTest, PicksFromAThousandWithoutLookingThroughThem) {
  make(1'000);
  (void)pick();
  const auto* slots = balancer.view().eligible().slots.data();
  for (int i = 0; i < 10'000; ++i) (void)pick();
  EXPECT_EQ(balancer.view().eligible().slots.data(), slots);
  EXPECT_EQ(balancer.view().eligible().slots.size(), 1'000U);
}

}  // namespace
}  // namespace outrigger::upstream
