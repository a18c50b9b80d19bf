// Routes that lead to other services: shares, circuits, policies, and changes meanwhile.
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/control_plane.hpp"
#include "proxy/chain/route.hpp"
#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/pages.hpp"
#include "tests/support/split_town.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kJson = "Content-Type: application/json\r\n";

Message patch(Town& town, const std::string& path, std::string_view body) {
  Caller caller(town, kAdmin);
  caller.host = "127.0.0.1:9901";
  return caller.ask("PATCH", "/api/v1" + path, kJson, body);
}

TEST(Split, SharesCallsByWeight) {
  for (const uint64_t seed : {1U, 2U}) {
    SplitTown town(orders_with("{name: canary, to: {self: 90, orders-v2: 10}}"), 1, seed);
    const auto got = town.ask(10'000);
    EXPECT_NEAR(got.at("new"), 1'000, 100);
    EXPECT_EQ(got.at("old") + got.at("new"), 10'000);
  }
}

TEST(Split, NothingGoesWhereTheWeightIsZero) {
  SplitTown town(orders_with("{to: {self: 1, orders-v2: 0}}"));
  EXPECT_EQ(town.ask(200), (std::map<std::string, int>{{"old", 200}}));
}

TEST(Split, APlainNameGetsAllCallsThatMatch) {
  SplitTown town(orders_with("{match: {path: /v2/*}, to: orders-v2}"));
  EXPECT_EQ(town.ask(20, "/v2/x"), (std::map<std::string, int>{{"new", 20}}));
  EXPECT_EQ(town.ask(20, "/x"), (std::map<std::string, int>{{"old", 20}}));
}

TEST(Split, TheVersionThatAcceptAsksForIsARoute) {
  SplitTown town(orders_with(
      "{match: {accept: {type: application/vnd.shop+json, version: 2}}, to: orders-v2}"));
  Caller caller(town);
  const auto who = [&](const std::string& accept) {
    return caller.get("/", "Accept: " + accept + "\r\n").body;
  };
  EXPECT_EQ(who("application/vnd.shop+json;version=2"), "new");
  EXPECT_EQ(who("text/html\r\nAccept: application/vnd.shop.v2+json;q=0.3"), "new");
  EXPECT_EQ(who("application/vnd.shop+json;version=2;q=0"), "old");
  EXPECT_EQ(who("application/vnd.shop+json;version=1"), "old");
  EXPECT_EQ(who("*/*"), "old");
}

// ---- circuits

TEST(Split, NoCallIsRefusedWhileTheOtherServiceIsWilling) {
  for (const char* name : {"orders", "orders-v2"}) {
    SplitTown town(orders_with("{to: {self: 50, orders-v2: 50}}"));
    town.force(name, upstream::CircuitForce::kForcedOpen);
    const std::string other = std::string(name) == "orders" ? "new" : "old";
    EXPECT_EQ(town.ask(200), (std::map<std::string, int>{{other, 200}}));
  }
}

TEST(Split, WhereRefusingIsAskedForCallsAreRefused) {
  SplitTown town(orders_with("{to: {self: 50, orders-v2: 50}, when_open: refuse}"));
  town.force("orders-v2", upstream::CircuitForce::kForcedOpen);
  const auto got = town.ask(400);
  EXPECT_NEAR(got.at("503"), 200, 60);
  EXPECT_EQ(got.at("503") + got.at("old"), 400);
  Caller caller(town);
  Message refused = caller.get();
  while (refused.status() == 200) refused = caller.get();
  EXPECT_THAT(refused.field("proxy-status"), HasSubstr("circuit_open orders-v2"));
}

TEST(Split, WhereNobodyIsWillingTheCallIsRefused) {
  SplitTown town(orders_with("{to: {self: 50, orders-v2: 50}}"));
  for (const char* name : {"orders", "orders-v2"}) {
    town.force(name, upstream::CircuitForce::kForcedOpen);
  }
  EXPECT_EQ(town.ask(50), (std::map<std::string, int>{{"503", 50}}));
}

// A ramp is willing and refuses by chance: then the other one gets the call, its body with it.
TEST(Split, WhatIsRefusedAfterAllGoesToTheOtherOnce) {
  for (const bool others : {true, false}) {
    SplitTown town(orders_with(
        std::string("{to: {self: 50, orders-v2: 50}, when_open: ") +
            (others ? "others}" : "refuse}"),
        ", retry: off, fallback: [{on: [circuit_open], methods: any, respond: {status: 200, body: "
        "instead}}], circuit: {consecutive_failures: 1, open_for: 1s, ramp: {steps: [25%], each: "
        "60s}}"));
    town.after.otherwise = answers(500);
    while (town.circuit("orders-v2") == upstream::CircuitState::kClosed) town.ask(1);
    town.after.otherwise = answers(200, "new");
    town.pass_ms(2'000);
    while (town.circuit("orders-v2") != upstream::CircuitState::kRamping) {
      town.ask(1);
      town.pass_ms(1'100);
    }
    std::map<std::string, int> got;
    Caller caller(town);
    for (int i = 0; i < 400; ++i) ++got[caller.post("/", "some body").body];
    for (const Origin* origin : {&town.before, &town.after}) {
      EXPECT_EQ(origin->requests.back().body, "some body");
    }
    EXPECT_GT(got["new"], 20);
    EXPECT_EQ(got["old"] + got["new"] + got["instead"], 400);
    // Its own fallback is for what the split does not send elsewhere.
    EXPECT_EQ(got["instead"] == 0, others);
  }
}

// ---- policies

TEST(Split, PoliciesAreThoseOfTheTargetAndTheRoutesOwnOverThem) {
  SplitTown town(orders_with(
      "{to: {self: 0, orders-v2: 1}, headers: {response: {set: {x-route: mine}}}}",
      ", retry: off, timeout: {request: 2s}, headers: {response: {set: {x-service: theirs}}}",
      ", timeout: {request: 9s}"));
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_EQ(answer.field("x-route"), "mine");
  EXPECT_EQ(answer.field("x-service"), "theirs");
  town.after.otherwise = stalls();
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(caller.get().status(), 504);
  EXPECT_EQ(town.now_ms() - began_ms, 2'000);
}

TEST(Split, ARetryStaysWithTheServiceThatWasChosen) {
  SplitTown town(orders_with("{to: {self: 50, orders-v2: 50}}",
                             ", circuit: off, retry: {attempts: 3, budget: 100%}"));
  town.after.otherwise = answers(503);
  Caller caller(town);
  int failed = 0;
  for (int i = 0; i < 40; ++i) {
    failed += caller.get().status() == 503 ? 1 : 0;
    town.pass_ms(1'000);  // the floor of the budget
  }
  EXPECT_GT(failed, 5);
  EXPECT_EQ(town.after.requests.size(), static_cast<size_t>(3 * failed));
  EXPECT_EQ(town.before.requests.size(), static_cast<size_t>(40 - failed));
}

TEST(Split, AFallbackMayLeadToTheOtherService) {
  SplitTown town(
      orders_with("{to: {self: 50, orders-v2: 50}, fallback: [{on: [503], service: orders}]}"));
  town.after.otherwise = answers(503);
  EXPECT_EQ(town.ask(40), (std::map<std::string, int>{{"old", 40}}));
  EXPECT_GT(town.after.requests.size(), 5U);
}

TEST(Split, ACircuitOfTheRouteIsOneForEachService) {
  SplitTown town(
      orders_with("{name: canary, to: {self: 50, orders-v2: 50}, circuit: "
                  "{consecutive_failures: 2}}"));
  town.after.otherwise = answers(500);
  const auto got = town.ask(100);
  EXPECT_EQ(got.at("500"), 2);
  EXPECT_EQ(got.at("old"), 98);
  EXPECT_EQ(town.circuit("orders-v2"), upstream::CircuitState::kClosed);
  EXPECT_EQ(town.process.services.find_route("orders-v2/canary")->circuit.state(),
            upstream::CircuitState::kOpen);
  EXPECT_EQ(town.process.services.find_route("orders/canary")->circuit.state(),
            upstream::CircuitState::kClosed);
  const std::string circuits = page(town, kAdmin, "/api/v1/circuits/orders-v2/canary");
  EXPECT_THAT(circuits, HasSubstr("\"state\":\"open\""));
  Caller admin(town, kAdmin);
  admin.host = "127.0.0.1:9901";
  const Message forced = admin.ask("PUT", "/api/v1/circuits/orders-v2/canary/state", kJson,
                                   R"({"state": "forced_closed"})");
  EXPECT_EQ(forced.status(), 200) << forced.body;
  EXPECT_GT(town.ask(20)["500"], 0);
  // Its settings are the route's.
  const Message refused =
      admin.ask("PATCH", "/api/v1/circuits/orders-v2/canary", kJson, R"({"window": "5s"})");
  EXPECT_EQ(refused.status(), 422);
  EXPECT_THAT(refused.body, HasSubstr("orders/canary"));
}

TEST(Split, TheRoutesOfTheTargetAreNotAsked) {
  SplitTown town(orders_with("{to: orders-v2}",
                             ", routes: [{headers: {response: {set: {x-route: theirs}}}}]"));
  EXPECT_FALSE(Caller(town).get().has("x-route"));
}

TEST(Split, CallsAreCountedAsThoseOfTheServiceThatGotThem) {
  struct Seen final : chain::ExchangeObserver {
    void on_exchange_end(const chain::Exchange& exchange, const chain::Outcome&) override {
      labels.insert(exchange.route()->label);
      paths.insert(std::string(exchange.request().path()));
    }
    std::set<std::string> labels, paths;
  } seen;
  SplitTown town(
      orders_with("{name: canary, match: {path: /v2/*}, to: {self: 50, orders-v2: 50}, rewrite: "
                  "{path_prefix: [/v2, /]}}"));
  town.process.exchange_observer = &seen;
  town.ask(40, "/v2/x");
  town.process.exchange_observer = nullptr;
  EXPECT_EQ(seen.labels, (std::set<std::string>{"orders/canary", "orders-v2/canary"}));
  EXPECT_EQ(seen.paths, (std::set<std::string>{"/v2/x"}));  // what the caller asked
  const std::string metrics = page(town, kMetrics, "/metrics");
  EXPECT_THAT(metrics,
              HasSubstr("outrigger_requests_total{service=\"orders-v2\",route=\"canary\""));
  EXPECT_THAT(metrics, HasSubstr("outrigger_requests_total{service=\"orders\",route=\"canary\""));
  const std::string services = page(town, kAdmin, "/api/v1/services/orders");
  EXPECT_THAT(services,
              HasSubstr("{\"service\":\"orders-v2\",\"weight\":50,\"circuit\":\"closed\"}"));
}

// ---- sticky

TEST(Split, TheSameCallerGoesToTheSameServiceInEveryWorkerAndSidecar) {
  const auto who = [](const std::string& sticky, const std::string& weights, unsigned workers,
                      uint64_t seed, const auto& fields) {
    SplitTown town(orders_with("{to: " + weights + ", sticky: " + sticky + "}"), workers, seed);
    std::string got;
    for (int i = 0; i < 100; ++i) {
      got += Caller(town, static_cast<unsigned>(i) % workers).get("/", fields(i)).body[0];
    }
    return got;
  };
  const auto user = [](int i) { return "X-User: user-" + std::to_string(i) + "\r\n"; };
  const auto cookie = [](int i) { return "Cookie: a=1; u=user-" + std::to_string(i) + "\r\n"; };
  const std::string first = who("{header: x-user}", "{self: 60, orders-v2: 40}", 1, 1, user);
  EXPECT_EQ(who("{header: X-User}", "{self: 60, orders-v2: 40}", 2, 9, user), first);
  EXPECT_EQ(who("{cookie: u}", "{orders-v2: 40, self: 60}", 1, 5, cookie), first);
  const std::string more = who("{header: x-user}", "{self: 50, orders-v2: 50}", 1, 1, user);
  int moved = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] == more[i]) continue;
    ++moved;
    EXPECT_EQ(more[i], 'n');
  }
  EXPECT_LE(moved, 20);
}

TEST(Split, WhoHasNoValueIsSharedByChance) {
  SplitTown town(orders_with("{to: {self: 50, orders-v2: 50}, sticky: {cookie: u}}"));
  const auto got = town.ask(400);
  EXPECT_NEAR(got.at("new"), 200, 60);
}

TEST(Split, AStickyCallerMovesWhileItsServiceIsOpenAndThenReturns) {
  SplitTown town(orders_with("{to: {self: 50, orders-v2: 50}, sticky: {header: x-user}}"));
  Caller caller(town);
  std::string at_new = "X-User: a\r\n";
  for (char c = 'a'; caller.get("/", at_new).body != "new"; ++c) {
    at_new = std::string("X-User: ") + c + "\r\n";
  }
  town.force("orders-v2", upstream::CircuitForce::kForcedOpen);
  EXPECT_EQ(caller.get("/", at_new).body, "old");
  town.force("orders-v2", upstream::CircuitForce::kAuto);
  EXPECT_EQ(caller.get("/", at_new).body, "new");
}

// ---- gRPC and HTTP/2

const H2Fields kGrpc = {{"content-type", "application/grpc"}, {"te", "trailers"}};
const std::string kMessage("\0\0\0\0\3abc", 8);

TEST(Split, CarriesGrpcCalls) {
  Town town(
      orders_with("{to: {self: 50, orders-v2: 50}, rewrite: {path_prefix: [/shop.v2, /shop.v1]}}"));
  H2Origin before(town, kOld);
  H2Origin after(town, kNew);
  for (H2Origin* origin : {&before, &after}) {
    origin->otherwise = [](H2Side& on) {
      on.answer_head(200, {{"content-type", "application/grpc"}});
      on.send_data(kMessage);
      on.send_trailers({{"grpc-status", "0"}});
    };
  }
  H2Caller caller(town);
  const auto ask = [&](int calls) {
    for (int i = 0; i < calls; ++i) {
      H2Side& side = caller.ask("POST", "/shop.v2/Get", kGrpc, kMessage);
      EXPECT_EQ(side.message.body, kMessage);
      EXPECT_EQ(side.trailers.field("grpc-status"), "0");
    }
  };
  ask(40);
  EXPECT_GT(before.requests.size(), 5U);
  EXPECT_GT(after.requests.size(), 5U);
  EXPECT_EQ(after.requests[0]->message.target(), "/shop.v1/Get");
  const size_t until_now = after.requests.size();
  town.service("orders-v2").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  ask(20);
  EXPECT_EQ(after.requests.size(), until_now);
}

TEST(Split, CarriesTunnels) {
  SplitTown town(orders_with("{to: {self: 0, orders-v2: 1}}"));
  Caller caller(town);
  caller.begin_raw("CONNECT", "CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\n\r\n");
  town.run();
  EXPECT_EQ(town.after.accepted(), 1U);
  EXPECT_EQ(town.before.accepted(), 0U);
  caller.close();
  town.after.last().close();
  town.run();
}

// ---- changes meanwhile

TEST(Split, APatchOfItsWeightsKeepsRunningCalls) {
  SplitTown town(orders_with("{name: canary, to: {self: 50, orders-v2: 50}}"), 2);
  for (Origin* origin : {&town.before, &town.after}) {
    origin->otherwise = after(2'000, answers(200));
  }
  std::vector<std::unique_ptr<Caller>> callers;
  for (unsigned i = 0; i < 20; ++i) {
    callers.push_back(std::make_unique<Caller>(town, i % 2));
    callers.back()->begin("GET", "/");
  }
  town.run();
  EXPECT_GT(town.after.requests.size(), 2U);
  const Message done = patch(town, "/services/orders/policy?route=canary",
                             R"({"to": {"self": 100, "orders-v2": 0}})");
  EXPECT_EQ(done.status(), 200) << done.body;
  EXPECT_THAT(done.body, HasSubstr(R"("to":{"self":100,"orders-v2":0})"));
  for (const auto& caller : callers) EXPECT_EQ(caller->next().status(), 200);
  const size_t until_now = town.after.requests.size();
  for (unsigned i = 0; i < 20; ++i) EXPECT_EQ(Caller(town, i % 2).get().status(), 200);
  EXPECT_EQ(town.after.requests.size(), until_now);
}

TEST(Split, AReloadWithoutItKeepsRunningCalls) {
  SplitTown town(orders_with("{to: {self: 0, orders-v2: 1}}"));
  town.after.otherwise = after(2'000, answers(200, "new"));
  Caller caller(town), leaver(town);
  caller.begin("GET", "/");
  leaver.begin("GET", "/");
  town.run();
  town.take("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  leaver.close();
  EXPECT_EQ(caller.next().body, "new");
  EXPECT_EQ(caller.get().body, "old");
}

TEST(Split, ADryRunTellsWhatTheWeightsWouldBe) {
  SplitTown town(orders_with("{name: canary, to: {self: 50, orders-v2: 50}}"));
  const std::string path = "/services/orders/policy?route=canary&dry_run=true";
  const Message dry = patch(town, path, R"({"to": {"self": 1}})");
  EXPECT_EQ(dry.status(), 200) << dry.body;
  EXPECT_THAT(dry.body, HasSubstr(R"("to":{"self":1,"orders-v2":50})"));
  EXPECT_GT(town.ask(100)["new"], 20);
  EXPECT_EQ(patch(town, path, R"({"to": {"other": 1}})").status(), 422);
  EXPECT_EQ(patch(town, path, R"({"sticky": {"header": "x-user"}})").status(), 422);
}

TEST(Split, TheOverridesFileSetsItsWeights) {
  Town town(
      orders_with("{name: canary, to: {self: 100, orders-v2: 0}}") +
          "overrides: {file: /etc/overrides.yaml}\n",
      Town::Contents{{"/etc/overrides.yaml",
                      "overrides: [{service: orders, route: canary, set: {to: {self: 0, "
                      "orders-v2: 100}}, until: 2999-01-01T00:00:00Z, reason: go, by: me}]"}});
  town.origin(kOld).otherwise = answers(200, "old");
  town.origin(kNew).otherwise = answers(200, "new");
  town.pass_ms(3'000);
  EXPECT_EQ(Caller(town).get().body, "new");
}

}  // namespace
}  // namespace outrigger::testing
