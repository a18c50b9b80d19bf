// How many retries a service may still make: a share of its real traffic of the last 10 s, with a
// floor of 3 a second. So in an outage attempts <= (1 + share) x requests + 3/s. Process-wide,
// owned by the Service, used by every worker. Who may retry what is for the retry filter to say.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "proxy/upstream/window.hpp"

namespace outrigger::upstream {

class RetryBudget {
 public:
  static constexpr int64_t kWindowMs = 10'000;
  static constexpr uint64_t kFloorPerSecond = 3;

  explicit RetryBudget(double share) : x_share(share), x_window(kWindowMs) {}

  void set_share(double share) { x_share.store(share, std::memory_order_relaxed); }

  // A call of the service's own; not its retries, not its hedges.
  void deposit(int64_t now_ms) { x_window.add(now_ms, 1, 0, 0); }
  // One more attempt, if the budget has it. Exact across threads.
  bool try_withdraw(int64_t now_ms);
  // Attempts that could be withdrawn at this moment.
  uint64_t remaining(int64_t now_ms) const;

 private:
  std::atomic<double> x_share;
  Window x_window;  // total: calls; failed: withdrawals
  std::mutex x_mutex;
};

}  // namespace outrigger::upstream
