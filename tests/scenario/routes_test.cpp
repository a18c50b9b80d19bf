// Routes, Balancing, and which service a call belongs to.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

TEST(Routes, TheFirstThatMatchesWins) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, routes: ["
      "{name: exact, match: {path: /a}, headers: {response: {set: {x-route: exact}}}},"
      "{name: posts, match: {path: /a*, method: [POST]}, headers: {response: {set: {x-route: "
      "posts}}}},"
      "{name: beta, match: {headers: {x-beta: '1'}}, headers: {response: {set: {x-route: beta}}}},"
      "{name: rest, match: {path: /a/*}, headers: {response: {set: {x-route: rest}}}}]}}");
  town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get("/a").field("x-route"), "exact");
  EXPECT_EQ(caller.get("/a?q").field("x-route"), "exact");
  EXPECT_EQ(caller.post("/ab", "x").field("x-route"), "posts");
  EXPECT_EQ(caller.get("/a/b", "X-Beta: 1\r\n").field("x-route"), "beta");
  EXPECT_EQ(caller.get("/a/b").field("x-route"), "rest");
  EXPECT_EQ(caller.get("/other").field("x-route"), "");
}

TEST(Routes, APolicyOfTheRouteCountsForItAndTheServicesForTheRest) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, timeout: {request: "
      "5s}, routes: [{match: {path: /fast/*}, timeout: {request: 1s}}]}}");
  town.origin(kAt).otherwise = stalls();
  for (const auto& [path, ms] : {std::pair{"/fast/x", 1'000}, std::pair{"/slow", 5'000}}) {
    Caller caller(town);
    const int64_t began_ms = town.now_ms();
    EXPECT_EQ(caller.get(path).status(), 504);
    EXPECT_EQ(town.now_ms() - began_ms, ms) << path;
  }
}

TEST(Routes, ACircuitOfTheRouteReplacesTheServicesForItsCalls) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, endpoint_circuit: "
      "off, circuit: {consecutive_failures: 3}, routes: [{name: reads, match: {path: /r/*}, "
      "circuit: {consecutive_failures: 2}}]}}");
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(500);
  Caller caller(town);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(caller.get("/r/x").status(), 500);
  const Message refused = caller.get("/r/x");
  EXPECT_EQ(refused.status(), 503);
  EXPECT_NE(refused.field("proxy-status").find("circuit_open orders/reads"), std::string::npos);
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
  origin.otherwise = answers(200);
  EXPECT_EQ(caller.get("/w").status(), 200);
}

TEST(Routes, TheHostNamesTheService) {
  Town town(
      "services:\n"
      "  orders: {hosts: [orders, 'orders:9000', '*.orders.example'], endpoints: {static: "
      "['10.0.0.1:80']}}\n"
      "  special: {hosts: ['orders:81', 'eu.orders.example'], endpoints: {static: "
      "['10.0.0.2:80']}}\n"
      "  nameless: {hosts: [], endpoints: {static: ['10.0.0.3:80']}}\n"
      "unmatched: refuse\n");
  town.origin(kAt).otherwise = answers(200, "orders");
  town.origin("10.0.0.2:80").otherwise = answers(200, "special");
  const auto who = [&](const std::string& host) {
    Caller caller(town);
    caller.host = host;
    const Message answer = caller.get();
    return answer.status() == 200 ? answer.body : std::to_string(answer.status());
  };
  EXPECT_EQ(who("orders"), "orders");
  EXPECT_EQ(who("ORDERS"), "orders");
  EXPECT_EQ(who("orders:80"), "orders");
  EXPECT_EQ(who("orders:81"), "special");
  EXPECT_EQ(who("a.orders.example"), "orders");
  EXPECT_EQ(who("eu.orders.example"), "special");
  EXPECT_EQ(who("orders.example"), "502");
  EXPECT_EQ(who("nameless"), "502");
}

TEST(Routes, AServicePortIsThatServiceWhateverTheHostSaysAndSendsItsAddress) {
  Town town(
      "listeners: [{name: outbound, address: ['127.0.0.1:15001']}, {name: own, address: "
      "['127.0.0.1:15002'], service: orders}]\n"
      "services: {orders: {hosts: [], endpoints: {static: ['10.0.0.1:80']}}}");
  Origin& origin = town.origin(kAt);
  Caller caller(town, 0, "own");
  caller.host = "localhost:15002";
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.requests[0].field("host"), kAt);
}

TEST(Routes, DotsAndEscapesDoNotLeadAroundARoute) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, routes: [{match: {path: "
      "/admin/*}, headers: {response: {set: {x-route: admin}}}}]}}");
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  for (const char* path : {"/admin/x", "/%61dmin/x", "/a/../admin/x", "/./admin/x"}) {
    EXPECT_EQ(caller.get(path).field("x-route"), "admin") << path;
    EXPECT_EQ(origin.requests.back().target(), path);  // it travels as it was written
  }
}

// ---- balancing

std::string three(std::string_view balance, std::string_view first = "'10.0.0.1:80'") {
  return "services: {orders: {endpoints: {static: [" + std::string(first) +
         ", '10.0.0.2:80', '10.0.0.3:80']}, retry: off, circuit: off, endpoint_circuit: off, "
         "balance: " +
         std::string(balance) + "}}";
}
size_t got(Town& town, int number) {
  return town.origin("10.0.0." + std::to_string(number) + ":80").requests.size();
}

TEST(Balancing, RoundRobinIsEven) {
  Town town(three("round_robin"));
  for (int i = 1; i <= 3; ++i) got(town, i);
  Caller caller(town);
  for (int i = 0; i < 30; ++i) caller.get();
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(got(town, i), 10u);
}

TEST(Balancing, WeightsCount) {
  for (const char* balance : {"round_robin", "random", "least_loaded", "peak_ewma"}) {
    Town town(three(balance, "{address: '10.0.0.1:80', weight: 8}"));
    for (int i = 1; i <= 3; ++i) got(town, i);
    Caller caller(town);
    for (int i = 0; i < 1'000; ++i) caller.get();
    EXPECT_NEAR(static_cast<double>(got(town, 1)), 800, 80) << balance;
  }
}

TEST(Balancing, LeastLoadedAvoidsTheBusyOne) {
  Town town(three("least_loaded"));
  for (int i = 1; i <= 3; ++i) got(town, i);
  town.origin(kAt).otherwise = after(1'000, answers(200));
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 300; ++i) {
    callers.push_back(std::make_unique<Caller>(town));
    callers.back()->begin("GET", "/");
    town.pass_ms(5);
  }
  EXPECT_LT(got(town, 1), 30u);
}

TEST(Balancing, AFastFailureDoesNotLookLikeAFastServer) {
  Town town(three("least_loaded"));
  for (int i = 1; i <= 3; ++i) town.origin("10.0.0." + std::to_string(i) + ":80");
  town.origin(kAt).otherwise = answers(500);
  for (int i = 2; i <= 3; ++i) {
    town.origin("10.0.0." + std::to_string(i) + ":80").otherwise = after(20, answers(200));
  }
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 300; ++i) {
    callers.push_back(std::make_unique<Caller>(town));
    callers.back()->begin("GET", "/");
    town.pass_ms(5);
  }
  EXPECT_LT(got(town, 1), 100u);
}

}  // namespace
}  // namespace outrigger::testing
