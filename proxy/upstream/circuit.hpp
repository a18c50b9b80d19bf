// The circuit of a service, or of a route that has its own: decides whether an attempt may be sent.
// Process-wide, owned by the Service, used by every worker. While closed, admission is one load and
// settling one add and a look at the run; the mutex is taken for transitions only. It judges
// verdicts; what counts as a failure or slow is for the circuit filter to say. It has no timer:
// what time brings about happens at the next admission or settlement, and reading the state never
// changes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "config/policy.hpp"
#include "proxy/base/random.hpp"
#include "proxy/upstream/circuit_state.hpp"
#include "proxy/upstream/failure_run.hpp"
#include "proxy/upstream/probe_places.hpp"
#include "proxy/upstream/window.hpp"

namespace outrigger::upstream {

class Circuit;

// Is told of each transition, on the thread that made it and outside the circuit's mutex. Must not
// block, and not settle or admit on the circuit.
class CircuitEvents {
 public:
  virtual ~CircuitEvents() = default;
  virtual void on_transition(const Circuit& circuit, const CircuitTransition& what) noexcept = 0;
};

// The right to one attempt. Settle it once; destroyed unsettled it goes back without a verdict.
// The circuit must outlive it.
class CircuitToken {
 public:
  CircuitToken() = default;
  CircuitToken(CircuitToken&& from) noexcept
      : x_circuit(std::exchange(from.x_circuit, nullptr)),
        x_generation(from.x_generation),
        x_probe_lapses_ms(from.x_probe_lapses_ms) {}
  CircuitToken& operator=(CircuitToken&& from) noexcept;
  ~CircuitToken() { give_back(); }

  bool holds() const { return x_circuit != nullptr; }
  bool is_probe() const { return x_circuit != nullptr && x_probe_lapses_ms != kNoProbe; }

  // The first call counts; later ones do nothing.
  void settle(Verdict verdict, int64_t now_ms);
  void give_back();

 private:
  friend class Circuit;
  static constexpr int64_t kNoProbe = std::numeric_limits<int64_t>::min();

  CircuitToken(Circuit* circuit, uint32_t generation, int64_t probe_lapses_ms)
      : x_circuit(circuit), x_generation(generation), x_probe_lapses_ms(probe_lapses_ms) {}

  Circuit* x_circuit = nullptr;
  uint32_t x_generation = 0;  // answers to what was sent before the last trip do not count
  int64_t x_probe_lapses_ms = kNoProbe;
};

struct Admission {
  CircuitToken token{};
  bool refused = false;
  int64_t retry_after_s = 0;  // >= 1 when refused
  int64_t left_ms = 0;        // of the open period; 0: not known
};

class Circuit {
 public:
  // `seed` makes the jitter of the open periods; nullopt settings is `circuit: off`.
  Circuit(std::string name, std::optional<config::Circuit> settings, uint64_t seed, int64_t now_ms,
          CircuitEvents* events = nullptr);
  Circuit(const Circuit&) = delete;
  Circuit& operator=(const Circuit&) = delete;

  const std::string& name() const { return x_name; }

  // `again`: an attempt of the same was admitted and never judged, for nobody saw it. Then neither
  // luck nor a free place among the probes is asked for.
  Admission admit(int64_t now_ms, Random& random, bool again = false) {
    const uint64_t word = x_word.load(std::memory_order_acquire);
    if ((word & kNotPlainClosed) == 0) return {token_of(word)};
    return admit_slow(word, now_ms, random, again);
  }

  // Whether admit() would say yes now (to a call of average luck); takes nothing. A split asks
  // this.
  bool is_willing(int64_t now_ms, bool again = false) const;

  CircuitState state() const { return shown_state(x_word.load(std::memory_order_acquire)); }

  // Control path. Both keep state and counts.
  void set_settings(std::optional<config::Circuit> settings, int64_t now_ms);
  void force(CircuitForce force, int64_t now_ms);
  // For the probes that are admitted from now on: see probe_hold_ms().
  void set_probe_hold_ms(int64_t hold_ms) {
    x_probe_hold_ms.store(hold_ms, std::memory_order_relaxed);
  }

  CircuitSnapshot snapshot(int64_t now_ms) const;
  CircuitDecision dry_run(const config::Circuit& settings, int64_t now_ms) const;
  // Time spent open, half-open or forced open.
  int64_t open_ms_total(int64_t now_ms) const;
  int64_t changed_at_ms() const { return x_changed_at_ms.load(std::memory_order_relaxed); }
  uint64_t refused() const { return x_refused.load(std::memory_order_relaxed); }
  uint64_t would_refuse() const { return x_would_refuse.load(std::memory_order_relaxed); }

 private:
  friend class CircuitToken;
  class Change;

  // x_word: machine state (2 bits), force (2), shadow mode (1), off (1); generation (upper half).
  static constexpr uint64_t kStateBits = 0x3;
  static constexpr uint64_t kForceBits = 0xc;
  static constexpr uint64_t kShadowBit = 0x10;
  static constexpr uint64_t kOffBit = 0x20;
  static constexpr uint64_t kNotPlainClosed = kStateBits | kForceBits | kOffBit;

  static constexpr double kNever = 2;  // a share that no count reaches
  static constexpr int64_t kLongAgo = std::numeric_limits<int64_t>::min() / 2;

  static uint32_t generation_of(uint64_t word) { return static_cast<uint32_t>(word >> 32); }
  static CircuitState machine_of(uint64_t word) {
    return static_cast<CircuitState>(word & kStateBits);
  }
  static CircuitForce force_of(uint64_t word) {
    return static_cast<CircuitForce>((word & kForceBits) >> 2);
  }
  static bool refuses_nothing(uint64_t word) {
    return (word & kShadowBit) != 0 || force_of(word) == CircuitForce::kShadow;
  }
  // A forced state other than shadow: the machine neither moves nor counts towards a trip.
  static bool machine_rests(uint64_t word) {
    return force_of(word) == CircuitForce::kForcedOpen ||
           force_of(word) == CircuitForce::kForcedClosed;
  }
  static CircuitState shown_state(uint64_t word);

  CircuitToken token_of(uint64_t word, int64_t probe_lapses_ms = CircuitToken::kNoProbe) {
    return CircuitToken(this, generation_of(word), probe_lapses_ms);
  }
  Admission admit_slow(uint64_t word, int64_t now_ms, Random& random, bool again);
  Admission refuse(uint64_t word, int64_t left_ms);
  CircuitToken take_probe(uint32_t generation, int64_t now_ms, bool again);

  void settle(const CircuitToken& token, Verdict verdict, int64_t now_ms);
  void settle_probe(const CircuitToken& token, Verdict verdict, int64_t now_ms);
  void give_back_probe(const CircuitToken& token);
  void count(Verdict verdict, int64_t now_ms);
  bool may_trip(int64_t now_ms, bool ramping) const;
  void trip(uint32_t generation, int64_t now_ms);
  uint64_t pass_time(uint64_t word, int64_t now_ms);

  CircuitDecision decide(const config::Circuit& settings, int64_t now_ms, bool ramping) const;

  // With x_mutex held.
  void advance(Change& change, int64_t now_ms);
  void open(Change& change, CircuitReason reason, int openings, int64_t now_ms);
  void end_half_open(Change& change, int64_t now_ms);
  void enter_step(size_t step, int64_t start_ms);
  void close(Change& change, CircuitReason reason, int64_t now_ms);
  void turn_off(Change& change, int64_t now_ms);
  void fresh_counts();
  void publish_settings();
  void go(Change& change, CircuitState machine, CircuitReason reason, int64_t now_ms);
  void store_word(Change& change, uint64_t word, CircuitReason reason, int64_t now_ms);

  const std::string x_name;
  CircuitEvents* const x_events;

  std::atomic<uint64_t> x_word{0};
  FailureRun x_run;
  std::atomic<int64_t> x_last_bad_ms;  // of the last failure or slow call
  Window x_window;

  // What admission reads while not closed.
  std::atomic<int64_t> x_until_ms{0};  // end of the open period, or of the ramp's step
  std::atomic<double> x_share{1};      // of the ramp's step
  ProbePlaces x_places;                // changed with x_mutex held

  // The settings as settling reads them without the mutex; a mix of old and new only costs a look.
  std::atomic<uint64_t> x_run_count{0};
  std::atomic<int64_t> x_run_over_ms{0};
  std::atomic<double> x_failure_share{2};
  std::atomic<double> x_slow_share{2};
  std::atomic<uint64_t> x_min_requests{0};
  std::atomic<int> x_probes{1};
  std::atomic<int64_t> x_probe_hold_ms{probe_hold_ms({})};

  std::atomic<int64_t> x_changed_at_ms;
  std::atomic<uint64_t> x_refused{0};
  std::atomic<uint64_t> x_would_refuse{0};

  mutable std::mutex x_mutex;
  std::optional<config::Circuit> x_settings;
  Random x_random;
  CircuitReason x_reason = CircuitReason::kNone;
  uint64_t x_sequence = 0;
  int x_openings = 0;  // n
  size_t x_step = 0;
  int64_t x_closed_since_ms;
  int64_t x_open_since_ms = 0;  // while the shown state refuses
  int64_t x_open_ms = 0;        // before that
};

}  // namespace outrigger::upstream
