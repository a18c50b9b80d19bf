#include "proxy/io/known_name.hpp"

#include <gtest/gtest.h>

namespace outrigger::io {
namespace {

using enum Verdict;
constexpr RecordType kFour = RecordType::kA;
constexpr RecordType kSix = RecordType::kAaaa;

Answer answer(RecordType type, Verdict verdict, std::vector<std::string> ips = {}) {
  Answer answer{.type = type, .verdict = verdict, .addresses = {}, .ttl_s = 1};
  for (const std::string& ip : ips) answer.addresses.push_back(*Address::from_ip(ip, 0));
  return answer;
}

struct KnownNameTest : ::testing::Test {
  bool take(std::vector<Answer> answers, int64_t now_ms, bool is_complete = true) {
    return known.take({"web.test.", std::move(answers), is_complete}, now_ms);
  }
  size_t count(RecordType type) const { return known.family(type).addresses.size(); }

  KnownName known;
};

TEST_F(KnownNameTest, EachFamilyHasItsOwnAddressesAgeAndError) {
  EXPECT_TRUE(
      take({answer(kFour, kRecords, {"10.0.0.1"}), answer(kSix, kRecords, {"fd00::1"})}, 1));
  for (const Verdict failure : {kError, kSilence}) {
    EXPECT_TRUE(take({answer(kFour, kRecords, {"10.0.0.2"}), answer(kSix, failure)}, 5));
    EXPECT_EQ(known.family(kFour).answered_at_ms, 5);
    EXPECT_FALSE(known.family(kFour).is_failing);
    EXPECT_EQ(known.family(kSix).answered_at_ms, 1);
    EXPECT_TRUE(known.family(kSix).is_failing);
    EXPECT_EQ(count(kSix), 1u);
  }
  EXPECT_EQ(known.known_as(), "web.test.");
}

TEST_F(KnownNameTest, AFailureOfBothIsNoNews) {
  take({answer(kFour, kRecords, {"10.0.0.1"}), answer(kSix, kNoRecords)}, 1);
  EXPECT_FALSE(take({answer(kFour, kSilence), answer(kSix, kError)}, 2));
  EXPECT_EQ(count(kFour), 1u);
  EXPECT_TRUE(known.family(kFour).is_failing);
}

TEST_F(KnownNameTest, ThatThereIsNothingTakesTheAddressesOfThatFamilyAlone) {
  take({answer(kFour, kRecords, {"10.0.0.1"}), answer(kSix, kRecords, {"fd00::1"})}, 1);
  EXPECT_TRUE(take({answer(kFour, kNoRecords), answer(kSix, kError)}, 2));
  EXPECT_EQ(count(kFour), 0u);
  EXPECT_EQ(count(kSix), 1u);
}

TEST_F(KnownNameTest, ThatThereIsNothingAtAllMustBeSaidOfBoth) {
  take({answer(kFour, kRecords, {"10.0.0.1"}), answer(kSix, kNoName)}, 1);
  for (const Verdict failure : {kError, kSilence}) {
    EXPECT_FALSE(take({answer(kFour, kNoName), answer(kSix, failure)}, 2));
    EXPECT_EQ(count(kFour), 1u);
    EXPECT_TRUE(known.family(kFour).is_failing);
  }
  EXPECT_TRUE(take({answer(kFour, kNoName), answer(kSix, kNoRecords)}, 3));
  EXPECT_TRUE(known.is_empty());
}

TEST_F(KnownNameTest, WhatItBeganWithServesUntilThereIsAnAnswer) {
  known.begin_with({*Address::from_ip("fd00::9", 0), *Address::from_ip("10.0.0.9", 0)}, 7);
  EXPECT_TRUE(known.family(kSix).is_failing);
  EXPECT_TRUE(take({answer(kFour, kRecords, {"10.0.0.1"}), answer(kSix, kSilence)}, 9));
  EXPECT_EQ(count(kSix), 1u);
  EXPECT_EQ(known.family(kSix).answered_at_ms, 7);
}

TEST_F(KnownNameTest, KeepsNoMoreThanItIsToldTo) {
  known = KnownName(2);
  take({answer(kFour, kRecords, {"10.0.0.1", "10.0.0.2", "10.0.0.3"}), answer(kSix, kNoRecords)},
       1);
  EXPECT_EQ(count(kFour), 2u);
}

}  // namespace
}  // namespace outrigger::io
