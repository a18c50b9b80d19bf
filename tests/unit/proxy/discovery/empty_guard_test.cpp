#include "proxy/discovery/empty_guard.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

const Texts kList = {"10.0.0.1:80"};

class EmptyGuardTest : public ::testing::Test {
 protected:
  VirtualWorld world;
  Recorder events;
  TreeSettings settings{600'000};
  ScriptedSource* source = nullptr;
  EmptyGuard guard{world.loop.context(), settings, events, [this](SourceEvents& up) {
                     auto made = std::make_unique<ScriptedSource>(world.loop.context().clock, up);
                     source = made.get();
                     return made;
                   }};
};

TEST_F(EmptyGuardTest, KeepsTheLastListForKeepLastAfterTheSourceSaysThatItIsEmpty) {
  source->say(kList);
  world.loop.advance_ms(5'000);
  source->say({});
  world.loop.advance_ms(300'000);
  source->say({});
  world.loop.advance_ms(299'999);
  EXPECT_EQ(events.lists, std::vector<Texts>{kList});
  EXPECT_EQ(guard.age_ms(), 604'999);
  world.loop.advance_ms(1);
  EXPECT_EQ(events.latest(), Texts{});
}

TEST_F(EmptyGuardTest, RefusesAtOnceWithoutKeepLast) {
  settings.keep_last_ms.reset();
  source->say(kList);
  source->say({});
  EXPECT_EQ(events.latest(), Texts{});
}

TEST_F(EmptyGuardTest, AListInTheMeantimeEndsTheWait) {
  source->say(kList);
  source->say({});
  world.loop.advance_ms(1'000);
  source->say({"10.0.0.2:80"});
  world.loop.advance_ms(3'600'000);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
}

TEST_F(EmptyGuardTest, ErrorsNeverEmptyAList) {
  source->say(kList);
  source->fail();
  world.loop.advance_ms(3'600'000);
  EXPECT_EQ(events.lists, std::vector<Texts>{kList});
  EXPECT_EQ(events.failures, Texts{"away"});
}

TEST_F(EmptyGuardTest, AFirstAnswerThatIsEmptyIsAnAnswer) {
  source->say({});
  EXPECT_TRUE(guard.answered());
  EXPECT_EQ(events.latest(), Texts{});
}

TEST_F(EmptyGuardTest, HandsOnTheListThatItKeeps) {
  source->say(kList);
  const int64_t given_at_ms = world.now_ms();
  world.loop.advance_ms(5'000);
  source->say({});
  Memory memory;
  guard.remember(memory);
  ASSERT_EQ(memory.size(), 1U);
  EXPECT_EQ(texts(memory["scripted"].list), kList);
  EXPECT_EQ(memory["scripted"].at_ms, given_at_ms);
  world.loop.advance_ms(600'000);
  memory.clear();
  guard.remember(memory);
  EXPECT_TRUE(memory["scripted"].list.empty());
}

TEST_F(EmptyGuardTest, StaysEmptyOnceItGaveUp) {
  source->say(kList);
  source->say({});
  world.loop.advance_ms(600'000);
  source->say({});
  EXPECT_EQ(events.latest(), Texts{});
  EXPECT_TRUE(world.loop.is_empty());
}

}  // namespace
}  // namespace outrigger::discovery
