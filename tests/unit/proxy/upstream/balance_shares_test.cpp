// Who gets which share of the calls: by weight, by zone, by latency.
#include <cmath>

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/balancer_fixture.hpp"

namespace outrigger::upstream {
namespace {

constexpr int kCalls = 100'000;

class SharesTest : public BalancerTest {
 protected:
  double share(std::map<const Endpoint*, int>& count, size_t index, int calls = kCalls) {
    return static_cast<double>(count[&at(index)]) / calls;
  }
  // Calls one after the other, `at(i)` answering after `took_ms[i]`.
  std::map<const Endpoint*, int> answer(const std::vector<int64_t>& took_ms, int calls,
                                        size_t failing = 1'000) {
    std::map<const Endpoint*, int> count;
    for (int i = 0; i < calls; ++i) {
      Pick p = pick();
      for (size_t j = 0; j < entries.size(); ++j) {
        if (p.endpoint() != &at(j)) continue;
        now += took_ms[j];
        p.lease.settle(j == failing, now);
        p.lease.note_latency(took_ms[j] * 1'000'000, j == failing, now);
        if (j == failing) at(j).circuit().admit(now).settle(false, now);  // keeps it closed
      }
      ++count[p.endpoint()];
    }
    return count;
  }
  void make_zones(int ours, int others, BalanceRule rule) {
    entries.clear();
    for (int i = 0; i < ours; ++i) add(1, false, "a");
    for (int i = 0; i < others; ++i) add(1, false, i % 2 == 0 ? "b" : "");
    balancer.set_zone("a");
    make(0, rule);
  }
};

// --- weights

TEST_F(SharesTest, FollowWeightsWithEveryRule) {
  for (const BalanceRule rule : kRules) {
    entries.clear();
    for (const int weight : {1, 2, 3, 4}) add(weight);
    make(0, rule);
    auto count = spread(kCalls);
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(share(count, i), static_cast<double>(i + 1) / 10, 0.01)
          << static_cast<int>(rule) << ' ' << i;
    }
  }
}

TEST_F(SharesTest, AreEqualWithoutWeightsWithEveryRule) {
  for (const BalanceRule rule : kRules) {
    entries.clear();
    make(5, rule);
    auto count = spread(kCalls);
    for (size_t i = 0; i < 5; ++i)
      EXPECT_NEAR(share(count, i), 0.2, 0.01) << static_cast<int>(rule);
  }
}

TEST_F(SharesTest, FollowWeightsInPanicToo) {
  for (const BalanceRule rule : kRules) {
    entries.clear();
    add(1);
    add(3);
    for (const auto& entry : entries) entry.endpoint->set_health(Health::kUnhealthy);
    make(0, rule);
    auto count = spread(kCalls);
    EXPECT_NEAR(share(count, 1), 0.75, 0.01) << static_cast<int>(rule);
  }
}

TEST_F(SharesTest, StartSlowlyWithEveryRule) {
  settings.slow_start_ms = 10'000;
  for (const BalanceRule rule : kRules) {
    entries.clear();
    make(2, rule);
    now += 60'000;
    add();
    publish();
    now += 5'000;
    auto count = spread(kCalls);
    EXPECT_NEAR(share(count, 2), 0.2, 0.015) << static_cast<int>(rule);
    now += 5'000;
    count = spread(kCalls);
    EXPECT_NEAR(share(count, 2), 1.0 / 3, 0.01) << static_cast<int>(rule);
  }
}

TEST_F(SharesTest, StartTogetherEvenlyWithEveryRule) {
  settings.slow_start_ms = 10'000;
  for (const BalanceRule rule : kRules) {
    entries.clear();
    make(4, rule);
    auto count = spread(kCalls);
    for (size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(share(count, i), 0.25, 0.01) << static_cast<int>(rule);
  }
}

// --- zones

TEST_F(SharesTest, StayInOurZoneWhileSeventyPercentOfItAreEligible) {
  for (const BalanceRule rule : kRules) {
    make_zones(10, 10, rule);
    at(0).set_health(Health::kUnhealthy);
    at(1).set_health(Health::kUnhealthy);
    at(2).set_health(Health::kUnhealthy);
    auto count = spread(kCalls);
    for (size_t i = 3; i < 10; ++i) {
      EXPECT_NEAR(share(count, i), 1.0 / 7, 0.01) << static_cast<int>(rule);
    }
    for (size_t i = 10; i < 20; ++i) EXPECT_EQ(share(count, i), 0);
    at(3).set_health(Health::kUnhealthy);
    count = spread(kCalls);
    for (size_t i = 4; i < 20; ++i) {
      EXPECT_NEAR(share(count, i), 1.0 / 16, 0.01) << static_cast<int>(rule);
    }
    at(3).set_health(Health::kHealthy);
    EXPECT_EQ(spread(1'000)[&at(15)], 0);
  }
}

TEST_F(SharesTest, DrainedEndpointsOfOurZoneDoNotMakeItSpill) {
  make_zones(3, 3, BalanceRule::kLeastLoaded);
  at(0).set_operator_state(OperatorState::kDrain);
  at(1).set_operator_state(OperatorState::kDrain);
  EXPECT_EQ(spread(100)[&at(2)], 100);
  at(2).set_operator_state(OperatorState::kDrain);
  auto count = spread(kCalls);
  EXPECT_NEAR(share(count, 4), 1.0 / 3, 0.01);
}

TEST_F(SharesTest, ACallThatTriedOurZoneGoesToTheEligibleOfOthers) {
  for (const BalanceRule rule : kRules) {
    make_zones(1, 2, rule);
    at(1).set_health(Health::kUnhealthy);
    EXPECT_EQ(pick().endpoint(), &at(0));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(pick({&at(0)}).endpoint(), &at(2));
  }
}

TEST_F(SharesTest, KnowNoZoneThatHasNoEndpointOrThatIsNotSaid) {
  make_zones(2, 2, BalanceRule::kRandom);
  balancer.set_zone("c");
  auto count = spread(kCalls);
  EXPECT_NEAR(share(count, 3), 0.25, 0.01);
  balancer.set_zone("");
  count = spread(kCalls);
  EXPECT_NEAR(share(count, 3), 0.25, 0.01);
  balancer.set_zone("a");
  EXPECT_EQ(spread(100)[&at(3)], 0);
}

// --- latency

TEST_F(SharesTest, PeakEwmaAvoidsASlowEndpoint) {
  make(4, BalanceRule::kPeakEwma);
  auto count = answer({5, 5, 5, 100}, 20'000);
  EXPECT_LT(share(count, 3, 20'000), 0.02);
  EXPECT_GT(count[&at(3)], 0);  // it is asked now and then, for it may have got better
  for (size_t i = 0; i < 3; ++i) EXPECT_GT(share(count, i, 20'000), 0.25);
}

TEST_F(SharesTest, PeakEwmaComesBackToAnEndpointThatGotBetter) {
  make(4, BalanceRule::kPeakEwma);
  (void)answer({5, 5, 5, 100}, 5'000);
  (void)answer({5, 5, 5, 5}, 20'000);
  auto count = answer({5, 5, 5, 5}, 20'000);
  EXPECT_GT(share(count, 3, 20'000), 0.15);
}

TEST_F(SharesTest, PeakEwmaGivesAFastFailingEndpointNoMoreThanItsShare) {
  make(4, BalanceRule::kPeakEwma);
  auto count = answer({20, 20, 20, 1}, 20'000, 3);  // never answered well
  EXPECT_LT(share(count, 3, 20'000), 0.25);
  entries.clear();
  make(4, BalanceRule::kPeakEwma);
  (void)answer({20, 20, 20, 20}, 1'000);
  count = answer({20, 20, 20, 1}, 20'000, 3);
  EXPECT_LT(share(count, 3, 20'000), 0.25);
}

TEST_F(SharesTest, PeakEwmaFollowsWeightsAlthoughLatenciesVary) {
  add(1);
  add(3);
  make(0, BalanceRule::kPeakEwma);
  int heavy = 0;
  for (int i = 0; i < 20'000; ++i) {
    Pick p = pick();
    heavy += p.endpoint() == &at(1) ? 1 : 0;
    const int64_t took_ms = 5 + random.below(10);
    now += took_ms;
    p.lease.settle(false, now);
    p.lease.note_latency(took_ms * 1'000'000, false, now);
  }
  EXPECT_NEAR(heavy / 20'000.0, 0.75, 0.03);
}

TEST_F(SharesTest, PeakEwmaAvoidsAnEndpointThatDoesNotAnswer) {
  make(2, BalanceRule::kPeakEwma);
  (void)answer({5, 5}, 100);
  std::vector<Pick> hanging;
  int quick = 0;
  for (int i = 0; i < 1'000; ++i) {
    Pick p = pick();
    if (p.endpoint() == &at(0)) {
      hanging.push_back(std::move(p));
    } else {
      ++quick;
      now += 5;
      p.lease.settle(false, now);
      p.lease.note_latency(5'000'000, false, now);
    }
  }
  EXPECT_GT(quick, 980);
}

TEST_F(SharesTest, LatencyFollowsASlowAnswerAtOnceAndAQuickOneWithTime) {
  make(1, BalanceRule::kPeakEwma);
  Pick p = pick();
  WorkerEndpoint& slot = *balancer.view().all()[0];
  p.lease.note_latency(10'000'000, false, now);
  EXPECT_DOUBLE_EQ(slot.latency_ns(now), 10e6);
  p.lease.note_latency(90'000'000, false, now);
  EXPECT_DOUBLE_EQ(slot.latency_ns(now), 90e6);
  now += 1'000;
  p.lease.note_latency(10'000'000, false, now);
  const double kept = std::exp(-0.1);
  EXPECT_NEAR(slot.latency_ns(now), 90e6 * kept + 10e6 * (1 - kept), 1);
  const double before = slot.latency_ns(now);
  p.lease.note_latency(1'000, true, now);
  EXPECT_DOUBLE_EQ(slot.latency_ns(now), before);
  now += 100'000;
  EXPECT_LT(slot.latency_ns(now), 10e3);
}

}  // namespace
}  // namespace outrigger::upstream
