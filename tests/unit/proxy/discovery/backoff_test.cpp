#include "proxy/discovery/backoff.hpp"

#include <gtest/gtest.h>

namespace outrigger::discovery {
namespace {

TEST(DiscoveryBackoff, StaysBetweenTheFloorAndADoublingCeiling) {
  Random random(7);
  for (int run = 0; run < 200; ++run) {
    Backoff backoff(1'000, 30'000);
    for (const int64_t ceiling : {2'000, 4'000, 8'000, 16'000, 30'000, 30'000}) {
      const int64_t wait = backoff.next_ms(random);
      EXPECT_GE(wait, 1'000);
      EXPECT_LE(wait, ceiling);
    }
  }
}

TEST(DiscoveryBackoff, SpreadsOverAllOfItsRange) {
  Random random(7);
  int64_t low = 30'000;
  int64_t high = 0;
  for (int run = 0; run < 1'000; ++run) {
    Backoff backoff(1'000, 30'000);
    for (int i = 0; i < 4; ++i) backoff.next_ms(random);
    const int64_t wait = backoff.next_ms(random);
    low = std::min(low, wait);
    high = std::max(high, wait);
  }
  EXPECT_LT(low, 2'000);
  EXPECT_GT(high, 29'000);
}

TEST(DiscoveryBackoff, BeginsAnewAfterASuccess) {
  Random random(7);
  Backoff backoff(1'000, 30'000);
  for (int i = 0; i < 10; ++i) backoff.next_ms(random);
  backoff.reset();
  EXPECT_LE(backoff.next_ms(random), 2'000);
}

}  // namespace
}  // namespace outrigger::discovery
