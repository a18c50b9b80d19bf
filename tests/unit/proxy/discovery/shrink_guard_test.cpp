#include "proxy/discovery/shrink_guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using ::testing::ElementsAre;

Texts some(int count) {
  Texts out;
  for (int i = 1; i <= count; ++i) out.push_back("10.0.0." + std::to_string(i) + ":80");
  return out;
}

class ShrinkGuardTest : public ::testing::Test {
 protected:
  ShrinkGuardTest() { guard.start(); }

  VirtualWorld world;
  Recorder recorder;
  ScriptedSource* source = nullptr;
  ShrinkGuard guard{world.loop.context(), recorder, [this](SourceEvents& up) {
                      auto made = std::make_unique<ScriptedSource>(world.loop.context().clock, up);
                      source = made.get();
                      return made;
                    }};
};

TEST_F(ShrinkGuardTest, ALossOfMoreThanHalfWaitsFiveSeconds) {
  source->say(some(10));
  source->say(some(4));
  EXPECT_EQ(recorder.latest(), some(10));
  EXPECT_THAT(recorder.doubts, ElementsAre("6 of 10"));
  world.loop.advance_ms(4'999);
  EXPECT_EQ(recorder.latest(), some(10));
  world.loop.advance_ms(1);
  EXPECT_EQ(recorder.latest(), some(4));
}

TEST_F(ShrinkGuardTest, ASecondAnswerConfirmsIt) {
  source->say(some(10));
  source->say(some(4));
  source->say(some(3));
  EXPECT_EQ(recorder.latest(), some(3));
  EXPECT_EQ(recorder.doubts.size(), 1U);
  world.loop.advance_ms(10'000);
  EXPECT_EQ(recorder.lists.size(), 2U) << "and that is all";
}

TEST_F(ShrinkGuardTest, AnAnswerThatIsWholeAgainTakesItBack) {
  source->say(some(10));
  source->say({});
  source->say(some(9));
  EXPECT_EQ(recorder.latest(), some(9));
  world.loop.advance_ms(10'000);
  EXPECT_EQ(recorder.latest(), some(9));
}

TEST_F(ShrinkGuardTest, HalfOrFewPassAtOnce) {
  source->say(some(10));
  source->say(some(5));
  EXPECT_EQ(recorder.latest(), some(5));
  source->say(some(2));
  EXPECT_EQ(recorder.latest(), some(2)) << "three are few";
  source->say({});
  EXPECT_EQ(recorder.latest(), Texts{});
  EXPECT_EQ(recorder.doubts, Texts{});
}

TEST_F(ShrinkGuardTest, OthersInTheirPlaceAreALossToo) {
  source->say(some(10));
  source->say({"10.9.0.1:80", "10.9.0.2:80", "10.9.0.3:80", "10.9.0.4:80", "10.9.0.5:80"});
  EXPECT_EQ(recorder.latest(), some(10));
}

TEST_F(ShrinkGuardTest, WhatIsDoubtedIsNotRemembered) {
  source->say(some(10));
  source->say({});
  Memory memory;
  guard.remember(memory);
  EXPECT_EQ(texts(memory["scripted"].list), some(10));
  world.loop.advance_ms(5'000);
  guard.remember(memory = {});
  EXPECT_EQ(texts(memory["scripted"].list), Texts{});
}

TEST_F(ShrinkGuardTest, AFailureConfirmsNothing) {
  source->say(some(10));
  source->say({});
  source->fail();
  EXPECT_EQ(recorder.latest(), some(10));
  EXPECT_EQ(recorder.failures.size(), 1U);
}

}  // namespace
}  // namespace outrigger::discovery
