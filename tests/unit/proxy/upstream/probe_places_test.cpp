#include "proxy/upstream/probe_places.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/circuit_fixture.hpp"

namespace outrigger::upstream {
namespace {

TEST(ProbePlaces, LapseEachByItself) {
  ProbePlaces places;
  EXPECT_TRUE(places.take(2, 0, 100));
  EXPECT_TRUE(places.take(2, 50, 150));
  EXPECT_TRUE(places.seem_taken(2, 99));
  EXPECT_FALSE(places.take(2, 99, 199));
  EXPECT_FALSE(places.seem_taken(2, 100));
  EXPECT_TRUE(places.take(2, 100, 200));
  EXPECT_FALSE(places.take(2, 100, 200));
  EXPECT_EQ(places.in_flight(), 2);
}

TEST(ProbePlaces, AGoodProbeKeepsItsPlaceAlsoWhenItHadLapsed) {
  ProbePlaces places;
  EXPECT_TRUE(places.take(2, 0, 100));
  EXPECT_TRUE(places.take(2, 200, 300));
  places.note_good(100);
  EXPECT_EQ(places.good(), 1);
  EXPECT_EQ(places.in_flight(), 1);
  EXPECT_FALSE(places.take(2, 200, 300));
  places.clear();
  EXPECT_FALSE(places.seem_taken(1, 200));
}

// ---- in a circuit

TEST_F(CircuitTest, AProbeThatIsSilentHoldsItsPlaceForAWhileOnly) {
  trip();
  circuit->set_probe_hold_ms(2'000);
  wait_out();
  Admission silent = admit();
  now += 1'999;
  EXPECT_FALSE(circuit->is_willing(now));
  EXPECT_TRUE(admit().refused);
  now += 1;
  EXPECT_TRUE(circuit->is_willing(now));
  Admission next = admit();
  EXPECT_TRUE(next.token.is_probe());
  EXPECT_TRUE(admit().refused);
  silent.token.give_back();
  EXPECT_TRUE(admit().refused);  // its place was not its own any more
  next.token.settle(Verdict::kSuccess, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

TEST_F(CircuitTest, TheLateVerdictOfAProbeCountsWhileNothingWasDecided) {
  for (const Verdict late : {Verdict::kSuccess, Verdict::kFailure}) {
    make(plain());
    trip();
    wait_out();
    Admission silent = admit();
    now += 60'000;
    const Admission next = admit();
    silent.token.settle(late, now);
    EXPECT_EQ(circuit->state(),
              late == Verdict::kSuccess ? CircuitState::kClosed : CircuitState::kOpen);
  }
}

TEST_F(CircuitTest, TheLateVerdictOfAProbeChangesNothingThatWasDecided) {
  config::Circuit settings = plain();
  settings.consecutive_failures->count = 1;
  make(settings);
  fail();
  wait_out();
  Admission silent = admit();
  now += 60'000;
  succeed();
  ASSERT_EQ(circuit->state(), CircuitState::kClosed);
  silent.token.settle(Verdict::kFailure, now);
  EXPECT_EQ(circuit->state(), CircuitState::kClosed);
}

}  // namespace
}  // namespace outrigger::upstream
