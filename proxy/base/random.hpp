// A Random is how chance comes in. SplitMix64: small, fast, and the same seed always gives the same
// numbers, so that a failing simulation replays. Not for secrets. One thread.
#pragma once

#include <cstdint>

namespace outrigger {

class Random {
 public:
  explicit Random(uint64_t seed) : x_state(seed) {}

  uint64_t next() {
    uint64_t z = (x_state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Uniform in [0, bound). Requires: bound > 0. Lemire's multiplication: the bias is below 2^-32.
  uint32_t below(uint32_t bound) {
    return static_cast<uint32_t>(((next() >> 32) * static_cast<uint64_t>(bound)) >> 32);
  }

  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  // Uniform in [low, high).
  double between(double low, double high) { return low + (high - low) * unit(); }

  bool chance(double probability) { return unit() < probability; }

 private:
  uint64_t x_state;
};

}  // namespace outrigger
