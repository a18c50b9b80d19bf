#include "proxy/base/timer_wheel.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "proxy/base/random.hpp"

namespace outrigger {
namespace {

constexpr int64_t kStartMs = 1'000'000;
constexpr int64_t kDayMs = 24 * 3600 * 1000;

// Writes down when it fires.
struct Waiter {
  explicit Waiter(TimerWheel& on, std::string as = "", uint16_t rank = 0)
      : wheel(on), name(std::move(as)), timer(Timer::of<&Waiter::fire>(*this, rank)) {}
  void fire() {
    ++fired;
    if (log != nullptr) *log += name;
    if (then) then();
  }
  TimerWheel& wheel;
  std::string name;
  int fired = 0;
  std::string* log = nullptr;
  std::function<void()> then;
  Timer timer;
};

// The time at which the wheel serves the waiter when it is driven by next_ms() alone, as by the
// loop.
int64_t served_at(TimerWheel& wheel, const Waiter& waiter) {
  int64_t now_ms = kStartMs;
  for (int wakeups = 0; waiter.fired == 0; ++wakeups) {
    EXPECT_GT(wheel.next_ms(), now_ms);
    EXPECT_LT(wakeups, 10'000);
    now_ms = wheel.next_ms();
    wheel.advance(now_ms);
  }
  return now_ms;
}

TEST(TimerWheel, ServesEveryDeadlineExactlyWhenDrivenByItsOwnWakeups) {
  for (int64_t in_ms : {1, 2, 255, 256, 257, 511, 512, 65'279, 65'280, 65'535, 65'536, 70'000,
                        1'000'000, 90'000'000}) {
    TimerWheel wheel(kStartMs);
    Waiter waiter(wheel);
    wheel.arm(waiter.timer, kStartMs + in_ms);
    EXPECT_EQ(served_at(wheel, waiter), kStartMs + in_ms);
  }
}

TEST(TimerWheel, HoldsDeadlinesOfMoreThanADayWithFewWakeups) {
  TimerWheel wheel(kStartMs);
  Waiter waiter(wheel);
  wheel.arm(waiter.timer, kStartMs + 3 * kDayMs + 17);
  int wakeups = 0;
  while (wheel.next_ms() < kStartMs + 3 * kDayMs) {
    wheel.advance(wheel.next_ms());
    ++wakeups;
  }
  EXPECT_EQ(waiter.fired, 0);
  EXPECT_LT(wakeups, 3 * kDayMs / 60'000);
  wheel.advance(kStartMs + 3 * kDayMs + 16);
  EXPECT_EQ(waiter.fired, 0);
  wheel.advance(kStartMs + 3 * kDayMs + 17);
  EXPECT_EQ(waiter.fired, 1);
}

TEST(TimerWheel, IsNeverEarly) {
  for (int64_t in_ms = 1; in_ms < 2000; in_ms += 7) {
    TimerWheel wheel(kStartMs);
    Waiter waiter(wheel);
    wheel.arm(waiter.timer, kStartMs + in_ms);
    wheel.advance(kStartMs + in_ms - 1);
    EXPECT_EQ(waiter.fired, 0);
    wheel.advance(kStartMs + in_ms);
    EXPECT_EQ(waiter.fired, 1);
  }
}

TEST(TimerWheel, ServesAPastDeadlineWithTheNextMillisecond) {
  TimerWheel wheel(kStartMs);
  Waiter waiter(wheel);
  wheel.arm(waiter.timer, kStartMs - 500);
  EXPECT_EQ(wheel.next_ms(), kStartMs + 1);
  wheel.advance(kStartMs + 1);
  EXPECT_EQ(waiter.fired, 1);
}

TEST(TimerWheel, NeedsNoWakeupWhenEmpty) {
  TimerWheel wheel(kStartMs);
  EXPECT_EQ(wheel.next_ms(), TimerWheel::kNever);
  {
    Waiter waiter(wheel);
    wheel.arm(waiter.timer, kStartMs + 10);
    EXPECT_TRUE(waiter.timer.is_armed());
    EXPECT_EQ(wheel.next_ms(), kStartMs + 10);
  }
  wheel.advance(kStartMs + 10);
  EXPECT_EQ(wheel.next_ms(), TimerWheel::kNever);
}

TEST(TimerWheel, FiresInTheOrderOfDeadlinesAndOfEqualOnesTheInnerPolicyFirst) {
  TimerWheel wheel(kStartMs);
  std::string log;
  Waiter outer(wheel, "outer ", 1);
  Waiter inner(wheel, "inner ", 5);
  Waiter early(wheel, "early ", 0);
  Waiter far(wheel, "far ", 9);
  for (Waiter* waiter : {&outer, &inner, &early, &far}) waiter->log = &log;
  wheel.arm(far.timer, kStartMs + 5000);
  wheel.arm(outer.timer, kStartMs + 300);
  wheel.arm(inner.timer, kStartMs + 300);
  wheel.arm(early.timer, kStartMs + 20);
  wheel.advance(kStartMs + 10'000);
  EXPECT_EQ(log, "early inner outer far ");
}

TEST(TimerWheel, MovesADeadlineLaterWithoutFiringAtTheOldOne) {
  TimerWheel wheel(kStartMs);
  Waiter waiter(wheel);
  wheel.arm(waiter.timer, kStartMs + 100);
  wheel.arm(waiter.timer, kStartMs + 900);
  wheel.advance(kStartMs + 100);
  wheel.advance(kStartMs + 899);
  EXPECT_EQ(waiter.fired, 0);
  EXPECT_EQ(wheel.next_ms(), kStartMs + 900);
  wheel.advance(kStartMs + 900);
  EXPECT_EQ(waiter.fired, 1);
  EXPECT_FALSE(waiter.timer.is_armed());
}

TEST(TimerWheel, MovesADeadlineEarlier) {
  TimerWheel wheel(kStartMs);
  Waiter waiter(wheel);
  wheel.arm(waiter.timer, kStartMs + 60'000);
  wheel.arm(waiter.timer, kStartMs + 3);
  wheel.advance(kStartMs + 3);
  EXPECT_EQ(waiter.fired, 1);
  wheel.advance(kStartMs + 60'000);
  EXPECT_EQ(waiter.fired, 1);
}

TEST(TimerWheel, LetsCallbacksCancelDestroyAndRearmOthersThatAreDue) {
  TimerWheel wheel(kStartMs);
  Waiter first(wheel, "", 9);
  Waiter cancelled(wheel);
  Waiter moved(wheel);
  auto destroyed = std::make_unique<Waiter>(wheel);
  first.then = [&] {
    cancelled.timer.cancel();
    destroyed.reset();
    wheel.arm(moved.timer, kStartMs + 50);
    wheel.arm(first.timer, kStartMs + 10);  // itself, in the past: the next round
  };
  for (Waiter* waiter : {&first, &cancelled, &moved, destroyed.get()}) {
    wheel.arm(waiter->timer, kStartMs + 10);
  }
  wheel.advance(kStartMs + 10);
  EXPECT_EQ(first.fired, 1);
  EXPECT_EQ(cancelled.fired, 0);
  EXPECT_EQ(moved.fired, 0);
  wheel.advance(kStartMs + 50);
  EXPECT_EQ(first.fired, 2);
  EXPECT_EQ(moved.fired, 1);
}

TEST(TimerWheel, RunsTheHookAfterEachCallback) {
  TimerWheel wheel(kStartMs);
  std::string log;
  Waiter a(wheel, "a");
  Waiter b(wheel, "b");
  a.log = b.log = &log;
  wheel.arm(a.timer, kStartMs + 1);
  wheel.arm(b.timer, kStartMs + 2);
  wheel.advance(kStartMs + 5, [&] { log += "."; });
  EXPECT_EQ(log, "a.b.");
}

// Against a sorted multimap: the same timers fire in the same advance, in the order of deadlines.
class Model {
 public:
  explicit Model(uint64_t seed) : x_random(seed) {
    for (size_t i = 0; i < kTimers; ++i) {
      x_waiters.push_back(std::make_unique<Waiter>(x_wheel));
      x_waiters[i]->then = [this, i] { on_fire(i); };
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) step();
  }

 private:
  static constexpr size_t kTimers = 40;

  void step() {
    const size_t which = x_random.below(kTimers);
    switch (x_random.below(5)) {
      case 0:
      case 1:
        return arm(which, x_now_ms + distance());
      case 2:
        x_waiters[which]->timer.cancel();
        return forget(which);
      default:
        return advance();
    }
  }

  int64_t distance() {
    constexpr std::array<uint32_t, 5> kRanges = {4, 300, 5000, 200'000, 5'000'000};
    return int64_t{x_random.below(kRanges[x_random.below(kRanges.size())])} - 1;
  }

  void forget(size_t which) {
    std::erase_if(x_expected, [&](const auto& entry) { return entry.second == which; });
  }

  void arm(size_t which, int64_t deadline_ms) {
    forget(which);
    x_wheel.arm(x_waiters[which]->timer, deadline_ms);
    x_expected.emplace(deadline_ms, which);
  }

  void advance() {
    // Mostly as the loop does, sometimes late.
    const int64_t next_ms = x_wheel.next_ms();
    const bool as_told = next_ms != TimerWheel::kNever && x_random.chance(0.7);
    const int64_t to_ms = as_told ? std::max(next_ms, x_now_ms) : x_now_ms + 1 + distance() / 50;
    if (!x_expected.empty()) {
      EXPECT_LE(next_ms, std::max(x_expected.begin()->first, x_now_ms + 1));
    }
    x_now_ms = std::max(to_ms, x_now_ms + 1);
    x_latest_ms = 0;
    x_wheel.advance(x_now_ms);
    if (x_expected.empty()) return;
    EXPECT_GT(x_expected.begin()->first, x_now_ms) << "not served";
  }

  void on_fire(size_t which) {
    const auto entry = std::ranges::find(x_expected, which, [](const auto& e) { return e.second; });
    ASSERT_NE(entry, x_expected.end()) << "fired though not armed";
    EXPECT_LE(entry->first, x_now_ms) << "early";
    EXPECT_GE(entry->first, x_latest_ms) << "out of order";
    x_latest_ms = entry->first;
    x_expected.erase(entry);
    // Callbacks arm and cancel too; always later, so that an advance ends.
    const size_t other = x_random.below(kTimers);
    if (x_random.chance(0.3)) arm(other, x_now_ms + 1 + distance() + 1);
    if (x_random.chance(0.1)) {
      x_waiters[which]->timer.cancel();
      forget(which);
    }
  }

  Random x_random;
  TimerWheel x_wheel{kStartMs};
  int64_t x_now_ms = kStartMs;
  int64_t x_latest_ms = 0;
  std::multimap<int64_t, size_t> x_expected;
  std::vector<std::unique_ptr<Waiter>> x_waiters;
};

TEST(TimerWheel, BehavesLikeASortedListOfDeadlines) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run(2000);
  }
}

}  // namespace
}  // namespace outrigger
