// Sees to it that the process stays within its memory, whatever its peers make grow. It looks at
// what the kernel counts, ten times a second and more often when it gets tight, and tells each
// worker how far it may grow until the next look; a worker that gets there sheds at once, by its
// exact account (Worker::shed). Before that the guard gives up the stale cache, then
// the retained request bodies. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "config/model.hpp"
#include "proxy/app/process.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/process.hpp"

namespace outrigger::app {

// What may be used, in bytes.
struct MemoryBounds {
  int64_t process = 0;            // by the process itself
  std::optional<int64_t> cgroup;  // by the cgroup, which others may be in as well

  // The smaller one.
  int64_t limit() const { return cgroup ? std::min(process, *cgroup) : process; }
};

// `auto` is half of the machine and 85 % of the cgroup. A limit that is written is the process's;
// of the cgroup 95 % are kept to then.
MemoryBounds memory_bounds(const config::MemoryConfig& config,
                           const std::optional<io::MemoryCgroup>& cgroup, int64_t machine_bytes);

class MemoryGuard {
 public:
  static constexpr int64_t kLookEachMs = 100;
  static constexpr int64_t kLookOftenMs = 10;
  // Where answers that wait for their callers are more than that part of the limit, nobody may be
  // slow.
  static constexpr int64_t kAnswersShare = 4;

  // `wake` makes each worker run once, so that one that is idle sheds too.
  MemoryGuard(LoopContext& loop, Process& process, const config::MemoryConfig& config,
              const std::optional<io::MemoryCgroup>& cgroup, std::function<void()> wake);

  // What a look brings about that finds `room` bytes left of what may be used.
  void judge(int64_t room);

  // Of anonymous memory, now.
  int64_t used_bytes() const { return static_cast<int64_t>(x_gauge.anonymous_bytes()); }
  int64_t limit_bytes() const { return x_bounds.limit(); }

 private:
  // What was given up.
  enum class Level : uint8_t { kNormal, kNoCache, kNoBodies, kShedding };

  void look();
  int64_t room_bytes() const;
  int64_t tcp_bytes() const;
  void set_ceilings(int64_t room);
  void go_to(Level level);

  LoopContext& x_loop;
  Process& x_process;
  const config::MemoryConfig x_config;
  const MemoryBounds x_bounds;
  const bool x_tcp_is_charged;
  const std::function<void()> x_wake;
  io::MemoryGauge x_gauge;
  Timer x_timer = Timer::of<&MemoryGuard::look>(*this);
  Level x_level = Level::kNormal;
};

}  // namespace outrigger::app
