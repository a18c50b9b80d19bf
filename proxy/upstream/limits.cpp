#include "proxy/upstream/limits.hpp"

#include "proxy/base/assert.hpp"

namespace outrigger::upstream {

Permit& Permit::operator=(Permit&& from) noexcept {
  if (this != &from) {
    release();
    x_queue = std::exchange(from.x_queue, nullptr);
  }
  return *this;
}

void Permit::release() {
  if (PermitQueue* queue = std::exchange(x_queue, nullptr)) queue->release();
}

void PermitWaiter::cancel() {
  if (x_queue != nullptr) x_queue->leave(*this);
}

// --- one worker's side

Permit PermitQueue::try_acquire() {
  if (!x_waiters.empty() && !x_limit->x_shadow.load(std::memory_order_relaxed)) return {};
  return x_limit->try_take_or_shadow() ? Permit(this) : Permit();
}

// Whoever gives a permit up looks for waiters after it lowered the count; we look at the count
// after we became visible as a waiter. So one of the two sees the other.
PermitQueue::Wait PermitQueue::wait(PermitWaiter& waiter, Permit& permit) {
  OUTRIGGER_ASSERT(!waiter.is_waiting());
  if (!x_limit->try_enter_queue()) return Wait::kFull;
  waiter.x_queue = this;
  x_waiters.push_back(waiter);
  x_waiting.fetch_add(1, std::memory_order_seq_cst);
  if (&x_waiters.front() == &waiter && x_limit->try_take()) {
    leave(waiter);
    permit = Permit(this);
    return Wait::kGranted;
  }
  return Wait::kWaiting;
}

void PermitQueue::release() {
  if (x_limit->is_above() || !grant_oldest()) x_limit->give();
}

// By another worker. The first of several sends the letter, which keeps the limit's owner until all
// of them have arrived.
void PermitQueue::post_one() {
  if (x_posted.fetch_add(1, std::memory_order_acq_rel) > 0) return;
  x_keeps = x_limit->x_owner.lock();
  x_limit->x_post->post_permits(static_cast<unsigned>(this - x_limit->x_queues.get()), *this);
}

// Each to the oldest waiter, or released if nobody waits any more.
void PermitQueue::on_delivered() {
  const auto keeps = std::move(x_keeps);
  for (int64_t left = x_posted.exchange(0, std::memory_order_acq_rel); left > 0; --left) release();
}

void PermitQueue::on_dropped() noexcept { const auto keeps = std::move(x_keeps); }

bool PermitQueue::grant_oldest() {
  if (x_waiters.empty()) return false;
  PermitWaiter& oldest = x_waiters.front();
  leave(oldest);
  oldest.x_on_permit(oldest, Permit(this));
  return true;
}

void PermitQueue::leave(PermitWaiter& waiter) {
  waiter.unlink();
  waiter.x_queue = nullptr;
  x_waiting.fetch_sub(1, std::memory_order_seq_cst);
  x_limit->x_queued.fetch_sub(1, std::memory_order_relaxed);
}

// --- the process's side

OutstandingLimit::OutstandingLimit(const config::Limits& settings, unsigned workers,
                                   PermitPost* post)
    : x_workers(workers), x_queues(std::make_unique<PermitQueue[]>(workers)), x_post(post) {
  OUTRIGGER_ASSERT(workers >= 1 && (workers == 1 || post != nullptr));
  for (unsigned worker = 0; worker < workers; ++worker) x_queues[worker].x_limit = this;
  set_limits(settings);
}

void OutstandingLimit::set_limits(const config::Limits& settings) {
  x_streams.set_limits(settings);
  x_shadow.store(settings.mode == config::Mode::kShadow, std::memory_order_relaxed);
  x_queue_limit.store(settings.queue, std::memory_order_relaxed);
  x_limit.store(settings.outstanding.value_or(kNoLimit), std::memory_order_seq_cst);
  for (int64_t waiting = queued(); waiting > 0 && x_post != nullptr; --waiting) offer();
}

// Not add-then-look: that would for a moment show more calls than there are, and refuse one too
// many.
bool OutstandingLimit::try_take() {
  int64_t now = x_outstanding.load(std::memory_order_seq_cst);
  do {
    if (now >= limit()) return false;
  } while (!x_outstanding.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst));
  return true;
}

bool OutstandingLimit::try_take_or_shadow() {
  if (try_take()) return true;
  if (!x_shadow.load(std::memory_order_relaxed)) return false;
  x_would_refuse.fetch_add(1, std::memory_order_relaxed);
  x_outstanding.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

bool OutstandingLimit::try_enter_queue() {
  int64_t now = x_queued.load(std::memory_order_relaxed);
  do {
    if (now >= queue_limit()) return false;
  } while (!x_queued.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst));
  return true;
}

// A permit for which its own worker has no use is posted as it is to one that has; else the count
// goes down.
void OutstandingLimit::give() {
  if (!is_above() && hand_over()) return;
  x_outstanding.fetch_sub(1, std::memory_order_seq_cst);
  offer();
}

// What is free goes to those who began to wait while it was still taken.
void OutstandingLimit::offer() {
  while (someone_waits() && try_take()) {
    if (hand_over()) return;
    x_outstanding.fetch_sub(1, std::memory_order_seq_cst);
  }
}

bool OutstandingLimit::someone_waits() const {
  if (x_queued.load(std::memory_order_seq_cst) == 0) return false;
  for (unsigned worker = 0; worker < x_workers; ++worker) {
    if (x_queues[worker].x_waiting.load(std::memory_order_seq_cst) > 0) return true;
  }
  return false;
}

bool OutstandingLimit::hand_over() {
  if (x_post == nullptr || x_queued.load(std::memory_order_seq_cst) == 0) return false;
  const unsigned first = x_next_worker.fetch_add(1, std::memory_order_relaxed);
  for (unsigned i = 0; i < x_workers; ++i) {
    const unsigned worker = (first + i) % x_workers;
    if (x_queues[worker].x_waiting.load(std::memory_order_seq_cst) == 0) continue;
    x_queues[worker].post_one();
    return true;
  }
  return false;
}

}  // namespace outrigger::upstream
