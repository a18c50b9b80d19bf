#include "proxy/upstream/stream_limit.hpp"

namespace outrigger::upstream {

StreamPermit& StreamPermit::operator=(StreamPermit&& from) noexcept {
  if (this != &from) {
    release();
    x_limit = std::exchange(from.x_limit, nullptr);
  }
  return *this;
}

void StreamPermit::release() {
  StreamLimit* limit = std::exchange(x_limit, nullptr);
  if (limit != nullptr) limit->x_open.fetch_sub(1, std::memory_order_relaxed);
}

void StreamLimit::set_limits(const config::Limits& settings) {
  x_shadow.store(settings.mode == config::Mode::kShadow, std::memory_order_relaxed);
  x_limit.store(settings.streams.value_or(kNoLimit), std::memory_order_relaxed);
}

// Not add-then-look: that would for a moment show more streams than there are, and refuse one too
// many.
StreamPermit StreamLimit::try_acquire() {
  const bool shadow = x_shadow.load(std::memory_order_relaxed);
  int64_t now = open();
  bool full = false;
  do {
    full = now >= limit();
    if (full && !shadow) return {};
  } while (!x_open.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
  if (full) x_would_refuse.fetch_add(1, std::memory_order_relaxed);
  return StreamPermit(this);
}

}  // namespace outrigger::upstream
