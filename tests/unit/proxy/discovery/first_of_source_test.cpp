#include "proxy/discovery/first_of_source.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

const Texts kFirst = {"10.0.0.1:80", "10.0.0.2:80"};
const Texts kSecond = {"10.9.0.1:80"};

class FirstOfSourceTest : public ::testing::Test {
 protected:
  ScriptedSource& add(int min) {
    ScriptedSource* added = nullptr;
    source.add(min, [&](SourceEvents& up) {
      auto part = std::make_unique<ScriptedSource>(world.loop.context().clock, up);
      added = part.get();
      return part;
    });
    return *added;
  }
  void start_with_both() {
    source.start();
    one.say(kFirst);
    two.say(kSecond);
    ASSERT_EQ(events.latest(), kFirst);
  }

  VirtualWorld world;
  Recorder events;
  TreeSettings settings{600'000};
  FirstOfSource source{world.loop.context(), settings, /*hold_ms=*/30'000, events};
  ScriptedSource& one = add(2);
  ScriptedSource& two = add(1);
};

TEST_F(FirstOfSourceTest, ServesTheFirstSourceAndNotTheSecond) {
  start_with_both();
  two.say({"10.9.0.2:80"});
  EXPECT_EQ(events.lists, std::vector<Texts>{kFirst});
}

TEST_F(FirstOfSourceTest, WaitsForTheFirstSourceToAnswer) {
  source.start();
  two.say(kSecond);
  world.loop.advance_ms(FirstOfSource::kFirstAnswerMs - 1);
  EXPECT_FALSE(source.answered());
  one.say(kFirst);
  EXPECT_EQ(events.lists, std::vector<Texts>{kFirst});
}

TEST_F(FirstOfSourceTest, PassesASourceOverThatWasNeverReached) {
  source.start();
  two.say(kSecond);
  one.fail();
  EXPECT_EQ(events.latest(), kSecond);
  EXPECT_EQ(events.failures, Texts{"away"});
}

TEST_F(FirstOfSourceTest, PassesASourceOverThatIsSilentForTooLong) {
  source.start();
  two.say(kSecond);
  world.loop.advance_ms(FirstOfSource::kFirstAnswerMs);
  EXPECT_EQ(events.latest(), kSecond);
}

TEST_F(FirstOfSourceTest, PassesASourceOverThatHasFewerThanMin) {
  start_with_both();
  one.say({"10.0.0.1:80"});
  EXPECT_EQ(events.latest(), kSecond);
}

TEST_F(FirstOfSourceTest, PassesASourceOverThatSaysThatItIsEmpty) {
  start_with_both();
  one.say({});
  EXPECT_EQ(events.latest(), kSecond);
}

TEST_F(FirstOfSourceTest, NeverPassesASourceOverMerelyBecauseAPollFailed) {
  start_with_both();
  for (int i = 0; i < 20; ++i) {
    world.loop.advance_ms(30'000);
    one.fail();
    EXPECT_EQ(events.latest(), kFirst);
  }
}

TEST_F(FirstOfSourceTest, PassesASourceOverWhoseListIsOlderThanKeepLast) {
  start_with_both();
  world.loop.advance_ms(1'000);
  one.fail();
  world.loop.advance_ms(599'000);
  EXPECT_EQ(events.latest(), kFirst);
  world.loop.advance_ms(1);
  EXPECT_EQ(events.latest(), kSecond);
}

TEST_F(FirstOfSourceTest, ASourceThatDoesNotFailIsNeverTooOld) {
  start_with_both();
  world.loop.advance_ms(3'600'000);
  EXPECT_EQ(events.latest(), kFirst);
}

TEST_F(FirstOfSourceTest, SwitchesBackAfterHold) {
  start_with_both();
  one.say({});
  one.say(kFirst);
  world.loop.advance_ms(29'999);
  EXPECT_EQ(events.latest(), kSecond);
  world.loop.advance_ms(1);
  EXPECT_EQ(events.latest(), kFirst);
}

TEST_F(FirstOfSourceTest, HoldBeginsAnewWhenTheSourceFalters) {
  start_with_both();
  one.say({});
  one.say(kFirst);
  world.loop.advance_ms(20'000);
  one.say({});
  one.say(kFirst);
  world.loop.advance_ms(20'000);
  EXPECT_EQ(events.latest(), kSecond);
  world.loop.advance_ms(10'000);
  EXPECT_EQ(events.latest(), kFirst);
}

TEST_F(FirstOfSourceTest, DoesNotHoldWhenTheOneThatServesFails) {
  start_with_both();
  one.say({});
  one.say(kFirst);
  two.say({});
  EXPECT_EQ(events.latest(), kFirst);
}

TEST_F(FirstOfSourceTest, FollowsTheSourceThatServes) {
  start_with_both();
  one.say({"10.0.0.1:80", "10.0.0.3:80"});
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "10.0.0.3:80"}));
  one.say({});
  two.say({"10.9.0.7:80"});
  EXPECT_EQ(events.latest(), Texts{"10.9.0.7:80"});
}

TEST_F(FirstOfSourceTest, KeepsWhatThereIsWhenNoSourceWillDo) {
  start_with_both();
  one.say({"10.0.0.1:80"});
  two.say({});
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
  one.say({});
  EXPECT_EQ(events.latest(), Texts{});
  EXPECT_TRUE(source.answered());
}

TEST_F(FirstOfSourceTest, ErrorsNeverEmptyIt) {
  start_with_both();
  one.fail();
  two.fail();
  world.loop.advance_ms(3'600'000);
  EXPECT_NE(events.latest(), Texts{});
}

TEST_F(FirstOfSourceTest, HasNotAnsweredWhileNoSourceHas) {
  source.start();
  one.fail();
  two.fail();
  world.loop.advance_ms(60'000);
  EXPECT_FALSE(source.answered());
  two.say(kSecond);
  EXPECT_EQ(events.latest(), kSecond);
}

TEST_F(FirstOfSourceTest, WithoutKeepLastAFailedPollPassesNobodyOverEither) {
  settings.keep_last_ms.reset();
  start_with_both();
  world.loop.advance_ms(60'000);
  one.fail();
  EXPECT_EQ(events.latest(), kFirst);
  world.loop.advance_ms(FirstOfSource::kTooOldMs);
  EXPECT_EQ(events.latest(), kSecond);
}

}  // namespace
}  // namespace outrigger::discovery
