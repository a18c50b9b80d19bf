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
       {"HTTP/1.1  200 OK"sv, "HTTP/1.1 20 OK"sv, "HTTP/1.1 2000 OK"sv, "HTTP/1.1 099 X"sv,
        "HTTP/1.1 +20 OK"sv, "HTTP/1.2 200 OK"sv, "HTTP/1.10 200 OK"sv, "HTTP/1.1\t200 OK"sv,
        "HTTP/1.1 200 O\x01K"sv, "HTTP/1.1 200 O\0K"sv, "HTTP/1.1 200\tOK"sv, "HTTP/1.1"sv,
        "HTTP/1.1 2x0 OK"sv}) {
    EXPECT_EQ(cause_of_response(response_with("", start)), kMalformed) << start;
  }
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
  ASSERT_EQ(parsed.head.fields.size(), 1U);
  EXPECT_EQ(parsed.head.fields.begin()->name, "Server");
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
        "Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n", "Content-Length:\r\n", "Content-Length: 18446744073709551621\r\n",
        "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: \x0b"
        "chunked\r\n",
        "Transfer-Encoding : chunked\r\n", "Transfer-Encoding: chunked;x\r\n"}) {
    EXPECT_EQ(cause_of_response(response_with(lines)), kMalformed) << lines;
    EXPECT_EQ(cause_of_response(response_with(lines), {Method::kHead, ""}), kMalformed) << lines;
  }
  EXPECT_EQ(cause_of_response(response_with("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK")),
            kMalformed);
}

TEST(ResponseHead, Case122RefusesResponseSplitting) {
  for (const auto lines :
       {"X: a\rb\r\n"sv, "X: a\0b\r\n"sv, "X: a\nY: b\r\n"sv, "X: a\r\n b\r\n"sv, "X: a\x01\r\n"sv,
        "X\r\n"sv, ": x\r\n"sv, "X : y\r\n"sv, " X: y\r\n"sv}) {
    EXPECT_EQ(cause_of_response(response_with(lines)), kMalformed) << lines;
  }
  EXPECT_EQ(cause_of_response("HTTP/1.1 200 OK\nX: y\r\n\r\n"), kMalformed);
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

TEST(ResponseHead, Case124RefusesA204WithTransferEncodingAndDoesNotReuseAfterOneWithLength) {
  EXPECT_EQ(cause_of_response(response_with("Transfer-Encoding: chunked\r\n", "HTTP/1.1 204 X")),
            kMalformed);
  EXPECT_EQ(cause_of_response(response_with("Transfer-Encoding: chunked\r\n", "HTTP/1.1 103 X")),
            kMalformed);
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
