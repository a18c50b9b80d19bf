// How long to wait before asking again something that gave nothing: full jitter between a floor and
// a ceiling that doubles each time, so that a fleet neither asks in step nor more often than the
// floor says. (Brooker, "Exponential Backoff And Jitter", AWS 2015.) A value of its owner.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proxy/base/random.hpp"

namespace outrigger::discovery {

class Backoff {
 public:
  // Requires: 0 < floor_ms <= max_ms.
  Backoff(int64_t floor_ms, int64_t max_ms) : x_floor_ms(floor_ms), x_max_ms(max_ms) {}

  // Uniform between the floor and the n-th ceiling, floor * 2^n, at most the maximum.
  int64_t next_ms(Random& random) {
    x_ceiling_ms = std::min(x_max_ms, 2 * (x_ceiling_ms == 0 ? x_floor_ms : x_ceiling_ms));
    return static_cast<int64_t>(
        random.between(static_cast<double>(x_floor_ms), static_cast<double>(x_ceiling_ms)));
  }
  void reset() { x_ceiling_ms = 0; }

 private:
  int64_t x_floor_ms;
  int64_t x_max_ms;
  int64_t x_ceiling_ms = 0;
};

// After an error of a registry: at most one question a second, at least two a minute.
inline constexpr int64_t kErrorBackoffMinMs = 1'000;
inline constexpr int64_t kErrorBackoffMaxMs = 30'000;

}  // namespace outrigger::discovery
