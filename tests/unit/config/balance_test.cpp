// `balance` in each of its forms: read, refused, written, layered, patched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Balance balance_of(const std::string& written, const std::string& before = {}) {
  return good(before + "services: {a: {balance: " + written + "}}").services[0].policy.balance;
}

TEST(BalanceKey, HasAWordForEachRule) {
  EXPECT_EQ(balance_of("least_loaded"), Balance{});
  EXPECT_EQ(balance_of("round_robin").rule, BalanceRule::kRoundRobin);
  EXPECT_EQ(balance_of("random").rule, BalanceRule::kRandom);
  EXPECT_EQ(balance_of("peak_ewma").rule, BalanceRule::kPeakEwma);
}

TEST(BalanceKey, HashesAFieldACookieOrTheSource) {
  EXPECT_EQ(balance_of("{hash: {header: X-User}}"),
            (Balance{BalanceRule::kHash, {HashKey::Kind::kHeader, "x-user"}}));
  EXPECT_EQ(balance_of("{hash: {cookie: SESSION}}"),
            (Balance{BalanceRule::kHash, {HashKey::Kind::kCookie, "SESSION"}}));
  EXPECT_EQ(balance_of("{hash: source}"),
            (Balance{BalanceRule::kHash, {HashKey::Kind::kSource, ""}}));
}

TEST(BalanceKey, SaysWhatIsWrongWithIt) {
  const auto said = [](const std::string& written) {
    return mistakes("services: {a: {balance: " + written + "}}");
  };
  EXPECT_THAT(said("peak_ewm"),
              ElementsAre("f:1:25: unknown balance \"peak_ewm\"; did you mean \"peak_ewma\"?"));
  EXPECT_THAT(said("hash"), ElementsAre("f:1:25: \"hash\" of what? write {hash: source}, {hash: "
                                        "{header: NAME}} or {hash: {cookie: NAME}}"));
  EXPECT_THAT(said("{hash: sources}"),
              ElementsAre("f:1:32: \"hash\" is \"sources\", not what is hashed; write {header: "
                          "NAME}, {cookie: NAME} or source"));
  EXPECT_THAT(said("{hash: {}}"), ElementsAre("f:1:32: nothing to hash; write {header: NAME}, "
                                              "{cookie: NAME} or hash: source"));
  EXPECT_THAT(said("{hash: {header: a, cookie: b}}"),
              ElementsAre("f:1:32: both \"header\" and \"cookie\"; one is hashed"));
  EXPECT_THAT(said("{hash: {header: \"a b\"}}"),
              ElementsAre("f:1:41: \"header\" is \"a b\", not a field name"));
  EXPECT_THAT(said("{hash: {cookie: \"a=b\"}}"),
              ElementsAre(HasSubstr("f:1:41: \"cookie\" is \"a=b\", not the name of a cookie")));
  EXPECT_THAT(said("{hash: {headers: a}}"), testing::Contains(HasSubstr("f:1:33: unknown key")));
  EXPECT_THAT(said("{random: on}"), ElementsAre(HasSubstr("f:1:26: unknown key \"random\"")));
}

TEST(BalanceKey, IsWrittenAsItIsRead) {
  for (const std::string written :
       {"least_loaded", "round_robin", "random", "peak_ewma", "{hash: source}",
        "{hash: {header: x-user}}", "{hash: {cookie: SESSION}}"}) {
    const Config config = good("services: {a: {balance: " + written + "}}");
    EXPECT_EQ(good(effective(config)), config) << written;
  }
  EXPECT_THAT(effective(good("services: {a: {balance: {hash: {cookie: c}}}}")),
              HasSubstr("    balance:\n      hash:\n        cookie: c\n"));
}

TEST(BalanceKey, WhatIsHashedReplacesWhatALowerLayerHashes) {
  const std::string defaults = "defaults: {balance: {hash: {header: x-user}}}\n";
  EXPECT_EQ(balance_of("{hash: {cookie: c}}", defaults).key,
            (HashKey{HashKey::Kind::kCookie, "c"}));
  EXPECT_EQ(balance_of("{hash: source}", defaults).key, HashKey{});
  EXPECT_EQ(balance_of("random", defaults), (Balance{BalanceRule::kRandom, {}}));
  EXPECT_EQ(balance_of("{hash: source}", "defaults: {balance: random}\n").rule, BalanceRule::kHash);
}

TEST(BalanceKey, HashesNothingThatAnOpaqueConnectionDoesNotSay) {
  EXPECT_THAT(mistakes("services:\n  a: {protocol: tcp, balance: {hash: {header: x}}}"),
              ElementsAre("f:2:22: \"protocol: tcp\" has neither fields nor cookies; write {hash: "
                          "source}"));
  EXPECT_THAT(mistakes("services: {a: {protocol: tcp, balance: {hash: source}}}"), IsEmpty());
  const std::string defaults = "defaults: {balance: {hash: {cookie: c}}}\n";
  EXPECT_EQ(good(defaults + "services: {a: {protocol: tcp}}").services[0].policy.balance,
            Balance{});
}

}  // namespace
}  // namespace outrigger::config::test
