// What a request asks of a proxy: tunnels, expectations, trailers, hops.
#include <gtest/gtest.h>

#include "tests/unit/proxy/http/h1_support.hpp"

namespace outrigger::http {
namespace {

constexpr Cause kGood = Cause::kNone;
constexpr Cause kMalformed = Cause::kMalformedRequest;

TEST(RequestHead, Case68WantsAnAuthorityWithAPortAndNoBodyOfConnect) {
  EXPECT_EQ(cause_of_request(request_with("", "CONNECT a:443 HTTP/1.1")), Cause::kNone);
  EXPECT_EQ(cause_of_request(request_with("", "CONNECT [::1]:443 HTTP/1.1")), Cause::kNone);
  for (const char* line : {"CONNECT a HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT :443 HTTP/1.1",
                           "CONNECT http://a:443/ HTTP/1.1", "CONNECT u@a:443 HTTP/1.1",
                           "CONNECT a:443/x HTTP/1.1", "CONNECT a:65536 HTTP/1.1"}) {
    EXPECT_EQ(cause_of_request(request_with("", line)), Cause::kMalformedRequest) << line;
  }
  for (const char* fields : {"Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n"}) {
    EXPECT_EQ(cause_of_request(request_with(fields, "CONNECT a:443 HTTP/1.1")),
              Cause::kMalformedRequest)
        << fields;
  }
}

TEST(RequestHead, Case69KnowsOneExpectation) {
  for (const auto* value :
       {"y 100-continue", "foo", "100-continue, foo", "100-continue;x", "100-continu"}) {
    EXPECT_EQ(cause_of_lines("Content-Length: 1\r\nExpect: " + std::string(value) + "\r\n"),
              Cause::kUnknownExpectation)
        << value;
  }
  EXPECT_EQ(cause_of_lines("Expect: 100-continue\r\nExpect: x\r\n"), Cause::kUnknownExpectation);
  const auto parsed = read_request(request_with("Content-Length: 1\r\nExpect: 100-Continue\r\n"));
  EXPECT_TRUE(parsed.head.expects_continue);
  EXPECT_TRUE(parsed.head.fields.empty());
  EXPECT_NE(written(parsed.head).find("\r\nExpect: 100-continue\r\n"), std::string::npos);
}

TEST(RequestHead, ExpectsNothingWhereExpectIsEmptyAndTheSameWhereItIsSaidTwice) {
  const auto empty = read_request(request_with("Content-Length: 1\r\nExpect:\r\n"));
  ASSERT_EQ(empty.cause, kGood);
  EXPECT_FALSE(empty.head.expects_continue);
  EXPECT_TRUE(empty.head.fields.empty());
  EXPECT_TRUE(read_request(request_with("Content-Length: 1\r\nExpect: 100-continue, \r\n"
                                        "Expect: 100-continue\r\n"))
                  .head.expects_continue);
}

TEST(RequestHead, SaysWhichTrailersComeWhereSomeMay) {
  const auto parsed =
      read_request(request_with("Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_NE(written(parsed.head).find("\r\nTrailer: X-Sum\r\n"), std::string::npos);
  EXPECT_EQ(
      read_request(request_with("Content-Length: 2\r\nTrailer: X-Sum\r\n")).head.fields.size(), 0U);
}

TEST(RequestHead, Case69IgnoresAnExpectationThatCannotBeMet) {
  EXPECT_FALSE(read_request(request_with("Expect: 100-continue\r\n")).head.expects_continue);
  const auto old =
      read_request("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_EQ(old.cause, kGood);
  EXPECT_FALSE(old.head.expects_continue);
}

TEST(RequestHead, Case73SaysThatNothingFollowsAfterClose) {
  const std::string bytes = request_with("Connection: close\r\n") + request_with("");
  const auto parsed = read_request(bytes);
  EXPECT_FALSE(parsed.head.keep_alive);
  EXPECT_EQ(parsed.consumed, request_with("Connection: close\r\n").size());
}

TEST(RequestHead, Case74LeavesTheForwardingFieldsOfTheApplication) {
  const auto parsed =
      read_request(request_with("X-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\n"));
  EXPECT_EQ(parsed.head.fields.size(), 2U);
}

TEST(RequestHead, Case75RefusesTraceAndLeavesAValidMaxForwards) {
  EXPECT_EQ(cause_of_request(request_with("", "TRACE / HTTP/1.1")), Cause::kMethodRefused);
  EXPECT_EQ(read_request(request_with("Max-Forwards: 0\r\n")).head.fields.value(Name::kMaxForwards),
            "0");
  EXPECT_EQ(cause_of_lines("Max-Forwards: -1\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Max-Forwards: x\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Max-Forwards: 1\r\nMax-Forwards: 2\r\n"), kMalformed);
}

TEST(RequestHead, Case77DropsNamesThatImitateFramingAndRouting) {
  const auto parsed = read_request(
      request_with("Content_Length: 5\r\nTRANSFER_ENCODING: chunked\r\nTransfer-_Encoding: x\r\n"
                   "x_forwarded_for: 1\r\nX_Real-IP: 1\r\nmy_header: kept\r\n"
                   "x_request_id: kept\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.framing, Framing::kNone);
  ASSERT_EQ(parsed.head.fields.size(), 3U);
  EXPECT_NE(parsed.head.fields.find("my_header"), nullptr);
}
}  // namespace
}  // namespace outrigger::http
