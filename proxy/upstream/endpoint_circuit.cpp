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
    x_probe = from.x_probe;
  }
  return *this;
}

void EndpointToken::settle(bool failed, int64_t now_ms) {
  if (EndpointCircuit* circuit = std::exchange(x_circuit, nullptr)) {
    circuit->settle(x_generation, x_probe, failed, now_ms);
  }
}

void EndpointToken::give_back() {
  EndpointCircuit* circuit = std::exchange(x_circuit, nullptr);
  if (circuit != nullptr && x_probe) circuit->give_back_probe(x_generation);
}

EndpointCircuitState EndpointCircuit::state() const {
  return state_in(x_word.load(std::memory_order_acquire));
}

bool EndpointCircuit::excludes(int64_t now_ms) const {
  switch (state()) {
    case EndpointCircuitState::kClosed:
      return false;
    case EndpointCircuitState::kOpen:
      if (now_ms >= open_until_ms()) return false;
      break;
    case EndpointCircuitState::kHalfOpen:
      break;
  }
  return !x_group.is_shadow() && !x_group.is_off();
}

EndpointToken EndpointCircuit::admit(int64_t now_ms) {
  if (x_group.is_off()) return {};
  uint64_t word = x_word.load(std::memory_order_acquire);
  if (state_in(word) == EndpointCircuitState::kClosed) {
    return EndpointToken(this, generation_in(word), false);
  }
  if (state_in(word) == EndpointCircuitState::kOpen && now_ms >= open_until_ms()) {
    const uint64_t half_open =
        (word & ~uint64_t{0xff}) | static_cast<uint64_t>(EndpointCircuitState::kHalfOpen);
    if (x_word.compare_exchange_strong(word, half_open, std::memory_order_acq_rel)) {
      x_group.touch();
      return EndpointToken(this, generation_in(word), true);
    }
  }
  return {};
}

// The period is over already, so the next call is the probe.
void EndpointCircuit::give_back_probe(uint32_t generation) {
  uint64_t half_open =
      uint64_t{generation} << 32 | static_cast<uint64_t>(EndpointCircuitState::kHalfOpen);
  const uint64_t open =
      uint64_t{generation} << 32 | static_cast<uint64_t>(EndpointCircuitState::kOpen);
  if (x_word.compare_exchange_strong(half_open, open, std::memory_order_acq_rel)) x_group.touch();
}

void EndpointCircuit::settle(uint32_t generation, bool probe, bool failed, int64_t now_ms) {
  const uint64_t word = x_word.load(std::memory_order_acquire);
  if (generation_in(word) != generation) return;  // sent before it opened
  if (probe) {
    const std::lock_guard lock(x_group.x_mutex);
    if (x_word.load(std::memory_order_relaxed) != word) return;
    if (failed) return open_or_stay(x_openings + 1, now_ms);
    x_run.store(0, std::memory_order_relaxed);
    x_closed_since_ms = now_ms;
    return store(EndpointCircuitState::kClosed, generation);
  }
  if (state_in(word) != EndpointCircuitState::kClosed) return;
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
  x_word.store(uint64_t{generation} << 32 | static_cast<uint64_t>(state),
               std::memory_order_release);
  x_group.touch();
}

}  // namespace outrigger::upstream
