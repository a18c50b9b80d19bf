// The circuit against a plain model of it: random calls, times and settings, one seed each.
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/upstream/circuit.hpp"

namespace outrigger::upstream {
namespace {

constexpr int64_t kHoldMs = probe_hold_ms({});

// Says the same in the simplest way: keeps every call, and asks the circuit only how long its
// jittered open period is and whether the ramp's draw was lucky.
class Model {
 public:
  Model(const config::Circuit& settings, int64_t now) : s(settings), closed_since(now) {}

  CircuitState state = CircuitState::kClosed;
  int n = 0;
  uint32_t generation = 0;
  int64_t until = 0;

  void pass_time(int64_t now) {
    if (state == CircuitState::kOpen && now >= until) {
      state = CircuitState::kHalfOpen;
      lapses.clear();
      good = 0;
    }
    while (state == CircuitState::kRamping && now >= until) {
      until += s.ramp->each_ms;
      forget();
      if (++step >= s.ramp->steps.size()) close(now);
    }
  }
  // nullopt: by chance.
  std::optional<bool> admits(int64_t now) {
    pass_time(now);
    if (state == CircuitState::kClosed) return true;
    if (state == CircuitState::kRamping) return std::nullopt;
    if (state == CircuitState::kOpen) return false;
    std::erase_if(lapses, [&](int64_t at) { return at <= now; });
    if (static_cast<int>(lapses.size()) + good >= s.probes) return false;
    lapses.push_back(now + kHoldMs);
    return true;
  }
  // True when it opened: the caller then tells `until`.
  bool settle(uint32_t of, std::optional<int64_t> probe, bool failed, int64_t now) {
    if (of != generation || (probe && state != CircuitState::kHalfOpen)) return false;
    if (state == CircuitState::kRamping) pass_time(now);
    if (state == CircuitState::kHalfOpen && probe) {
      if (failed) return open(n + 1);
      give_back(of, probe);
      if (++good < s.probes) return false;
      if (!s.ramp) return close(now);
      state = CircuitState::kRamping;
      step = 0;
      until = now + s.ramp->each_ms;
      forget();
      return false;
    }
    if (state != CircuitState::kClosed && state != CircuitState::kRamping) return false;
    calls.push_back({now, failed});
    if (!failed) run = 0;
    if (failed && run++ == 0) run_start = now;
    if (!trips(now)) return false;
    if (state == CircuitState::kRamping) return open(n + 1);
    return open(now - closed_since >= s.open_max_ms ? 0 : n);
  }
  void give_back(uint32_t of, std::optional<int64_t> probe) {
    if (!probe || of != generation) return;
    const auto found = std::find(lapses.begin(), lapses.end(), *probe);
    if (found != lapses.end()) lapses.erase(found);
  }
  Counts counts(int64_t now) const {
    Counts sum;
    const int64_t slice = s.window_ms / 10;
    for (const auto& [at, failed] : calls) {
      if (at / slice + 10 <= now / slice) continue;
      ++sum.total;
      sum.failed += failed ? 1 : 0;
    }
    return sum;
  }

 private:
  bool trips(int64_t now) const {
    if (s.consecutive_failures && run >= s.consecutive_failures->count &&
        now - run_start >= s.consecutive_failures->over_ms) {
      return true;
    }
    const bool ramping = state == CircuitState::kRamping;
    const Counts seen = counts(now);
    const double share = s.failure_rate_share.value_or(ramping ? 0.5 : 2);
    return seen.failed > 0 && (ramping || seen.total >= static_cast<uint64_t>(s.min_requests)) &&
           seen.failed_share() >= share;
  }
  bool open(int openings) {
    n = openings;
    ++generation;
    state = CircuitState::kOpen;
    return true;
  }
  bool close(int64_t now) {
    state = CircuitState::kClosed;
    closed_since = now;
    forget();
    return false;
  }
  void forget() {
    calls.clear();
    run = 0;
  }

  const config::Circuit s;
  std::deque<std::pair<int64_t, bool>> calls;
  int run = 0;
  int64_t run_start = 0;
  int64_t closed_since;
  std::vector<int64_t> lapses;  // of the probes that hold a place
  int good = 0;
  size_t step = 0;
};

config::Circuit random_settings(Random& random) {
  config::Circuit settings;
  settings.consecutive_failures.reset();
  if (random.chance(0.7)) {
    settings.consecutive_failures = config::ConsecutiveFailures{
        static_cast<int>(random.below(6)) + 1, static_cast<int64_t>(random.below(3)) * 500};
  }
  if (random.chance(0.3)) settings.failure_rate_share.reset();
  settings.window_ms = (random.below(10) + 1) * 1'000;
  settings.min_requests = static_cast<int>(random.below(20)) + 1;
  settings.open_for_ms = 1'000 + random.below(5'000);
  settings.open_max_ms = settings.open_for_ms * (1 + random.below(8));
  settings.probes = static_cast<int>(random.below(3)) + 1;
  if (random.chance(0.3)) settings.ramp.reset();
  return settings;
}

struct Call {
  CircuitToken token;
  uint32_t generation;
  std::optional<int64_t> probe;  // when it lapses
};

void run_one(uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  const config::Circuit settings = random_settings(random);
  int64_t now = 1'000'000;
  Circuit circuit("orders", settings, seed, now);
  Model model(settings, now);
  std::vector<Call> calls;
  double failing = 0.1;
  for (int i = 0; i < 600; ++i) {
    if (random.chance(0.02)) failing = random.unit();
    if (random.chance(0.3)) now += random.below(random.chance(0.05) ? 20'000 : 400);
    const uint32_t action = random.below(10);
    if (action < 5) {
      const std::optional<bool> expected = model.admits(now);
      Admission admission = circuit.admit(now, random);
      if (expected) {
        ASSERT_EQ(!admission.refused, *expected) << "step " << i;
      }
      const bool probe = admission.token.is_probe();
      ASSERT_EQ(probe, !admission.refused && model.state == CircuitState::kHalfOpen);
      if (!admission.refused) {
        const std::optional<int64_t> lapses = probe ? std::optional(now + kHoldMs) : std::nullopt;
        calls.push_back({std::move(admission.token), model.generation, lapses});
      } else {
        ASSERT_GE(admission.retry_after_s, 1);
      }
    } else if (!calls.empty()) {
      const size_t at = random.below(static_cast<uint32_t>(calls.size()));
      Call call = std::move(calls[at]);
      calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(at));
      if (action == 9) {
        call.token.give_back();
        model.give_back(call.generation, call.probe);
      } else {
        const bool failed = random.chance(failing);
        call.token.settle(failed ? Verdict::kFailure : Verdict::kSuccess, now);
        if (model.settle(call.generation, call.probe, failed, now)) {
          model.until = now + circuit.snapshot(now).next_probe_ms.value_or(0);
          const double nominal = std::min(static_cast<double>(settings.open_for_ms << model.n),
                                          static_cast<double>(settings.open_max_ms));
          ASSERT_GE(static_cast<double>(model.until - now), nominal * 0.75 - 1);
          ASSERT_LE(static_cast<double>(model.until - now), nominal * 1.25 + 1);
        }
      }
    }
    const CircuitSnapshot snapshot = circuit.snapshot(now);
    ASSERT_EQ(snapshot.machine, model.state) << "step " << i;
    ASSERT_EQ(snapshot.openings, model.n) << "step " << i;
    if (model.state == CircuitState::kClosed || model.state == CircuitState::kRamping) {
      ASSERT_EQ(snapshot.counts, model.counts(now)) << "step " << i;
    }
  }
}

TEST(CircuitModel, TheCircuitDoesWhatTheModelSays) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    run_one(seed);
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace outrigger::upstream
