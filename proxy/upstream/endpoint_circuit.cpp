#include "proxy/upstream/endpoint_circuit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace outrigger::upstream {

namespace {

constexpr int kMaxDoublings = 30;

EndpointCircuitState state_in(uint64_t word) {
  return static_cast<EndpointCircuitState>(word & 0xff);
}
uint32_t generation_in(uint64_t word) { return static_cast<uint32_t>(word >> 32); }
uint64_t word_of(EndpointCircuitState state, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint64_t>(state);
}

}  // namespace

std::string_view to_string(EndpointCircuitState state) {
  constexpr std::array<std::string_view, 3> kNames = {"closed", "open", "half_open"};
  return kNames[static_cast<size_t>(state)];
}

EndpointCircuitGroup::EndpointCircuitGroup(std::optional<config::EndpointCircuit> settings,
                                           uint64_t seed)
    : x_random(seed) {
  set_settings(settings);
}

void EndpointCircuitGroup::set_settings(std::optional<config::EndpointCircuit> settings) {
  const config::EndpointCircuit values = settings.value_or(config::EndpointCircuit{});
  x_open_for_ms.store(values.open_for_ms, std::memory_order_relaxed);
  x_open_max_ms.store(values.open_max_ms, std::memory_order_relaxed);
  x_shadow.store(values.mode == config::Mode::kShadow, std::memory_order_relaxed);
  x_count.store(settings ? static_cast<uint32_t>(std::max(1, values.consecutive_failures)) : 0,
                std::memory_order_relaxed);
  touch();
}

EndpointToken& EndpointToken::operator=(EndpointToken&& from) noexcept {
  if (this != &from) {
    give_back();
    x_circuit = std::exchange(from.x_circuit, nullptr);
    x_generation = from.x_generation;
    x_probe_lapses_ms = from.x_probe_lapses_ms;
  }
  return *this;
}

void EndpointToken::settle(bool failed, int64_t now_ms) {
  if (x_circuit != nullptr) x_circuit->settle(*this, failed, now_ms);
  x_circuit = nullptr;
}

void EndpointToken::give_back() {
  if (is_probe()) x_circuit->give_back_probe(*this);
  x_circuit = nullptr;
}

EndpointCircuitState EndpointCircuit::state() const {
  return state_in(x_word.load(std::memory_order_acquire));
}

bool EndpointCircuit::excludes(int64_t now_ms) const {
  if (state() == EndpointCircuitState::kClosed || now_ms >= excludes_until_ms()) return false;
  return !x_group.is_shadow() && !x_group.is_off();
}

// Of the calls that come when the time is over, the one that moves it is the probe.
EndpointToken EndpointCircuit::admit(int64_t now_ms) {
  if (x_group.is_off()) return {};
  uint64_t word = x_word.load(std::memory_order_acquire);
  const uint32_t generation = generation_in(word);
  if (state_in(word) == EndpointCircuitState::kClosed) return EndpointToken(this, generation);
  int64_t until_ms = excludes_until_ms();
  if (now_ms < until_ms) return {};
  const int64_t lapses_ms = now_ms + x_group.x_probe_hold_ms.load(std::memory_order_relaxed);
  if (!x_until_ms.compare_exchange_strong(until_ms, lapses_ms, std::memory_order_acq_rel)) {
    return {};
  }
  // A late verdict may have decided meanwhile.
  if (!x_word.compare_exchange_strong(word, word_of(EndpointCircuitState::kHalfOpen, generation),
                                      std::memory_order_acq_rel)) {
    return {};
  }
  x_group.touch();
  return EndpointToken(this, generation, lapses_ms);
}

// The period is over already, so the next call is the probe; unless one took over from this one.
void EndpointCircuit::give_back_probe(const EndpointToken& token) {
  const uint64_t half_open = word_of(EndpointCircuitState::kHalfOpen, token.x_generation);
  if (x_word.load(std::memory_order_acquire) != half_open) return;
  int64_t lapses_ms = token.x_probe_lapses_ms;
  if (x_until_ms.compare_exchange_strong(lapses_ms, 0, std::memory_order_acq_rel)) x_group.touch();
}

void EndpointCircuit::settle(const EndpointToken& token, bool failed, int64_t now_ms) {
  if (token.is_probe()) return settle_probe(token, failed, now_ms);
  const uint64_t word = x_word.load(std::memory_order_acquire);
  if (word != word_of(EndpointCircuitState::kClosed, token.x_generation)) return;
  if (!failed) {
    if (x_run.load(std::memory_order_relaxed) != 0) x_run.store(0, std::memory_order_relaxed);
    return;
  }
  const uint32_t run = x_run.fetch_add(1, std::memory_order_relaxed) + 1;
  const uint32_t count = x_group.x_count.load(std::memory_order_relaxed);
  if (count == 0 || run < count) return;
  const std::lock_guard lock(x_group.x_mutex);
  if (x_word.load(std::memory_order_relaxed) != word) return;
  const bool was_well =
      now_ms - x_closed_since_ms >= x_group.x_open_max_ms.load(std::memory_order_relaxed);
  open_or_stay(was_well ? 0 : x_openings, now_ms);
}

// Also a late one, for as long as no other has decided.
void EndpointCircuit::settle_probe(const EndpointToken& token, bool failed, int64_t now_ms) {
  const std::lock_guard lock(x_group.x_mutex);
  const uint64_t half_open = word_of(EndpointCircuitState::kHalfOpen, token.x_generation);
  if (x_word.load(std::memory_order_relaxed) != half_open) return;
  if (failed) return open_or_stay(x_openings + 1, now_ms);
  x_run.store(0, std::memory_order_relaxed);
  x_closed_since_ms = now_ms;
  store(EndpointCircuitState::kClosed, token.x_generation);
}

// The last eligible endpoint stays closed; its run goes on, so it opens at its next failure after
// another one has become eligible.
void EndpointCircuit::open_or_stay(int openings, int64_t now_ms) {
  const uint64_t word = x_word.load(std::memory_order_relaxed);
  if (!x_group.others_eligible(*this, now_ms)) {
    if (state_in(word) != EndpointCircuitState::kClosed) {
      x_closed_since_ms = now_ms;
      store(EndpointCircuitState::kClosed, generation_in(word));
    }
    return;
  }
  x_openings = std::min(openings, kMaxDoublings);
  const double doubled =
      static_cast<double>(x_group.x_open_for_ms.load(std::memory_order_relaxed)) *
      std::exp2(static_cast<double>(x_openings));
  const double most = static_cast<double>(x_group.x_open_max_ms.load(std::memory_order_relaxed));
  const double period = std::min(doubled, most) * x_group.x_random.between(0.75, 1.25);
  x_until_ms.store(now_ms + std::max<int64_t>(1, std::llround(period)), std::memory_order_relaxed);
  x_run.store(0, std::memory_order_relaxed);
  x_times_opened.fetch_add(1, std::memory_order_relaxed);
  store(EndpointCircuitState::kOpen, generation_in(word) + 1);
}

void EndpointCircuit::store(EndpointCircuitState state, uint32_t generation) {
  x_word.store(word_of(state, generation), std::memory_order_release);
  x_group.touch();
}

}  // namespace outrigger::upstream
