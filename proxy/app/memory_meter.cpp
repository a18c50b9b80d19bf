#include "proxy/app/memory_meter.hpp"

#include <malloc.h>

namespace outrigger::app {
namespace {

// More than that nobody makes us take within a millisecond.
constexpr int64_t kFastestBytesPerMs = 8 * 1024 * 1024;
constexpr int64_t kTrimEachMs = 10;
// More than the kernel lets the two sockets of a caller hold at rest, on each of their sides: the
// buffers of TCP are counted for the whole machine, and others may be busy on it.
constexpr int64_t kTcpBytesOfConnection = 512 * 1024;
// What a caller was sent lies in its kernel until it closes, on this machine perhaps, also where we
// have reset the connection long since.
constexpr int64_t kSpanMs = 30'000;

}  // namespace

int64_t MemoryMeter::limit_bytes() const {
  return std::min(x_process_bytes.load(std::memory_order_relaxed),
                  x_cgroup_bytes.load(std::memory_order_relaxed));
}

void MemoryMeter::set_bounds(const MemoryBounds& bounds) {
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  x_process_bytes.store(bounds.process, std::memory_order_relaxed);
  x_cgroup_bytes.store(bounds.cgroup.value_or(kNone), std::memory_order_relaxed);
  make_due();
}

void MemoryMeter::look_if_due(int64_t now_ms) {
  int64_t due_ms = x_due_ms.load(std::memory_order_relaxed);
  if (now_ms < due_ms) return;
  if (x_due_ms.compare_exchange_strong(due_ms, now_ms + kLookEachMs)) look(now_ms);
}

int64_t MemoryMeter::look(int64_t now_ms) {
  int64_t room = room_bytes(now_ms);
  if (room < reserve_bytes() &&
      now_ms - x_trimmed_ms.load(std::memory_order_relaxed) >= kTrimEachMs) {
    // The allocator keeps what has been freed; without this what was shed would never show.
    x_trimmed_ms.store(now_ms, std::memory_order_relaxed);
    malloc_trim(0);
    room = room_bytes(now_ms);
  }
  x_tight.store(room < limit_bytes() / 2, std::memory_order_relaxed);
  set_ceilings(room);
  const int64_t after_ms = std::clamp(room / kFastestBytesPerMs, kLookOftenMs, kLookEachMs);
  x_due_ms.store(now_ms + after_ms, std::memory_order_relaxed);
  return room;
}

// Each worker may take its share of what is free, or sheds its share of what is too much.
void MemoryMeter::set_ceilings(int64_t room) {
  const auto workers = static_cast<int64_t>(x_workers.size());
  for (WorkerMemory& worker : x_workers) {
    const int64_t in_use = worker.in_use_bytes.load(std::memory_order_relaxed);
    worker.ceiling_bytes.store(in_use + (room - reserve_bytes()) / workers,
                               std::memory_order_relaxed);
    worker.calls_ceiling_bytes.store(in_use + room / workers, std::memory_order_relaxed);
  }
}

int64_t MemoryMeter::room_bytes(int64_t now_ms) {
  // Version 2 of cgroups charges the buffers of TCP itself.
  const bool is_charged = x_source->cgroup && x_source->cgroup->version == 2;
  const int64_t tcp = is_charged ? 0 : tcp_bytes(now_ms);
  const int64_t room =
      x_process_bytes.load(std::memory_order_relaxed) - x_source->used_bytes() - tcp;
  if (!x_source->cgroup) return room;
  return std::min(room,
                  x_cgroup_bytes.load(std::memory_order_relaxed) - x_source->cgroup_bytes() - tcp);
}

int64_t MemoryMeter::tcp_bytes(int64_t now_ms) {
  return std::min(x_source->tcp_bytes(), connections_lately(now_ms) * kTcpBytesOfConnection);
}

int64_t MemoryMeter::connections_lately(int64_t now_ms) {
  int64_t open = 0;
  for (const auto& worker : x_connections) open += worker->downstream_connections.value();
  int64_t span = x_span.load(std::memory_order_relaxed);
  const int64_t now = now_ms / kSpanMs;
  if (span != now && x_span.compare_exchange_strong(span, now)) {
    const int64_t most = x_most.exchange(open, std::memory_order_relaxed);
    x_most_before.store(now == span + 1 ? most : open, std::memory_order_relaxed);
  }
  if (open > x_most.load(std::memory_order_relaxed)) {
    x_most.store(open, std::memory_order_relaxed);
  }
  return std::max(x_most.load(std::memory_order_relaxed),
                  x_most_before.load(std::memory_order_relaxed));
}

}  // namespace outrigger::app
