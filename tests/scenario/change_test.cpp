// Change and Drain as the workers see them: nothing running is disturbed, nothing that is
// known is forgotten.
#include <gtest/gtest.h>

#include "proxy/app/control_plane.hpp"
#include "tests/support/orders.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

TEST(Change, RunningCallsKeepTheOldSettingsAndNewOnesGetTheNew) {
  Town town(orders(", timeout: {request: 5s}"));
  town.origin(kAt).otherwise = stalls();
  Caller old(town), fresh(town);
  old.begin("GET", "/");
  town.run();
  const int64_t began_ms = town.now_ms();
  town.take(orders(", timeout: {request: 1s}"));
  fresh.begin("GET", "/");
  EXPECT_EQ(fresh.next().status(), 504);
  EXPECT_EQ(town.now_ms() - began_ms, 1'000);
  EXPECT_EQ(old.next().status(), 504);
  EXPECT_EQ(town.now_ms() - began_ms, 5'000);
}

TEST(Change, TheNextRequestOfAConnectionGetsTheNewSettings) {
  Town town(version(1));
  town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().field("x-version"), "1");
  town.take(version(2));
  EXPECT_EQ(caller.get().field("x-version"), "2");
}

TEST(Change, PoolsStay) {
  Town town(orders(", timeout: {request: 5s}"));
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.get();
  town.take(orders(", timeout: {request: 4s}"));
  caller.get();
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST(Change, CircuitsKeepStateAndCounts) {
  const auto with = [](int count) {
    return orders(
        ", endpoint_circuit: off, circuit: {consecutive_failures: " + std::to_string(count) + "}");
  };
  Town town(with(4));
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  Caller caller(town);
  for (int i = 0; i < 3; ++i) caller.get();
  town.take(with(5));
  caller.get();
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
  caller.get();
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kOpen);
  town.take(with(100));
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kOpen);
  EXPECT_EQ(caller.get().status(), 503);
}

TEST(Change, CircuitOffKeepsAForcedState) {
  Town town(orders(", circuit: {mode: enforce}"));
  town.origin(kAt);
  town.service("orders").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  town.take(orders(", circuit: off"));
  EXPECT_EQ(Caller(town).get().status(), 503);
}

TEST(Change, OutstandingCallsOfTheOldSettingsCountUnderTheNew) {
  Town town(orders(", limits: {outstanding: 2}"));
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(1'000, answers(200));
  Caller one(town), two(town), three(town);
  one.begin("GET", "/");
  town.run();
  town.take(orders(", limits: {outstanding: 2}, timeout: {request: 9s}"));
  two.begin("GET", "/");
  town.run();
  EXPECT_EQ(three.get().status(), 503);
  EXPECT_EQ(one.next().status(), 200);
  EXPECT_EQ(two.next().status(), 200);
}

TEST(Change, StreamsOfTheOldSettingsCountUnderTheNew) {
  Town town(orders(", limits: {streams: 2}"));
  town.origin(kAt).otherwise = both(sends("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                          "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"),
                                    after(5'000, sends("0\r\n\r\n")));
  Caller one(town), two(town), three(town);
  one.begin("GET", "/");
  two.begin("GET", "/");
  town.run();
  town.take(orders(", limits: {streams: 1}"));
  EXPECT_EQ(town.service("orders").limit().streams().open(), 2);
  EXPECT_EQ(three.get().status(), 503);
  EXPECT_EQ(one.next().body, "a");
  EXPECT_EQ(two.next().body, "a");
  EXPECT_EQ(three.get().status(), 200);
}

TEST(Change, AServiceThatIsNoLongerNamedFinishesItsCalls) {
  Town town(
      "services:\n  orders: {endpoints: {static: ['10.0.0.1:80']}}\n"
      "  stock: {endpoints: {static: ['10.0.0.2:80']}}\nunmatched: refuse\n");
  town.origin(kAt).otherwise = after(1'000, answers(200));
  town.origin("10.0.0.2:80");
  Caller caller(town), other(town);
  caller.begin("GET", "/");
  town.run();
  town.take("services: {stock: {endpoints: {static: ['10.0.0.2:80']}}}\nunmatched: refuse\n");
  EXPECT_EQ(caller.next().status(), 200);
  EXPECT_EQ(other.get().status(), 502);
  Caller third(town);
  third.host = "stock";
  EXPECT_EQ(third.get().status(), 200);
}

TEST(Change, AServiceMayComeBackUnderItsName) {
  Town town(orders(", timeout: {request: 5s}"));
  town.origin(kAt);
  EXPECT_EQ(Caller(town).get().status(), 200);
  town.take("services: {}");
  town.take(orders(", timeout: {request: 5s}"));
  EXPECT_EQ(Caller(town).get().status(), 200);
}

// A changed list, a changed file and calls all at once: none is lost.
TEST(Change, ListsAndSnapshotsThatChangeUnderLoadLoseNoCall) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}}}", 2);
  for (int i = 1; i <= 4; ++i) {
    town.origin("10.0.0." + std::to_string(i) + ":80").otherwise = [](Origin::Connection& on) {
      on.after(7, [&on] { on.answer(200, "ok"); });
    };
  }
  std::vector<std::unique_ptr<Caller>> callers;
  for (unsigned i = 0; i < 20; ++i) callers.push_back(std::make_unique<Caller>(town, i % 2));
  size_t asked = 0;
  for (int round = 0; round < 200; ++round) {
    for (auto& caller : callers) caller->begin(round % 3 == 0 ? "POST" : "GET", "/");
    asked += callers.size();
    town.pass_ms(round % 11);
    const std::string a = "10.0.0." + std::to_string(1 + round % 4) + ":80";
    const std::string b = "10.0.0." + std::to_string(1 + (round + 1) % 4) + ":80";
    town.set_endpoints("orders", {a, b});
    if (round % 10 == 0) {
      town.take("services: {orders: {endpoints: {static: ['" + a +
                "']}, timeout: {request: " + std::to_string(5 + round % 3) + "s}}}");
    }
  }
  size_t good = 0;
  for (auto& caller : callers) {
    for (int i = 0; i < 200; ++i) good += caller->next().status() == 200 ? 1 : 0;
  }
  EXPECT_EQ(good, asked);
}

// The control thread is ahead of the workers by a post.
TEST(Change, ACallBetweenANewListAndItsArrivalAtTheWorkerIsNotRefused) {
  Town town(orders(", timeout: {request: 5s}"));
  town.origin(kAt).otherwise = answers(200, "old");
  town.origin("10.0.0.2:80").otherwise = answers(200, "new");
  Caller caller(town);
  const auto set =
      town.service("orders").set_endpoints({{*Address::parse("10.0.0.2:80")}}, town.now_ms());
  EXPECT_EQ(caller.get().body, "old");
  town.workers[0]->take_endpoints("orders", set);
  EXPECT_EQ(caller.get().body, "new");
}

TEST(Change, AThousandEndpointsComeAndGo) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  town.origin(kAt);
  Caller caller(town);
  std::vector<std::string> many;
  for (int i = 0; i < 1'000; ++i) {
    many.push_back("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":80");
  }
  for (int round = 0; round < 3; ++round) {
    town.set_endpoints("orders", many);
    town.set_endpoints("orders", {kAt});
    EXPECT_EQ(caller.get().status(), 200);
  }
}

// ---- drain

struct Draining {
  explicit Draining(Town& of) : town(of) { town.plane->drain(); }

  bool has_ended() const { return town.end.has_value(); }
  Town& town;
};

TEST(Drain, ItServesOnAsBeforeWhileTheNeighbourIsThere) {
  Town town(orders(", timeout: {request: 5s}"));
  town.origin(kAt);
  Caller caller(town);
  Draining draining(town);
  for (int second = 0; second < 22; ++second) {
    const Message answer = caller.get();
    EXPECT_EQ(answer.status(), 200);
    EXPECT_FALSE(answer.has("connection"));
    EXPECT_EQ(Caller(town).get().status(), 200);
    town.pass_ms(1'000);
  }
  EXPECT_FALSE(draining.has_ended());
}

TEST(Drain, ItEndsWhenNoConnectionIsOpenAndNoneCameForQuiet) {
  Town town(orders(", timeout: {request: 5s}"));
  town.origin(kAt);
  auto caller = std::make_unique<Caller>(town);
  caller->get();
  Draining draining(town);
  town.pass_ms(5'000);
  EXPECT_FALSE(draining.has_ended());
  caller.reset();
  town.pass_ms(100);
  ASSERT_TRUE(draining.has_ended());
  EXPECT_EQ(town.end->calls_reset, 0);
}

TEST(Drain, WithNobodyThereItTakesQuiet) {
  Town town(orders(", timeout: {request: 5s}"));
  const int64_t began_ms = town.now_ms();
  Draining draining(town);
  town.pass_ms(3'000);
  ASSERT_TRUE(draining.has_ended());
  EXPECT_GE(town.end->at_ms - began_ms, 2'000);
  EXPECT_LE(town.end->at_ms - began_ms, 2'050);
}

TEST(Drain, InItsLastTwoSecondsNewCallsAre503AndAnswersEndTheirConnections) {
  Town town(orders(", timeout: {request: 60s}"));
  town.origin(kAt).otherwise = after(1'500, answers(200));
  Caller running(town), idle(town), asking(town);
  Draining draining(town);
  town.pass_ms(22'500);
  running.begin("GET", "/");
  asking.begin_raw("GET", "GET / HTTP/1.1\r\n");  // its head is incomplete
  EXPECT_FALSE(idle.ended);
  town.pass_ms(550);
  EXPECT_TRUE(idle.ended);
  Caller late(town);
  EXPECT_TRUE(late.failed.has_value());  // nobody listens any more
  asking.send("Host: orders\r\n\r\n");
  const Message refused = asking.next();
  EXPECT_EQ(refused.status(), 503);
  EXPECT_NE(refused.field("proxy-status").find("draining"), std::string::npos);
  const Message answer = running.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("connection"), "close");
}

TEST(Drain, WhatStillRunsAtGraceIsResetAndCounted) {
  Town town(orders(", timeout: {request: 60s}"));
  town.origin(kAt).otherwise = stalls();
  Caller one(town), two(town);
  const int64_t began_ms = town.now_ms();
  Draining draining(town);
  town.pass_ms(10'000);
  one.begin("GET", "/");
  two.begin("GET", "/");
  town.pass_ms(15'000);
  ASSERT_TRUE(draining.has_ended());
  EXPECT_EQ(town.end->at_ms - began_ms, 25'000);
  EXPECT_EQ(town.end->calls_reset, 2);
  EXPECT_TRUE(one.broken && two.broken);
}

// Promise: SIGTERM loses no call that begins before the last 2 s of grace and ends within it.
TEST(Drain, NoCallThatBeginsBeforeTheLastPhaseAndEndsWithinGraceIsLost) {
  Town town(orders(", timeout: {request: 60s}"), 2);
  town.origin(kAt).otherwise = after(1'900, answers(200));
  std::vector<std::unique_ptr<Caller>> callers;
  const int64_t began_ms = town.now_ms();
  Draining draining(town);
  while (town.now_ms() - began_ms < 22'990) {
    callers.push_back(std::make_unique<Caller>(town, callers.size() % 2));
    callers.back()->begin("GET", "/");
    town.pass_ms(100);
  }
  for (auto& caller : callers) EXPECT_EQ(caller->next().status(), 200);
  town.pass_ms(5'000);
  ASSERT_TRUE(draining.has_ended());
  EXPECT_EQ(town.end->calls_reset, 0);
}

TEST(Overload, OutOfMemoryNewCallsAre503AndRunningOnesGoOn) {
  Town town(orders(", timeout: {request: 5s}"));
  town.origin(kAt).otherwise = after(100, answers(200));
  Caller running(town), fresh(town);
  running.begin("GET", "/");
  town.run();
  town.process.out_of_memory = true;
  const Message refused = fresh.get();
  EXPECT_EQ(refused.status(), 503);
  EXPECT_NE(refused.field("proxy-status").find("overload"), std::string::npos);
  EXPECT_EQ(running.next().status(), 200);
  town.process.out_of_memory = false;
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(Overload, ConnectionsAboveTheLimitAre503) {
  Town town(
      "listeners: [{name: outbound, address: ['127.0.0.1:15001'], limits: {connections: 3}}]\n" +
      orders(", timeout: {request: 5s}"));
  town.origin(kAt);
  Caller one(town), two(town), three(town);
  Caller above(town);
  above.expect_answer_to("GET");
  EXPECT_EQ(above.next().status(), 503);
  one.close();
  town.run();
  EXPECT_EQ(Caller(town).get().status(), 200);
}

}  // namespace
}  // namespace outrigger::testing
