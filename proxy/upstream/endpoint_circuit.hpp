// The lighter circuit of one endpoint: opens after a run of failures, lets one call through when
// its period is over. Process-wide, owned by the Endpoint, used by every worker; lock-free unless
// it changes state. The group is what the circuits of one service's endpoints share: settings, the
// mutex, and the rule that the last eligible endpoint never opens. It does not pick endpoints.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "config/policy.hpp"
#include "proxy/base/random.hpp"
#include "proxy/upstream/probe_places.hpp"

namespace outrigger::upstream {

class EndpointCircuit;

class EndpointCircuitGroup {
 public:
  // nullopt settings is `endpoint_circuit: off`.
  EndpointCircuitGroup(std::optional<config::EndpointCircuit> settings, uint64_t seed);
  virtual ~EndpointCircuitGroup() = default;
  EndpointCircuitGroup(const EndpointCircuitGroup&) = delete;
  EndpointCircuitGroup& operator=(const EndpointCircuitGroup&) = delete;

  void set_settings(std::optional<config::EndpointCircuit> settings);
  // For the probes that are admitted from now on: see probe_hold_ms().
  void set_probe_hold_ms(int64_t hold_ms) {
    x_probe_hold_ms.store(hold_ms, std::memory_order_relaxed);
  }

  // Changes whenever somebody's eligibility may have: a view that saw this number is still right.
  uint64_t epoch() const { return x_epoch.load(std::memory_order_acquire); }
  void touch() { x_epoch.fetch_add(1, std::memory_order_acq_rel); }

  bool is_shadow() const { return x_shadow.load(std::memory_order_relaxed); }
  bool is_off() const { return x_count.load(std::memory_order_relaxed) == 0; }

 protected:
  // Whether another endpoint than the one of `opening` is eligible. Called with x_mutex held.
  virtual bool others_eligible(const EndpointCircuit& opening, int64_t now_ms) const = 0;

  mutable std::mutex x_mutex;

 private:
  friend class EndpointCircuit;

  std::atomic<uint64_t> x_epoch{1};
  std::atomic<uint32_t> x_count{0};  // 0: off
  std::atomic<bool> x_shadow{false};
  std::atomic<int64_t> x_open_for_ms{0};
  std::atomic<int64_t> x_open_max_ms{0};
  std::atomic<int64_t> x_probe_hold_ms{probe_hold_ms({})};
  Random x_random;
};

// One attempt at an endpoint. Settle it once; destroyed unsettled it goes back without a verdict.
class EndpointToken {
 public:
  EndpointToken() = default;
  EndpointToken(EndpointToken&& from) noexcept
      : x_circuit(std::exchange(from.x_circuit, nullptr)),
        x_generation(from.x_generation),
        x_probe_lapses_ms(from.x_probe_lapses_ms) {}
  EndpointToken& operator=(EndpointToken&& from) noexcept;
  ~EndpointToken() { give_back(); }

  bool holds() const { return x_circuit != nullptr; }
  bool is_probe() const { return x_circuit != nullptr && x_probe_lapses_ms != kNoProbe; }
  void settle(bool failed, int64_t now_ms);
  void give_back();

 private:
  friend class EndpointCircuit;
  static constexpr int64_t kNoProbe = std::numeric_limits<int64_t>::min();

  EndpointToken(EndpointCircuit* circuit, uint32_t generation, int64_t probe_lapses_ms = kNoProbe)
      : x_circuit(circuit), x_generation(generation), x_probe_lapses_ms(probe_lapses_ms) {}

  EndpointCircuit* x_circuit = nullptr;
  uint32_t x_generation = 0;
  int64_t x_probe_lapses_ms = kNoProbe;
};

enum class EndpointCircuitState : uint8_t { kClosed, kOpen, kHalfOpen };
std::string_view to_string(EndpointCircuitState state);

class EndpointCircuit {
 public:
  // The group must outlive it.
  explicit EndpointCircuit(EndpointCircuitGroup& group) : x_group(group) {}
  EndpointCircuit(const EndpointCircuit&) = delete;
  EndpointCircuit& operator=(const EndpointCircuit&) = delete;

  // Never refuses: who asks has picked by excludes(). The first call after an open period is the
  // probe, and the next one where that was silent for too long; a call made while open (in panic)
  // gets an empty token and counts nothing.
  EndpointToken admit(int64_t now_ms);

  // Whether it keeps its endpoint from being picked: open with time left, or its probe is out.
  bool excludes(int64_t now_ms) const;
  // Until when, if nothing happens meanwhile. Only meaningful while it does.
  int64_t excludes_until_ms() const { return x_until_ms.load(std::memory_order_relaxed); }

  EndpointCircuitState state() const;
  uint32_t run() const { return x_run.load(std::memory_order_relaxed); }
  uint64_t times_opened() const { return x_times_opened.load(std::memory_order_relaxed); }

 private:
  friend class EndpointToken;

  void settle(const EndpointToken& token, bool failed, int64_t now_ms);
  void settle_probe(const EndpointToken& token, bool failed, int64_t now_ms);
  void give_back_probe(const EndpointToken& token);
  void open_or_stay(int openings, int64_t now_ms);  // with the group's mutex held
  void store(EndpointCircuitState state, uint32_t generation);

  EndpointCircuitGroup& x_group;
  std::atomic<uint64_t> x_word{0};  // state (lower half), generation (upper half)
  std::atomic<uint32_t> x_run{0};
  std::atomic<int64_t> x_until_ms{0};  // end of the open period; of half-open: its probe lapses
  std::atomic<uint64_t> x_times_opened{0};
  // With the group's mutex held:
  int x_openings = 0;
  int64_t x_closed_since_ms = 0;
};

}  // namespace outrigger::upstream
