#include "proxy/discovery/union_source.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

class UnionSourceTest : public ::testing::Test {
 protected:
  ScriptedSource& add() {
    ScriptedSource* added = nullptr;
    source.add([&](SourceEvents& up) {
      auto part = std::make_unique<ScriptedSource>(world.loop.context().clock, up);
      added = part.get();
      return part;
    });
    return *added;
  }

  VirtualWorld world;
  Recorder events;
  UnionSource source{world.loop.context(), events};
  ScriptedSource& one = add();
  ScriptedSource& two = add();
};

TEST_F(UnionSourceTest, MergesItsPartsInOrderTheSameAddressOnce) {
  source.start();
  two.say({"10.0.0.2:80", "10.0.0.3:80"});
  one.say({"10.0.0.1:80", "10.0.0.2:80"});
  EXPECT_EQ(events.lists, (std::vector<Texts>{{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"}}));
}

TEST_F(UnionSourceTest, APartThatFailsKeepsItsLastList) {
  source.start();
  one.say({"10.0.0.1:80"});
  two.say({"10.0.0.2:80"});
  one.fail();
  two.say({"10.0.0.3:80"});
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "10.0.0.3:80"}));
  EXPECT_EQ(events.failures, Texts{"away"});
}

TEST_F(UnionSourceTest, APartThatSaysThatItIsEmptyContributesNothing) {
  source.start();
  one.say({"10.0.0.1:80"});
  two.say({"10.0.0.2:80"});
  one.say({});
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
}

TEST_F(UnionSourceTest, AnswersWithoutAPartThatFailsFromTheStart) {
  source.start();
  one.say({"10.0.0.1:80"});
  EXPECT_FALSE(source.answered());
  two.fail();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
}

TEST_F(UnionSourceTest, WaitsForASilentPartOnlyForAWhile) {
  source.start();
  one.say({"10.0.0.1:80"});
  world.loop.advance_ms(UnionSource::kFirstAnswerMs - 1);
  EXPECT_FALSE(source.answered());
  world.loop.advance_ms(1);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
  two.say({"10.0.0.2:80"});
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
}

TEST_F(UnionSourceTest, HasNotAnsweredWhileNoPartHas) {
  source.start();
  one.fail();
  two.fail();
  world.loop.advance_ms(10'000);
  EXPECT_FALSE(source.answered());
  EXPECT_EQ(events.failures.size(), 2U);
  two.say({});
  EXPECT_TRUE(source.answered());
}

TEST_F(UnionSourceTest, GoesOutWholeWhenItsPartsAnswerFromInsideStart) {
  one.on_start = [this] { one.say({"10.0.0.1:80"}); };
  two.on_start = [this] { two.say({"10.0.0.2:80"}); };
  source.start();
  EXPECT_EQ(events.lists, (std::vector<Texts>{{"10.0.0.1:80", "10.0.0.2:80"}}));
  world.loop.advance_ms(1'000);
  EXPECT_EQ(events.lists.size(), 1U);
}

TEST_F(UnionSourceTest, IsAsOldAsItsOldestPartAndInTouchWhileOneIs) {
  source.start();
  one.say({"10.0.0.1:80"});
  two.say({"10.0.0.2:80"});
  world.loop.advance_ms(5'000);
  one.fail();
  two.say({"10.0.0.2:80"});
  world.loop.advance_ms(1'000);
  EXPECT_EQ(source.age_ms(), 6'000);
  EXPECT_EQ(source.lapsed_ms(), 0);
  two.fail();
  EXPECT_EQ(source.lapsed_ms(), 1'000);
}

}  // namespace
}  // namespace outrigger::discovery
