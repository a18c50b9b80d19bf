#include "proxy/app/memory_guard.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

constexpr double kOfCgroup = 0.85;
constexpr double kOfCgroupAtMost = 0.95;
int64_t share_of(uint64_t bytes, double share) {
  return static_cast<int64_t>(static_cast<double>(bytes) * share);
}

}  // namespace

MemoryBounds memory_bounds(const config::MemoryConfig& config,
                           const std::optional<io::MemoryCgroup>& cgroup, int64_t machine_bytes) {
  MemoryBounds bounds{config.limit_bytes.value_or(machine_bytes / 2), {}};
  if (cgroup) {
    bounds.cgroup = share_of(cgroup->limit_bytes, config.limit_bytes ? kOfCgroupAtMost : kOfCgroup);
  }
  return bounds;
}

MemoryGuard::MemoryGuard(LoopContext loop, std::optional<MemorySource> source, Process& process,
                         std::function<void()> wake)
    : x_loop(loop),
      x_source(std::move(source)),
      x_process(process),
      x_meter(process.memory_meter),
      x_wake(std::move(wake)) {
  if (x_source) x_meter.look_at(*x_source);
}

void MemoryGuard::commit(Snapshot& next) noexcept {
  x_config = next.config.memory;
  apply();
  if (!x_source) return;
  x_meter.set_bounds(memory_bounds(x_config, x_source->cgroup, x_source->machine_bytes));
  x_process.answers.set_much(limit_bytes() / kAnswersShare);
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms());
}

void MemoryGuard::look() {
  const int64_t room = x_meter.look(x_loop.clock.now_ms());
  judge(room);
  const bool tight = room < limit_bytes() / 10 * 3;
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms() + (tight ? kLookOftenMs : kLookEachMs));
}

// Down one level with each look at which it is tight; all is given back when a fifth is free again.
void MemoryGuard::judge(int64_t room) {
  const int64_t reserve = x_meter.reserve_bytes();
  if (room < reserve) {
    go_to(Level::kShedding);
    x_wake();
  } else if (room < reserve * 3 / 2) {
    if (x_level < Level::kNoBodies) go_to(static_cast<Level>(static_cast<int>(x_level) + 1));
  } else if (room > 2 * reserve) {
    // Workers look too, and may have found it short between two looks of ours.
    x_process.out_of_memory.store(false, std::memory_order_relaxed);
    go_to(Level::kNormal);
  }
}

void MemoryGuard::go_to(Level level) {
  if (std::exchange(x_level, level) == level) return;
  apply();
  constexpr std::string_view kNames[] = {"normal", "no stale cache", "no retained bodies",
                                         "connections are shed"};
  log::repeated(level == Level::kNormal ? log::Level::kInfo : log::Level::kWarning, "memory",
                {{"now", kNames[static_cast<size_t>(level)]},
                 {"used_bytes", used_bytes()},
                 {"limit_bytes", limit_bytes()}});
}

void MemoryGuard::apply() noexcept {
  x_process.stale.set_limit(x_level >= Level::kNoCache ? 0 : x_config.cache_bytes);
  x_process.retry_bodies.set_limit(x_level >= Level::kNoBodies ? 0 : x_config.retry_bodies_bytes);
}

}  // namespace outrigger::app
