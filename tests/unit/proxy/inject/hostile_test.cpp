// Input that means harm: it is refused, at once and by name, and passes as it is.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/inject/inject.hpp"
#include "tests/unit/proxy/inject/support.hpp"

namespace outrigger::inject {
namespace {

using testing::HasSubstr;

constexpr std::string_view kHead = "apiVersion: v1\nkind: Pod\n";

std::string repeated(std::string_view piece, size_t times) {
  std::string out;
  out.reserve(piece.size() * times);
  for (size_t i = 0; i < times; ++i) out += piece;
  return out;
}

// What is said of a document that must not be taken.
std::string refusal(const std::string& body) {
  const std::string text = std::string(kHead) + body;
  const Changed changed = inject(text, options(), {});
  EXPECT_TRUE(changed.text == text);
  if (changed.reports.size() != 1) return "not one report";
  EXPECT_EQ(changed.reports[0].what, Report::What::kRefused);
  return to_string(changed.reports[0]);
}

TEST(Hostile, LaughsAreCounted) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'j'; ++c) {
    const std::string before = "*" + std::string(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [" + repeated(before + ",", 8) + before + "]\n";
  }
  EXPECT_THAT(refusal(bomb), HasSubstr("values once aliases are resolved"));
  std::string text = "a: &a \"" + std::string(1 << 20, 'x') + "\"\nb: [";
  EXPECT_THAT(refusal(text + repeated("*a,", 100) + "*a]\n"), HasSubstr("16MiB"));
}

TEST(Hostile, AnchorsWithinAnchorsAreCounted) {
  std::string nest = "a: ";
  for (int i = 0; i < 60; ++i) nest += "&a" + std::to_string(i) + " [";
  EXPECT_THAT(refusal(nest + repeated("x,", 100'000) + "x" + std::string(60, ']') + "\n"),
              HasSubstr("values once aliases are resolved"));
}

TEST(Hostile, AnchorsWithoutEndAreTooLarge) {
  EXPECT_THAT(refusal("a: [" + repeated("&a x,", 3'400'000) + "x]\n"), HasSubstr("larger than"));
  EXPECT_THAT(refusal("a: [" + repeated("&a x,", 250'000) + "x]\n"),
              HasSubstr("values once aliases are resolved"));
}

TEST(Hostile, DepthIsBounded) {
  EXPECT_THAT(refusal("a: " + std::string(100, '[') + std::string(100, ']') + "\n"),
              HasSubstr("nested deeper"));
  EXPECT_THAT(refusal("a:\n" + repeated("- ", 1'000) + "x\n"), HasSubstr("nested deeper"));
  EXPECT_THAT(refusal("a: " + std::string(100'000, '[') + "\n"), HasSubstr("refused"));
  const std::string json = R"({"kind":"Pod","apiVersion":"v1","x":)" + std::string(100'000, '[');
  EXPECT_EQ(injected(json).reports.at(0).what, Report::What::kRefused);
}

TEST(Hostile, TagsAndOddKeysAreRefused) {
  EXPECT_THAT(refusal("a: !!python/object:os.system x\n"), HasSubstr("has no meaning here"));
  EXPECT_THAT(refusal("a: !x y\n"), HasSubstr("has no meaning here"));
  EXPECT_THAT(refusal("a: !!int \"3\"\n"), HasSubstr("has no meaning here"));
  EXPECT_THAT(refusal("? [a, b]\n: c\n"), HasSubstr("a key must be plain text"));
  EXPECT_THAT(refusal("a: 1\na: 2\n"), HasSubstr("given twice"));
  EXPECT_THAT(refusal("a: *nobody\n"), HasSubstr("this is not YAML"));
  EXPECT_THAT(refusal("a: &a [*a]\n"), HasSubstr("alias"));
}

TEST(Hostile, BytesThatAreNoTextAreRefused) {
  EXPECT_THAT(refusal("a: \xff\n"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal(std::string("a: \0b\n", 6)), HasSubstr("control character"));
  EXPECT_THAT(refusal("\t- x: {{ .Values.x }}\n"), HasSubstr("this is not YAML"));
}

TEST(Hostile, NothingIsTakenOutOfWhatCannotBeRead) {
  const std::string text = std::string(kHead) + "a: &a [*a]\n";
  const Changed changed = uninject(text);
  EXPECT_EQ(changed.text, text);
  EXPECT_EQ(changed.reports.at(0).what, Report::What::kRefused);
}

TEST(Hostile, TheLineOfTheDocumentIsSaid) {
  const Changed changed = injected("kind: Service\n---\nkind: Pod\na: [\n---\nkind: Job\nb: }\n");
  EXPECT_THAT(to_string(changed.reports.at(0)),
              HasSubstr("document in line 2  refused  4:1: this is not YAML"));
  EXPECT_THAT(to_string(changed.reports.at(1)), HasSubstr("document in line 5  refused"));
}

}  // namespace
}  // namespace outrigger::inject
