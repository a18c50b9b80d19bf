// The caller leaves. What its end means for the call upstream.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr std::string_view kOrders = "services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}";

TEST(CallerLeaves, AResetCancelsTheCallUpstream) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.otherwise = stalls();
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  EXPECT_EQ(origin.open_connections(), 1u);
  caller.abort();
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(CallerLeaves, AnEndWhileTheAnswerIsPendingCancelsToo) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(100, answers(200));
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  caller.finish();
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  town.pass_ms(200);
  EXPECT_TRUE(caller.received.empty());
}

TEST(CallerLeaves, AfterConnectionCloseTheEndIsAHalfCloseAndTheAnswerIsSent) {
  for (const char* request : {"GET / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n",
                              "GET / HTTP/1.0\r\nHost: orders\r\n\r\n"}) {
    Town town(kOrders);
    town.origin(kAt).otherwise = after(100, answers(200));
    Caller caller(town);
    caller.begin_raw("GET", request);
    caller.finish();
    EXPECT_EQ(caller.next().status(), 200) << request;
    town.run();
    EXPECT_TRUE(caller.ended);
  }
}

// A reply that is sent at once begins the next request from within the filters: its body waits for
// the next turn, and the end of the caller may come first.
TEST(CallerLeaves, AfterAMalformedBodyThatStillWaits) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, fallback: "
      "[{on: [any], respond: {status: 200, body: '" +
      std::string(40'000, 'x') + "'}}]}}");
  TestOrigin server(town.network, *Address::parse(kAt));
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(
      "GET / HTTP/1.1\r\nHost: orders\r\n\r\n"
      "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n");
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
  server.last().send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  caller.finish();
  town.run();
  EXPECT_TRUE(caller.received.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(caller.received.find("HTTP/1.1 400 "), std::string::npos);
  EXPECT_TRUE(caller.ended);
}

TEST(CallerLeaves, ACallThatBacksOffOrWaitsForAConnectionEndsAsWell) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: {attempts: 2, "
      "backoff: {base: 10s, max: 10s}}, limits: {outstanding: 1}}}");
  Origin& origin = town.origin(kAt);
  origin.script = {answers(503)};
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  caller.abort();
  town.run();
  EXPECT_EQ(town.service("orders").limit().outstanding(), 0);
  town.pass_ms(20'000);
  EXPECT_EQ(origin.requests.size(), 1u);

  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kBlackhole;
  origin.last().close_cleanly();
  town.run();
  Caller connecting(town);
  connecting.begin("GET", "/");
  town.pass_ms(10);
  EXPECT_EQ(town.service("orders").limit().outstanding(), 1);
  connecting.abort();
  town.run();
  EXPECT_EQ(town.service("orders").limit().outstanding(), 0);
}

TEST(CallerLeaves, WithinItsAnswerTheUpstreamConnectionIsDroppedNotReused) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.script = {sends("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")};
  {
    Caller caller(town);
    caller.begin("GET", "/1");
    town.run();
    EXPECT_EQ(caller.partial().body, "abc");
    caller.abort();
  }
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_EQ(Caller(town).get("/2").body, "ok");
  EXPECT_EQ(origin.accepted(), 2u);
}

// ABUSE 17
TEST(CallerLeaves, ABodyShorterThanDeclaredEndsUpstreamWithoutACompleteRequest) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 10\r\n\r\nabc");
  town.run();
  EXPECT_EQ(origin.heads, 1u);
  caller.finish();
  EXPECT_EQ(caller.next().status(), 400);
  town.run();
  EXPECT_EQ(origin.requests.size(), 0u);
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_TRUE(caller.ended);
}

// ABUSE 35
TEST(CallerLeaves, ABodyThatBreaksOffWithinAChunkNeverEndsCleanlyUpstream) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  for (const bool by_reset : {false, true}) {
    Caller caller(town);
    caller.begin_raw("POST",
                     "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "a\r\nabc");
    town.run();
    by_reset ? caller.abort() : caller.finish();
    town.run();
    EXPECT_EQ(origin.requests.size(), 0u);
    EXPECT_EQ(origin.open_connections(), 0u);
    EXPECT_EQ(origin.last().received.find("0\r\n\r\n"), std::string::npos);
  }
}

// ABUSE 18
TEST(CallerLeaves, BytesBehindADeclaredBodyAreTheNextRequestOrNone) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw(
      "POST", "POST /1 HTTP/1.1\r\nHost: orders\r\nContent-Length: 3\r\n\r\nabcgarbage\r\n\r\n");
  caller.expect_answer_to("GET");
  EXPECT_EQ(caller.next().status(), 200);
  EXPECT_EQ(caller.next().status(), 400);
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0].body, "abc");
}

// ABUSE 19
TEST(CallerLeaves, ABodyOfAGetIsForwardedAsItIs) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  for (const char* method : {"GET", "DELETE", "HEAD"}) {
    EXPECT_EQ(caller.ask(method, "/", {}, "the body").status(), 200);
    EXPECT_EQ(origin.requests.back().body, "the body");
    EXPECT_EQ(origin.requests.back().method(), method);
  }
}

}  // namespace
}  // namespace outrigger::testing
