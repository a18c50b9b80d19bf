// The limit on outstanding calls: exact and process-wide, one atomic count. What does not fit fails
// at once or waits: one FIFO per worker, bounded process-wide. A permit that is given up goes to
// the oldest waiter of its own worker, else it is posted itself to a worker that has waiters. Owned
// by the Service (or the route's PolicyState), which must outlive every permit and waiter; what is
// posted keeps it alive. How long a call waits is for the outstanding filter's timer.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "config/policy.hpp"
#include "proxy/base/inbox.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/upstream/stream_limit.hpp"

namespace outrigger::upstream {

class OutstandingLimit;
class PermitQueue;

// Carries permits to another worker: sends the letter to that worker's inbox. Any thread.
class PermitPost {
 public:
  virtual ~PermitPost() = default;
  virtual void post_permits(unsigned worker, Letter& permits) noexcept = 0;
};

// One outstanding call. Stays on the worker that got it.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& from) noexcept : x_queue(std::exchange(from.x_queue, nullptr)) {}
  Permit& operator=(Permit&& from) noexcept;
  ~Permit() { release(); }

  bool holds() const { return x_queue != nullptr; }
  // May call the next waiter's on_permit before it returns.
  void release();

 private:
  friend class PermitQueue;
  explicit Permit(PermitQueue* queue) : x_queue(queue) {}
  PermitQueue* x_queue = nullptr;
};

// A call that waits. Destroying or cancelling it leaves the queue. `on_permit` runs on the worker's
// thread, after the waiter left the queue, inside some other call's release: it only notes what it
// got.
class PermitWaiter : public ListNode<> {
 public:
  using OnPermit = void (*)(PermitWaiter& waiter, Permit permit) noexcept;

  explicit PermitWaiter(OnPermit on_permit) : x_on_permit(on_permit) {}
  ~PermitWaiter() { cancel(); }
  PermitWaiter(const PermitWaiter&) = delete;
  PermitWaiter& operator=(const PermitWaiter&) = delete;

  bool is_waiting() const { return x_queue != nullptr; }
  void cancel();

 private:
  friend class PermitQueue;
  OnPermit x_on_permit;
  PermitQueue* x_queue = nullptr;
};

// One worker's side of a limit; only its own thread may touch it, but for `x_waiting` and what is
// posted to it.
class alignas(64) PermitQueue final : private Letter {
 public:
  enum class Wait : uint8_t { kGranted, kWaiting, kFull };

  // Empty when the limit is reached, or others of this worker are waiting already.
  Permit try_acquire();
  // Joins the queue. kGranted: `permit` came free in this moment and the waiter does not wait.
  // Requires: the waiter is not waiting.
  Wait wait(PermitWaiter& waiter, Permit& permit);

 private:
  friend class OutstandingLimit;
  friend class Permit;
  friend class PermitWaiter;

  void on_delivered() override;
  void on_dropped() noexcept override;
  void post_one();
  void release();
  bool grant_oldest();
  void leave(PermitWaiter& waiter);

  OutstandingLimit* x_limit = nullptr;
  List<PermitWaiter> x_waiters;
  std::atomic<int64_t> x_waiting{0};
  std::atomic<int64_t> x_posted{0};     // permits on their way here; above 0 the letter is sent
  std::shared_ptr<const void> x_keeps;  // the limit's owner, meanwhile
};

class OutstandingLimit {
 public:
  // Requires: workers >= 1. `post` may be null with one worker.
  OutstandingLimit(const config::Limits& settings, unsigned workers, PermitPost* post);
  OutstandingLimit(const OutstandingLimit&) = delete;
  OutstandingLimit& operator=(const OutstandingLimit&) = delete;

  // What the limit is a member of: it lives until permits that are posted have arrived.
  void set_owner(std::weak_ptr<const void> owner) { x_owner = std::move(owner); }
  // A lower limit ends no call: permits above it are not handed on.
  void set_limits(const config::Limits& settings);

  PermitQueue& queue(unsigned worker) { return x_queues[worker]; }
  // What outstanding calls become at the response head of a stream.
  StreamLimit& streams() { return x_streams; }
  const StreamLimit& streams() const { return x_streams; }

  int64_t outstanding() const { return x_outstanding.load(std::memory_order_relaxed); }
  int64_t queued() const { return x_queued.load(std::memory_order_relaxed); }
  // kNoLimit when off.
  int64_t limit() const { return x_limit.load(std::memory_order_relaxed); }
  int64_t queue_limit() const { return x_queue_limit.load(std::memory_order_relaxed); }
  uint64_t would_refuse() const { return x_would_refuse.load(std::memory_order_relaxed); }

  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

 private:
  friend class PermitQueue;

  bool is_above() const { return outstanding() > limit(); }  // after the limit was lowered
  bool try_take();
  bool try_take_or_shadow();
  bool try_enter_queue();
  void give();
  void offer();
  bool someone_waits() const;
  bool hand_over();

  std::atomic<int64_t> x_outstanding{0};
  std::atomic<int64_t> x_queued{0};
  std::atomic<int64_t> x_limit{kNoLimit};
  std::atomic<int64_t> x_queue_limit{0};
  std::atomic<bool> x_shadow{false};
  std::atomic<uint64_t> x_would_refuse{0};
  std::atomic<unsigned> x_next_worker{0};
  StreamLimit x_streams;
  const unsigned x_workers;
  const std::unique_ptr<PermitQueue[]> x_queues;
  PermitPost* const x_post;
  std::weak_ptr<const void> x_owner;
};

}  // namespace outrigger::upstream
