// The circuit of the circuit's tests: time by hand, a recorder of what it announces. One for each
// test.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/upstream/circuit.hpp"

namespace outrigger::upstream {

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
inline config::Circuit plain() {
  config::Circuit settings;
  settings.consecutive_failures = ConsecutiveFailures{3, 0};
  settings.failure_rate_share.reset();
  settings.ramp.reset();
  return settings;
}

inline config::Circuit only_rate() {
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

}  // namespace outrigger::upstream
