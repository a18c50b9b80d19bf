// The MemoryMeter knows how much memory is left. It asks the kernel, and then tells each worker how
// far that may grow until the next look. Whoever has something to do looks, when that is due: the
// less is left, and the faster peers could take it, the sooner. Owned by the Process. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "metrics/series.hpp"
#include "proxy/io/process.hpp"

namespace outrigger::app {

// What one worker holds for its peers, by the account of its Pool, and how far it may grow. Written
// by the worker and by whoever looks; any thread may read.
struct WorkerMemory {
  static constexpr int64_t kNoCeiling = INT64_MAX;

  std::atomic<int64_t> in_use_bytes{0};
  // Above that what only waits is ended, and new calls are refused.
  std::atomic<int64_t> ceiling_bytes{kNoCeiling};
  // Above that calls that run are ended.
  std::atomic<int64_t> calls_ceiling_bytes{kNoCeiling};
};

// What may be used, in bytes.
struct MemoryBounds {
  int64_t process = 0;            // by the process itself
  std::optional<int64_t> cgroup;  // by the cgroup, which others may be in as well

  // The smaller one.
  int64_t limit() const { return cgroup ? std::min(process, *cgroup) : process; }
};

// Where it looks, in bytes. Any thread.
struct MemorySource {
  std::optional<io::MemoryCgroup> cgroup;
  int64_t machine_bytes = 0;
  std::function<int64_t()> used_bytes;    // anonymous memory of the process, now
  std::function<int64_t()> cgroup_bytes;  // what the cgroup is charged for; 0 without one
  std::function<int64_t()> tcp_bytes;     // buffers of TCP of the whole machine
};

class MemoryMeter {
 public:
  static constexpr int64_t kLookEachMs = 100;
  static constexpr int64_t kLookOftenMs = 2;
  // That part of the limit is for calls that run.
  static constexpr int64_t kReserveShare = 10;

  // `workers`: one of each, as are `connections`, the open ones of their callers.
  explicit MemoryMeter(std::vector<WorkerMemory>& workers,
                       std::vector<std::shared_ptr<metrics::WorkerSeries>> connections)
      : x_workers(workers), x_connections(std::move(connections)) {}

  // Without it nothing is known and no look is due. Before the workers run.
  void look_at(MemorySource source) { x_source = std::move(source); }
  // From now on; a look is due.
  void set_bounds(const MemoryBounds& bounds);

  bool is_due(int64_t now_ms) const { return now_ms >= x_due_ms.load(std::memory_order_relaxed); }
  // If it is due, and nobody else is about it.
  void look_if_due(int64_t now_ms);
  // How much is left, below 0 where it is too much. Requires: a source.
  int64_t look(int64_t now_ms);
  // The next one at once.
  void make_due() {
    if (x_source) x_due_ms.store(0, std::memory_order_relaxed);
  }

  // What a look does that finds `room` bytes left.
  void set_ceilings(int64_t room);
  int64_t reserve_bytes() const { return limit_bytes() / kReserveShare; }
  int64_t limit_bytes() const;

  // Less than half is left: buffers of the kernel are kept small.
  const std::atomic<bool>& is_tight() const { return x_tight; }

 private:
  int64_t room_bytes(int64_t now_ms);
  int64_t tcp_bytes(int64_t now_ms);
  int64_t connections_lately(int64_t now_ms);

  std::vector<WorkerMemory>& x_workers;
  const std::vector<std::shared_ptr<metrics::WorkerSeries>> x_connections;
  std::optional<MemorySource> x_source;
  std::atomic<int64_t> x_process_bytes{0};
  std::atomic<int64_t> x_cgroup_bytes{std::numeric_limits<int64_t>::max()};
  std::atomic<int64_t> x_due_ms{std::numeric_limits<int64_t>::max()};
  std::atomic<int64_t> x_trimmed_ms{0};
  std::atomic<bool> x_tight{false};
  // The most connections at once in this span of time and in the one before.
  std::atomic<int64_t> x_span{0};
  std::atomic<int64_t> x_most{0};
  std::atomic<int64_t> x_most_before{0};
};

}  // namespace outrigger::app
