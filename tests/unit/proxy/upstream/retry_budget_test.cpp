#include "proxy/upstream/retry_budget.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

constexpr int64_t kStart = 1'000'000;

int withdraw_all(RetryBudget& budget, int64_t now_ms) {
  int count = 0;
  while (budget.try_withdraw(now_ms)) ++count;
  return count;
}

TEST(RetryBudget, IsAShareOfTheTrafficOfTheLastTenSeconds) {
  RetryBudget budget(0.2);
  for (int i = 0; i < 1'000; ++i) budget.deposit(kStart + i * 9);
  EXPECT_EQ(budget.remaining(kStart + 9'000), 200U);
  EXPECT_EQ(withdraw_all(budget, kStart + 9'000), 200);
  EXPECT_EQ(budget.remaining(kStart + 9'000), 0U);
  EXPECT_EQ(withdraw_all(budget, kStart + 30'000), 3);
}

TEST(RetryBudget, HasAFloorOfThreeASecond) {
  RetryBudget budget(0.2);
  for (int second = 0; second < 60; ++second) {
    EXPECT_EQ(budget.remaining(kStart + second * 1'000), 3U);
    EXPECT_EQ(withdraw_all(budget, kStart + second * 1'000), 3) << second;
  }
}

TEST(RetryBudget, WithdrawalsAreForgottenAfterTenSeconds) {
  RetryBudget budget(0.5);
  for (int i = 0; i < 100; ++i) budget.deposit(kStart);
  EXPECT_EQ(withdraw_all(budget, kStart), 50);
  for (int i = 0; i < 100; ++i) budget.deposit(kStart + 10'000);
  EXPECT_EQ(withdraw_all(budget, kStart + 10'000), 50);
}

TEST(RetryBudget, FollowsAChangedShare) {
  RetryBudget budget(0.2);
  for (int i = 0; i < 100; ++i) budget.deposit(kStart);
  budget.set_share(0.4);
  EXPECT_EQ(budget.remaining(kStart), 40U);
  budget.set_share(0);
  EXPECT_EQ(budget.remaining(kStart), 3U);
}

// A total outage: every attempt fails, and every caller would like three more.
TEST(RetryBudget, BoundsTheAttemptsOfAnOutage) {
  for (const int per_second : {1, 5, 10, 100, 1'000}) {
    RetryBudget budget(0.2);
    double requests = 0;
    double attempts = 0;
    for (int tick = 0; tick < 60 * per_second; ++tick) {
      const int64_t now = kStart + int64_t{tick} * 1'000 / per_second;
      budget.deposit(now);
      ++requests;
      ++attempts;
      for (int retry = 0; retry < 3; ++retry) attempts += budget.try_withdraw(now) ? 1 : 0;
      const double seconds = static_cast<double>(now - kStart) / 1'000 + 1;
      ASSERT_LE(attempts, 1.2 * requests + 3 * seconds) << per_second << " a second, " << now;
    }
    EXPECT_GE(attempts, 1.15 * requests) << per_second;
  }
}

TEST(RetryBudget, IsExactAcrossThreads) {
  for (int round = 0; round < 50; ++round) {
    RetryBudget budget(0.2);
    std::atomic<int> withdrawn{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 500; ++i) budget.deposit(kStart);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] { withdrawn += withdraw_all(budget, kStart); });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(withdrawn, 100);
  }
}

}  // namespace
}  // namespace outrigger::upstream
