#include "config/yaml.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Yaml, RefusesAliasesThatMultiply) {
  std::string bomb = "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j > 0 ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(mistakes(bomb), ElementsAre(HasSubstr("more than 200000 values once aliases")));
}

TEST(Yaml, RefusesAliasesThatMultiplyText) {
  std::string bomb = "x-a: &a \"" + std::string(500'000, 'x') + "\"\nx-b: [";
  for (int i = 0; i < 100; ++i) bomb += "*a, ";
  EXPECT_THAT(mistakes(bomb + "*a]\n"), ElementsAre(HasSubstr("more than 16MiB of text")));
}

TEST(Yaml, RefusesAnAliasWithinItsOwnAnchor) {
  EXPECT_THAT(mistakes("x-a: &a [*a]\n"), ElementsAre("f:1:10: an alias within its own anchor"));
}

TEST(Yaml, RefusesWhatIsNestedTooDeep) {
  EXPECT_THAT(mistakes("x-a: " + std::string(100, '[') + std::string(100, ']')),
              ElementsAre("f:1:69: nested deeper than 64 lists and maps"));
  EXPECT_THAT(mistakes("x-a: " + std::string(100'000, '[')), testing::SizeIs(1));
}

TEST(Yaml, RefusesAFileLargerThanAMebibyte) {
  EXPECT_THAT(mistakes("x-a: \"" + std::string(1 << 20, 'x') + "\""),
              ElementsAre("f:1:1: the file is larger than 1MiB"));
}

TEST(Yaml, RefusesMoreKeysInOneMapThanAnyoneWrites) {
  std::string wide = "x-a:\n";
  for (int i = 0; i < 6'000; ++i) wide += "  k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(mistakes(wide), ElementsAre("f:5002:3: more than 5000 keys in one map"));
}

TEST(Yaml, SaysWhereItIsBroken) {
  EXPECT_THAT(mistakes("services:\n  a: {timeout: [}\n"),
              ElementsAre(HasSubstr("f:2:17: this is not YAML: ")));
  EXPECT_THAT(mistakes("services: {a: {authority: ${X}}}\n"),
              ElementsAre(HasSubstr("quote \"${NAME}\" within [ ] and { }")));
  EXPECT_THAT(mistakes("a: 1\n---\nb: 1\n"),
              testing::Contains(HasSubstr("f:2:1: a second document begins")));
  EXPECT_THAT(mistakes("- a\n"), ElementsAre("f:1:1: the file is not a map; write key: value"));
  EXPECT_THAT(mistakes("[a]: 1\n"), ElementsAre(HasSubstr("a key must be plain text")));
  EXPECT_THAT(mistakes("x-a: !Ref b\n"),
              ElementsAre("f:1:6: the tag \"!Ref\" has no meaning here"));
  EXPECT_THAT(mistakes("x-a: {<<: b}\n"),
              ElementsAre("f:1:11: \"<<\" merges a map or a list of maps; is a * missing?"));
}

TEST(Yaml, RefusesControlCharactersAndWhatIsNotUtf8) {
  EXPECT_THAT(
      mistakes("workers: 1\n\x04\nunmatched: drop\n"),
      ElementsAre("f:2:1: a control character; within \"double quotes\" write it as \\xNN"));
  EXPECT_THAT(mistakes(std::string_view("workers: 1\0", 11)),
              ElementsAre(HasSubstr("f:1:11: a control character")));
  EXPECT_THAT(mistakes("x-a: \xc3\xa9\xff"), ElementsAre("f:1:7: this is not UTF-8"));
  EXPECT_THAT(mistakes("x-a: \xc3"), ElementsAre("f:1:6: this is not UTF-8"));
}

TEST(Yaml, TellsAKeyThatIsGivenTwice) {
  EXPECT_THAT(mistakes("workers: 1\nworkers: 2\n"),
              ElementsAre("f:2:1: \"workers\" is given twice; the first is in line 1"));
  EXPECT_THAT(mistakes("x-a: &a {}\nx-b: {<<: *a, <<: *a}\n"),
              ElementsAre("f:2:15: \"<<\" is given twice"));
}

TEST(Yaml, NeverCrashesOnRandomText) {
  constexpr std::string_view kPieces[] = {
      "services", "a",        ":",        ": ",   "\n",       "\n  ",      "\n    ",    "- ",
      "[",        "]",        "{",        "}",    ", ",       "&a ",       "*a",        "<<: ",
      "\"",       "'",        "|",        ">",    "#",        "${",        "}",         "timeout",
      "retry",    "off",      "on",       "5s",   "50%",      "!x ",       "? ",        "---",
      "...",      "\t",       "\x01",     "\xff", "\xc3\xa9", "listeners", "endpoints", "static",
      "routes",   "fallback", "defaults", "0",    "~",        "match",     "%"};
  std::mt19937 random(20'261'124);
  for (int round = 0; round < 4'000; ++round) {
    std::string text;
    const auto length = random() % 40;
    for (unsigned i = 0; i < length; ++i) text += kPieces[random() % std::size(kPieces)];
    const Loaded loaded = load_text("f", text, no_environment());
    for (const Problem& problem : loaded.problems) EXPECT_GE(problem.line, 1) << text;
    if (loaded.ok()) {
      EXPECT_EQ(good(effective(loaded.config)), loaded.config) << text;
    }
  }
}

TEST(Yaml, NeverCrashesOnAMutatedFile) {
  const std::string file = effective(good(R"(
services:
  a:
    endpoints: { first_of: [{ dns: { name: a.b, port: 80 }, min: 2 }, { static: ["10.0.0.1:1"] }] }
    fallback: [{ service: b }]
  b: { routes: [{ name: r, circuit: off, match: { path: /x/* } }] }
)"));
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text = file;
    for (int i = 0; i < 3; ++i) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.erase(at, random() % 20);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 30));
      }
    }
    const Loaded loaded = load_text("f", text, no_environment());
    if (loaded.ok()) {
      EXPECT_EQ(good(effective(loaded.config)), loaded.config) << text;
    }
  }
}

TEST(Json, BecomesTheSameTree) {
  std::vector<Problem> problems;
  const Node node = parse_json(R"({"a": [1, 2.5, true, null, "x"], "b": {}})", problems);
  EXPECT_THAT(texts(problems), testing::IsEmpty());
  EXPECT_EQ(to_json(node, false), R"({"a":[1,2.5,true,null,"x"],"b":{}})");
}

TEST(Json, IsRefusedWhenMalformedOrDeep) {
  const auto refused = [](const std::string& text) {
    std::vector<Problem> problems;
    parse_json(text, problems);
    return texts(problems);
  };
  EXPECT_THAT(refused("{"), ElementsAre("this is not JSON"));
  EXPECT_THAT(refused(""), ElementsAre("this is not JSON"));
  EXPECT_THAT(refused("[]"), ElementsAre("this is not a JSON object"));
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "{\"a\":";
  EXPECT_THAT(refused(deep), testing::SizeIs(1));
  EXPECT_THAT(refused(deep + "1" + std::string(10'000, '}')),
              ElementsAre("nested deeper than 64 levels"));
}

}  // namespace
}  // namespace outrigger::config::test
