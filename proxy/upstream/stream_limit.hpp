// The limit on streams and tunnels of a service that are open at one time: exact and process-wide,
// one atomic count. Nobody waits for it: a stream lasts longer than a call could. Owned by the
// OutstandingLimit whose calls become those streams; must outlive every permit. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <utility>

#include "config/policy.hpp"

namespace outrigger::upstream {

class StreamLimit;

// One open stream.
class StreamPermit {
 public:
  StreamPermit() = default;
  StreamPermit(StreamPermit&& from) noexcept : x_limit(std::exchange(from.x_limit, nullptr)) {}
  StreamPermit& operator=(StreamPermit&& from) noexcept;
  ~StreamPermit() { release(); }

  bool holds() const { return x_limit != nullptr; }
  void release();

 private:
  friend class StreamLimit;
  explicit StreamPermit(StreamLimit* limit) : x_limit(limit) {}
  StreamLimit* x_limit = nullptr;
};

class StreamLimit {
 public:
  StreamLimit() = default;
  StreamLimit(const StreamLimit&) = delete;
  StreamLimit& operator=(const StreamLimit&) = delete;

  // A lower limit ends no stream.
  void set_limits(const config::Limits& settings);

  // Empty when the limit is reached.
  StreamPermit try_acquire();

  int64_t open() const { return x_open.load(std::memory_order_relaxed); }
  // kNoLimit when off.
  int64_t limit() const { return x_limit.load(std::memory_order_relaxed); }
  bool is_on() const { return limit() != kNoLimit; }
  uint64_t would_refuse() const { return x_would_refuse.load(std::memory_order_relaxed); }

  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

 private:
  friend class StreamPermit;

  std::atomic<int64_t> x_open{0};
  std::atomic<int64_t> x_limit{kNoLimit};
  std::atomic<bool> x_shadow{false};
  std::atomic<uint64_t> x_would_refuse{0};
};

}  // namespace outrigger::upstream
