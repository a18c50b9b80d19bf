// What a peer may send that is no work by itself: control frames, empty ones, streams that end
// before their time. Work earns some of it, up to a bound, so that nobody hoards what pays for a
// flood; what goes beyond is paid by a rate. Counts in thousandths. A plain value; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace outrigger::http {

class H2Allowance {
 public:
  static constexpr int64_t kOne = 1'000;

  // `burst` at once and `per_s` more each second; and at most `earned_max` that work has earned.
  H2Allowance(uint32_t burst, uint32_t per_s, uint32_t earned_max)
      : x_left(burst * kOne), x_burst(x_left), x_per_s(per_s), x_earned_max(earned_max * kOne) {}

  void earn(uint32_t count) { x_earned = std::min(x_earned_max, x_earned + count * kOne); }

  // Costs `earned_price` of what was earned or, where that is not enough, `price` of the rate.
  // False: neither is left.
  bool spend(int64_t now_ms, int64_t price, int64_t earned_price) {
    if (x_earned < earned_price) return take(now_ms, price);
    x_earned -= earned_price;
    return true;
  }
  bool spend(int64_t now_ms, int64_t price = kOne) { return spend(now_ms, price, price); }

 private:
  bool take(int64_t now_ms, int64_t price) {
    refill(now_ms);
    if (x_left < price) return false;
    x_left -= price;
    return true;
  }
  void refill(int64_t now_ms) {
    const int64_t passed_ms = x_last_ms < 0 ? 0 : std::max<int64_t>(now_ms - x_last_ms, 0);
    x_last_ms = now_ms;
    if (x_per_s == 0) return;
    // Without a product that may not fit.
    const bool full = passed_ms > (x_burst - x_left) / x_per_s;
    x_left = full ? x_burst : x_left + passed_ms * x_per_s;
  }

  int64_t x_left;  // of the rate
  int64_t x_burst;
  int64_t x_per_s;
  int64_t x_last_ms = -1;
  int64_t x_earned = 0;
  int64_t x_earned_max;
};

}  // namespace outrigger::http
