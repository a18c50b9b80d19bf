#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/upstream/circuit.hpp"

namespace outrigger::upstream {
namespace {

constexpr int kThreads = 4;

template <class F>
void in_threads(F run) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&run, t] { run(t); });
  for (auto& thread : threads) thread.join();
}

config::Circuit settings_for_threads() {
  config::Circuit settings;
  settings.consecutive_failures = config::ConsecutiveFailures{3, 0};
  settings.failure_rate_share = 0.5;
  settings.open_for_ms = 20;
  settings.open_max_ms = 40;
  settings.probes = 2;
  settings.ramp = config::Ramp{{0.5}, 10};
  return settings;
}

struct CountingEvents final : CircuitEvents {
  std::atomic<uint64_t> count{0};
  std::atomic<uint64_t> highest{0};
  void on_transition(const Circuit&, const CircuitTransition& what) noexcept override {
    count.fetch_add(1);
    uint64_t seen = highest.load();
    while (seen < what.sequence && !highest.compare_exchange_weak(seen, what.sequence)) {
    }
  }
};

TEST(CircuitThreads, SettlingLosesNoCountWhileClosed) {
  config::Circuit settings = settings_for_threads();
  settings.failure_rate_share.reset();
  Circuit circuit("orders", settings, 1, 1'000'000);
  constexpr int kEach = 5'000;
  in_threads([&](int t) {
    Random random(static_cast<uint64_t>(t));
    for (int i = 0; i < kEach; ++i) {
      Admission admission = circuit.admit(1'000'000, random);
      ASSERT_FALSE(admission.refused);
      admission.token.settle(i % 2 == 0 ? Verdict::kSlowSuccess : Verdict::kSuccess, 1'000'000);
    }
  });
  EXPECT_EQ(circuit.snapshot(1'000'000).counts,
            (Counts{kThreads * kEach, 0, kThreads * kEach / 2}));
}

// All threads see the run reach its length at once: it trips once.
TEST(CircuitThreads, TripsOnce) {
  for (int round = 0; round < 200; ++round) {
    CountingEvents events;
    Circuit circuit("orders", settings_for_threads(), 1, 1'000'000, &events);
    in_threads([&](int t) {
      Random random(static_cast<uint64_t>(t));
      for (int i = 0; i < 5; ++i) {
        Admission admission = circuit.admit(1'000'000, random);
        admission.token.settle(Verdict::kFailure, 1'000'000);
      }
    });
    ASSERT_EQ(circuit.state(), CircuitState::kOpen);
    ASSERT_EQ(events.count, 1U);
  }
}

TEST(CircuitThreads, NeverLetsMoreProbesThroughThanConfigured) {
  for (int round = 0; round < 100; ++round) {
    Circuit circuit("orders", settings_for_threads(), 1, 1'000'000);
    Random random(1);
    for (int i = 0; i < 3; ++i)
      circuit.admit(1'000'000, random).token.settle(Verdict::kFailure, 1'000'000);
    ASSERT_EQ(circuit.state(), CircuitState::kOpen);
    std::atomic<int> probes{0};
    in_threads([&](int t) {
      Random mine(static_cast<uint64_t>(t));
      std::vector<Admission> held;
      for (int i = 0; i < 10; ++i) {
        held.push_back(circuit.admit(1'000'100, mine));
        if (held.back().token.is_probe()) probes.fetch_add(1);
      }
      for (auto& admission : held) {
        if (admission.token.is_probe()) admission.token.settle(Verdict::kSuccess, 1'000'100);
      }
    });
    ASSERT_EQ(probes, 2);
    ASSERT_EQ(circuit.state(), CircuitState::kRamping);
  }
}

// Everything at once, with an operator in between: no place of a probe is lost, no transition
// untold.
TEST(CircuitThreads, ComesBackToClosedAfterAnyStorm) {
  CountingEvents events;
  Circuit circuit("orders", settings_for_threads(), 1, 1'000'000, &events);
  std::atomic<int64_t> now{1'000'000};
  in_threads([&](int t) {
    Random random(static_cast<uint64_t>(t) + 10);
    std::vector<CircuitToken> held;
    for (int i = 0; i < 4'000; ++i) {
      if (i % 8 == 0) now.fetch_add(1);
      Admission admission = circuit.admit(now, random);
      if (admission.token.holds()) held.push_back(std::move(admission.token));
      if (held.size() > 5) {
        const uint32_t luck = random.below(10);
        if (luck < 5) held.front().settle(Verdict::kSuccess, now);
        if (luck >= 5 && luck < 9) held.front().settle(Verdict::kFailure, now);
        held.erase(held.begin());
      }
      if (t == 0 && i % 500 == 0) {
        config::Circuit settings = settings_for_threads();
        settings.window_ms = 1'000 + i;
        circuit.set_settings(settings, now);
      }
      if (t == 1 && i % 700 == 0) circuit.force(CircuitForce::kForcedClosed, now);
      if (t == 1 && i % 700 == 20) circuit.force(CircuitForce::kAuto, now);
      if (t == 2 && i % 50 == 0) (void)circuit.snapshot(now);
    }
  });
  circuit.force(CircuitForce::kAuto, now);
  EXPECT_GT(events.count, 10U);
  EXPECT_EQ(events.count, events.highest);

  Random random(3);
  for (int i = 0; i < 100 && circuit.state() != CircuitState::kClosed; ++i) {
    now += 20;
    circuit.admit(now, random).token.settle(Verdict::kSuccess, now);
  }
  EXPECT_EQ(circuit.state(), CircuitState::kClosed);
}

}  // namespace
}  // namespace outrigger::upstream
