#include "proxy/upstream/circuit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace outrigger::upstream {

namespace {

constexpr double kNever = 2;  // a share that no count reaches
constexpr int kMaxDoublings = 30;
constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min() / 2;

uint32_t probes_of(uint64_t taken) { return static_cast<uint32_t>(taken); }

bool machine_rests(CircuitForce force) {
  return force == CircuitForce::kForcedOpen || force == CircuitForce::kForcedClosed;
}

bool refuses(CircuitState shown) {
  return shown == CircuitState::kOpen || shown == CircuitState::kHalfOpen ||
         shown == CircuitState::kForcedOpen;
}

}  // namespace

// Holds the mutex, and announces the transitions made under it after it was released.
class Circuit::Change {
 public:
  explicit Change(Circuit& circuit) : x_circuit(circuit), x_lock(circuit.x_mutex) {}
  ~Change() {
    x_lock.unlock();
    if (x_circuit.x_events == nullptr) return;
    for (size_t i = 0; i < x_count; ++i) x_circuit.x_events->on_transition(x_circuit, x_made[i]);
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  void note(const CircuitTransition& transition) {
    if (x_count < x_made.size()) x_made[x_count++] = transition;
  }

 private:
  Circuit& x_circuit;
  std::unique_lock<std::mutex> x_lock;
  std::array<CircuitTransition, 4> x_made;
  size_t x_count = 0;
};

CircuitToken& CircuitToken::operator=(CircuitToken&& from) noexcept {
  if (this != &from) {
    give_back();
    x_circuit = std::exchange(from.x_circuit, nullptr);
    x_generation = from.x_generation;
    x_probe = from.x_probe;
  }
  return *this;
}

void CircuitToken::settle(Verdict verdict, int64_t now_ms) {
  if (Circuit* circuit = std::exchange(x_circuit, nullptr)) {
    circuit->settle(x_generation, x_probe, verdict, now_ms);
  }
}

void CircuitToken::give_back() {
  Circuit* circuit = std::exchange(x_circuit, nullptr);
  if (circuit != nullptr && x_probe) circuit->give_back_probe(x_generation);
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

Admission Circuit::admit_slow(uint64_t word, int64_t now_ms, Random& random) {
  if (force_of(word) == CircuitForce::kForcedOpen) {
    x_refused.fetch_add(1, std::memory_order_relaxed);
    return {CircuitToken(), true, 1};
  }
  if ((word & kOffBit) != 0) return {};
  if (force_of(word) == CircuitForce::kForcedClosed) return {token_of(word, false), false, 0};

  word = pass_time(word, now_ms);
  switch (machine_of(word)) {
    case CircuitState::kOpen:
      return refuse(word, x_until_ms.load(std::memory_order_relaxed) - now_ms);
    case CircuitState::kHalfOpen:
      if (!take_probe(generation_of(word))) return refuse(word, 0);
      return {token_of(word, true), false, 0};
    case CircuitState::kRamping:
      if (!random.chance(x_share.load(std::memory_order_relaxed))) {
        return refuse(word, x_until_ms.load(std::memory_order_relaxed) - now_ms);
      }
      return {token_of(word, false), false, 0};
    default:
      return {token_of(word, false), false, 0};
  }
}

// In shadow the call goes, but as one that was refused: its answer does not count.
Admission Circuit::refuse(uint64_t word, int64_t left_ms) {
  if (refuses_nothing(word)) {
    x_would_refuse.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  x_refused.fetch_add(1, std::memory_order_relaxed);
  return {CircuitToken(), true, std::max<int64_t>(1, (left_ms + 999) / 1000)};
}

// The generation is taken along: a place of a later half-open phase must not be lost to a token
// that is already stale.
bool Circuit::take_probe(uint32_t generation) {
  const auto most = static_cast<uint32_t>(x_probes.load(std::memory_order_relaxed));
  uint64_t taken = x_probes_taken.load(std::memory_order_relaxed);
  do {
    if (generation_of(taken) != generation || probes_of(taken) >= most) return false;
  } while (!x_probes_taken.compare_exchange_weak(taken, taken + 1, std::memory_order_acq_rel));
  return true;
}

void Circuit::give_back_probe(uint32_t generation) {
  uint64_t taken = x_probes_taken.load(std::memory_order_relaxed);
  do {
    if (generation_of(taken) != generation || probes_of(taken) == 0) return;
  } while (!x_probes_taken.compare_exchange_weak(taken, taken - 1, std::memory_order_acq_rel));
}

bool Circuit::is_willing(int64_t now_ms) const {
  const uint64_t word = x_word.load(std::memory_order_acquire);
  if (force_of(word) == CircuitForce::kForcedOpen) return false;
  if (machine_rests(force_of(word)) || (word & kOffBit) != 0 || refuses_nothing(word)) return true;
  switch (machine_of(word)) {
    case CircuitState::kOpen:
      return now_ms >= x_until_ms.load(std::memory_order_relaxed);
    case CircuitState::kHalfOpen:
      return probes_of(x_probes_taken.load(std::memory_order_relaxed)) <
             static_cast<uint32_t>(x_probes.load(std::memory_order_relaxed));
    default:
      return true;
  }
}

// --- settling

void Circuit::settle(uint32_t generation, bool probe, Verdict verdict, int64_t now_ms) {
  uint64_t word = x_word.load(std::memory_order_acquire);
  if (generation != generation_of(word) || (word & kOffBit) != 0) return;
  if (machine_rests(force_of(word))) {
    if (probe) give_back_probe(generation);
    if (machine_of(word) == CircuitState::kClosed) count(verdict, now_ms);
    return;
  }
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
    case CircuitState::kHalfOpen:
      if (probe) settle_probe(generation, verdict, now_ms);
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
  if (generation != generation_of(word) || machine_rests(force_of(word)) || !x_settings) return;
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

void Circuit::settle_probe(uint32_t generation, Verdict verdict, int64_t now_ms) {
  Change change(*this);
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  if (generation != generation_of(word) || machine_of(word) != CircuitState::kHalfOpen) return;
  if (machine_rests(force_of(word)) || !x_settings) return give_back_probe(generation);
  if (is_failure(verdict) || (is_slow(verdict) && x_settings->slow_rate_share)) {
    return open(change, CircuitReason::kProbeFailed, x_openings + 1, now_ms);
  }
  ++x_probes_good;
  end_half_open(change, now_ms);
}

CircuitDecision Circuit::decide(const config::Circuit& settings, int64_t now_ms,
                                bool ramping) const {
  const FailureRun::Now run = x_run.at(now_ms);
  return judge_circuit(settings, x_window.counts(now_ms, settings.window_ms), run.length,
                       run.lasted_ms, ramping);
}

// --- transitions

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
  if (machine_rests(force_of(word)) || !x_settings) return;
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
  x_probes_good = 0;

  const uint64_t word = x_word.load(std::memory_order_relaxed);
  const uint32_t generation = generation_of(word) + 1;
  x_probes_taken.store(uint64_t{generation} << 32, std::memory_order_relaxed);
  const uint64_t next = uint64_t{generation} << 32 | (word & 0xffffffff & ~kStateBits) |
                        static_cast<uint64_t>(CircuitState::kOpen);
  store_word(change, next, reason, now_ms);
}

void Circuit::end_half_open(Change& change, int64_t now_ms) {
  if (x_probes_good < x_settings->probes) return;
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
    const auto taken = probes_of(x_probes_taken.load(std::memory_order_relaxed));
    snapshot.probes_good = x_probes_good;
    snapshot.probes_in_flight = std::max(0, static_cast<int>(taken) - x_probes_good);
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
