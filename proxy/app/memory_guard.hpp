// Sees to it that the process stays within its memory, whatever its peers make grow. The
// MemoryMeter looks at what the kernel counts, and tells each worker how far it may grow; a worker
// that gets there sheds at once, by its exact account (Worker::shed). Before that the guard gives
// up the stale cache, then the retained request bodies. It looks by itself as well, ten times a
// second and more often when it gets tight. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "config/model.hpp"
#include "proxy/app/memory_meter.hpp"
#include "proxy/app/part.hpp"
#include "proxy/app/process.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/process.hpp"

namespace outrigger::app {

// `auto` is half of the machine and 85 % of the cgroup. A limit that is written is the process's;
// of the cgroup 95 % are kept to then.
MemoryBounds memory_bounds(const config::MemoryConfig& config,
                           const std::optional<io::MemoryCgroup>& cgroup, int64_t machine_bytes);

class MemoryGuard final : public Part {
 public:
  static constexpr int64_t kLookEachMs = 100;
  static constexpr int64_t kLookOftenMs = 10;
  // Where answers that wait for their callers are more than that part of the limit, nobody may be
  // slow.
  static constexpr int64_t kAnswersShare = 4;

  // `wake` makes each worker run once, so that one that is idle sheds too.
  // Without a source nothing is watched.
  MemoryGuard(LoopContext loop, std::optional<MemorySource> source, Process& process,
              std::function<void()> wake);

  void commit(Snapshot& next) noexcept override;

  // What a look brings about that finds `room` bytes left of what may be used.
  void judge(int64_t room);

  // Anonymous memory in use now.
  int64_t used_bytes() const { return x_source ? x_source->used_bytes() : 0; }
  int64_t limit_bytes() const { return x_meter.limit_bytes(); }

 private:
  // What was given up.
  enum class Level : uint8_t { kNormal, kNoCache, kNoBodies, kShedding };

  void look();
  void go_to(Level level);
  void apply() noexcept;

  const LoopContext x_loop;
  const std::optional<MemorySource> x_source;
  Process& x_process;
  MemoryMeter& x_meter;
  const std::function<void()> x_wake;
  config::MemoryConfig x_config;
  Timer x_timer = Timer::of<&MemoryGuard::look>(*this);
  Level x_level = Level::kNormal;
};

}  // namespace outrigger::app
