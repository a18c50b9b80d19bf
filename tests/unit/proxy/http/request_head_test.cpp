// Request heads: what is read, and every abuse of their framing, by its number.
#include <gtest/gtest.h>

#include "tests/unit/proxy/http/h1_support.hpp"

namespace outrigger::http {
namespace {

using namespace std::string_view_literals;

constexpr Cause kGood = Cause::kNone;
constexpr Cause kMalformed = Cause::kMalformedRequest;

TEST(RequestHead, SaysWhatTheRequestSaid) {
  const auto parsed = read_request(
      "POST /v1/items?x=1 HTTP/1.1\r\nHost: Orders:8080\r\nAccept:  text/plain \t\r\nX-Empty:\r\n"
      "Content-Length: 5\r\n\r\nhello");
  ASSERT_EQ(parsed.cause, kGood);
  const RequestHead& head = parsed.head;
  EXPECT_EQ(head.method, Method::kPost);
  EXPECT_EQ(head.method_text, "POST");
  EXPECT_EQ(head.version, Version::kHttp11);
  EXPECT_EQ(head.authority, "Orders:8080");
  EXPECT_EQ(head.target, "/v1/items?x=1");
  EXPECT_EQ(head.path(), "/v1/items");
  EXPECT_EQ(head.framing, Framing::kLength);
  EXPECT_EQ(head.content_length, 5);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(head.fields.size(), 2U);
  EXPECT_EQ(head.fields.value(Name::kAccept), "text/plain");
  ASSERT_NE(head.fields.find("x-empty"), nullptr);
  EXPECT_EQ(head.fields.find("x-empty")->value, "");
}

TEST(RequestHead, TakesNoMemoryBesidesTheArena) {
  alignas(16) std::byte memory[2048];
  Arena arena(memory);
  const std::string head = request_with("Accept: */*\r\nConnection: keep-alive\r\n");
  ASSERT_TRUE(parse_request_head(head, arena, {}));
  EXPECT_EQ(arena.heap_bytes(), 0U);
}

TEST(RequestHead, KeepsTheConnectionByVersionAndWish) {
  EXPECT_TRUE(read_request(request_with("")).head.keep_alive);
  EXPECT_FALSE(read_request(request_with("Connection: close\r\n")).head.keep_alive);
  EXPECT_FALSE(read_request(request_with("Connection: keep-alive, close\r\n")).head.keep_alive);
  EXPECT_FALSE(read_request("GET / HTTP/1.0\r\n\r\n").head.keep_alive);
  EXPECT_TRUE(read_request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive);
}

TEST(RequestHead, PassesAnyMethodThatIsAToken) {
  for (const auto* method : {"QUERY", "get", "VERSION-CONTROL", "X"}) {
    const auto parsed = read_request(request_with("", std::string(method) + " / HTTP/1.1"));
    ASSERT_EQ(parsed.cause, kGood) << method;
    EXPECT_EQ(parsed.head.method, Method::kOther);
    EXPECT_EQ(parsed.head.method_text, method);
  }
}

TEST(RequestHead, Case01RefusesLengthTogetherWithTransferEncoding) {
  EXPECT_EQ(cause_of_lines("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n"), kMalformed);
}

TEST(RequestHead, Case02DoesNotKnowOtherTransferCodings) {
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: xchunked\r\n"), Cause::kUnknownTransferCoding);
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: blegh\r\n"), Cause::kUnknownTransferCoding);
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: identity\r\n"), Cause::kUnknownTransferCoding);
}

TEST(RequestHead, Case03RefusesTransferEncodingTwice) {
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            kMalformed);
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
            kMalformed);
}

TEST(RequestHead, Case04RefusesEmptyAndDoubleCodings) {
  for (const auto* value : {",chunked", "chunked,", "chunked, chunked", "", ","}) {
    EXPECT_EQ(cause_of_lines("Transfer-Encoding: " + std::string(value) + "\r\n"), kMalformed)
        << value;
  }
}

TEST(RequestHead, Case05RefusesChunkedThatIsNotLast) {
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: chunked, identity\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: chunked, gzip\r\n"), kMalformed);
}

TEST(RequestHead, Case06DoesNotKnowGzipUnderChunked) {
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: gzip, chunked\r\n"), Cause::kUnknownTransferCoding);
}

TEST(RequestHead, Case07RefusesOddTransferEncodingValues) {
  for (const auto value : {"\x0b"
                           "chunked"sv,
                           "chunked\x0b"sv,
                           "\x85"
                           "chunked"sv,
                           "chunked\xa0"sv, "\"chunked\""sv, "chunked;q=1"sv, "chunked;"sv,
                           "chunked x"sv, "gzip;level=1, chunked"sv}) {
    EXPECT_EQ(cause_of_lines("Transfer-Encoding: " + std::string(value) + "\r\n"), kMalformed)
        << value;
  }
  EXPECT_EQ(read_request(request_with("Transfer-Encoding: \tChunked \r\n")).head.framing,
            Framing::kChunked);
}

TEST(RequestHead, Case08RefusesSpaceBeforeTheColon) {
  EXPECT_EQ(cause_of_lines("Transfer-Encoding : chunked\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Transfer-Encoding\t: chunked\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), kMalformed);
}

TEST(RequestHead, Case09RefusesAFoldedTransferEncoding) {
  EXPECT_EQ(cause_of_lines("Transfer-Encoding:\r\n chunked\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Transfer-Encoding: gzip,\r\n chunked\r\n"), kMalformed);
}

TEST(RequestHead, Case10RefusesTransferEncodingInHttp10) {
  EXPECT_EQ(cause_of_request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), kMalformed);
}

TEST(RequestHead, Case11RefusesTwoLengths) {
  EXPECT_EQ(cause_of_lines("Content-Length: 5\r\nContent-Length: 6\r\n"), kMalformed);
}

TEST(RequestHead, Case12RefusesTheSameLengthTwice) {
  EXPECT_EQ(cause_of_lines("Content-Length: 5\r\nContent-Length: 5\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Content-Length: 5, 5\r\n"), kMalformed);
}

TEST(RequestHead, Case13RefusesLengthsThatAreNotDigits) {
  for (const auto* value : {"+5", "-1", "0x5", "5_0", "5 5", "5;", "1Z", "5,", "five", "5.0"}) {
    EXPECT_EQ(cause_of_lines("Content-Length: " + std::string(value) + "\r\n"), kMalformed)
        << value;
  }
}

TEST(RequestHead, Case14RefusesAnEmptyLength) {
  EXPECT_EQ(cause_of_lines("Content-Length:\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Content-Length: \t \r\n"), kMalformed);
}

TEST(RequestHead, Case15RefusesALengthThatDoesNotFit) {
  for (const auto* value :
       {"9223372036854775808", "18446744073709551621", "1000000000000000000000000000000"}) {
    EXPECT_EQ(cause_of_lines("Content-Length: " + std::string(value) + "\r\n"), kMalformed)
        << value;
  }
  EXPECT_EQ(
      read_request(request_with("Content-Length: 9223372036854775807\r\n")).head.content_length,
      INT64_MAX);
}

TEST(RequestHead, Case16WritesTheLengthCanonically) {
  const auto parsed = read_request(request_with("Content-Length: 005\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.content_length, 5);
  EXPECT_NE(written(parsed.head).find("\r\nContent-Length: 5\r\n"), std::string::npos);
}

TEST(RequestHead, Case18TakesWhatFollowsTheBodyForTheNextRequest) {
  const std::string bytes = request_with("Content-Length: 2\r\n") + "ok\x01X / HTTP/1.1\r\n\r\n";
  const auto first = read_request(bytes);
  ASSERT_EQ(first.cause, kGood);
  EXPECT_EQ(cause_of_request(std::string_view(bytes).substr(first.consumed + 2)), kMalformed);
}

TEST(RequestHead, Case19KeepsTheFramingOfAnyMethod) {
  for (const auto* method : {"GET", "HEAD", "DELETE"}) {
    const std::string start = std::string(method) + " / HTTP/1.1";
    EXPECT_EQ(read_request(request_with("Content-Length: 5\r\n", start)).head.framing,
              Framing::kLength);
    const auto chunked = read_request(request_with("Transfer-Encoding: chunked\r\n", start));
    EXPECT_EQ(chunked.head.framing, Framing::kChunked);
    EXPECT_NE(written(chunked.head).find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  }
}

}  // namespace
}  // namespace outrigger::http
