#include "proxy/ctl/table.hpp"

#include <gtest/gtest.h>

#include "proxy/ctl/event_lines.hpp"
#include "proxy/ctl/session.hpp"

namespace outrigger::ctl {
namespace {

TEST(Table, AlignsColumnsAndLeavesNoBlankAtTheEnd) {
  Table table({"NAME", "STATE"});
  table.add({"münchen", "x"});
  table.add({"", {"open", Tone::kBad}});
  EXPECT_EQ(table.text(false), "NAME     STATE\nmünchen  x\n-        open\n");
  EXPECT_EQ(table.text(true), "NAME     STATE\nmünchen  x\n-        \x1b[31mopen\x1b[0m\n");
}

TEST(Table, ShowsNothingThatATerminalWouldObey) {
  EXPECT_EQ(harmless("a\x1b[2J\r\nb\x7f\xc2\x9b"
                     "c\xc3\xa4"),
            "a?[2J??b??c\xc3\xa4");
}

TEST(ShortTime, IsOfTheLargestUnitThatFits) {
  EXPECT_EQ(short_time(-5), "0s");
  EXPECT_EQ(short_time(0), "0s");
  EXPECT_EQ(short_time(250), "250ms");
  EXPECT_EQ(short_time(59'999), "59s");
  EXPECT_EQ(short_time(7'199'999), "1h");
  EXPECT_EQ(short_time(200'000'000), "2d");
}

TEST(ClockTime, HasTheDateWhereThatIsAnother) {
  const auto now_ms = wall_ms_of("2025-12-01T10:00:00.250Z");
  ASSERT_EQ(now_ms, 1'764'583'200'250);
  EXPECT_EQ(clock_time(*now_ms, *now_ms), "10:00:00Z");
  EXPECT_EQ(clock_time(*now_ms + 86'400'000, *now_ms), "2025-12-02T10:00:00Z");
  EXPECT_FALSE(wall_ms_of("soon"));
  EXPECT_FALSE(wall_ms_of(""));
}

TEST(ProblemLine, IsOneLineWithEachMistake) {
  EXPECT_EQ(problem_line(422, R"({"detail":"the settings were not accepted","errors":[
      {"detail":"expected a number","path":"retry.attempts"},
      {"detail":"unknown key","path":"x","file":"o.yaml","line":3,"column":5}]})"),
            "the settings were not accepted: retry.attempts: expected a number; o.yaml:3:5: "
            "unknown key");
  EXPECT_EQ(problem_line(404, R"({"detail":"there is no\nservice"})"), "there is no?service");
  EXPECT_EQ(problem_line(401, R"({"detail":"a bearer token is needed"})"),
            "a bearer token is needed (--token-file FILE)");
  EXPECT_EQ(problem_line(502, "<html>"), "HTTP status 502");
}

TEST(EventLines, ComeInAnyPieces) {
  const std::string stream =
      ": \n\nid: 7\nevent: circuit\ndata: {\"id\":7}\n\nevent: missed\ndata: {\"count\":3}\n\n";
  for (size_t piece = 1; piece < stream.size(); ++piece) {
    EventLines lines;
    std::string got;
    for (size_t at = 0; at < stream.size(); at += piece) {
      lines.feed(std::string_view(stream).substr(at, piece),
                 [&](std::string_view event, std::string_view data) {
                   got += std::string(event) + "=" + std::string(data) + ";";
                 });
    }
    EXPECT_EQ(got, "circuit={\"id\":7};missed={\"count\":3};") << piece;
  }
}

}  // namespace
}  // namespace outrigger::ctl
