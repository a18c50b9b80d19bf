#include "proxy/app/memory_guard.hpp"

#include <algorithm>
#include <utility>

#include <malloc.h>

#include "proxy/base/log.hpp"

namespace outrigger::app {
namespace {

constexpr double kOfCgroup = 0.85;
constexpr double kOfCgroupAtMost = 0.95;
// More than the kernel lets a socket hold at rest: the buffers of TCP are counted for the whole
// machine, and others may be busy on it.
constexpr int64_t kTcpBytesOfConnection = 256 * 1024;

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
    : x_loop(loop), x_source(std::move(source)), x_process(process), x_wake(std::move(wake)) {}

void MemoryGuard::commit(Snapshot& next) noexcept {
  x_config = next.config.memory;
  apply();
  if (!x_source) return;
  x_bounds = memory_bounds(x_config, x_source->cgroup, x_source->machine_bytes);
  x_process.answers.set_much(x_bounds.limit() / kAnswersShare);
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms());
}

void MemoryGuard::look() {
  int64_t room = room_bytes();
  if (room < 0) {
    // The allocator keeps what has been freed; without this what was shed would never show.
    malloc_trim(0);
    room = room_bytes();
  }
  judge(room);
  const bool tight = room < x_bounds.limit() / 10 * 3;
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms() + (tight ? kLookOftenMs : kLookEachMs));
}

int64_t MemoryGuard::room_bytes() const {
  // Version 2 of cgroups charges the buffers of TCP itself.
  const bool is_charged = x_source->cgroup && x_source->cgroup->version == 2;
  const int64_t tcp = is_charged ? 0 : tcp_bytes();
  const int64_t room = x_bounds.process - used_bytes() - tcp;
  if (!x_bounds.cgroup) return room;
  return std::min(room, *x_bounds.cgroup - x_source->cgroup_bytes() - tcp);
}

int64_t MemoryGuard::tcp_bytes() const {
  int64_t connections = 0;
  for (const auto& [name, listener] : x_process.listeners) {
    connections += listener.open_connections.load(std::memory_order_relaxed);
  }
  return std::min(x_source->tcp_bytes(), connections * kTcpBytesOfConnection);
}

// Down one level with each look at which it is tight; all is given back when a tenth is free again.
void MemoryGuard::judge(int64_t room) {
  set_ceilings(room);
  const int64_t tenth = x_bounds.limit() / 10;
  if (room < 0) {
    go_to(Level::kShedding);
    x_wake();
  } else if (room < tenth / 2) {
    if (x_level < Level::kNoBodies) go_to(static_cast<Level>(static_cast<int>(x_level) + 1));
  } else if (room > tenth) {
    go_to(Level::kNormal);
  }
}

// Each worker may take its share of what is free, or sheds its share of what is too much.
void MemoryGuard::set_ceilings(int64_t room) {
  const int64_t share = room / static_cast<int64_t>(x_process.memory.size());
  for (WorkerMemory& worker : x_process.memory) {
    const int64_t in_use = worker.in_use_bytes.load(std::memory_order_relaxed);
    worker.ceiling_bytes.store(in_use + share, std::memory_order_relaxed);
  }
}

void MemoryGuard::go_to(Level level) {
  if (std::exchange(x_level, level) == level) return;
  apply();
  if (level == Level::kNormal) x_process.out_of_memory.store(false, std::memory_order_relaxed);
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
