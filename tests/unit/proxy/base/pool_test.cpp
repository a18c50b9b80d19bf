#include "proxy/base/pool.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <thread>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

constexpr std::array<size_t, 10> kSizes = {0, 1, 31, 32, 33, 4096, 16'384, 20'480, 20'481, 100'000};

// Keeps what is freed, also under a sanitizer, and nothing afterwards.
class KeepingPool : public ::testing::Test {
 protected:
  KeepingPool() { pool.set_keeping(true); }
  ~KeepingPool() override {
    pool.set_keeping(false);
#ifndef __SANITIZE_ADDRESS__
    pool.set_keeping(true);
#endif
  }

  Pool& pool = Pool::of_thread();
};

TEST_F(KeepingPool, GivesBlocksOfAnySizeAgainAndAgain) {
  for (int round = 0; round < 3; ++round) {
    std::array<void*, kSizes.size()> blocks;
    for (size_t i = 0; i < kSizes.size(); ++i) {
      blocks[i] = pool.allocate(kSizes[i]);
      ASSERT_NE(blocks[i], nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(blocks[i]) % alignof(std::max_align_t), 0U);
      std::memset(blocks[i], static_cast<int>(i), kSizes[i]);
    }
    for (size_t i = 0; i < kSizes.size(); ++i) {
      const auto* const bytes = static_cast<const unsigned char*>(blocks[i]);
      for (size_t at = 0; at < kSizes[i]; ++at) ASSERT_EQ(bytes[at], i);
      pool.free(blocks[i]);
    }
  }
  pool.free(nullptr);
}

TEST_F(KeepingPool, GivesTheBlockThatWasFreedLast) {
  void* const first = pool.allocate(1000);
  pool.free(first);
  EXPECT_EQ(pool.kept_bytes(), 1024U);
  EXPECT_EQ(pool.allocate(800), first);
  EXPECT_EQ(pool.kept_bytes(), 0U);
  pool.free(first);
}

TEST_F(KeepingPool, KeepsNoMoreThanItsBound) {
  std::array<void*, 2 * Pool::kKeptMax / Pool::kLargestBytes> blocks;
  for (void*& block : blocks) block = pool.allocate(Pool::kLargestBytes);
  for (void* block : blocks) pool.free(block);
  EXPECT_LE(pool.kept_bytes(), Pool::kKeptMax);
  EXPECT_GT(pool.kept_bytes(), Pool::kKeptMax - Pool::kLargestBytes);
}

TEST_F(KeepingPool, LeavesLargeBlocksToMalloc) {
  pool.free(pool.allocate(Pool::kLargestBytes + 1));
  EXPECT_EQ(pool.kept_bytes(), 0U);
}

TEST_F(KeepingPool, KeepsWhatABlockHoldsWhenItGrows) {
  auto* text = static_cast<char*>(pool.reallocate(nullptr, 6));
  std::memcpy(text, "hello", 6);
  for (const size_t bytes : {100U, 5000U, 40'000U, 90'000U, 50U}) {
    text = static_cast<char*>(pool.reallocate(text, bytes));
    ASSERT_NE(text, nullptr);
    EXPECT_STREQ(text, "hello");
  }
  pool.free(text);
}

TEST_F(KeepingPool, RefusesMoreThanThereCanBe) {
  EXPECT_EQ(pool.allocate(SIZE_MAX), nullptr);
  void* const block = pool.allocate(10);
  EXPECT_EQ(pool.reallocate(block, SIZE_MAX), nullptr);
  pool.free(block);
}

TEST_F(KeepingPool, KeepsABlockOfAnotherThreadWhereItIsFreed) {
  void* block = nullptr;
  std::thread([&] {
    Pool::of_thread().set_keeping(true);
    block = Pool::of_thread().allocate(100);
    Pool::of_thread().free(Pool::of_thread().allocate(100));  // goes with the thread
  }).join();
  std::memset(block, 1, 100);
  pool.free(block);
  EXPECT_EQ(pool.kept_bytes(), 128U);
}

TEST_F(KeepingPool, FreesAtOnceWhatWasTakenBeforeItStoppedKeeping) {
  void* const block = pool.allocate(100);
  pool.set_keeping(false);
  pool.free(block);
  EXPECT_EQ(pool.kept_bytes(), 0U);
  void* const exact = pool.allocate(100);
  pool.set_keeping(true);
  pool.free(exact);
  EXPECT_EQ(pool.kept_bytes(), 0U);
}

}  // namespace
}  // namespace outrigger
