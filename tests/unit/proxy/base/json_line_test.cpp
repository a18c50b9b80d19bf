#include "proxy/base/json_line.hpp"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

std::string in_json(std::string_view text) {
  std::string to;
  append_json_string(to, text);
  return to;
}

TEST(JsonLine, WritesFieldsInOrder) {
  JsonLine line;
  line.begin();
  line.add("name", "value");
  line.add("count", int64_t{-3});
  line.add_number("ms", 1.25);
  line.add_if("absent", "");
  EXPECT_EQ(line.end(), R"({"name":"value","count":-3,"ms":1.250})");
  line.begin();
  EXPECT_EQ(line.end(), "{}");
}

TEST(JsonLine, EscapesWhatCouldBreakALineOrATerminal) {
  EXPECT_EQ(in_json("\r\n\t\x1b\x7f"), R"("\u000d\u000a\u0009\u001b\u007f")");
  EXPECT_EQ(in_json(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(in_json("\"\\"), R"("\"\\")");
}

TEST(JsonLine, EscapesTheControlCharactersThatUtf8SpellsInTwoBytes) {
  EXPECT_EQ(in_json("\xc2\x80\xc2\x9b\xc2\x9f"), R"("\u0080\u009b\u009f")");
  EXPECT_EQ(in_json("\xc2\xa0"), "\"\xc2\xa0\"");
}

TEST(JsonLine, KeepsUtf8) {
  const std::string text = "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x9b\xb6 \xef\xbf\xbf \xf4\x8f\xbf\xbf";
  EXPECT_EQ(in_json(text), "\"" + text + "\"");
}

TEST(JsonLine, EscapesEachByteThatIsNotUtf8) {
  EXPECT_EQ(in_json("\xff"), R"("\u00ff")");
  EXPECT_EQ(in_json("\xc3"), R"("\u00c3")");
  EXPECT_EQ(in_json("\xe2\x82"), R"("\u00e2\u0082")");
  EXPECT_EQ(in_json("\xc0\xaf"), R"("\u00c0\u00af")");                      // overlong
  EXPECT_EQ(in_json("\xe0\x80\x80"), R"("\u00e0\u0080\u0080")");            // overlong
  EXPECT_EQ(in_json("\xf0\x80\x80\x80"), R"("\u00f0\u0080\u0080\u0080")");  // overlong
  EXPECT_EQ(in_json("\xed\xa0\x80"), R"("\u00ed\u00a0\u0080")");            // a surrogate
  EXPECT_EQ(in_json("\xf4\x90\x80\x80"), R"("\u00f4\u0090\u0080\u0080")");  // beyond U+10FFFF
}

TEST(IsoTime, IsUtcWithMilliseconds) {
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_time(1'795'496'400'123), "2026-11-24T05:00:00.123Z");
}

}  // namespace
}  // namespace outrigger
