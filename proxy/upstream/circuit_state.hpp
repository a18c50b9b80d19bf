// The words that circuits are described with: states, reasons, transitions and the picture of one
// circuit for the admin API. Plain values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/policy.hpp"
#include "proxy/upstream/window.hpp"

namespace outrigger::upstream {

// The first four are the machine's; the others are the operator's (kShadow also means mode:
// shadow).
enum class CircuitState : uint8_t {
  kClosed,
  kOpen,
  kHalfOpen,
  kRamping,
  kForcedOpen,
  kForcedClosed,
  kShadow,
};
inline constexpr int kCircuitStates = 7;

// What the operator imposed; kAuto leaves it to the machine.
enum class CircuitForce : uint8_t { kAuto, kForcedOpen, kForcedClosed, kShadow };

enum class CircuitReason : uint8_t {
  kNone,  // as it was born
  kConsecutiveFailures,
  kFailureRate,
  kSlowRate,
  kProbeFailed,
  kRampFailed,
  kPeriodOver,  // open -> half_open
  kProbesGood,
  kRampDone,
  kOperator,
  kSettings,
};
inline constexpr int kCircuitReasons = 11;

// A good head settles an attempt after so long, whatever comes behind it.
inline constexpr int64_t kGoodHeadSettlesMs = 1'000;

// How a call went, as the circuit sees it. Slow: longer than `slow_call` to the response head.
enum class Verdict : uint8_t { kSuccess, kSlowSuccess, kFailure, kSlowFailure };

constexpr bool is_failure(Verdict v) { return v >= Verdict::kFailure; }
constexpr bool is_slow(Verdict v) {
  return v == Verdict::kSlowSuccess || v == Verdict::kSlowFailure;
}

std::string_view to_string(CircuitState state);
std::string_view to_string(CircuitForce force);  // "auto", "forced_open", ...
std::string_view to_string(CircuitReason reason);
std::optional<CircuitForce> circuit_force_from(std::string_view name);

// A change of the state that is shown, or, in shadow, of what the machine would be in.
struct CircuitTransition {
  CircuitState from = CircuitState::kClosed;
  CircuitState to = CircuitState::kClosed;
  CircuitReason reason = CircuitReason::kNone;
  int64_t at_ms = 0;
  bool shadow = false;    // nothing changed for the calls
  uint64_t sequence = 0;  // 1, 2, ...: listeners on several threads may be called out of order
};

// What the settings would decide about the counts of this moment.
struct CircuitDecision {
  bool opens = false;
  CircuitReason reason = CircuitReason::kNone;
  Counts counts;
  uint64_t run = 0;  // consecutive failures
  int64_t run_ms = 0;
};

// The ramp does not wait for min_requests: the first failure of a step opens again, and so does a
// later one unless most calls so far were good. (If each single failure did, a busy service with an
// everyday error rate of 1 % could hardly ever close.)
CircuitDecision judge_circuit(const config::Circuit& settings, const Counts& counts, uint64_t run,
                              int64_t run_ms, bool ramping);
inline constexpr double kRampFailureShare = 0.5;  // in the ramp, where failure_rate is off

struct CircuitSnapshot {
  std::optional<config::Circuit> settings;       // nullopt: off
  CircuitState state = CircuitState::kClosed;    // shown
  CircuitState machine = CircuitState::kClosed;  // what the machine is in below a forced state
  CircuitForce force = CircuitForce::kAuto;
  CircuitReason reason = CircuitReason::kNone;  // of the last change
  int64_t changed_at_ms = 0;
  Counts counts;
  uint64_t run = 0;
  int64_t run_ms = 0;
  std::optional<int64_t> next_probe_ms;  // time left while open; 0: at the next call
  int openings = 0;                      // n of the open period
  int probes_in_flight = 0;
  int probes_good = 0;
  std::optional<int> ramp_step;  // from 0
  double ramp_share = 1;
  int64_t open_ms_total = 0;
  uint64_t refused = 0;
  uint64_t would_refuse = 0;
};

}  // namespace outrigger::upstream
