#include "proxy/upstream/retry_budget.hpp"

namespace outrigger::upstream {

uint64_t RetryBudget::remaining(int64_t now_ms) const {
  const Counts window = x_window.counts(now_ms);
  const auto allowed = static_cast<uint64_t>(x_share.load(std::memory_order_relaxed) *
                                             static_cast<double>(window.total));
  const uint64_t of_traffic = allowed > window.failed ? allowed - window.failed : 0;
  const uint64_t this_second = x_window.counts(now_ms, kWindowMs / Window::kSlices).failed;
  const uint64_t of_floor = kFloorPerSecond > this_second ? kFloorPerSecond - this_second : 0;
  return of_traffic > of_floor ? of_traffic : of_floor;
}

// Retries are rare, so the mutex that makes the look and the withdrawal one act is cheap.
bool RetryBudget::try_withdraw(int64_t now_ms) {
  const std::lock_guard lock(x_mutex);
  if (remaining(now_ms) == 0) return false;
  x_window.add(now_ms, 0, 1, 0);
  return true;
}

}  // namespace outrigger::upstream
