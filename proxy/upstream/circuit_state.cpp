#include "proxy/upstream/circuit_state.hpp"

#include <algorithm>
#include <array>

namespace outrigger::upstream {

namespace {

constexpr std::array<std::string_view, kCircuitStates> kStateNames = {
    "closed", "open", "half_open", "ramping", "forced_open", "forced_closed", "shadow",
};
constexpr std::array<std::string_view, 4> kForceNames = {
    "auto",
    "forced_open",
    "forced_closed",
    "shadow",
};
constexpr std::array<std::string_view, kCircuitReasons> kReasonNames = {
    "none",        "consecutive_failures", "failure_rate", "slow_rate", "probe_failed",
    "ramp_failed", "period_over",          "probes_good",  "ramp_done", "operator",
    "settings",
};

}  // namespace

std::string_view to_string(CircuitState state) { return kStateNames[static_cast<size_t>(state)]; }
std::string_view to_string(CircuitForce force) { return kForceNames[static_cast<size_t>(force)]; }
std::string_view to_string(CircuitReason reason) {
  return kReasonNames[static_cast<size_t>(reason)];
}

std::optional<CircuitForce> circuit_force_from(std::string_view name) {
  for (size_t i = 0; i < kForceNames.size(); ++i) {
    if (kForceNames[i] == name) return static_cast<CircuitForce>(i);
  }
  return std::nullopt;
}

CircuitDecision judge_circuit(const config::Circuit& settings, const Counts& counts, uint64_t run,
                              int64_t run_ms, bool ramping) {
  const auto& limit = settings.consecutive_failures;
  const auto minimum = ramping ? 1 : static_cast<uint64_t>(std::max(1, settings.min_requests));
  const bool enough = counts.total >= minimum;
  const auto failure_share = settings.failure_rate_share;
  const auto& slow_share = settings.slow_rate_share;
  CircuitReason reason = CircuitReason::kNone;
  if (limit && limit->count > 0 && run >= static_cast<uint64_t>(limit->count) &&
      run_ms >= limit->over_ms) {
    reason = CircuitReason::kConsecutiveFailures;
  } else if ((failure_share || ramping) && enough && counts.failed > 0 &&
             counts.failed_share() >= failure_share.value_or(kRampFailureShare)) {
    reason = CircuitReason::kFailureRate;
  } else if (slow_share && enough && counts.slow > 0 && counts.slow_share() >= *slow_share) {
    reason = CircuitReason::kSlowRate;
  }
  return {reason != CircuitReason::kNone, reason, counts, run, run_ms};
}

}  // namespace outrigger::upstream
