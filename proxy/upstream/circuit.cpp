#include "proxy/upstream/circuit.hpp"

#include <algorithm>

#include "proxy/upstream/circuit_change.hpp"

namespace outrigger::upstream {

CircuitToken& CircuitToken::operator=(CircuitToken&& from) noexcept {
  if (this != &from) {
    give_back();
    x_circuit = std::exchange(from.x_circuit, nullptr);
    x_generation = from.x_generation;
    x_probe_lapses_ms = from.x_probe_lapses_ms;
  }
  return *this;
}

void CircuitToken::settle(Verdict verdict, int64_t now_ms) {
  if (x_circuit != nullptr) x_circuit->settle(*this, verdict, now_ms);
  x_circuit = nullptr;
}

void CircuitToken::give_back() {
  if (is_probe()) x_circuit->give_back_probe(*this);
  x_circuit = nullptr;
}

Circuit::Circuit(std::string name, std::optional<config::Circuit> settings, uint64_t seed,
                 int64_t now_ms, CircuitEvents* events)
    : x_name(std::move(name)),
      x_events(events),
      x_last_bad_ms(kLongAgo),
      x_window(settings ? settings->window_ms : config::Circuit{}.window_ms),
      x_changed_at_ms(now_ms),
      x_settings(std::move(settings)),
      x_random(seed),
      x_closed_since_ms(now_ms) {
  uint64_t word = 0;
  if (!x_settings) word |= kOffBit;
  if (x_settings && x_settings->mode == config::Mode::kShadow) word |= kShadowBit;
  x_word.store(word, std::memory_order_relaxed);
  publish_settings();
}

CircuitState Circuit::shown_state(uint64_t word) {
  switch (force_of(word)) {
    case CircuitForce::kForcedOpen:
      return CircuitState::kForcedOpen;
    case CircuitForce::kForcedClosed:
      return CircuitState::kForcedClosed;
    case CircuitForce::kShadow:
    case CircuitForce::kAuto:
      return refuses_nothing(word) ? CircuitState::kShadow : machine_of(word);
  }
  return machine_of(word);
}

// --- admission

Admission Circuit::admit_slow(uint64_t word, int64_t now_ms, Random& random, bool again) {
  if (force_of(word) == CircuitForce::kForcedOpen) {
    x_refused.fetch_add(1, std::memory_order_relaxed);
    return {CircuitToken(), true, 1};
  }
  if ((word & kOffBit) != 0) return {};
  if (force_of(word) == CircuitForce::kForcedClosed) return {token_of(word)};

  word = pass_time(word, now_ms);
  switch (machine_of(word)) {
    case CircuitState::kOpen:
      return refuse(word, x_until_ms.load(std::memory_order_relaxed) - now_ms);
    case CircuitState::kHalfOpen: {
      CircuitToken probe = take_probe(generation_of(word), now_ms, again);
      if (!probe.holds()) return refuse(word, 0);
      return {std::move(probe)};
    }
    case CircuitState::kRamping:
      if (!again && !random.chance(x_share.load(std::memory_order_relaxed))) {
        return refuse(word, x_until_ms.load(std::memory_order_relaxed) - now_ms);
      }
      return {token_of(word)};
    default:
      return {token_of(word)};
  }
}

// In shadow the call goes, but as one that was refused: its answer does not count.
Admission Circuit::refuse(uint64_t word, int64_t left_ms) {
  if (refuses_nothing(word)) {
    x_would_refuse.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  x_refused.fetch_add(1, std::memory_order_relaxed);
  return {CircuitToken(), true, std::max<int64_t>(1, (left_ms + 999) / 1000),
          std::max<int64_t>(0, left_ms)};
}

// The crowd that is refused takes no mutex.
CircuitToken Circuit::take_probe(uint32_t generation, int64_t now_ms, bool again) {
  const int most = again ? std::numeric_limits<int>::max() : x_probes.load();
  if (x_places.seem_taken(most, now_ms)) return {};
  const int64_t lapses_ms = now_ms + x_probe_hold_ms.load(std::memory_order_relaxed);
  const std::lock_guard lock(x_mutex);
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  const bool open =
      generation_of(word) == generation && machine_of(word) == CircuitState::kHalfOpen;
  if (!open || !x_places.take(most, now_ms, lapses_ms)) return {};
  return token_of(word, lapses_ms);
}

// A token of an earlier half-open phase has no place in this one.
void Circuit::give_back_probe(const CircuitToken& token) {
  const std::lock_guard lock(x_mutex);
  if (generation_of(x_word.load(std::memory_order_relaxed)) != token.x_generation) return;
  x_places.give_back(token.x_probe_lapses_ms);
}

bool Circuit::is_willing(int64_t now_ms, bool again) const {
  const uint64_t word = x_word.load(std::memory_order_acquire);
  if (force_of(word) == CircuitForce::kForcedOpen) return false;
  if (machine_rests(word) || (word & kOffBit) != 0 || refuses_nothing(word)) return true;
  switch (machine_of(word)) {
    case CircuitState::kOpen:
      return now_ms >= x_until_ms.load(std::memory_order_relaxed);
    case CircuitState::kHalfOpen:
      return again || !x_places.seem_taken(x_probes.load(std::memory_order_relaxed), now_ms);
    default:
      return true;
  }
}

// --- settling

void Circuit::settle(const CircuitToken& token, Verdict verdict, int64_t now_ms) {
  const uint32_t generation = token.x_generation;
  uint64_t word = x_word.load(std::memory_order_acquire);
  if (generation != generation_of(word) || (word & kOffBit) != 0) return;
  if (machine_rests(word)) {
    if (token.is_probe()) give_back_probe(token);
    if (machine_of(word) == CircuitState::kClosed) count(verdict, now_ms);
    return;
  }
  // What other probes have decided meanwhile stands.
  if (token.is_probe()) return settle_probe(token, verdict, now_ms);
  if (machine_of(word) == CircuitState::kRamping) {
    word = pass_time(word, now_ms);
    if (generation != generation_of(word)) return;
  }
  switch (machine_of(word)) {
    case CircuitState::kClosed:
    case CircuitState::kRamping:
      count(verdict, now_ms);
      if (may_trip(now_ms, machine_of(word) == CircuitState::kRamping)) trip(generation, now_ms);
      break;
    default:
      break;
  }
}

void Circuit::count(Verdict verdict, int64_t now_ms) {
  const bool failed = is_failure(verdict);
  const bool slow = is_slow(verdict);
  x_window.add(now_ms, 1, failed ? 1 : 0, slow ? 1 : 0);
  if (failed || slow) x_last_bad_ms.store(now_ms, std::memory_order_relaxed);
  x_run.add(failed, now_ms);
}

// The same question as judge_circuit(), from the atomics; the answer is checked under the mutex.
bool Circuit::may_trip(int64_t now_ms, bool ramping) const {
  const FailureRun::Now run = x_run.at(now_ms);
  const uint64_t run_count = x_run_count.load(std::memory_order_relaxed);
  if (run_count != 0 && run.length >= run_count &&
      run.lasted_ms >= x_run_over_ms.load(std::memory_order_relaxed)) {
    return true;
  }
  if (now_ms - x_last_bad_ms.load(std::memory_order_relaxed) > x_window.length_ms()) return false;
  const Counts counts = x_window.counts(now_ms);
  if (!ramping && counts.total < x_min_requests.load(std::memory_order_relaxed)) return false;
  double failure_share = x_failure_share.load(std::memory_order_relaxed);
  if (ramping && failure_share == kNever) failure_share = kRampFailureShare;
  return (counts.failed > 0 && counts.failed_share() >= failure_share) ||
         (counts.slow > 0 && counts.slow_share() >= x_slow_share.load(std::memory_order_relaxed));
}

void Circuit::trip(uint32_t generation, int64_t now_ms) {
  Change change(*this);
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  if (generation != generation_of(word) || machine_rests(word) || !x_settings) return;
  const CircuitState machine = machine_of(word);
  const bool ramping = machine == CircuitState::kRamping;
  if (!ramping && machine != CircuitState::kClosed) return;
  const CircuitDecision decision = decide(*x_settings, now_ms, ramping);
  if (!decision.opens) return;
  if (ramping) {
    open(change, CircuitReason::kRampFailed, x_openings + 1, now_ms);
  } else {
    const bool was_well = now_ms - x_closed_since_ms >= x_settings->open_max_ms;
    open(change, decision.reason, was_well ? 0 : x_openings, now_ms);
  }
}

void Circuit::settle_probe(const CircuitToken& token, Verdict verdict, int64_t now_ms) {
  Change change(*this);
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  const bool half_open = machine_of(word) == CircuitState::kHalfOpen;
  if (token.x_generation != generation_of(word) || !half_open) return;
  if (machine_rests(word) || !x_settings) return x_places.give_back(token.x_probe_lapses_ms);
  if (is_failure(verdict) || (is_slow(verdict) && x_settings->slow_rate_share)) {
    return open(change, CircuitReason::kProbeFailed, x_openings + 1, now_ms);
  }
  x_places.note_good(token.x_probe_lapses_ms);
  end_half_open(change, now_ms);
}

CircuitDecision Circuit::decide(const config::Circuit& settings, int64_t now_ms,
                                bool ramping) const {
  const FailureRun::Now run = x_run.at(now_ms);
  return judge_circuit(settings, x_window.counts(now_ms, settings.window_ms), run.length,
                       run.lasted_ms, ramping);
}

}  // namespace outrigger::upstream
