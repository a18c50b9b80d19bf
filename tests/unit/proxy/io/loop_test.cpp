#include "proxy/io/loop.hpp"

#include <csignal>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include "proxy/io/signals.hpp"
#include "tests/support/run_until.hpp"
#include "tests/unit/proxy/io/socket_fixture.hpp"

namespace outrigger::io {
namespace {

using testing::run_until;

// Takes all of the loop's time for a while.
void hold_up(Loop& loop) {
  const LoopContext on = loop.context();
  const int64_t end_ns = on.clock.precise_ns() + 30'000'000;
  while (on.clock.precise_ns() < end_ns) {
  }
}

TEST(Loop, RunsWhatOtherThreadsPostInOrder) {
  Loop loop(1);
  std::vector<int> seen;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.post([&seen, i] { seen.push_back(i); });
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[i], i);
}

TEST(Loop, DropsWhatIsStillPostedWhenItEnds) {
  auto held = std::make_shared<int>(1);
  {
    Loop loop(1);
    loop.post([held] { FAIL(); });
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Loop, FiresTimersNeverEarlyAndInOrder) {
  Loop loop(1);
  const LoopContext on = loop.context();
  struct Waiter {
    LoopContext on;
    std::vector<int64_t>& fired;
    Timer timer = Timer::of<&Waiter::fire>(*this);
    void fire() { fired.push_back(on.clock.now_ms()); }
  };
  std::vector<int64_t> fired;
  Waiter late{on, fired};
  Waiter soon{on, fired};
  const int64_t start_ms = on.clock.now_ms();
  const int64_t start_ns = on.clock.precise_ns();
  on.timers.arm(late.timer, start_ms + 25);
  on.timers.arm(soon.timer, start_ms + 5);
  ASSERT_TRUE(run_until(loop, [&] { return fired.size() == 2; }));
  EXPECT_GE(fired[0], start_ms + 5);
  EXPECT_GE(fired[1], start_ms + 25);
  EXPECT_GE(on.clock.precise_ns() - start_ns, 20'000'000);
  EXPECT_GE(loop.lag_ms(), 0);
}

TEST(Loop, FiresNoTimerEarlyByAPartOfAMillisecond) {
  Loop loop(1);
  const LoopContext on = loop.context();
  struct Waiter {
    LoopContext on;
    int64_t fired_ns = 0;
    Timer timer = Timer::of<&Waiter::fire>(*this);
    void fire() { fired_ns = on.clock.precise_ns(); }
  };
  for (int i = 0; i < 40; ++i) {
    Waiter waiter{on};
    const int64_t before_ns = on.clock.precise_ns();
    loop.post([&] { on.timers.arm(waiter.timer, on.clock.now_ms() + 2); });
    ASSERT_TRUE(run_until(loop, [&] { return waiter.fired_ns != 0; }));
    EXPECT_GE(waiter.fired_ns - before_ns, 2'000'000);
  }
}

TEST(Loop, CallsTheHookAfterEachCallbackAndReapsBeforeItSleeps) {
  Loop loop(1);
  std::string order;
  loop.set_after_each([](void* text) { *static_cast<std::string*>(text) += "."; }, &order);
  struct Doomed : Reapable {
    explicit Doomed(std::string& text) : log(text) {}
    ~Doomed() override { log += "reaped"; }
    std::string& log;
  };
  loop.poll();
  order.clear();
  loop.post([&] {
    loop.context().reaper.doom(new Doomed(order));
    order += "a";
  });
  loop.post([&] {
    order += "b";
    loop.stop();
  });
  loop.run();
  loop.poll();
  EXPECT_NE(order.find("a.b."), std::string::npos) << order;
  EXPECT_GT(order.find("reaped"), order.find("b"));
  EXPECT_NE(order.find("reaped"), std::string::npos);
  loop.set_after_each(nullptr, nullptr);
}

TEST(Loop, FiresDeferredEventsAfterTheCallThatAskedForThem) {
  Loop loop(1);
  struct Owner {
    bool told = false;
    Deferred deferred = Deferred::of<&Owner::tell>(*this);
    void tell() { told = true; }
  };
  Owner kept;
  {
    Owner gone;
    loop.defer(gone.deferred);
    loop.defer(kept.deferred);
    loop.defer(kept.deferred);
    EXPECT_FALSE(kept.told);
  }
  loop.poll();
  EXPECT_TRUE(kept.told);
}

TEST(Loop, MeasuresHowLateItsTimersAre) {
  Loop loop(1);
  const LoopContext on = loop.context();
  struct Waiter {
    bool fired = false;
    Timer timer = Timer::of<&Waiter::fire>(*this);
    void fire() { fired = true; }
  } waiter;
  loop.poll();
  on.timers.arm(waiter.timer, on.clock.now_ms() + 1);
  loop.post([&] { hold_up(loop); });
  ASSERT_TRUE(run_until(loop, [&] { return waiter.fired; }));
  EXPECT_GE(loop.lag_ms(), 20);
}

// A suspended process, or one without its share of the processor, is late in the same way.
TEST_F(SocketTest, AHeldUpLoopLooksForWhatCameBeforeItJudgesWhoseTimeIsOver) {
  Pair pair(*this);
  const LoopContext on = loop.context();
  struct Waiter {
    const std::string& received;
    std::optional<std::string> seen{};
    Timer timer = Timer::of<&Waiter::fire>(*this);
    void fire() { seen = received; }
  } waiter{pair.server().received};
  loop.poll();
  on.timers.arm(waiter.timer, on.clock.now_ms() + 5);
  loop.post([&] {
    pair.client.send("in time");
    hold_up(loop);
  });
  ASSERT_TRUE(run_until(loop, [&] { return waiter.seen.has_value(); }));
  EXPECT_EQ(waiter.seen, "in time");
}

// What came may make something be written, which is done at the end of a turn only.
TEST_F(SocketTest, AHeldUpLoopEndsTheTurnBeforeItJudgesWhoseTimeIsOver) {
  Pair pair(*this);
  const LoopContext on = loop.context();
  struct Late final : LateWriter {
    explicit Late(TestPeer& from) : peer(from) {}
    void write_late() override { written += peer.take(); }
    TestPeer& peer;
    std::string written;
  };
  struct Echo {
    Loop& loop;
    Late late;
    std::optional<std::string> seen{};
    Timer timer = Timer::of<&Echo::fire>(*this);
    void fire() { seen = late.written; }
  } echo{loop, Late(pair.server())};
  loop.set_after_each(
      [](void* self) {
        Echo& of = *static_cast<Echo*>(self);
        if (!of.late.peer.received.empty()) of.loop.outbox().write_later(of.late);
      },
      &echo);
  loop.poll();
  on.timers.arm(echo.timer, on.clock.now_ms() + 5);
  loop.post([&] {
    pair.client.send("in time");
    hold_up(loop);
  });
  ASSERT_TRUE(run_until(loop, [&] { return echo.seen.has_value(); }));
  EXPECT_EQ(echo.seen, "in time");
  loop.set_after_each(nullptr, nullptr);
}

TEST(Loop, IgnoresBrokenPipes) {
  const Loop loop(1);
  struct sigaction action {};
  sigaction(SIGPIPE, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_IGN);
}

TEST(Signals, BecomeEvents) {
  Loop loop(1);
  struct Heard final : SignalEvents {
    std::vector<int> numbers;
    void on_signal(int number) override { numbers.push_back(number); }
  } heard;
  const Signals signals(loop, heard);
  loop.poll();
  for (int number : {SIGHUP, SIGUSR1, SIGTERM, SIGINT}) {
    kill(getpid(), number);
    ASSERT_TRUE(
        run_until(loop, [&] { return !heard.numbers.empty() && heard.numbers.back() == number; }));
  }
  EXPECT_EQ(heard.numbers.size(), 4u);
}

}  // namespace
}  // namespace outrigger::io
