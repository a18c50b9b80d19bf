// An idle pooled connection that is closed at the wrong moment never shows to a request that may
// be repeated, and no other request is ever sent twice.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

std::string orders(std::string_view policy = {}) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) + "}}";
}

// An origin far enough away that what it does crosses what we send.
struct FarTown : Town {
  explicit FarTown(std::string_view yaml) : Town(yaml) {
    network.at(*Address::parse(kAt)).pipe.latency_ms = 5;
  }
};

TEST(Pool, AConnectionIsUsedAgainForTheNextCallOfAnyCaller) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  EXPECT_EQ(Caller(town).get("/1").status(), 200);
  EXPECT_EQ(Caller(town).get("/2").status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST(Pool, ACleanEndThatCrossesARequestIsNeverSeen) {
  FarTown town(orders());
  Origin& origin = town.origin(kAt);
  for (const char* method : {"GET", "DELETE", "POST"}) {
    Caller caller(town);
    ASSERT_EQ(caller.ask(method, "/warm").status(), 200);
    const size_t before = origin.requests.size();
    origin.last().close_cleanly();
    town.pass_ms(2);  // our side does not know yet
    const Message answer = caller.ask(method, "/crossing");
    EXPECT_EQ(answer.status(), 200) << method;
    EXPECT_EQ(origin.requests.size(), before + 1) << method;
  }
}

TEST(Pool, AResetThatCrossesARepeatableRequestIsNeverSeen) {
  FarTown town(orders());
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  ASSERT_EQ(caller.get("/warm").status(), 200);
  origin.last().reset();
  town.pass_ms(2);
  EXPECT_EQ(caller.get("/crossing").status(), 200);
  EXPECT_EQ(origin.accepted(), 2u);
}

TEST(Pool, ASmallRepeatableBodyIsReplayedWhole) {
  FarTown town(orders());
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  ASSERT_EQ(caller.get("/warm").status(), 200);
  origin.last().reset();
  town.pass_ms(2);
  const std::string body(20'000, 'b');
  EXPECT_EQ(caller.ask("PUT", "/crossing", {}, body).status(), 200);
  EXPECT_EQ(origin.requests.back().body, body);
}

// The replay goes on a fresh connection: the next idle one may be as dead.
TEST(Pool, AllIdleConnectionsMayDieAtOnce) {
  FarTown town(orders());
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(20, answers(200));
  {
    std::vector<std::unique_ptr<Caller>> callers;
    for (int i = 0; i < 5; ++i) callers.push_back(std::make_unique<Caller>(town));
    for (auto& caller : callers) caller->begin("GET", "/warm");
    for (auto& caller : callers) ASSERT_EQ(caller->next().status(), 200);
  }
  ASSERT_EQ(origin.open_connections(), 5u);
  Caller caller(town);
  for (auto& connection : origin.connections) connection->reset();
  town.pass_ms(2);
  EXPECT_EQ(caller.get("/crossing").status(), 200);
}

TEST(Pool, AResetThatCrossesAPostIsSeenAndThePostIsNotSentAgain) {
  FarTown town(orders());
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  ASSERT_EQ(caller.get("/warm").status(), 200);
  origin.last().reset();
  town.pass_ms(2);
  EXPECT_EQ(caller.post("/crossing", "pay").status(), 502);
  EXPECT_EQ(origin.count("POST"), 0u);
  EXPECT_EQ(origin.accepted(), 1u);
}

// ABUSE 139
TEST(Pool, AnOriginThatReadsAPostAndClosesIsHitOnce) {
  for (const auto& rude : {closes(), resets()}) {
    Town town(orders(", retry: {attempts: 3}"));
    Origin& origin = town.origin(kAt);
    Caller caller(town);
    ASSERT_EQ(caller.get("/warm").status(), 200);
    origin.script = {rude};
    EXPECT_EQ(caller.post("/", "pay").status(), 502);
    EXPECT_EQ(origin.count("POST"), 1u);
  }
}

TEST(Pool, AGetThatEverybodyClosesIsTriedOnceMoreForFreeOnly) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  ASSERT_EQ(caller.get("/warm").status(), 200);
  origin.otherwise = closes();
  EXPECT_EQ(caller.get("/").status(), 502);
  EXPECT_EQ(origin.count("GET"), 3u);  // the warm one, on the reused connection, on a fresh one
}

TEST(Pool, WhatWasReadOnAFreshConnectionIsNotRepeatedWithoutRetries) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  origin.otherwise = closes();
  EXPECT_EQ(Caller(town).get("/").status(), 502);
  EXPECT_EQ(origin.requests.size(), 1u);
}

TEST(Pool, APostWantsAConnectionThatWasIdleForLessThanIdleUnsafe) {
  Town town(orders(", pool: {idle_unsafe: 400ms}"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  ASSERT_EQ(caller.post("/1", "x").status(), 200);
  town.pass_ms(399);
  ASSERT_EQ(caller.post("/2", "x").status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
  town.pass_ms(400);
  ASSERT_EQ(caller.post("/3", "x").status(), 200);
  EXPECT_EQ(origin.accepted(), 2u);
  // A request that may be repeated takes an old one.
  town.pass_ms(5000);
  ASSERT_EQ(caller.get("/4").status(), 200);
  EXPECT_EQ(origin.accepted(), 2u);
}

TEST(Pool, APostWithRoomForOneConnectionStillGetsAFreshOne) {
  Town town(orders(", pool: {connections: 1}"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  ASSERT_EQ(caller.get("/1").status(), 200);
  town.pass_ms(5000);
  ASSERT_EQ(caller.post("/2", "x").status(), 200);
  town.run();
  EXPECT_EQ(origin.accepted(), 2u);
  EXPECT_EQ(origin.open_connections(), 1u);
}

TEST(Pool, IdleConnectionsCloseAfterIdle) {
  Town town(orders(", pool: {idle: 3s}"));
  Origin& origin = town.origin(kAt);
  ASSERT_EQ(Caller(town).get().status(), 200);
  town.pass_ms(2999);
  EXPECT_EQ(origin.open_connections(), 1u);
  town.pass_ms(1);
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(Pool, ThePeersKeepAliveTimeoutCapsIdleAtOneSecondLess) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(200, "ok", "Keep-Alive: timeout=4, max=100\r\n");
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_FALSE(answer.has("keep-alive"));
  town.pass_ms(2999);
  EXPECT_EQ(origin.open_connections(), 1u);
  town.pass_ms(1);
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(Pool, AConnectionIsNotKeptBeyondItsLifetime) {
  Town town(orders(", pool: {lifetime: 10s}"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  for (int second = 0; second < 13; ++second) {
    ASSERT_EQ(caller.get().status(), 200);
    town.pass_ms(1000);
  }
  EXPECT_EQ(origin.accepted(), 2u);
}

TEST(Pool, ACallWaitsForAConnectionWithinConnect) {
  Town town(orders(", pool: {connections: 1}, timeout: {connect: 500ms}"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(300, answers(200));
  Caller first(town), second(town), third(town);
  first.begin("GET", "/1");
  town.run();
  second.begin("GET", "/2");
  town.run();
  third.begin("GET", "/3");
  EXPECT_EQ(first.next().status(), 200);
  EXPECT_EQ(second.next().status(), 200);
  const Message late = third.next();
  EXPECT_EQ(late.status(), 503);
  EXPECT_NE(late.field("proxy-status").find("connection_limit_reached"), std::string::npos);
  EXPECT_EQ(origin.accepted(), 1u);
}

// ABUSE 123
TEST(Pool, BytesAfterAResponseAreNeverTheAnswerToTheNextRequest) {
  const std::string two =
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
  Town town(orders());
  Origin& origin = town.origin(kAt);
  origin.script = {sends(two)};
  Caller caller(town);
  EXPECT_EQ(caller.get("/1").body, "ok");
  EXPECT_EQ(caller.get("/2").body, "ok");
  EXPECT_EQ(origin.accepted(), 2u);
  EXPECT_EQ(origin.requests[1].target(), "/2");
}

TEST(Pool, BytesOnAnIdleConnectionCloseIt) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get("/1").body, "ok");
  town.pass_ms(50);
  origin.last().send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_EQ(caller.get("/2").body, "ok");
}

// The loop learns of the answer and of the request in one batch of events, of the request first.
TEST(Pool, AnAnswerThatWasThereBeforeTheRequestLeftIsNotTheAnswerToIt) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(caller.get("/warm").body, "ok");
    town.pass_ms(50);
    caller.begin("GET", "/repeatable");
    origin.last().send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    const Message answer = caller.next();
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, "ok") << i;
    town.run();
    EXPECT_EQ(origin.open_connections(), 1u) << i;
  }
}

TEST(Pool, ARequestThatMayNotBeRepeatedFailsWhereAnAnswerWasThereBeforeIt) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get("/warm").body, "ok");
  town.pass_ms(50);
  caller.begin("POST", "/once", {}, "hi");
  origin.last().send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 502);
  EXPECT_EQ(answer.body.find("poison"), std::string::npos);
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_EQ(caller.get("/next").body, "ok");
}

// Also when nobody could take its last bytes at once.
TEST(Pool, AConnectionWhoseAnswerWaitsForASlowCallerServesTheNextOne) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  town.network.at(town.address()).pipe.kernel_bytes = 1024;
  origin.script = {
      both(sends("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + std::string(5'000, 'x')),
           after(5, sends(std::string(5'000, 'x'))))};
  Caller slow(town), next(town);
  slow.pause();
  slow.begin("GET", "/slow");
  town.pass_ms(10);
  EXPECT_EQ(next.get("/next").status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
  town.pass_ms(100);
  origin.last().close_cleanly();  // seen while idle
  town.run();
  EXPECT_EQ(next.post("/again", "x").status(), 200);
  slow.resume();
  EXPECT_EQ(slow.next().body.size(), 10'000u);
}

// ABUSE 124
TEST(Pool, ABodyWhereNoneMayBeIsIgnoredAndTheConnectionDropped) {
  for (const char* status : {"204 No Content", "304 Not Modified"}) {
    Town town(orders());
    Origin& origin = town.origin(kAt);
    origin.script = {sends("HTTP/1.1 " + std::string(status) + "\r\n\r\nbody?")};
    Caller caller(town);
    const Message answer = caller.get("/1");
    EXPECT_EQ(answer.body, "") << status;
    EXPECT_EQ(caller.get("/2").body, "ok");
    EXPECT_EQ(origin.accepted(), 2u);
  }
}

TEST(Pool, ABodyAfterAHeadAnswerDropsTheConnection) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  origin.script = {sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody?")};
  Caller caller(town);
  const Message answer = caller.ask("HEAD", "/1");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("content-length"), "5");
  EXPECT_EQ(caller.get("/2").body, "ok");
  EXPECT_EQ(origin.accepted(), 2u);
}

TEST(Pool, AnAnswerThatSaysCloseIsTheLastOnItsConnection) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(200, "ok", "Connection: close\r\n");
  Caller caller(town);
  EXPECT_EQ(caller.get("/1").status(), 200);
  const Message second = caller.get("/2");
  EXPECT_EQ(second.status(), 200);
  EXPECT_FALSE(second.has("connection"));  // it ended at this hop
  EXPECT_EQ(origin.accepted(), 2u);
}

TEST(Pool, ARemovedEndpointKeepsItsCallAndLosesItsIdleConnections) {
  Town town(orders());
  Origin& origin = town.origin(kAt);
  town.origin("10.0.0.2:80").otherwise = answers(200, "new");
  origin.otherwise = after(100, answers(200, "old"));
  Caller idle(town), busy(town);
  ASSERT_EQ(idle.get().body, "old");
  busy.begin("GET", "/");
  town.pass_ms(50);
  idle.begin("GET", "/");
  ASSERT_EQ(busy.next().body, "old");
  busy.begin("GET", "/slow");
  town.run();
  ASSERT_EQ(idle.next().body, "old");
  town.set_endpoints("orders", {"10.0.0.2:80"});
  town.run();
  EXPECT_EQ(origin.open_connections(), 1u);
  EXPECT_EQ(idle.get().body, "new");
  EXPECT_EQ(busy.next().body, "old");
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
}

}  // namespace
}  // namespace outrigger::testing
