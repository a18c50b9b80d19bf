#include "proxy/http/h2_allowance.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

TEST(H2Allowance, FillsUpAgain) {
  H2Allowance allowance(2, 10, 0);
  EXPECT_TRUE(allowance.spend(1000));
  EXPECT_TRUE(allowance.spend(1000));
  EXPECT_FALSE(allowance.spend(1099));
  EXPECT_TRUE(allowance.spend(1100));
  EXPECT_FALSE(allowance.spend(1100));
  EXPECT_TRUE(allowance.spend(INT64_MAX));
  EXPECT_TRUE(allowance.spend(INT64_MAX));
  EXPECT_FALSE(allowance.spend(INT64_MAX));
}

TEST(H2Allowance, SpendsWhatWorkHasEarnedFirst) {
  H2Allowance allowance(1, 0, 100);
  allowance.earn(3);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(allowance.spend(0)) << i;
  EXPECT_FALSE(allowance.spend(1'000'000));
}

TEST(H2Allowance, LetsNobodyHoardWhatWorkEarns) {
  H2Allowance allowance(1, 0, 5);
  for (int i = 0; i < 1'000'000; ++i) allowance.earn(4);
  int spent = 0;
  while (allowance.spend(0)) ++spent;
  EXPECT_EQ(spent, 5 + 1);
}

TEST(H2Allowance, TakesPartsOfOne) {
  H2Allowance allowance(1, 0, 0);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(allowance.spend(0, H2Allowance::kOne / 10)) << i;
  EXPECT_FALSE(allowance.spend(0, 1));
}

TEST(H2Allowance, MayCostMoreOfWhatWasEarnedThanOfTheRate) {
  H2Allowance allowance(2, 0, 10);
  allowance.earn(10);
  int spent = 0;
  while (allowance.spend(0, H2Allowance::kOne, 4 * H2Allowance::kOne)) ++spent;
  EXPECT_EQ(spent, 2 + 2);
}

}  // namespace
}  // namespace outrigger::http
