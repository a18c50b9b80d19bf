#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/rich_file.hpp"
#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Effective, ReadsBackToAnEqualConfiguration) {
  const Config config = good(rich_file());
  const std::string text = effective(config);
  EXPECT_EQ(good(text), config) << text;
  EXPECT_EQ(effective(good(text)), text);
}

TEST(Effective, OfNothingReadsBackToo) { EXPECT_EQ(good(effective(Config{})), Config{}); }

TEST(Effective, HasEveryDefaultFilledIn) {
  const std::string text = effective(good("services: {a: {}}"));
  EXPECT_THAT(text, HasSubstr("    timeout:\n      connect: 1s\n      request: auto\n"));
  EXPECT_THAT(text, HasSubstr("    balance: least_loaded\n"));
  EXPECT_THAT(text, HasSubstr("filters: [access_log, trace, headers, fallback, deadline, "
                              "outstanding, retry, circuit, attempt_timeout]\n"));
}

TEST(Effective, RedactsHeaderValuesThatLookSecret) {
  const Config config = good(
      "services: {a: {headers: {request: {set: {Authorization: Basic abc, x-api-key: k1, x-a: "
      "b}}}, "
      "fallback: [{respond: {headers: {set-cookie: c1}}}]}}");
  const std::string text = effective(config);
  EXPECT_THAT(text, Not(HasSubstr("abc")));
  EXPECT_THAT(text, Not(HasSubstr("k1")));
  EXPECT_THAT(text, Not(HasSubstr("c1")));
  EXPECT_THAT(text, HasSubstr("x-a: b"));
  EXPECT_THAT(text, HasSubstr("authorization: REDACTED"));
  EXPECT_EQ(good(text).services[0].policy.headers.request.set[2].value, "b");
}

TEST(Effective, FingerprintTellsConfigurationsApartAlsoBySecrets) {
  const auto with = [](const std::string& value) {
    return fingerprint(
        good("services: {a: {headers: {request: {set: {authorization: " + value + "}}}}}"));
  };
  EXPECT_EQ(with("a"), with("a"));
  EXPECT_NE(with("a"), with("b"));
}

}  // namespace
}  // namespace outrigger::config::test
