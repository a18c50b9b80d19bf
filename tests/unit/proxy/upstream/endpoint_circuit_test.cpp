#include "proxy/upstream/endpoint_circuit.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

// A service in which somebody else is eligible or not, as the test says.
struct FakeGroup final : EndpointCircuitGroup {
  using EndpointCircuitGroup::EndpointCircuitGroup;
  bool others = true;
  bool others_eligible(const EndpointCircuit&, int64_t) const override { return others; }
};

config::EndpointCircuit three_failures() {
  config::EndpointCircuit settings;
  settings.consecutive_failures = 3;
  return settings;
}

class EndpointCircuitTest : public testing::Test {
 protected:
  void settle(bool failed) { circuit.admit(now).settle(failed, now); }
  void trip() {
    for (int i = 0; i < 3; ++i) settle(true);
    ASSERT_EQ(circuit.state(), EndpointCircuitState::kOpen);
  }
  void wait_out() { now = circuit.excludes_until_ms(); }

  int64_t now = 1'000'000;
  FakeGroup group{three_failures(), 5};
  EndpointCircuit circuit{group};
};

TEST_F(EndpointCircuitTest, OpensAfterARunOfFailures) {
  settle(true);
  settle(true);
  EXPECT_FALSE(circuit.excludes(now));
  settle(true);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
  EXPECT_TRUE(circuit.excludes(now));
}

TEST_F(EndpointCircuitTest, ASuccessBreaksTheRun) {
  settle(true);
  settle(true);
  settle(false);
  settle(true);
  settle(true);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
}

TEST_F(EndpointCircuitTest, TheBuiltInRunIsSeven) {
  group.set_settings(config::EndpointCircuit{});
  for (int i = 0; i < 6; ++i) settle(true);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
  settle(true);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
}

TEST_F(EndpointCircuitTest, LetsOneCallThroughWhenThePeriodIsOver) {
  trip();
  now = circuit.excludes_until_ms() - 1;
  EXPECT_TRUE(circuit.excludes(now));
  now += 1;
  EXPECT_FALSE(circuit.excludes(now));
  const EndpointToken probe = circuit.admit(now);
  EXPECT_TRUE(probe.is_probe());
  EXPECT_TRUE(circuit.excludes(now));
  EXPECT_FALSE(circuit.admit(now).holds());
}

TEST_F(EndpointCircuitTest, AGoodProbeCloses) {
  trip();
  wait_out();
  settle(false);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
  EXPECT_EQ(circuit.run(), 0U);
}

TEST_F(EndpointCircuitTest, AProbeThatIsGivenBackLeavesTheNextCallToProbe) {
  trip();
  wait_out();
  { const EndpointToken probe = circuit.admit(now); }
  EXPECT_FALSE(circuit.excludes(now));
  EXPECT_TRUE(circuit.admit(now).is_probe());
}

TEST_F(EndpointCircuitTest, AProbeThatIsSilentHoldsItsPlaceForAWhileOnly) {
  trip();
  group.set_probe_hold_ms(2'000);
  wait_out();
  EndpointToken silent = circuit.admit(now);
  now += 1'999;
  EXPECT_TRUE(circuit.excludes(now));
  now += 1;
  EXPECT_FALSE(circuit.excludes(now));
  EndpointToken next = circuit.admit(now);
  EXPECT_TRUE(next.is_probe());
  EXPECT_FALSE(circuit.admit(now).holds());
  silent.give_back();
  EXPECT_TRUE(circuit.excludes(now));  // its place was not its own any more
  next.settle(false, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
}

TEST_F(EndpointCircuitTest, TheLateVerdictOfAProbeCountsWhileNothingWasDecided) {
  trip();
  wait_out();
  EndpointToken silent = circuit.admit(now);
  now += 60'000;
  EndpointToken next = circuit.admit(now);
  silent.settle(true, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
  next.settle(false, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
  wait_out();
  silent = circuit.admit(now);
  now += 60'000;
  circuit.admit(now).settle(false, now);
  for (int i = 0; i < 10; ++i) silent.settle(true, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
}

TEST_F(EndpointCircuitTest, DoublesThePeriodAtEachFailedProbeUpToOpenMax) {
  trip();
  for (int n = 0; n <= 6; ++n) {
    const double nominal = std::min(5'000.0 * (1 << n), 60'000.0);
    const auto period = static_cast<double>(circuit.excludes_until_ms() - now);
    EXPECT_GE(period, nominal * 0.75 - 1) << n;
    EXPECT_LE(period, nominal * 1.25 + 1) << n;
    wait_out();
    settle(true);
    EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
  }
}

TEST_F(EndpointCircuitTest, ForgetsTheDoublingAfterOpenMaxClosed) {
  trip();
  for (int n = 0; n < 4; ++n) {
    wait_out();
    settle(true);
  }
  wait_out();
  settle(false);
  now += 60'000;
  trip();
  EXPECT_LE(circuit.excludes_until_ms() - now, 6'251);
}

TEST_F(EndpointCircuitTest, AnswersSentBeforeItOpenedDoNotCountAfterIt) {
  EndpointToken early = circuit.admit(now);
  EndpointToken early_too = circuit.admit(now);
  trip();
  early.settle(false, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
  wait_out();
  EndpointToken probe = circuit.admit(now);
  early_too.settle(true, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kHalfOpen);
  probe.settle(false, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
}

TEST_F(EndpointCircuitTest, DoesNotOpenIfThatWouldLeaveNobodyEligible) {
  group.others = false;
  for (int i = 0; i < 20; ++i) settle(true);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
  group.others = true;
  settle(true);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
}

TEST_F(EndpointCircuitTest, AFailedProbeOfTheLastOneClosesIt) {
  trip();
  wait_out();
  group.others = false;
  settle(true);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kClosed);
}

TEST_F(EndpointCircuitTest, ACallMadeWhileOpenCountsNothing) {
  trip();
  EndpointToken in_panic = circuit.admit(now);
  EXPECT_FALSE(in_panic.holds());
  in_panic.settle(false, now);
  EXPECT_EQ(circuit.state(), EndpointCircuitState::kOpen);
}

TEST_F(EndpointCircuitTest, ShadowDecidesButExcludesNobody) {
  config::EndpointCircuit settings = three_failures();
  settings.mode = config::Mode::kShadow;
  group.set_settings(settings);
  trip();
  EXPECT_FALSE(circuit.excludes(now));
  EXPECT_EQ(circuit.times_opened(), 1U);
}

TEST_F(EndpointCircuitTest, OffCountsNothingAndExcludesNobody) {
  trip();
  group.set_settings(std::nullopt);
  EXPECT_FALSE(circuit.excludes(now));
  EXPECT_FALSE(circuit.admit(now).holds());
}

TEST_F(EndpointCircuitTest, TheEpochMovesWithEachChangeOfState) {
  uint64_t epoch = group.epoch();
  const auto moved = [&] { return std::exchange(epoch, group.epoch()) != epoch; };
  settle(true);
  EXPECT_FALSE(moved());
  trip();
  EXPECT_TRUE(moved());
  wait_out();
  EndpointToken probe = circuit.admit(now);
  EXPECT_TRUE(moved());
  probe.settle(false, now);
  EXPECT_TRUE(moved());
}

TEST(EndpointCircuitThreads, OpenOnceAndLetOneProbeThrough) {
  for (int round = 0; round < 100; ++round) {
    FakeGroup group(three_failures(), static_cast<uint64_t>(round));
    EndpointCircuit circuit(group);
    std::atomic<int> probes{0};
    const auto storm = [&](int64_t now, bool failed) {
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, now, failed] {
          std::vector<EndpointToken> held;
          for (int i = 0; i < 5; ++i) {
            held.push_back(circuit.admit(now));
            if (held.back().is_probe()) probes.fetch_add(1);
          }
          for (auto& token : held) token.settle(failed, now);
        });
      }
      for (auto& thread : threads) thread.join();
    };
    storm(1'000'000, true);
    ASSERT_EQ(circuit.state(), EndpointCircuitState::kOpen);
    ASSERT_EQ(circuit.times_opened(), 1U);
    ASSERT_EQ(probes, 0);
    storm(circuit.excludes_until_ms(), false);
    ASSERT_EQ(circuit.state(), EndpointCircuitState::kClosed);
    ASSERT_EQ(probes, 1);
  }
}

}  // namespace
}  // namespace outrigger::upstream
