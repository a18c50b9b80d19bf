#include "config/text.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/node.hpp"

namespace outrigger::config::test {
namespace {

TEST(Text, Durations) {
  EXPECT_EQ(parse_duration_ms("250ms"), 250);
  EXPECT_EQ(parse_duration_ms("0.5ms"), 0.5);
  EXPECT_EQ(parse_duration_ms("1.5s"), 1'500);
  EXPECT_EQ(parse_duration_ms("5m"), 300'000);
  EXPECT_EQ(parse_duration_ms("24h"), 86'400'000);
  EXPECT_EQ(parse_duration_ms("0"), 0);
  for (const std::string_view bad : {"", "5", "s", "-1s", "1e3s", "5 s", "5S", "1h30m", ".5s",
                                     "1..5s", "99999999999999999999h", "nans", "infs", "5sec"}) {
    EXPECT_FALSE(parse_duration_ms(bad)) << bad;
  }
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(0.5), "0.5ms");
  EXPECT_EQ(format_duration(250), "250ms");
  EXPECT_EQ(format_duration(2'500), "2.5s");
  EXPECT_EQ(format_duration(15'000), "15s");
  EXPECT_EQ(format_duration(300'000), "5m");
  EXPECT_EQ(format_duration(90'000), "90s");
  EXPECT_EQ(format_duration(7'200'000), "2h");
}

TEST(Text, DurationsAndSizesReadBackAsTheyWereWritten) {
  for (int64_t value = 1; value < 10'000'000'000; value = value * 3 + 1) {
    EXPECT_EQ(parse_duration_ms(format_duration(static_cast<double>(value))), value);
    EXPECT_EQ(parse_size(format_size(value)), value);
  }
}

TEST(Text, Sizes) {
  EXPECT_EQ(parse_size("64KiB"), 65'536);
  EXPECT_EQ(parse_size("1.5MiB"), 1'572'864);
  EXPECT_EQ(parse_size("512B"), 512);
  for (const std::string_view bad : {"64", "64KB", "64K", "-1B", "0.5B", "9999999GiB", "KiB"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Text, SharesReadBackAsTheyWereWritten) {
  EXPECT_EQ(parse_share("50%"), 0.5);
  EXPECT_EQ(parse_share("0.1%"), 0.001);
  EXPECT_FALSE(parse_share("0.5"));
  EXPECT_FALSE(parse_share("-1%"));
  EXPECT_EQ(format_share(0.2), "20%");
  EXPECT_EQ(format_share(1), "100%");
  for (int i = 0; i <= 1'000; ++i) {
    const double share = i / 1'000.0;
    EXPECT_EQ(parse_share(format_share(share)), share);
  }
}

TEST(Text, IpsWithAndWithoutAPort) {
  for (const std::string_view ip : {"10.0.0.1", "10.0.0.1:53", "::1", "[::1]", "[::1]:53"}) {
    EXPECT_TRUE(is_ip(ip)) << ip;
  }
  for (const std::string_view other :
       {"", "a", "10.0.0", "10.0.0.1:", "unix:/x", "[::1]53", "[]"}) {
    EXPECT_FALSE(is_ip(other)) << other;
  }
}

TEST(Text, HostPatterns) {
  for (const std::string_view host : {"a", "a.b", "*.a.b", "a:80", "*.a:1", "10.0.0.1", "[::1]",
                                      "[::1]:80", "10.0.0.1:80", "a_b.c"}) {
    EXPECT_TRUE(is_host_pattern(host)) << host;
  }
  for (const std::string_view host :
       {"", "*", "*a", "a.*", "a..b", "-a", "a:0", "a:x", "a/b", "http://a", "a b"}) {
    EXPECT_FALSE(is_host_pattern(host)) << host;
  }
}

TEST(Text, NearestFindsTyposAndSwapsButNothingFar) {
  constexpr auto kWords = std::to_array<std::string_view>({"timeout", "retry", "limits", "on"});
  EXPECT_EQ(nearest("tiemout", kWords), "timeout");
  EXPECT_EQ(nearest("retyr", kWords), "retry");
  EXPECT_EQ(nearest("limit", kWords), "limits");
  EXPECT_EQ(nearest("no", kWords), "on");
  EXPECT_EQ(nearest("mirror", kWords), "");
  EXPECT_EQ(nearest(std::string(1'000, 'x'), kWords), "");
}

TEST(Node, IsPrintedSoThatEveryYamlReaderTakesTextForText) {
  Node map = Node::map();
  map.set("a", Node::string("yes"));
  map.set("b", Node::string("1"));
  map.set("c", Node::scalar("1"));
  map.set("d", Node::string("${X}"));
  map.set("e", Node::string("a\n\"b\"\t\x01"));
  map.set("*f", Node::string(""));
  map.set("g", Node::list());
  EXPECT_EQ(to_yaml(map),
            "a: \"yes\"\nb: \"1\"\nc: 1\nd: \"$${X}\"\ne: \"a\\n\\\"b\\\"\\t\\u0001\"\n"
            "\"*f\": \"\"\ng: []\n");
  EXPECT_EQ(to_json(map, false),
            R"({"a":"yes","b":"1","c":1,"d":"${X}","e":"a\n\"b\"\t\u0001","*f":"","g":[]})");
}

}  // namespace
}  // namespace outrigger::config::test
