// What of a request travels on, and what ends at this hop or is refused.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr std::string_view kOrders =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off}}";

// What arrives upstream of a request with these field lines.
Message forwarded(std::string_view fields, std::string_view method = "GET") {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  EXPECT_EQ(Caller(town).ask(method, "/a?b", fields).status(), 200) << fields;
  return origin.requests.empty() ? Message{} : origin.requests[0];
}
// The answer to a request that must not reach the upstream.
Message refused(std::string_view raw) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw("GET", raw);
  const Message answer = caller.next();
  EXPECT_EQ(origin.heads, 0u) << raw;
  town.run();
  EXPECT_TRUE(caller.is_over()) << raw;
  return answer;
}

TEST(Requests, EndToEndFieldsPassUnchangedAndInOrder) {
  const Message got = forwarded("X-Two: b\r\nX-One: a\r\nAccept: */*\r\nX-Two: c\r\n");
  EXPECT_EQ(got.start, "GET /a?b HTTP/1.1");
  std::vector<std::string> values;
  for (const auto& [name, value] : got.fields) {
    if (name.starts_with("X-") || name.starts_with("x-")) values.push_back(value);
  }
  EXPECT_EQ(values, (std::vector<std::string>{"b", "a", "c"}));
  EXPECT_EQ(got.field("host"), "orders");
}

// ABUSE 59
TEST(Requests, WhatConnectionNamesEndsHere) {
  const Message got =
      forwarded("X-Secret: 1\r\nConnection: X-Secret, keep-alive\r\nX-Other: 2\r\n");
  EXPECT_FALSE(got.has("x-secret"));
  EXPECT_FALSE(got.has("connection"));
  EXPECT_EQ(got.field("x-other"), "2");
}

// ABUSE 60
TEST(Requests, ConnectionMustNotNameWhatFramesRoutesOrProves) {
  for (const char* name : {"Host", "Content-Length", "Authorization", "Cookie", "X-Forwarded-For",
                           "Transfer-Encoding"}) {
    EXPECT_EQ(
        refused("GET / HTTP/1.1\r\nHost: orders\r\nConnection: " + std::string(name) + "\r\n\r\n")
            .status(),
        400)
        << name;
  }
}

// ABUSE 61
TEST(Requests, HopFieldsEndHere) {
  const Message got = forwarded(
      "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nTrailer: X\r\n"
      "Proxy-Authorization: Basic eDp5\r\nUpgrade: websocket\r\nConnection: te\r\n");
  for (const char* name :
       {"keep-alive", "proxy-connection", "te", "proxy-authorization", "upgrade", "connection"}) {
    EXPECT_FALSE(got.has(name)) << name;
  }
}

// ABUSE 69
TEST(Requests, AnUnknownExpectationIs417) {
  for (const char* value : {"foo", "y 100-continue", "100-continue, foo"}) {
    EXPECT_EQ(
        refused("GET / HTTP/1.1\r\nHost: orders\r\nExpect: " + std::string(value) + "\r\n\r\n")
            .status(),
        417)
        << value;
  }
}

// ABUSE 1-15
TEST(Requests, AmbiguousFramingIsRefused) {
  const std::string post = "POST / HTTP/1.1\r\nHost: orders\r\n";
  for (const char* fields : {
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
           "Content-Length: 5, 5\r\n\r\nabcde",
           "Content-Length: +5\r\n\r\nabcde",
           "Content-Length: 0x5\r\n\r\nabcde",
           "Content-Length:\r\n\r\n",
           "Content-Length: 18446744073709551621\r\n\r\nabcde",
       }) {
    const int status = refused(post + fields).status();
    EXPECT_TRUE(status == 400 || status == 413) << fields << status;
  }
  EXPECT_EQ(refused(post + "Transfer-Encoding: blegh\r\n\r\n").status(), 501);
  EXPECT_EQ(refused("POST / HTTP/1.0\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "0\r\n\r\n")
                .status(),
            400);
}

// ABUSE 73
TEST(Requests, WhatComesBehindConnectionCloseIsIgnored) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw("GET",
                   "GET /1 HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n"
                   "GET /2 HTTP/1.1\r\nHost: orders\r\n\r\n");
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("connection"), "close");
  town.run();
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(origin.requests.size(), 1u);
}

// ABUSE 74
TEST(Requests, ForwardingFieldsOfTheApplicationAreKept) {
  const Message got = forwarded(
      "X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=1.2.3.4\r\n"
      "X-Request-Id: 7\r\n");
  EXPECT_EQ(got.field("x-forwarded-for"), "10.1.1.1");
  EXPECT_EQ(got.field("x-forwarded-proto"), "https");
  EXPECT_EQ(got.field("forwarded"), "for=1.2.3.4");
  EXPECT_EQ(got.field("x-request-id"), "7");
}

// ABUSE 75
TEST(Requests, TraceIs405AndMaxForwardsIsCountedDown) {
  EXPECT_EQ(refused("TRACE / HTTP/1.1\r\nHost: orders\r\n\r\n").status(), 405);
  EXPECT_EQ(forwarded("Max-Forwards: 3\r\n", "OPTIONS").field("max-forwards"), "2");
  Town town(kOrders);
  Caller caller(town);
  const Message answer = caller.ask("OPTIONS", "/", "Max-Forwards: 0\r\n");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_TRUE(answer.has("allow"));
}

// ABUSE 76
TEST(Requests, ACallToOurselvesIs508BeforeDialling) {
  Town town(kOrders);
  town.set_endpoints("orders", {town.address().to_string()});
  const uint64_t before = town.network.connects();
  EXPECT_EQ(Caller(town).get().status(), 508);
  EXPECT_EQ(town.network.connects(), before + 1);  // the caller's
}

TEST(Requests, ViaIsAddedWhereItIsSetAndFindsLoops) {
  Town town("listeners: [{name: outbound, address: ['127.0.0.1:15001'], via: sidecar}]\n" +
            std::string(kOrders));
  Origin& origin = town.origin(kAt);
  EXPECT_EQ(Caller(town).get("/", "Via: 1.0 other\r\n").status(), 200);
  EXPECT_EQ(origin.requests[0].count("via"), 2);
  EXPECT_EQ(Caller(town).get("/", "Via: 1.1 other, 1.1 sidecar\r\n").status(), 508);
  EXPECT_EQ(origin.requests.size(), 1u);
}

// ABUSE 77
TEST(Requests, NamesWithUnderscoresThatLookLikeFramingDoNotPass) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  for (const char* field : {"Content_Length: 5\r\n", "Transfer_Encoding: chunked\r\n"}) {
    Caller caller(town);
    const int status = caller.get("/", field).status();
    if (status == 400) continue;
    ASSERT_FALSE(origin.requests.empty());
    EXPECT_FALSE(origin.requests.back().has("content_length"));
    EXPECT_FALSE(origin.requests.back().has("transfer_encoding"));
  }
}

// ABUSE 16
TEST(Requests, ALengthWithLeadingZerosTravelsInItsPlainForm) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 005\r\n\r\nabcde");
  EXPECT_EQ(caller.next().status(), 200);
  EXPECT_EQ(origin.requests[0].field("content-length"), "5");
}

// ABUSE 72
TEST(Requests, TenThousandPipelinedRequestsAreAnsweredInOrderWithinBounds) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.otherwise = [](Origin::Connection& on) { on.answer(200, on.request().target()); };
  Caller caller(town);
  std::string all;
  constexpr int kRequests = 10'000;
  for (int i = 0; i < kRequests; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: orders\r\n\r\n";
    if (i > 0) caller.expect_answer_to("GET");
  }
  caller.begin_raw("GET", all);
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(caller.next().body, "/" + std::to_string(i));
    ASSERT_LE(town.workers[0]->running(), 33u);  // one runs, those of a turn are being buried
  }
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST(Requests, PipelinedRequestsThatWaitStopTheReading) {
  Town town(kOrders);
  town.network.at(town.address()).pipe.kernel_bytes = 4'096;
  Origin& origin = town.origin(kAt);
  origin.script = {stalls()};
  Caller caller(town);
  std::string all;
  for (int i = 0; i < 10'000; ++i) all += "GET / HTTP/1.1\r\nHost: orders\r\nX: 123456789\r\n\r\n";
  caller.begin_raw("GET", all);
  town.pass_ms(1'000);
  EXPECT_GT(caller.stream().unsent(), all.size() - 3 * 64 * 1024);
  EXPECT_EQ(origin.requests.size(), 1u);
  // Nobody reads, so the reset is looked for.
  caller.abort();
  town.pass_ms(1'001);
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(Requests, AbsoluteFormCountsOverHostAndTravelsAsOriginForm) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw("GET", "GET http://orders/a?b HTTP/1.1\r\nHost: other\r\n\r\n");
  EXPECT_EQ(caller.next().status(), 200);
  EXPECT_EQ(origin.requests[0].start, "GET /a?b HTTP/1.1");
  EXPECT_EQ(origin.requests[0].field("host"), "orders");
  EXPECT_EQ(origin.requests[0].count("host"), 1);
}

TEST(Requests, AnOldRequestIsForwardedAsOneOfOurVersion) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw("GET", "GET / HTTP/1.0\r\nHost: orders\r\n\r\n");
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(origin.requests[0].start, "GET / HTTP/1.1");
  town.run();
  EXPECT_TRUE(caller.ended);
}

TEST(Requests, EveryPolicyOfHeadersIsAppliedBothWays) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, headers: {request: {set: "
      "{x-a: '1'}, add: {x-b: '2'}, remove: [x-c]}, response: {set: {x-d: '3'}, remove: "
      "[server]}}}}");
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(200, "ok", "Server: s\r\nX-D: old\r\n");
  const Message answer = Caller(town).get("/", "X-A: old\r\nX-B: old\r\nX-C: old\r\n");
  const Message& got = origin.requests[0];
  EXPECT_EQ(got.field("x-a"), "1");
  EXPECT_EQ(got.count("x-a"), 1);
  EXPECT_EQ(got.count("x-b"), 2);
  EXPECT_FALSE(got.has("x-c"));
  EXPECT_EQ(answer.field("x-d"), "3");
  EXPECT_FALSE(answer.has("server"));
}

}  // namespace
}  // namespace outrigger::testing
