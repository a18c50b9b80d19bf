// The circuit's other half: what its transitions do, and what the control path asks of it.
#include <algorithm>
#include <cmath>

#include "proxy/upstream/circuit.hpp"
#include "proxy/upstream/circuit_change.hpp"

namespace outrigger::upstream {

namespace {

constexpr int kMaxDoublings = 30;

bool refuses(CircuitState shown) {
  return shown == CircuitState::kOpen || shown == CircuitState::kHalfOpen ||
         shown == CircuitState::kForcedOpen;
}

}  // namespace

// Only takes the mutex when there is something that time has brought about.
uint64_t Circuit::pass_time(uint64_t word, int64_t now_ms) {
  const CircuitState machine = machine_of(word);
  if (machine != CircuitState::kOpen && machine != CircuitState::kRamping) return word;
  if (now_ms < x_until_ms.load(std::memory_order_relaxed)) return word;
  Change change(*this);
  advance(change, now_ms);
  return x_word.load(std::memory_order_relaxed);
}

void Circuit::advance(Change& change, int64_t now_ms) {
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  if (machine_rests(word) || !x_settings) return;
  const int64_t until_ms = x_until_ms.load(std::memory_order_relaxed);
  if (now_ms < until_ms) return;
  if (machine_of(word) == CircuitState::kOpen) {
    go(change, CircuitState::kHalfOpen, CircuitReason::kPeriodOver, now_ms);
  } else if (machine_of(word) == CircuitState::kRamping) {
    const auto& ramp = x_settings->ramp;
    const int64_t each_ms = ramp ? std::max<int64_t>(1, ramp->each_ms) : 1;
    const size_t step = x_step + 1 + static_cast<size_t>((now_ms - until_ms) / each_ms);
    if (!ramp || step >= ramp->steps.size()) {
      close(change, CircuitReason::kRampDone, now_ms);
    } else {
      enter_step(step, until_ms + static_cast<int64_t>(step - x_step - 1) * each_ms);
    }
  }
}

void Circuit::open(Change& change, CircuitReason reason, int openings, int64_t now_ms) {
  x_openings = std::min(openings, kMaxDoublings);
  const double doubled =
      static_cast<double>(x_settings->open_for_ms) * std::exp2(static_cast<double>(x_openings));
  const double period = std::min(doubled, static_cast<double>(x_settings->open_max_ms)) *
                        x_random.between(0.75, 1.25);
  x_until_ms.store(now_ms + std::max<int64_t>(1, std::llround(period)), std::memory_order_relaxed);
  x_places.clear();

  const uint64_t word = x_word.load(std::memory_order_relaxed);
  const uint32_t generation = generation_of(word) + 1;
  const uint64_t next = uint64_t{generation} << 32 | (word & 0xffffffff & ~kStateBits) |
                        static_cast<uint64_t>(CircuitState::kOpen);
  store_word(change, next, reason, now_ms);
}

void Circuit::end_half_open(Change& change, int64_t now_ms) {
  if (x_places.good() < x_settings->probes) return;
  if (!x_settings->ramp || x_settings->ramp->steps.empty()) {
    return close(change, CircuitReason::kProbesGood, now_ms);
  }
  enter_step(0, now_ms);
  go(change, CircuitState::kRamping, CircuitReason::kProbesGood, now_ms);
}

void Circuit::enter_step(size_t step, int64_t start_ms) {
  x_step = step;
  x_share.store(x_settings->ramp->steps[step], std::memory_order_relaxed);
  x_until_ms.store(start_ms + std::max<int64_t>(1, x_settings->ramp->each_ms),
                   std::memory_order_relaxed);
  fresh_counts();
}

void Circuit::close(Change& change, CircuitReason reason, int64_t now_ms) {
  fresh_counts();
  x_closed_since_ms = now_ms;
  go(change, CircuitState::kClosed, reason, now_ms);
}

void Circuit::fresh_counts() {
  x_window.reset();
  x_run.reset();
  x_last_bad_ms.store(kLongAgo, std::memory_order_relaxed);
}

void Circuit::go(Change& change, CircuitState machine, CircuitReason reason, int64_t now_ms) {
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  store_word(change, (word & ~kStateBits) | static_cast<uint64_t>(machine), reason, now_ms);
}

void Circuit::store_word(Change& change, uint64_t word, CircuitReason reason, int64_t now_ms) {
  const uint64_t old = x_word.load(std::memory_order_relaxed);
  x_word.store(word, std::memory_order_release);
  const CircuitState shown_before = shown_state(old);
  const CircuitState shown = shown_state(word);
  const bool shadow = shown_before == shown;
  if (shadow && machine_of(old) == machine_of(word)) return;
  if (refuses(shown_before)) x_open_ms += std::max<int64_t>(0, now_ms - x_open_since_ms);
  if (refuses(shown)) x_open_since_ms = now_ms;
  x_reason = reason;
  x_changed_at_ms.store(now_ms, std::memory_order_relaxed);
  change.note({shadow ? machine_of(old) : shown_before, shadow ? machine_of(word) : shown, reason,
               now_ms, shadow, ++x_sequence});
}

// --- control path

void Circuit::force(CircuitForce force, int64_t now_ms) {
  Change change(*this);
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  store_word(change, (word & ~kForceBits) | static_cast<uint64_t>(force) << 2,
             CircuitReason::kOperator, now_ms);
}

void Circuit::set_settings(std::optional<config::Circuit> settings, int64_t now_ms) {
  Change change(*this);
  const bool was_off = !x_settings;
  x_settings = std::move(settings);
  publish_settings();
  if (!x_settings) return turn_off(change, now_ms);

  x_window.set_length_ms(x_settings->window_ms, now_ms);
  if (was_off) x_closed_since_ms = now_ms;
  uint64_t word = x_word.load(std::memory_order_relaxed) & ~(kOffBit | kShadowBit);
  if (x_settings->mode == config::Mode::kShadow) word |= kShadowBit;
  store_word(change, word, CircuitReason::kSettings, now_ms);

  if (machine_of(word) == CircuitState::kHalfOpen) {
    end_half_open(change, now_ms);  // fewer probes may be enough now
  } else if (machine_of(word) == CircuitState::kRamping) {
    if (!x_settings->ramp || x_step >= x_settings->ramp->steps.size()) {
      close(change, CircuitReason::kSettings, now_ms);
    } else {
      x_share.store(x_settings->ramp->steps[x_step], std::memory_order_relaxed);
    }
  }
}

// Nothing of the machine stays, so that it starts anew when it is switched on again.
void Circuit::turn_off(Change& change, int64_t now_ms) {
  fresh_counts();
  x_openings = 0;
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  const uint64_t generation = uint64_t{generation_of(word)} + 1;
  store_word(change, generation << 32 | (word & kForceBits) | kOffBit, CircuitReason::kSettings,
             now_ms);
}

void Circuit::publish_settings() {
  const config::Circuit settings = x_settings.value_or(config::Circuit{});
  const auto& run = settings.consecutive_failures;
  x_run_count.store(run ? static_cast<uint64_t>(std::max(0, run->count)) : 0,
                    std::memory_order_relaxed);
  x_run_over_ms.store(run ? run->over_ms : 0, std::memory_order_relaxed);
  x_failure_share.store(settings.failure_rate_share.value_or(kNever), std::memory_order_relaxed);
  x_slow_share.store(settings.slow_rate_share.value_or(kNever), std::memory_order_relaxed);
  x_min_requests.store(static_cast<uint64_t>(std::max(1, settings.min_requests)),
                       std::memory_order_relaxed);
  x_probes.store(std::max(1, settings.probes), std::memory_order_relaxed);
}

CircuitSnapshot Circuit::snapshot(int64_t now_ms) const {
  const int64_t open_ms = open_ms_total(now_ms);
  const std::lock_guard lock(x_mutex);
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  const FailureRun::Now run = x_run.at(now_ms);
  CircuitSnapshot snapshot;
  snapshot.settings = x_settings;
  snapshot.state = shown_state(word);
  snapshot.machine = machine_of(word);
  snapshot.force = force_of(word);
  snapshot.reason = x_reason;
  snapshot.changed_at_ms = changed_at_ms();
  snapshot.counts = x_window.counts(now_ms);
  snapshot.run = run.length;
  snapshot.run_ms = run.lasted_ms;
  snapshot.openings = x_openings;
  const int64_t left_ms = x_until_ms.load(std::memory_order_relaxed) - now_ms;
  if (snapshot.machine == CircuitState::kOpen) {
    snapshot.next_probe_ms = std::max<int64_t>(0, left_ms);
  } else if (snapshot.machine == CircuitState::kHalfOpen) {
    snapshot.probes_good = x_places.good();
    snapshot.probes_in_flight = x_places.in_flight();
  } else if (snapshot.machine == CircuitState::kRamping) {
    snapshot.ramp_step = static_cast<int>(x_step);
    snapshot.ramp_share = x_share.load(std::memory_order_relaxed);
  }
  snapshot.open_ms_total = open_ms;
  snapshot.refused = refused();
  snapshot.would_refuse = would_refuse();
  return snapshot;
}

CircuitDecision Circuit::dry_run(const config::Circuit& settings, int64_t now_ms) const {
  return decide(settings, now_ms, false);
}

int64_t Circuit::open_ms_total(int64_t now_ms) const {
  const std::lock_guard lock(x_mutex);
  const bool now_open = refuses(shown_state(x_word.load(std::memory_order_relaxed)));
  return x_open_ms + (now_open ? std::max<int64_t>(0, now_ms - x_open_since_ms) : 0);
}

}  // namespace outrigger::upstream
