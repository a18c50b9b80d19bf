#include "filters/split_choice.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr int kCalls = 100'000;
constexpr std::array<std::string_view, 3> kNames = {"orders", "orders-v2", "orders-v3"};

SplitChoice choice_of(std::initializer_list<uint32_t> weights) {
  SplitChoice choice;
  size_t i = 0;
  for (const uint32_t weight : weights) choice.add(kNames[i++], weight);
  return choice;
}

std::string key(int i) { return "user-" + std::to_string(i); }

TEST(SplitChoice, SharesByChanceAreWithinOnePercent) {
  for (const uint64_t seed : {1U, 2U, 3U}) {
    Random random(seed);
    const SplitChoice choice = choice_of({70, 25, 5});
    std::array<int, 3> got{};
    for (int i = 0; i < kCalls; ++i) ++got[*choice.by_chance(choice.all(), random)];
    EXPECT_NEAR(got[0], 0.70 * kCalls, 0.01 * kCalls);
    EXPECT_NEAR(got[1], 0.25 * kCalls, 0.01 * kCalls);
    EXPECT_NEAR(got[2], 0.05 * kCalls, 0.01 * kCalls);
  }
}

TEST(SplitChoice, SharesByKeyAreWithinOnePercent) {
  const SplitChoice choice = choice_of({70, 25, 5});
  std::array<int, 3> got{};
  for (int i = 0; i < kCalls; ++i) ++got[*choice.by_key(choice.all(), key(i))];
  EXPECT_NEAR(got[0], 0.70 * kCalls, 0.01 * kCalls);
  EXPECT_NEAR(got[1], 0.25 * kCalls, 0.01 * kCalls);
  EXPECT_NEAR(got[2], 0.05 * kCalls, 0.01 * kCalls);
}

// The documented hash: who changes it moves every caller of every sidecar that is older.
TEST(SplitChoice, AKeyLeadsToTheSameServiceInEveryVersion) {
  const SplitChoice choice = choice_of({50, 30, 20});
  std::string got;
  for (int i = 0; i < 32; ++i) got += std::to_string(*choice.by_key(choice.all(), key(i)));
  EXPECT_EQ(got, "00202010212010200220021002102012");
}

TEST(SplitChoice, TheOrderOfTheServicesMeansNothing) {
  SplitChoice choice = choice_of({60, 40});
  SplitChoice turned;
  turned.add(kNames[1], 40);
  turned.add(kNames[0], 60);
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(*choice.by_key(choice.all(), key(i)), 1 - *turned.by_key(turned.all(), key(i)));
  }
}

// From 90/10 to 85/15 five calls of a hundred have to move, and those only one way.
TEST(SplitChoice, AChangeOfWeightsMovesOnlyTheKeysThatItMust) {
  const SplitChoice before = choice_of({90, 10});
  const SplitChoice after = choice_of({85, 15});
  int moved = 0;
  for (int i = 0; i < kCalls; ++i) {
    const size_t was = *before.by_key(before.all(), key(i));
    const size_t is = *after.by_key(after.all(), key(i));
    if (was == is) continue;
    ++moved;
    EXPECT_EQ(is, 1U);
  }
  EXPECT_NEAR(moved, 0.05 * kCalls, 0.01 * kCalls);
}

TEST(SplitChoice, OneThatIsOutLosesItsKeysAndNobodyElseDoes) {
  const SplitChoice choice = choice_of({50, 30, 20});
  for (int i = 0; i < 10'000; ++i) {
    const size_t was = *choice.by_key(choice.all(), key(i));
    const size_t is = *choice.by_key(choice.all() & ~SplitChoice::Set{2}, key(i));
    EXPECT_TRUE(was == 1 || was == is) << i;
    EXPECT_NE(is, 1U);
  }
}

TEST(SplitChoice, NothingGoesWhereTheWeightIsZero) {
  Random random(1);
  const SplitChoice choice = choice_of({0, 1, 0});
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(choice.by_chance(choice.all(), random), 1U);
    EXPECT_EQ(choice.by_key(choice.all(), key(i)), 1U);
  }
  EXPECT_EQ(choice.by_chance(SplitChoice::Set{5}, random), std::nullopt);
  EXPECT_EQ(choice.by_key(SplitChoice::Set{5}, "x"), std::nullopt);
  EXPECT_EQ(choice.by_chance(0, random), std::nullopt);
}

}  // namespace
}  // namespace outrigger::filters
