#include "proxy/base/random.hpp"

#include <array>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

TEST(Random, RepeatsItselfBySeed) {
  Random a(42);
  Random b(42);
  Random c(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.next();
    EXPECT_EQ(value, b.next());
    differs |= value != c.next();
  }
  EXPECT_TRUE(differs);
}

// SplitMix64 as published, with seed 0.
TEST(Random, IsSplitMix64) {
  Random random(0);
  EXPECT_EQ(random.next(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(random.next(), 0x6e789e6aa1b965f4u);
}

TEST(Random, StaysWithinItsBoundsAndReachesAllOfThem) {
  Random random(1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) {
    const uint32_t value = random.below(6);
    ASSERT_LT(value, 6u);
    ++seen[value];
    const double unit = random.unit();
    ASSERT_TRUE(unit >= 0 && unit < 1);
    const double between = random.between(0.85, 1.15);
    ASSERT_TRUE(between >= 0.85 && between < 1.15);
  }
  for (int count : seen) EXPECT_NEAR(count, 1000, 150);
  EXPECT_FALSE(random.chance(0));
  EXPECT_TRUE(random.chance(1));
}

}  // namespace
}  // namespace outrigger
