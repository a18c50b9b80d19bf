// Response heads: what is read, and every abuse that a head alone can hold, by its number.
#include <gtest/gtest.h>

#include "tests/unit/proxy/http/h1_support.hpp"

namespace outrigger::http {
namespace {

using namespace std::string_view_literals;

constexpr Cause kGood = Cause::kNone;
constexpr Cause kMalformed = Cause::kMalformedResponse;

Cause cause_of_response(std::string_view bytes, const Asked& asked = {}) {
  return read_response(bytes, asked).cause;
}

TEST(ResponseHead, SaysWhatTheResponseSaid) {
  const auto parsed = read_response(response_with(
      "Content-Type: text/plain\r\nContent-Length: 05\r\nKeep-Alive: max=9, timeout=5\r\n",
      "HTTP/1.1 404 Not  here"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.status, 404);
  EXPECT_EQ(parsed.head.reason, "Not  here");
  EXPECT_EQ(parsed.head.framing, Framing::kLength);
  EXPECT_EQ(parsed.head.content_length, 5);
  EXPECT_EQ(parsed.head.keep_alive_s, 5);
  EXPECT_TRUE(parsed.head.keep_alive);
  ASSERT_EQ(parsed.head.fields.size(), 1U);
  EXPECT_EQ(parsed.head.fields.value(Name::kContentType), "text/plain");
}

TEST(ResponseHead, TakesAnAbsentReason) {
  EXPECT_EQ(read_response(response_with("", "HTTP/1.1 200 ")).head.reason, "");
  EXPECT_EQ(read_response(response_with("", "HTTP/1.1 200")).cause, kGood);
}

TEST(ResponseHead, RefusesStatusLinesOfNoForm) {
  for (const auto start :
       {"HTTP/1.1 20 OK"sv, "HTTP/1.1 2000 OK"sv, "HTTP/1.1 099 X"sv, "HTTP/1.1 +20 OK"sv,
        "HTTP/1.x 200 OK"sv, "HTTP/1.10 200 OK"sv, "HTTP/1.1   "sv, "HTTP/1.1\t200 OK"sv,
        "HTTP/1.1 200 O\rK"sv, "HTTP/1.1 200 O\0K"sv, "HTTP/1.1 200\tOK"sv, "HTTP/1.1"sv,
        "HTTP/1.1 2x0 OK"sv}) {
    EXPECT_EQ(cause_of_response(response_with("", start)), kMalformed) << start;
  }
}

TEST(ResponseHead, TakesStatusLinesThatAreWrongButPlain) {
  for (const auto start : {"HTTP/1.1  200 OK"sv, "HTTP/1.2 200 OK"sv, "HTTP/1.1   200"sv}) {
    EXPECT_EQ(read_response(response_with("", start)).head.status, 200) << start;
  }
  const auto odd = read_response(response_with("", "HTTP/1.1 200 O\x01K"));
  ASSERT_EQ(odd.cause, kGood);
  EXPECT_EQ(odd.head.reason, "");
}

TEST(ResponseHead, MendsFieldsThatAreWrongButPlain) {
  const auto parsed = read_response(
      response_with("  lost: 1\r\nX-A : 1\r\nX-B\t:2\r\nX-C: one,\r\n\ttwo \r\n three\r\n"
                    "Content-Length : 2\r\nX-D: a\x01\x7f\r\nX-E:\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.content_length, 2);
  EXPECT_TRUE(parsed.head.keep_alive);
  EXPECT_EQ(written(parsed.head),
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B: 2\r\nX-C: one, two three\r\nX-D: a\r\nX-E: \r\n"
            "Content-Length: 2\r\n\r\n");
}

TEST(ResponseHead, LeavesOutLinesThatSayNothingAndReadsNothingBehindThem) {
  for (const auto* line : {"X y: a\r\n", "nothing\r\n", ": x\r\n", "X\x0b: y\r\n more\r\n"}) {
    const auto parsed = read_response(
        response_with("A: b\r\n" + std::string(line) + "Content-Length: 2\r\nC: d\r\n"));
    ASSERT_EQ(parsed.cause, kGood) << line;
    EXPECT_EQ(parsed.head.fields.size(), 2U) << line;
    EXPECT_FALSE(parsed.head.keep_alive) << line;
  }
}

TEST(ResponseHead, ReadsAnAnswerWhoseLinesAllEndInLineFeeds) {
  const auto parsed = read_response("HTTP/1.0 200 OK\nX: y\nContent-Length: 2\n\nok");
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.fields.find("x")->value, "y");
  EXPECT_EQ(parsed.head.content_length, 2);
  EXPECT_EQ(cause_of_response("HTTP/1.0 200 OK\nX: y\r\nZ: w\n\n"), kMalformed) << "or is it two?";
}

TEST(ResponseHead, TakesEveryConnectionThatAServerMayWrite) {
  const auto keeps = [](std::string_view lines) {
    const auto parsed = read_response(response_with("Content-Length: 0\r\n" + std::string(lines)));
    EXPECT_EQ(parsed.cause, kGood) << lines;
    return parsed.head.keep_alive;
  };
  EXPECT_TRUE(keeps("Connection: Keep-Alive, timeout=5\r\n"));
  EXPECT_FALSE(keeps("Connection: \"close\"\r\n"));
  std::string lines;
  for (int i = 0; i < 5; ++i) lines += "Connection: keep-alive\r\n";
  EXPECT_TRUE(keeps(lines));
  for (int i = 0; i < 40; ++i) lines += "Connection: a" + std::to_string(i) + "\r\n";
  EXPECT_TRUE(keeps(lines));
  EXPECT_TRUE(keeps("Connection: Upgrade\r\nUpgrade: h2\r\nUpgrade: h2c\r\n"));
}

TEST(ResponseHead, PassesWhatA426AsksForAndNoOtherOffer) {
  const auto parsed = read_response(response_with(
      "Upgrade: TLS/1.2\r\nUpgrade: HTTP/2.0\r\nContent-Length: 0\r\n", "HTTP/1.1 426 Upgrade"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(written(parsed.head),
            "HTTP/1.1 426 Upgrade\r\nContent-Length: 0\r\nUpgrade: TLS/1.2, HTTP/2.0\r\n"
            "Connection: Upgrade\r\n\r\n");
  const auto other = read_response(
      response_with("Connection: upgrade\r\nUpgrade: h2,h2c\r\nContent-Length: 0\r\n"));
  EXPECT_EQ(written(other.head), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(ResponseHead, PassesNamesThatWouldImitateOthersInARequest) {
  EXPECT_EQ(
      read_response(response_with("x_request_id: 1\r\nContent_Type: x\r\n")).head.fields.size(),
      2U);
}

TEST(ResponseHead, KeepsTheConnectionByVersionWishAndFraming) {
  const auto keeps = [](std::string_view lines, std::string_view start = "HTTP/1.1 200 OK") {
    return read_response(response_with(lines, start)).head.keep_alive;
  };
  EXPECT_TRUE(keeps("Content-Length: 0\r\n"));
  EXPECT_FALSE(keeps("Content-Length: 0\r\nConnection: close\r\n"));
  EXPECT_FALSE(keeps("Content-Length: 0\r\n", "HTTP/1.0 200 OK"));
  EXPECT_TRUE(keeps("Content-Length: 0\r\nConnection: keep-alive\r\n", "HTTP/1.0 200 OK"));
  EXPECT_FALSE(keeps("")) << "the body ends with the connection";
}

TEST(ResponseHead, EndsWithTheConnectionWhenItSaysNoLength) {
  EXPECT_EQ(read_response(response_with("")).head.framing, Framing::kUntilClose);
  EXPECT_EQ(read_response(response_with("Transfer-Encoding: chunked\r\n")).head.framing,
            Framing::kChunked);
}

TEST(ResponseHead, DropsHopFieldsAndIgnoresAClumsyNomination) {
  const auto parsed = read_response(response_with(
      "Connection: Transfer-Encoding, X-Mine\r\nTransfer-Encoding: chunked\r\nX-Mine: 1\r\n"
      "Proxy-Authenticate: Basic\r\nUpgrade: h2\r\nTrailer: x\r\nServer: s\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.framing, Framing::kChunked);
  EXPECT_EQ(written(parsed.head),
            "HTTP/1.1 200 OK\r\nProxy-Authenticate: Basic\r\nTrailer: x\r\nServer: s\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(ResponseHead, Case66RefusesA101ThatNobodyAskedFor) {
  const std::string switching = response_with("Connection: upgrade\r\nUpgrade: websocket\r\n",
                                              "HTTP/1.1 101 Switching Protocols");
  EXPECT_EQ(cause_of_response(switching), kMalformed);
  EXPECT_EQ(cause_of_response(switching, {Method::kGet, "other"}), kMalformed);
  const auto parsed = read_response(switching, {Method::kGet, "WebSocket, other"});
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.upgrade, "websocket");
  EXPECT_EQ(cause_of_response(response_with("Upgrade: websocket\r\n", "HTTP/1.1 101 X"),
                              {Method::kGet, "websocket"}),
            kMalformed);
}

TEST(ResponseHead, Case121RefusesAmbiguousFraming) {
  for (const auto* lines :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3, 4\r\n",
        "Content-Length: +3\r\n", "Content-Length:\r\n", "Content-Length: 18446744073709551621\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: \x0b"
        "chunked\r\n",
        "Transfer-Encoding : chunked\r\nContent-Length : 3\r\n",
        "Transfer-Encoding: chunked;x\r\n"}) {
    EXPECT_EQ(cause_of_response(response_with(lines)), kMalformed) << lines;
    EXPECT_EQ(cause_of_response(response_with(lines), {Method::kHead, ""}), kGood) << lines;
  }
}

TEST(ResponseHead, Case122RefusesResponseSplitting) {
  for (const auto lines : {"X: a\rb\r\n"sv, "X: a\0b\r\n"sv, "X: a\nY: b\r\n"sv, "X : a\rb\r\n"sv,
                           "X: a\r\n b\rc\r\n"sv, "X\r: a\r\n"sv, "X : a\nY: b\r\n"sv}) {
    EXPECT_EQ(cause_of_response(response_with(lines)), kMalformed) << lines;
  }
  EXPECT_EQ(cause_of_response("HTTP/1.1 200 OK\nX: y\r\n\n"), kMalformed);
  EXPECT_EQ(cause_of_response("HTTP/1.1 200 O\rK\r\n\r\n"), kMalformed);
}

TEST(ResponseHead, Case124HasNoBodyWhereThereIsNone) {
  const auto head = read_response(response_with("Content-Length: 5\r\n"), {Method::kHead, ""});
  EXPECT_EQ(head.head.framing, Framing::kNone);
  EXPECT_EQ(head.head.content_length, 5);
  EXPECT_TRUE(head.head.keep_alive);
  const auto chunked =
      read_response(response_with("Transfer-Encoding: chunked\r\n"), {Method::kHead, ""});
  EXPECT_EQ(chunked.head.framing, Framing::kNone);
  const auto unmodified = read_response(response_with("Content-Length: 5\r\n", "HTTP/1.1 304 X"));
  EXPECT_EQ(unmodified.head.framing, Framing::kNone);
  EXPECT_EQ(unmodified.head.content_length, 5);
  EXPECT_EQ(read_response(response_with("", "HTTP/1.1 204 X")).head.framing, Framing::kNone);
}

TEST(ResponseHead, Case124DoesNotReuseAfterA204WithACodingOrALength) {
  const auto coded =
      read_response(response_with("Transfer-Encoding: chunked\r\n", "HTTP/1.1 204 X"));
  ASSERT_EQ(coded.cause, kGood);
  EXPECT_EQ(coded.head.framing, Framing::kNone);
  EXPECT_FALSE(coded.head.keep_alive);
  EXPECT_EQ(cause_of_response(response_with("Transfer-Encoding: chunked\r\n", "HTTP/1.1 103 X")),
            kGood);
  const auto parsed = read_response(response_with("Content-Length: 5\r\n", "HTTP/1.1 204 X"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.framing, Framing::kNone);
  EXPECT_EQ(parsed.head.content_length, -1);
  EXPECT_FALSE(parsed.head.keep_alive);
  EXPECT_TRUE(
      read_response(response_with("Content-Length: 0\r\n", "HTTP/1.1 204 X")).head.keep_alive);
}

TEST(ResponseHead, Case125ReadsInterimResponses) {
  const std::string bytes = response_with("", "HTTP/1.1 100 Continue") +
                            response_with("Link: </x>\r\n", "HTTP/1.1 103 Early Hints") +
                            response_with("Content-Length: 0\r\n");
  const auto first = read_response(bytes);
  EXPECT_EQ(first.head.status, 100);
  EXPECT_EQ(first.head.framing, Framing::kNone);
  EXPECT_TRUE(first.head.keep_alive);
  const auto second = read_response(std::string_view(bytes).substr(first.consumed));
  EXPECT_EQ(second.head.status, 103);
  EXPECT_EQ(second.head.fields.size(), 1U);
}

TEST(ResponseHead, Case127BoundsFieldsAndHead) {
  std::string lines;
  for (int i = 0; i < 101; ++i) lines += "X: y\r\n";
  EXPECT_EQ(cause_of_response(response_with(lines)), Cause::kResponseHeadTooLarge);
  EXPECT_EQ(cause_of_response(response_with("X: " + std::string(1 << 20, 'y') + "\r\n")),
            Cause::kResponseHeadTooLarge);
}

TEST(ResponseHead, ReadsASingleHeadSplitInEveryTwoPieces) {
  const std::string bytes = response_with("A: b\r\nContent-Length: 7\r\n");
  for (size_t split = 0; split < bytes.size(); ++split) {
    HeadEnd end(Side::kResponse);
    ASSERT_EQ(end.look(std::string_view(bytes).substr(0, split), {}).state, HeadEnd::State::kMore);
    const auto look = end.look(bytes, {});
    ASSERT_EQ(look.state, HeadEnd::State::kFound);
    EXPECT_EQ(look.end, bytes.size());
  }
}

}  // namespace
}  // namespace outrigger::http
