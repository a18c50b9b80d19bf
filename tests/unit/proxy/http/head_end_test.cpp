// Finding the end of a head, however its bytes arrive.
#include <gtest/gtest.h>

#include "tests/unit/proxy/http/h1_support.hpp"

namespace outrigger::http {
namespace {

using namespace std::string_view_literals;
using State = HeadEnd::State;

constexpr std::string_view kHead =
    "GET /a/path?x=1 HTTP/1.1\r\nHost: orders\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n";

HeadEnd::Look look_at(std::string_view bytes, Side side = Side::kRequest) {
  return HeadEnd(side).look(bytes, {});
}

TEST(HeadEnd, FindsTheHeadAndLeavesWhatFollows) {
  const auto look = look_at(std::string(kHead) + "body");
  EXPECT_EQ(look.state, State::kFound);
  EXPECT_EQ(look.begin, 0U);
  EXPECT_EQ(look.end, kHead.size());
}

TEST(HeadEnd, FindsItInEveryTwoPieces) {
  const std::string bytes = "\r\n" + std::string(kHead) + "GET /next";
  for (size_t split = 0; split < bytes.size(); ++split) {
    HeadEnd end(Side::kRequest);
    HeadEnd::Look look = end.look(std::string_view(bytes).substr(0, split), {});
    ASSERT_EQ(look.state, split < kHead.size() + 2 ? State::kMore : State::kFound) << split;
    if (look.state == State::kMore) look = end.look(bytes, {});
    ASSERT_EQ(look.state, State::kFound);
    EXPECT_EQ(look.begin, 2U);
    EXPECT_EQ(look.end, kHead.size() + 2);
  }
}

TEST(HeadEnd, FindsItByteByByteAndStartsAgainAfterReset) {
  HeadEnd end(Side::kRequest);
  for (int round = 0; round < 2; ++round) {
    for (size_t size = 1; size < kHead.size(); ++size) {
      ASSERT_EQ(end.look(kHead.substr(0, size), {}).state, State::kMore) << size;
      EXPECT_TRUE(end.began());
    }
    EXPECT_EQ(end.look(kHead, {}).end, kHead.size());
    end.reset();
    EXPECT_FALSE(end.began());
  }
}

TEST(HeadEnd, FindsLinesAcrossEveryBlockBoundary) {
  for (size_t size = 0; size < 200; ++size) {
    const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(size, 'x') + "\r\n\r\n";
    EXPECT_EQ(look_at(head).end, head.size());
    EXPECT_EQ(look_at(head.substr(0, head.size() - 1)).state, State::kMore);
    const std::string bare = "GET / HTTP/1.1\r\nX: " + std::string(size, 'x') + "\n";
    EXPECT_EQ(look_at(bare).cause, Cause::kMalformedRequest);
  }
}

TEST(HeadEnd, Case36RefusesABareLineFeedBeforeTheHeadIsComplete) {
  EXPECT_EQ(look_at("GET / HTTP/1.1\n").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("GET / HTTP/1.1\r\nX: y\n").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("HTTP/1.1 200 OK\r\nX: y\n", Side::kResponse).cause, Cause::kMalformedResponse);
}

TEST(HeadEnd, FindsTheEndOfAnAnswerWhoseLinesAllEndInLineFeeds) {
  const std::string head = "HTTP/1.0 200 OK\nX: y\n\n";
  for (size_t split = 0; split < head.size(); ++split) {
    HeadEnd end(Side::kResponse);
    ASSERT_EQ(end.look(std::string_view(head).substr(0, split), {}).state, State::kMore) << split;
    EXPECT_EQ(end.look(head + "body", {}).end, head.size()) << split;
  }
}

TEST(HeadEnd, Case54RefusesWhatIsTooLongAsSoonAsItIsKnown) {
  HeadLimits limits;
  limits.head_bytes = 1000;
  limits.target_bytes = 100;
  HeadEnd target(Side::kRequest);
  EXPECT_EQ(target.look("GET /" + std::string(99, 'a'), limits).state, State::kMore);
  EXPECT_EQ(target.look("GET /" + std::string(100, 'a'), limits).cause, Cause::kTargetTooLong);
  HeadEnd line(Side::kRequest);
  EXPECT_EQ(line.look("GET / " + std::string(100, 'a'), limits).cause, Cause::kMalformedRequest);
  HeadEnd head(Side::kRequest);
  const std::string start = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(head.look(start + std::string(1000 - start.size(), 'x'), limits).state, State::kMore);
  EXPECT_EQ(head.look(start + std::string(1001 - start.size(), 'x'), limits).cause,
            Cause::kRequestHeadTooLarge);
  HeadEnd exact(Side::kRequest);
  const std::string fits = start + "X:" + std::string(1000 - start.size() - 6, 'x') + "\r\n\r\n";
  EXPECT_EQ(exact.look(fits + "more", limits).end, 1000U);
}

TEST(HeadEnd, Case56RefusesTheHttp2PrefaceAtOnce) {
  EXPECT_EQ(look_at("PRI * HTTP/2.0\r\n").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("PRI * HTTP/2").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("PRI * HT").state, State::kMore);
}

TEST(HeadEnd, Case57IgnoresTwoEmptyLinesAndNoMore) {
  EXPECT_EQ(look_at("\r\n\r\n" + std::string(kHead)).begin, 4U);
  EXPECT_EQ(look_at("\r\n\r\n\r").state, State::kMore);
  EXPECT_FALSE(HeadEnd(Side::kRequest).began());
  EXPECT_EQ(look_at("\r\n\r\n\r\n").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("\rX").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("\n").cause, Cause::kMalformedRequest);
}

TEST(HeadEnd, Case57EmptyLinesAreNotTheBeginningOfAHead) {
  HeadEnd end(Side::kRequest);
  EXPECT_EQ(end.look("\r\n", {}).state, State::kMore);
  EXPECT_FALSE(end.began());
}

TEST(HeadEnd, Case58RefusesTlsAndProxyHeadersAtOnce) {
  EXPECT_EQ(look_at("\x16").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("\x16\x03\x01\x02\x00"sv).cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("PROXY ").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n").cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("\r\n\r\n\0\r\nQUIT\n"sv).cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("\r\n\r\n\0"sv).cause, Cause::kMalformedRequest);
  EXPECT_EQ(look_at("PROPFIND / HTTP/1.1\r\n\r\n").state, State::kFound);
}

TEST(HeadEnd, RefusesAResponseThatIsNoHttpAtItsFirstBytes) {
  EXPECT_EQ(look_at("HTTP/1", Side::kResponse).state, State::kMore);
  EXPECT_EQ(look_at("HTTQ", Side::kResponse).cause, Cause::kMalformedResponse);
  EXPECT_EQ(look_at("\r\nHTTP/1.1 200 OK", Side::kResponse).cause, Cause::kMalformedResponse);
  EXPECT_EQ(look_at("SSH-2.0", Side::kResponse).cause, Cause::kMalformedResponse);
}

TEST(HeadEnd, Case127RefusesAnEndlessResponseHead) {
  EXPECT_EQ(look_at("HTTP/1.1 200 OK\r\nX: " + std::string(65536, 'x'), Side::kResponse).cause,
            Cause::kResponseHeadTooLarge);
}

}  // namespace
}  // namespace outrigger::http
