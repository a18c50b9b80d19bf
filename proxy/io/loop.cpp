#include "proxy/io/loop.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>

namespace outrigger::io {
namespace {

// Times are whole milliseconds, cut off. A timer set within one waits for the end of its last one
// too: up to a millisecond late, never early.
constexpr int64_t kStartedMs = 1;
// libuv asks for 1,024 events, and for more at once where there were as many. Not each of them is a
// turn: behind so many, nobody knows whether a turn is still of the first batch.
constexpr uint32_t kSurelyOneBatch = 256;

// A timer that is later than that was held up: we were stopped, had no share of the processor, or
// had much to do.
constexpr int64_t kHeldUpMs = 2;

int64_t start(uv_loop_t& loop) {
  OUTRIGGER_ASSERT(uv_loop_init(&loop) == 0);
  return static_cast<int64_t>(uv_now(&loop));
}

Loop& loop_of(const void* handle) {
  return *static_cast<Loop*>(static_cast<const uv_handle_t*>(handle)->data);
}

}  // namespace

int64_t Loop::LoopClock::precise_ns() const { return static_cast<int64_t>(uv_hrtime()); }

int64_t Loop::LoopClock::wall_ms() const {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

Loop::Loop(uint64_t seed) : x_timers(start(x_loop)), x_random(seed) {
  std::signal(SIGPIPE, SIG_IGN);
  begin_turn();
  OUTRIGGER_ASSERT(
      x_timer.open(this, [&](uv_timer_t* timer) { return uv_timer_init(&x_loop, timer); }) == 0);
  OUTRIGGER_ASSERT(x_prepare.open(this, [&](uv_prepare_t* prepare) {
    return uv_prepare_init(&x_loop, prepare);
  }) == 0);
  OUTRIGGER_ASSERT(x_wakeup.open(this, [&](uv_async_t* wakeup) {
    return uv_async_init(&x_loop, wakeup, [](uv_async_t* self) { loop_of(self).run_round(); });
  }) == 0);
  uv_prepare_start(x_prepare.get(), [](uv_prepare_t* self) { loop_of(self).before_sleep(); });
}

Loop::~Loop() {
  x_inbox.drop_all();
  x_reaper.flush();
  x_timer.close();
  x_prepare.close();
  x_wakeup.close();
  // One round calls back for what is closed; signal handles may take another.
  int status = UV_EBUSY;
  for (int round = 0; round < 8 && status == UV_EBUSY; ++round) {
    uv_run(&x_loop, UV_RUN_NOWAIT);
    status = uv_loop_close(&x_loop);
  }
  OUTRIGGER_ASSERT(status == 0);
}

void Loop::run() { uv_run(&x_loop, UV_RUN_DEFAULT); }

void Loop::stop() { uv_stop(&x_loop); }

// libuv alone would serve a timer that is due and then wait for the next event all the same.
void Loop::run_once() {
  x_only_once = true;
  x_called_back = false;
  uv_run(&x_loop, UV_RUN_ONCE);
  x_only_once = false;
}

void Loop::poll() { uv_run(&x_loop, UV_RUN_NOWAIT); }

void Loop::set_after_each(void (*hook)(void*), void* argument) {
  x_after_each = hook;
  x_after_each_argument = argument;
}

void Loop::defer(Deferred& deferred) {
  if (!deferred.is_linked()) x_deferred.push_back(deferred);
}

void Loop::begin_turn() {
  if (++x_turns_in_batch > kSurelyOneBatch) ++x_batch;
  x_clock.set_now_ms(static_cast<int64_t>(uv_now(&x_loop)));
  x_called_back = true;
}

void Loop::end_callback() {
  settle();
  while (!x_deferred.empty()) {
    x_deferred.pop_front().fire();
    settle();
  }
}

// The scratch buffers are free again afterwards.
void Loop::settle() {
  if (x_after_each != nullptr) x_after_each(x_after_each_argument);
  x_outbox.flush();
}

// That we were held up is nobody else's silence: what came meanwhile is looked for before it is
// judged whose time is over, and only as of that look. Returning asks for it: arm_timer() then lets
// the loop poll without waiting.
void Loop::run_timers() {
  begin_turn();
  const int64_t now_ms = x_clock.now_ms() - kStartedMs;
  const int64_t due_ms = std::exchange(x_armed_for_ms, TimerWheel::kNever);
  x_lag_ms = std::max(int64_t{0}, now_ms - due_ms);
  int64_t judged_ms = now_ms;
  if (x_lag_ms > kHeldUpMs) {
    if (due_ms > x_looked_ms) {
      x_looked_ms = now_ms;
      return;
    }
    finish_turn();
    judged_ms = x_looked_ms;
  }
  x_timers.advance(judged_ms, [this] { end_callback(); });
}

void Loop::run_round() {
  x_inbox.open_round();
  while (x_inbox.is_round_open()) {
    const Turn turn(*this);
    x_inbox.deliver_next();
  }
}

// Also settles what was begun outside of any callback, and by destructors.
void Loop::before_sleep() {
  if (x_only_once && x_called_back) uv_stop(&x_loop);
  begin_turn();
  finish_turn();
  arm_timer();
  ++x_batch;
  x_turns_in_batch = 0;
}

void Loop::finish_turn() {
  do {
    end_callback();
    x_outbox.call_late_writers();
    end_callback();
    x_reaper.flush();
    end_callback();
  } while (!x_reaper.empty() || x_outbox.has_late_writers());
}

void Loop::arm_timer() {
  const int64_t next_ms = x_timers.next_ms();
  if (next_ms == x_armed_for_ms) return;
  x_armed_for_ms = next_ms;
  if (next_ms == TimerWheel::kNever) {
    uv_timer_stop(x_timer.get());
    return;
  }
  const int64_t in_ms = std::max(int64_t{0}, next_ms + kStartedMs - x_clock.now_ms());
  uv_timer_start(
      x_timer.get(), [](uv_timer_t* self) { loop_of(self).run_timers(); },
      static_cast<uint64_t>(in_ms), 0);
}

}  // namespace outrigger::io
