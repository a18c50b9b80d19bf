// Watches the memory of the process against its limit, ten times a second, and sheds in this order:
// the stale cache, the retained request bodies, then new calls are refused until there is room
// again. Control thread.
#pragma once

#include <cstdint>
#include <optional>

#include "config/model.hpp"
#include "proxy/app/process.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/process.hpp"

namespace outrigger::app {

class MemoryGuard {
 public:
  static constexpr int64_t kLookEachMs = 100;
  static constexpr int kTrimEachLooks = 10;  // while it sheds

  // Without `limit_bytes` nothing is watched.
  MemoryGuard(LoopContext& loop, Process& process, const config::MemoryConfig& config,
              std::optional<int64_t> limit_bytes);

  // What a look at `used` bytes of anonymous memory brings about.
  void judge(int64_t used);

  // Of anonymous memory, now.
  int64_t used_bytes() const { return static_cast<int64_t>(x_gauge.anonymous_bytes()); }
  std::optional<int64_t> limit_bytes() const { return x_limit_bytes; }
  bool sheds() const { return x_level != Level::kNormal; }

 private:
  enum class Level : uint8_t { kNormal, kNoCache, kNoBodies, kRefusing };

  void look();
  void go_to(Level level);

  LoopContext& x_loop;
  Process& x_process;
  const config::MemoryConfig x_config;
  const std::optional<int64_t> x_limit_bytes;
  io::MemoryGauge x_gauge;
  Timer x_timer = Timer::of<&MemoryGuard::look>(*this);
  int x_looks = 0;  // while it shed
  Level x_level = Level::kNormal;
};

// `memory.limit`, or 85 % of the cgroup's where it says auto.
std::optional<int64_t> memory_limit(const config::MemoryConfig& config);

}  // namespace outrigger::app
