// The Loop is one event loop with everything that lives on it: time, timers, chance, the Reaper,
// the Outbox and the scratch buffer that every read goes through. Owned by a worker or the control
// thread; all of it belongs to the thread that calls run(), but for its Inbox. Whatever uses the
// loop dies first.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/outbox.hpp"
#include "proxy/io/uv_handle.hpp"

namespace outrigger::io {

// Something to be told at the end of the current turn, instead of from inside a call. A member of
// whoever waits; destroying or unlinking it cancels.
class Deferred : public ListNode<Deferred> {
 public:
  using Fire = void (*)(void* owner);

  Deferred(Fire callback, void* owner) : x_fire(callback), x_owner(owner) {}

  // Deferred x_deferred = Deferred::of<&Connector::report>(*this);
  template <auto Method, class Owner>
  static Deferred of(Owner& owner) {
    return Deferred([](void* self) { (static_cast<Owner*>(self)->*Method)(); }, &owner);
  }

  void fire() { x_fire(x_owner); }

 private:
  Fire x_fire;
  void* x_owner;
};

class Loop {
 public:
  // Ignores SIGPIPE for the whole process.
  explicit Loop(uint64_t seed);
  // Requires: nothing is left on the loop. What is still posted is dropped.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  LoopContext context() { return {x_clock, x_timers, x_random, x_reaper, x_inbox}; }
  Outbox& outbox() { return x_outbox; }

  // Runs until stop().
  void run();
  // From the loop's own thread; run() returns after the current turn.
  void stop();
  // Waits for events once, at most until the next timer, and handles them. For tests and draining.
  void run_once();
  // Handles what is ready, without waiting.
  void poll();

  // Any thread: `task` runs on the loop, in the order of the calls. Control path only.
  void post(std::function<void()> task) { x_inbox.post(std::move(task)); }

  // Called after every callback into our code (a read, a timer, a task ...), before the Outbox is
  // flushed: the driver of a worker empties its ready list here.
  void set_after_each(void (*hook)(void*), void* argument);

  // The number of the batch of events that is being handled: what it holds, the kernel had before
  // the first of them was handled.
  uint64_t batch() const { return x_batch; }

  // While it is set, sockets of this loop get small buffers in the kernel. Before all else; it
  // outlives the loop.
  void watch_memory(const std::atomic<bool>& is_tight) { x_memory_is_tight = &is_tight; }
  bool memory_is_tight() const {
    return x_memory_is_tight != nullptr && x_memory_is_tight->load(std::memory_order_relaxed);
  }

  // How late the timers of the latest turn that had any were served, in milliseconds: how long
  // everything waits for its turn.
  int64_t lag_ms() const { return x_lag_ms; }

  // For proxy/io only, from here on.
  static constexpr size_t kReadScratchBytes = 64 * 1024;

  // Surrounds every callback of libuv that enters our code.
  class Turn {
   public:
    explicit Turn(Loop& loop) : x_loop(loop) { loop.begin_turn(); }
    ~Turn() { next(); }
    // Ends one callback into our code before the next one of the same event.
    void next() { x_loop.end_callback(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Loop& x_loop;
  };

  uv_loop_t* uv() { return &x_loop; }
  std::span<char> read_scratch() { return x_read_scratch; }
  // Fires at the end of this turn, or before the loop sleeps when there is no turn.
  void defer(Deferred& deferred);

 private:
  class LoopClock final : public Clock {
   public:
    void set_now_ms(int64_t now_ms) { x_now_ms = now_ms; }
    int64_t precise_ns() const override;
    int64_t wall_ms() const override;
  };

  void begin_turn();
  void end_callback();
  void settle();
  void run_timers();
  void run_round();
  void before_sleep();
  void finish_turn();
  void arm_timer();

  uv_loop_t x_loop;
  LoopClock x_clock;
  TimerWheel x_timers;
  Random x_random;
  Reaper x_reaper;
  Outbox x_outbox;
  List<Deferred, Deferred> x_deferred;
  void (*x_after_each)(void*) = nullptr;
  void* x_after_each_argument = nullptr;

  UvHandle<uv_timer_t> x_timer;
  UvHandle<uv_prepare_t> x_prepare;
  UvHandle<uv_async_t> x_wakeup;
  Inbox x_inbox{[](void* loop) { uv_async_send(static_cast<Loop*>(loop)->x_wakeup.get()); }, this};
  int64_t x_armed_for_ms = TimerWheel::kNever;
  const std::atomic<bool>* x_memory_is_tight = nullptr;
  int64_t x_lag_ms = 0;
  uint64_t x_batch = 0;
  uint32_t x_turns_in_batch = 0;
  int64_t x_looked_ms = 0;   // everything that came before has been handled
  bool x_only_once = false;  // run_once() returns after the first callback
  bool x_called_back = false;

  std::array<char, kReadScratchBytes> x_read_scratch;
};

}  // namespace outrigger::io
