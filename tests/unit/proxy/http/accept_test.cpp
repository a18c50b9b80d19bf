#include "proxy/http/accept.hpp"

#include <gtest/gtest.h>

#include "proxy/base/arena.hpp"
#include "proxy/base/random.hpp"

namespace outrigger::http {
namespace {

const AcceptMatch kSecond("application/vnd.shop+json", "2");

void expect_matches(const AcceptMatch& match, std::initializer_list<std::string_view> lines) {
  for (const std::string_view line : lines) EXPECT_TRUE(match.matches(line)) << line;
}
void expect_none(const AcceptMatch& match, std::initializer_list<std::string_view> lines) {
  for (const std::string_view line : lines) EXPECT_FALSE(match.matches(line)) << line;
}

TEST(AcceptMatch, TakesTheVersionAsAParameter) {
  expect_matches(kSecond, {
                              "application/vnd.shop+json;version=2",
                              "application/vnd.shop+json ; \tversion=2",
                              "APPLICATION/vnd.Shop+JSON;Version=2",
                              "application/vnd.shop+json;version=\"2\"",
                              "application/vnd.shop+json;version=\"\\2\"",
                              "application/vnd.shop+json;charset=\"a,b;version=1\";version=2",
                              "application/vnd.shop+json;q=0.5;version=2",
                              "application/vnd.shop+json;;version=2;",
                              "text/html, application/vnd.shop+json;version=2, */*",
                              ",, application/vnd.shop+json;version=2",
                          });
}

TEST(AcceptMatch, TakesTheVersionInTheNameOfTheType) {
  expect_matches(kSecond, {"application/vnd.shop.v2+json", "application/vnd.shop.v2+json;q=0.1",
                           "Application/Vnd.Shop.V2+Json;version=2"});
  expect_none(kSecond, {"application/vnd.shop.v2", "application/vnd.shop.v20+json",
                        "application/vnd.shop+json.v2", "application/vnd.shop.v2+json;version=3"});
  expect_matches({"application/vnd.shop", "2"}, {"application/vnd.shop.v2"});
}

TEST(AcceptMatch, NeverSearchesForAText) {
  expect_none(kSecond, {
                           "",
                           "application/vnd.shop+json",
                           "application/vnd.shop+json;version=20",
                           "application/vnd.shop+json;version=2.0",
                           "application/vnd.shop+json;version=1",
                           "application/vnd.shop+json;xversion=2",
                           "application/vnd.shop+json;x=\"version=2\"",
                           "text/html;x=\"application/vnd.shop+json;version=2\"",
                           "text/html;x=\"a, application/vnd.shop+json;version=2\"",
                           "application/vnd.shop+jsonp;version=2",
                           "x-application/vnd.shop+json;version=2",
                           "application/vnd.shop+json, version=2",
                           "application/json;version=2",
                       });
}

// They ask for no version, and for no type by name.
TEST(AcceptMatch, AWildcardAsksForNothing) {
  expect_none(kSecond, {"*/*", "application/*", "*/*;version=2", "application/*;version=2"});
  expect_none({"application/json", {}}, {"*/*", "application/*"});
}

TEST(AcceptMatch, AWeightOfZeroIsNotAcceptable) {
  expect_none(kSecond,
              {"application/vnd.shop+json;version=2;q=0",
               "application/vnd.shop+json;version=2;Q=0.000", "application/vnd.shop.v2+json;q=0."});
  expect_matches(kSecond, {"application/vnd.shop+json;version=2;q=0.001",
                           "application/vnd.shop+json;version=2;q=1.000",
                           "application/vnd.shop+json;q=0, application/vnd.shop.v2+json"});
}

TEST(AcceptMatch, PassesOverWhatIsMalformedAndNothingElse) {
  const std::string good = "application/vnd.shop+json;version=2";
  for (const std::string bad :
       {"application/vnd.shop+json;version=2;q=2", "application/vnd.shop+json;version=2;q=0.1234",
        "application/vnd.shop+json;version=2;q=-1", "application/vnd.shop+json;version=2;q=\"1\"",
        "application/vnd.shop+json;version=2;q=", "application/vnd.shop+json;version=2;q",
        "application/vnd.shop+json;version=2;q=1;q=0.5", "application/vnd.shop+json;version = 2",
        "application/vnd.shop+json;version=2;version=2", "application/vnd.shop+json version=2",
        "application / vnd.shop+json;version=2", "application/vnd.shop+json;=2", "/", "a", ";",
        "application/vnd.shop+json;version=2;x=\"a\"b", "application/vnd.shop+json;version=2 x"}) {
    EXPECT_FALSE(kSecond.matches(bad)) << bad;
    EXPECT_TRUE(kSecond.matches(bad + "," + good)) << bad;
    EXPECT_TRUE(kSecond.matches(good + " ," + bad)) << bad;
  }
  // A quote that never ends takes the rest of its line with it.
  for (const std::string bad : {"a/b;x=\"", "a/b;x=\"\\", "a/b \"", "\""}) {
    EXPECT_FALSE(kSecond.matches(bad + "," + good)) << bad;
  }
}

TEST(AcceptMatch, WithoutAVersionTheTypeCounts) {
  const AcceptMatch json("application/json", {});
  expect_matches(json, {"application/json", "application/json;charset=utf-8;version=9"});
  expect_none(json, {"application/json;q=0", "text/json", "application/vnd.json"});
}

TEST(AcceptMatch, SeveralLinesAreOneList) {
  std::array<std::byte, 1024> memory;
  Arena arena(memory);
  Fields fields;
  fields.add(arena, "accept", "text/html");
  fields.add(arena, "x-accept", "application/vnd.shop.v2+json");
  EXPECT_FALSE(kSecond.matches(fields));
  fields.add(arena, "Accept", "application/vnd.shop+json;version=2");
  EXPECT_TRUE(kSecond.matches(fields));
}

// Whatever comes, it ends and reads nothing that is not there (the sanitizers look on).
TEST(AcceptMatch, EndsWhateverComes) {
  constexpr std::string_view kPieces = "application/vnd.shop+json;version=2\"\\,;q=0. \t*/\x80\xff";
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string line;
    for (uint32_t size = random.below(40); line.size() < size;) {
      line += kPieces[random.below(static_cast<uint32_t>(kPieces.size()))];
    }
    const std::string copy(line);  // of its own size, so that a byte too many is seen
    kSecond.matches(copy);
  }
}

}  // namespace
}  // namespace outrigger::http
