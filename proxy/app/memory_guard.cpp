#include "proxy/app/memory_guard.hpp"

#include <malloc.h>

#include "proxy/base/log.hpp"

namespace outrigger::app {

std::optional<int64_t> memory_limit(const config::MemoryConfig& config) {
  if (config.limit_bytes) return config.limit_bytes;
  const auto cgroup = io::cgroup_memory_limit_bytes();
  if (!cgroup) return std::nullopt;
  return static_cast<int64_t>(static_cast<double>(*cgroup) * 0.85);
}

MemoryGuard::MemoryGuard(LoopContext& loop, Process& process, const config::MemoryConfig& config,
                         std::optional<int64_t> limit_bytes)
    : x_loop(loop), x_process(process), x_config(config), x_limit_bytes(limit_bytes) {
  if (x_limit_bytes) look();
}

void MemoryGuard::look() {
  // The allocator keeps what calls have freed; without this what was shed would never show.
  if (sheds() && x_looks++ % kTrimEachLooks == 0) malloc_trim(0);
  judge(used_bytes());
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms() + kLookEachMs);
}

// One level up with each look above the limit; all the way down once 5 % are free again.
void MemoryGuard::judge(int64_t used) {
  if (!x_limit_bytes) return;
  if (used > *x_limit_bytes) {
    if (x_level != Level::kRefusing) go_to(static_cast<Level>(static_cast<int>(x_level) + 1));
  } else if (x_level != Level::kNormal && used < *x_limit_bytes / 20 * 19) {
    go_to(Level::kNormal);
  }
}

void MemoryGuard::go_to(Level level) {
  x_level = level;
  x_process.stale.set_limit(level >= Level::kNoCache ? 0 : x_config.cache_bytes);
  x_process.retry_bodies.set_limit(level >= Level::kNoBodies ? 0 : x_config.retry_bodies_bytes);
  x_process.out_of_memory.store(level == Level::kRefusing, std::memory_order_relaxed);
  malloc_trim(0);
  constexpr std::string_view kNames[] = {"normal", "no stale cache", "no retained bodies",
                                         "new calls are refused"};
  log::repeated(level == Level::kNormal ? log::Level::kInfo : log::Level::kWarning, "memory",
                {{"now", kNames[static_cast<size_t>(level)]},
                 {"used_bytes", used_bytes()},
                 {"limit_bytes", *x_limit_bytes}});
}

}  // namespace outrigger::app
