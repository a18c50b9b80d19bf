#include "proxy/upstream/stream_limit.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/upstream/limits.hpp"

namespace outrigger::upstream {
namespace {

config::Limits streams(std::optional<int64_t> most, config::Mode mode = config::Mode::kEnforce) {
  config::Limits settings;
  settings.streams = most;
  settings.mode = mode;
  return settings;
}

TEST(StreamLimit, TheStreamAfterTheLastOneIsRefused) {
  StreamLimit limit;
  limit.set_limits(streams(2));
  StreamPermit first = limit.try_acquire();
  StreamPermit second = limit.try_acquire();
  EXPECT_TRUE(first.holds() && second.holds());
  EXPECT_FALSE(limit.try_acquire().holds());
  EXPECT_EQ(limit.open(), 2);
  first = std::move(second);
  EXPECT_EQ(limit.open(), 1);
  EXPECT_TRUE(limit.try_acquire().holds());
}

TEST(StreamLimit, OffOnlyCounts) {
  StreamLimit limit;
  std::vector<StreamPermit> held;
  for (int i = 0; i < 5'000; ++i) held.push_back(limit.try_acquire());
  EXPECT_FALSE(limit.is_on());
  EXPECT_EQ(limit.open(), 5'000);
  held.clear();
  EXPECT_EQ(limit.open(), 0);
}

TEST(StreamLimit, ALowerLimitEndsNoStreamButAdmitsNoneUntilItIsKept) {
  StreamLimit limit;
  limit.set_limits(streams(3));
  std::vector<StreamPermit> held;
  for (int i = 0; i < 3; ++i) held.push_back(limit.try_acquire());
  limit.set_limits(streams(1));
  EXPECT_EQ(limit.open(), 3);
  held.resize(1);
  EXPECT_FALSE(limit.try_acquire().holds());
  held.clear();
  EXPECT_TRUE(limit.try_acquire().holds());
}

TEST(StreamLimit, ShadowRefusesNothingAndCountsWhatItWouldHave) {
  StreamLimit limit;
  limit.set_limits(streams(1, config::Mode::kShadow));
  const StreamPermit first = limit.try_acquire();
  const StreamPermit second = limit.try_acquire();
  EXPECT_TRUE(second.holds());
  EXPECT_EQ(limit.open(), 2);
  EXPECT_EQ(limit.would_refuse(), 1U);
}

TEST(StreamLimit, IsSetWithTheLimitOnOutstandingCalls) {
  OutstandingLimit limit(streams(7), 1, nullptr);
  EXPECT_EQ(limit.streams().limit(), 7);
  limit.set_limits(streams(std::nullopt));
  EXPECT_FALSE(limit.streams().is_on());
}

TEST(StreamLimitThreads, IsExactAndNeverExceeded) {
  constexpr int64_t kLimit = 3;
  StreamLimit limit;
  limit.set_limits(streams(kLimit));
  std::atomic<int64_t> inside{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        StreamPermit permit = limit.try_acquire();
        if (!permit.holds()) continue;
        if (inside.fetch_add(1) + 1 > kLimit) exceeded = true;
        inside.fetch_sub(1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(limit.open(), 0);
}

}  // namespace
}  // namespace outrigger::upstream
