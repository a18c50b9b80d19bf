#include "proxy/upstream/window.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

constexpr int64_t kStart = 1'000'000;

void add_good(Window& window, int64_t now_ms, int times = 1) {
  for (int i = 0; i < times; ++i) window.add(now_ms, 1, 0, 0);
}

TEST(Window, CountsTotalFailedAndSlow) {
  Window window(10'000);
  window.add(kStart, 1, 0, 0);
  window.add(kStart, 1, 1, 0);
  window.add(kStart, 1, 1, 1);
  window.add(kStart, 1, 0, 1);
  EXPECT_EQ(window.counts(kStart), (Counts{4, 2, 2}));
  EXPECT_DOUBLE_EQ(window.counts(kStart).failed_share(), 0.5);
}

TEST(Window, ForgetsSliceBySlice) {
  Window window(10'000);
  for (int second = 0; second < 10; ++second) add_good(window, kStart + second * 1'000, second + 1);
  EXPECT_EQ(window.counts(kStart + 9'999).total, 55U);
  EXPECT_EQ(window.counts(kStart + 10'000).total, 54U);
  EXPECT_EQ(window.counts(kStart + 12'500).total, 55U - 1 - 2 - 3);
  EXPECT_EQ(window.counts(kStart + 19'000).total, 0U);
}

TEST(Window, ReusesASliceAfterATurn) {
  Window window(10'000);
  add_good(window, kStart, 5);
  add_good(window, kStart + 10'000, 2);
  EXPECT_EQ(window.counts(kStart + 10'000).total, 2U);
}

TEST(Window, ForgetsEverythingAfterAPauseOfAnyLength) {
  for (int64_t turns : {1, 2, 1'023, 1'024, 1'025, 10'240, 1'000'000}) {
    Window window(10'000);
    for (int second = 0; second < 10; ++second) add_good(window, kStart + second * 1'000);
    const int64_t later = kStart + turns * 10'000 + 9'000;
    EXPECT_EQ(window.counts(later).total, 0U) << turns;
    add_good(window, later);
    EXPECT_EQ(window.counts(later).total, 1U) << turns;
  }
}

TEST(Window, AcceptsAThreadWhoseTimeRunsBehind) {
  Window window(10'000);
  add_good(window, kStart + 5'000);
  add_good(window, kStart + 1'000);
  add_good(window, kStart - 60'000);
  EXPECT_EQ(window.counts(kStart + 5'000).total, 3U);
  EXPECT_EQ(window.counts(kStart + 11'000).total, 2U);
}

TEST(Window, CountsOnlyTheSpanThatIsAskedFor) {
  Window window(10'000);
  for (int second = 0; second < 10; ++second) add_good(window, kStart + second * 1'000);
  EXPECT_EQ(window.counts(kStart + 9'000, 3'000).total, 3U);
  EXPECT_EQ(window.counts(kStart + 9'000, 1).total, 1U);
  EXPECT_EQ(window.counts(kStart + 9'000, 60'000).total, 10U);
}

TEST(Window, ResetEmptiesIt) {
  Window window(10'000);
  add_good(window, kStart, 3);
  window.reset();
  EXPECT_EQ(window.counts(kStart), Counts{});
  add_good(window, kStart);
  EXPECT_EQ(window.counts(kStart).total, 1U);
}

TEST(Window, KeepsAllWhenItGrows) {
  Window window(10'000);
  for (int second = 0; second < 10; ++second) window.add(kStart + second * 1'000, 1, 1, 0);
  window.set_length_ms(60'000, kStart + 9'500);
  EXPECT_EQ(window.length_ms(), 60'000);
  EXPECT_EQ(window.counts(kStart + 9'500), (Counts{10, 10, 0}));
  EXPECT_EQ(window.counts(kStart + 50'000).total, 10U);
  EXPECT_EQ(window.counts(kStart + 80'000).total, 0U);
}

TEST(Window, KeepsTheNewestWhenItShrinks) {
  Window window(10'000);
  for (int second = 0; second < 10; ++second) add_good(window, kStart + second * 1'000);
  window.set_length_ms(2'000, kStart + 9'999);
  EXPECT_EQ(window.counts(kStart + 9'999).total, 2U);
  add_good(window, kStart + 9'999);
  EXPECT_EQ(window.counts(kStart + 9'999).total, 3U);
  window.set_length_ms(10'000, kStart + 9'999);
  EXPECT_EQ(window.counts(kStart + 9'999).total, 3U);
}

TEST(Window, KeepsNothingThatIsOlderThanTheOldLength) {
  Window window(1'000);
  add_good(window, kStart, 7);
  window.set_length_ms(60'000, kStart + 5'000);
  EXPECT_EQ(window.counts(kStart + 5'000).total, 0U);
}

TEST(Window, NeverOverflowsOnePartIntoTheNext) {
  Window window(10'000);
  for (uint64_t i = 0; i < Window::kSliceMax + 5'000; ++i) window.add(kStart, 1, 1, 0);
  EXPECT_EQ(window.counts(kStart), (Counts{Window::kSliceMax, Window::kSliceMax, 0}));
}

TEST(Window, LosesNothingWhenSeveralThreadsTurnIt) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  Window window(10'000);  // 1 s a slice; the threads run over eight of them
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&window, t] {
      for (int i = 0; i < kEach; ++i) {
        const int64_t now = kStart + int64_t{8'000} * i / kEach + t;
        window.add(now, 1, i % 2 == 0 ? 1 : 0, 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(window.counts(kStart + 8'500), (Counts{kThreads * kEach, kThreads * kEach / 2, 0}));
}

TEST(Window, LosesNothingOfTheFirstSliceAfterAPause) {
  constexpr int kThreads = 4;
  Window window(10'000);
  for (int round = 0; round < 200; ++round) {
    const int64_t now = kStart + round * 100'000;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) threads.emplace_back([&] { add_good(window, now, 10); });
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(window.counts(now).total, uint64_t{kThreads * 10});
  }
}

}  // namespace
}  // namespace outrigger::upstream
