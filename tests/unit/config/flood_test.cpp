#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;

TEST(Flood, MayBeOffWhereNothingElseWouldBreak) {
  const Config config = good("listeners: [{flood: {resets: off, control_frames: off}}]");
  const ListenerFlood& flood = config.listeners.at(0).flood;
  EXPECT_FALSE(flood.resets);
  EXPECT_FALSE(flood.control_frames_per_h);
  EXPECT_EQ(flood.per_second, 33);
  EXPECT_EQ(flood.continuations, 8);
  EXPECT_EQ(good(effective(config)), config);
}

TEST(Flood, SaysWhatIsWrong) {
  EXPECT_THAT(mistakes("listeners: [{flood: {control_frames: 100}}]"),
              ElementsAre("f:1:38: \"control_frames\" is \"100\", not a rate; write it like 100/s, "
                          "500/m or 1000/h"));
  EXPECT_THAT(mistakes("listeners: [{flood: {resets: 0}}]"),
              ElementsAre("f:1:30: \"resets\" is 0, outside 1 to 1000000"));
  EXPECT_THAT(mistakes("listeners: [{flood: {continuations: off}}]"),
              ElementsAre("f:1:37: \"continuations\" is \"off\", not a whole number"));
  EXPECT_THAT(mistakes("listeners: [{flood: {per_secnd: 5}}]"),
              ElementsAre("f:1:22: unknown key \"per_secnd\"; did you mean \"per_second\"?"));
}

}  // namespace
}  // namespace outrigger::config::test
