// The places of the probes of a half-open circuit. A probe that is silent does not keep its place:
// it lapses, and the next call may probe; its verdict counts all the same when it comes. Changed
// with the circuit's mutex held; only seem_taken() may be asked without it, from any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "config/policy.hpp"

namespace outrigger::upstream {

// How long a probe keeps its place, from its admission: time to connect, and to be answered.
inline constexpr int64_t kProbeAnswerMs = 3'000;
constexpr int64_t probe_hold_ms(const config::Timeout& timeout) {
  return timeout.connect_ms + kProbeAnswerMs;
}

class ProbePlaces {
 public:
  // Exact while nothing changes.
  bool seem_taken(int places, int64_t now_ms) const {
    return x_taken.load(std::memory_order_relaxed) >= places &&
           now_ms < x_next_lapse_ms.load(std::memory_order_relaxed);
  }

  // Until `lapses_ms`; false: all are taken. Two that lapse at one time stand for each other.
  bool take(int places, int64_t now_ms, int64_t lapses_ms) {
    std::erase_if(x_out, [&](int64_t lapses) { return lapses <= now_ms; });
    const bool free = in_flight() + x_good < places;
    if (free) x_out.push_back(lapses_ms);
    publish();
    return free;
  }
  void give_back(int64_t lapses_ms) {
    const auto found = std::find(x_out.begin(), x_out.end(), lapses_ms);
    if (found != x_out.end()) x_out.erase(found);
    publish();
  }
  void note_good(int64_t lapses_ms) {
    ++x_good;
    give_back(lapses_ms);
  }
  void clear() {
    x_out.clear();
    x_good = 0;
    publish();
  }

  int in_flight() const { return static_cast<int>(x_out.size()); }
  int good() const { return x_good; }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  void publish() {
    const auto next = std::min_element(x_out.begin(), x_out.end());
    x_next_lapse_ms.store(next == x_out.end() ? kNever : *next, std::memory_order_relaxed);
    x_taken.store(in_flight() + x_good, std::memory_order_relaxed);
  }

  std::vector<int64_t> x_out;  // when each of those in flight lapses
  int x_good = 0;
  std::atomic<int> x_taken{0};
  std::atomic<int64_t> x_next_lapse_ms{kNever};
};

}  // namespace outrigger::upstream
