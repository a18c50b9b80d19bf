#include "proxy/http/h2_ids.hpp"

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

using Fate = H2Ids::Fate;

TEST(H2Ids, KnowsWhichIdsWereLeftOut) {
  H2Ids ids(8);
  EXPECT_EQ(ids.of(1), Fate::kUnused);
  ids.open(1);
  ids.open(7);
  EXPECT_EQ(ids.of(1), Fate::kOpened);
  EXPECT_EQ(ids.of(3), Fate::kUnused);
  EXPECT_EQ(ids.of(5), Fate::kUnused);
  EXPECT_EQ(ids.of(7), Fate::kOpened);
  EXPECT_EQ(ids.of(9), Fate::kUnused);
  EXPECT_EQ(ids.of(2), Fate::kUnused);
}

TEST(H2Ids, RemembersAsManyAsItIsToldAndForgetsThoseBefore) {
  constexpr int32_t kCount = 5;
  H2Ids ids(kCount);
  for (int32_t id = 1; id < 100; id += 2) {
    ids.open(id);
    ids.set(id, id % 4 == 1 ? Fate::kClosed : Fate::kReset);
    for (int32_t other = 1; other <= id; other += 2) {
      const Fate kept = other % 4 == 1 ? Fate::kClosed : Fate::kReset;
      EXPECT_EQ(ids.of(other), id - other < 2 * kCount ? kept : Fate::kForgotten);
    }
  }
}

TEST(H2Ids, LeavesNothingOfTheIdsBeforeALeap) {
  H2Ids ids(4);
  for (int32_t id = 1; id < 9; id += 2) ids.open(id);
  ids.open(INT32_MAX);
  EXPECT_EQ(ids.of(INT32_MAX), Fate::kOpened);
  EXPECT_EQ(ids.of(INT32_MAX - 2), Fate::kUnused);
  EXPECT_EQ(ids.of(INT32_MAX - 6), Fate::kUnused);
  EXPECT_EQ(ids.of(INT32_MAX - 8), Fate::kForgotten);
  EXPECT_EQ(ids.of(7), Fate::kForgotten);
}

TEST(H2Ids, SetsNothingForAnIdThatItDoesNotRemember) {
  H2Ids ids(2);
  ids.open(1);
  ids.open(3);
  ids.open(5);
  for (const int32_t id : {0, 1, 2, 4, 7}) ids.set(id, Fate::kReset);
  EXPECT_EQ(ids.of(1), Fate::kForgotten);
  EXPECT_EQ(ids.of(3), Fate::kOpened);
  EXPECT_EQ(ids.of(5), Fate::kOpened);
}

}  // namespace
}  // namespace outrigger::http
