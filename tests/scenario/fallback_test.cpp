// Fallback and Stale store. What the caller gets when the call cannot be made.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr const char* kOther = "10.0.0.2:80";

std::string with(std::string_view fallback, std::string_view more = {}) {
  return "services:\n"
         "  orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, retry: off, fallback: [" +
         std::string(fallback) + "]" + std::string(more) +
         "}\n"
         "  replica: {endpoints: {static: ['10.0.0.2:80']}, retry: off}\n";
}

TEST(Fallback, EntriesAreTriedInOrderAndTheFirstThatCanIsTaken) {
  Town town(
      with("{on: [any], stale: {max_age: 10m}}, {on: [any], respond: {status: 200, headers: "
           "{content-type: application/json}, body: '[1]'}}, {on: [any], omit: no_content}"));
  town.origin(kAt).otherwise = answers(500);
  const Message answer = Caller(town).get();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "[1]");
  EXPECT_EQ(answer.field("content-type"), "application/json");
  EXPECT_EQ(answer.field("proxy-status"),
            "outrigger; received-status=500; details=\"fallback orders\"");
}

TEST(Fallback, AGoodAnswerIsNotReplacedNorIsAnErrorOfTheCaller) {
  Town town(with("{on: [any], omit: no_content}"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  for (const int status : {200, 404, 429, 400}) {
    origin.otherwise = answers(status);
    EXPECT_EQ(caller.get().status(), status);
  }
  origin.otherwise = answers(500);
  EXPECT_EQ(caller.get().status(), 204);
}

TEST(Fallback, ItStandsInForAnOpenCircuitALimitADeadConnectAndATimeout) {
  Town town(with("{on: [any], respond: {status: 200, body: stand-in}}",
                 ", timeout: {request: 1s}, limits: {outstanding: 1}"));
  Origin& origin = town.origin(kAt);
  Caller caller(town), other(town);
  town.service("orders").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  Message answer = caller.get();
  EXPECT_EQ(answer.body, "stand-in");
  EXPECT_NE(answer.field("proxy-status").find("circuit_open orders"), std::string::npos);
  town.service("orders").circuit().force(upstream::CircuitForce::kAuto, town.now_ms());

  origin.script = {stalls()};
  caller.begin("GET", "/slow");
  town.run();
  answer = other.get();
  EXPECT_EQ(answer.body, "stand-in");
  EXPECT_NE(answer.field("proxy-status").find("connection_limit_reached"), std::string::npos);
  answer = caller.next();
  EXPECT_EQ(answer.body, "stand-in");
  EXPECT_NE(answer.field("proxy-status").find("http_response_timeout"), std::string::npos);

  origin.close();
  for (auto& connection : origin.connections) connection->close_cleanly();
  town.run();
  answer = caller.get();
  EXPECT_EQ(answer.body, "stand-in");
  EXPECT_NE(answer.field("proxy-status").find("connection_refused"), std::string::npos);
}

TEST(Fallback, OnlySafeMethodsUnlessItSaysSo) {
  {
    Town town(with("{on: [any], omit: empty_list}"));
    town.origin(kAt).otherwise = answers(500);
    Caller caller(town);
    EXPECT_EQ(caller.post("/", "x").status(), 500);
    EXPECT_EQ(caller.get().body, "[]");
  }
  Town town(with("{on: [any], methods: any, omit: empty_list}"));
  town.origin(kAt).otherwise = answers(500);
  EXPECT_EQ(Caller(town).post("/", "x").body, "[]");
}

TEST(Fallback, AnAlternateServiceAnswersAndIsMarked) {
  Town town(with("{on: [any], methods: any, service: replica}"));
  town.origin(kAt).otherwise = answers(500, "bad");
  Origin& other = town.origin(kOther);
  other.otherwise = answers(200, "copy");
  Caller caller(town);
  const Message answer = caller.post("/path", "the body");
  EXPECT_EQ(answer.body, "copy");
  EXPECT_TRUE(answer.has("proxy-status"));
  ASSERT_EQ(other.requests.size(), 1u);
  EXPECT_EQ(other.requests[0].target(), "/path");
  EXPECT_EQ(other.requests[0].body, "the body");
  EXPECT_EQ(other.requests[0].field("host"), kOther);
}

// ABUSE 144
TEST(Fallback, AnAlternateThatFailsTooGivesTheOriginalError) {
  Town town(with("{on: [any], service: replica}"));
  town.origin(kAt).otherwise = answers(502, "first");
  town.origin(kOther).otherwise = answers(500, "second");
  const Message answer = Caller(town).get();
  EXPECT_EQ(answer.status(), 502);
  EXPECT_EQ(answer.body, "first");
}

// Also where `on` does not list how it failed.
TEST(Fallback, AnAlternateThatFailsInAnotherWayGivesTheOriginalErrorToo) {
  Town town(with("{on: [circuit_open], service: replica}"));
  town.service("orders").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  const auto expect_original = [&] {
    const Message answer = Caller(town).get();
    EXPECT_EQ(answer.status(), 503);
    EXPECT_NE(answer.field("proxy-status").find("circuit_open orders"), std::string::npos);
  };
  expect_original();  // nobody listens there
  town.origin(kOther).otherwise = answers(500, "second");
  expect_original();
  town.origin(kOther).otherwise = answers(404, "second");
  EXPECT_EQ(Caller(town).get().status(), 404);
}

// ABUSE 144
TEST(Fallback, TwoServicesThatStandInForEachOtherDoNotLoop) {
  Town town(
      "services:\n"
      "  orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, fallback: [{on: [any], "
      "service: replica}]}\n"
      "  replica: {endpoints: {static: ['10.0.0.2:80']}, retry: off, fallback: [{on: [any], "
      "service: orders}]}\n");
  town.origin(kAt).otherwise = answers(500);
  town.origin(kOther).otherwise = answers(503);
  EXPECT_EQ(Caller(town).get().status(), 500);
  EXPECT_EQ(town.origin(kAt).requests.size(), 1u);
  EXPECT_EQ(town.origin(kOther).requests.size(), 1u);
}

TEST(Fallback, AnAlternateKeepsItsOwnCircuitAndLimits) {
  Town town(with("{on: [any], service: replica}, {on: [any], omit: no_content}"));
  town.origin(kAt).otherwise = answers(500);
  town.origin(kOther);
  town.service("replica").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  EXPECT_EQ(Caller(town).get().status(), 204);
  EXPECT_EQ(town.origin(kOther).requests.size(), 0u);
}

TEST(Fallback, WithinIsKeptBackFromTheRequestTimeout) {
  Town town(with("{on: [any], service: replica, within: 500ms}", ", timeout: {request: 2s}"));
  town.origin(kAt).otherwise = stalls();
  town.origin(kOther).otherwise = after(400, answers(200, "copy"));
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(caller.get().body, "copy");
  EXPECT_EQ(caller.answers[0].at_ms - began_ms, 1900);
  ASSERT_EQ(town.origin(kOther).requests.size(), 1u);
  EXPECT_EQ(town.origin(kOther).requests[0].at_ms - began_ms, 1500);
}

TEST(Fallback, TotalOfTheServiceThatWasCalledBoundsAnAlternateToItsLastByte) {
  Town town(with("{on: [any], service: replica}", ", timeout: {total: 4s}"));
  town.origin(kAt).otherwise = after(500, answers(500));
  town.origin(kOther).otherwise = [](Origin::Connection& on) {
    on.send_if_open("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 10; ++i) {
      on.after(i * 1000, [&on] { on.send_if_open("1\r\nx\r\n"); });
    }
  };
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  EXPECT_FALSE(caller.get().complete);
  EXPECT_EQ(town.now_ms() - began_ms, 4000);
}

TEST(Fallback, AnAlternateHasOnlyWhatWasKeptBack) {
  Town town(with("{on: [any], service: replica, within: 500ms}", ", timeout: {request: 2s}"));
  town.origin(kAt).otherwise = stalls();
  town.origin(kOther).otherwise = stalls();
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(caller.get().status(), 504);
  EXPECT_EQ(caller.answers[0].at_ms - began_ms, 2000);
}

// Also one that was opened before the caller had sent its last byte, from which `request` runs.
TEST(Fallback, RequestOfTheServiceThatWasCalledBoundsAnAlternate) {
  Town town(
      with("{on: [any], methods: any, service: replica, within: 10s}", ", timeout: {request: 2s}"));
  town.service("orders").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  town.origin(kOther).otherwise = stalls();
  Caller caller(town);
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 4\r\n\r\nab");
  town.pass_ms(500);
  const int64_t sent_ms = town.now_ms();
  caller.send("cd");
  EXPECT_EQ(caller.next().status(), 503);
  EXPECT_EQ(caller.answers[0].at_ms - sent_ms, 2000);
}

TEST(Fallback, NothingIsReplacedOnceItBegan) {
  Town town(with("{on: [any], respond: {status: 200, body: stand-in}}"));
  town.origin(kAt).otherwise =
      both(sends("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), after(10, resets()));
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.body, "abc");
}

// ---- the stale store

constexpr std::string_view kStale = "{on: [any], stale: {max_age: 10m}}";

TEST(Stale, TheLastGoodAnswerIsServedMarkedAndWithItsAge) {
  Town town(with(kStale));
  Origin& origin = town.origin(kAt);
  origin.script = {answers(200, "good", "Content-Type: text/x\r\nETag: \"1\"\r\n")};
  Caller caller(town);
  EXPECT_EQ(caller.get("/a").body, "good");
  origin.otherwise = answers(500);
  town.pass_ms(90'000);
  const Message answer = caller.get("/a");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "good");
  EXPECT_EQ(answer.field("content-type"), "text/x");
  EXPECT_EQ(answer.field("etag"), "\"1\"");
  EXPECT_EQ(answer.field("age"), "90");
  EXPECT_EQ(answer.count("age"), 1);
  EXPECT_NE(answer.field("cache-status").find("outrigger; hit"), std::string::npos);
  EXPECT_TRUE(answer.has("proxy-status"));
}

TEST(Stale, NothingOlderThanMaxAgeIsServed) {
  Town town(with(kStale));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.get("/a");
  origin.otherwise = answers(500);
  town.pass_ms(600'001);
  EXPECT_EQ(caller.get("/a").status(), 500);
}

TEST(Stale, TheKeyIsTheRequestAndEveryFieldButNoise) {
  Town town(with(kStale));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller
                .get("/a",
                     "Authorization: Bearer one\r\nTraceparent: "
                     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")
                .status(),
            200);
  origin.otherwise = answers(500);
  EXPECT_EQ(caller.get("/a", "Authorization: Bearer one\r\nUser-Agent: other\r\n").status(), 200);
  EXPECT_EQ(caller.get("/a", "Authorization: Bearer two\r\n").status(), 500);
  EXPECT_EQ(caller.get("/a").status(), 500);
  EXPECT_EQ(caller.get("/b", "Authorization: Bearer one\r\n").status(), 500);
}

TEST(Stale, WhatForbidsItIsNotStored) {
  for (const char* field :
       {"Cache-Control: no-store", "Cache-Control: private", "Set-Cookie: a=b"}) {
    Town town(with(kStale));
    Origin& origin = town.origin(kAt);
    origin.script = {answers(200, "good", std::string(field) + "\r\n")};
    Caller caller(town);
    caller.get("/a");
    origin.otherwise = answers(500);
    EXPECT_EQ(caller.get("/a").status(), 500) << field;
  }
}

TEST(Stale, OnlyGetAndHeadAndCompleteAnswersAreStored) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, retry: off, "
      "fallback: [{on: [any], methods: any, stale: {max_age: 10m}}]}}");
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.post("/p", "x").status(), 200);
  origin.script = {both(sends("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), closes())};
  EXPECT_FALSE(Caller(town).get("/cut").complete);
  origin.otherwise = answers(500);
  EXPECT_EQ(caller.post("/p", "x").status(), 500);
  EXPECT_EQ(caller.get("/cut").status(), 500);
}

TEST(Stale, VaryIsHonoured) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, retry: off, "
      "cache: {key: []}, fallback: [{on: [any], stale: {max_age: 10m}}]}}");
  Origin& origin = town.origin(kAt);
  origin.script = {answers(200, "ja", "Vary: Accept-Language\r\n")};
  Caller caller(town);
  caller.get("/a", "Accept-Language: de\r\n");
  origin.otherwise = answers(500);
  EXPECT_EQ(caller.get("/a", "Accept-Language: de\r\n").body, "ja");
  EXPECT_EQ(caller.get("/a", "Accept-Language: fr\r\n").status(), 500);
}

TEST(Stale, TooLargeAnswersPassAndAreNotStored) {
  Town town(with(kStale, ", cache: {entry_bytes: 1KiB}"));
  Origin& origin = town.origin(kAt);
  origin.script = {answers(200, std::string(2'000, 'x'))};
  Caller caller(town);
  EXPECT_EQ(caller.get("/a").body.size(), 2'000u);
  origin.otherwise = answers(500);
  EXPECT_EQ(caller.get("/a").status(), 500);
}

TEST(Stale, WhatABodilessHeadSaidIsServedToAHead) {
  Town town(with(kStale));
  Origin& origin = town.origin(kAt);
  origin.script = {sends("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n")};
  Caller caller(town);
  EXPECT_EQ(caller.ask("HEAD", "/a").field("content-length"), "77");
  origin.otherwise = sends("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  const Message answer = caller.ask("HEAD", "/a");
  EXPECT_EQ(answer.status(), 200);
  // Not the length of an empty body, which is a lie about the answer to a GET.
  EXPECT_NE(answer.field("content-length"), "0");
  EXPECT_EQ(caller.get("/a").status(), 500);
}

TEST(Stale, ItIsSharedByTheWorkers) {
  Town town(with(kStale), 2);
  Origin& origin = town.origin(kAt);
  Caller one(town, 0), two(town, 1);
  EXPECT_EQ(one.get("/a").status(), 200);
  origin.otherwise = answers(500);
  EXPECT_EQ(two.get("/a").status(), 200);
}

}  // namespace
}  // namespace outrigger::testing
