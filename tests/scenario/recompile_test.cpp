// What a change has compiled anew, and how long what it replaced stays.
#include <gtest/gtest.h>

#include "proxy/app/control_plane.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

std::string orders_and_stock(std::string_view orders_policy, std::string_view more = "") {
  return "services:\n  orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off" +
         std::string(orders_policy) +
         "}\n  stock: {endpoints: {static: ['10.0.0.2:80']}, retry: off}\n" + std::string(more);
}

TEST(Recompiling, ConcernsTheServiceThatChangedAlone) {
  Town town(orders_and_stock(""), 2);
  for (const auto& worker : town.workers) {
    const auto orders = worker->inner_chain("orders");
    const auto stock = worker->inner_chain("stock");
    town.take(orders_and_stock(", timeout: {request: 3s}"));
    EXPECT_NE(worker->inner_chain("orders"), orders);
    EXPECT_EQ(worker->inner_chain("stock"), stock);
    town.take(orders_and_stock(""));
  }
}

TEST(Recompiling, ConcernsAllWhereWhatAllAreMadeOfChanged) {
  for (const std::string_view more :
       {"request_id: {generate: true}\n", "tracing: off\n", "metrics: {histogram_buckets: [1ms]}\n",
        "listeners: [{name: outbound, address: '127.0.0.1:15001', filters: {without: "
        "[headers]}}]\n"}) {
    Town town(orders_and_stock(""));
    const auto stock = town.workers[0]->inner_chain("stock");
    town.take(orders_and_stock("", more));
    EXPECT_NE(town.workers[0]->inner_chain("stock"), stock) << more;
  }
}

TEST(Recompiling, ConcernsWhoseRoutesLeadThere) {
  const auto file = [](std::string_view stock, std::string_view other = "") {
    return "services:\n  orders: {endpoints: {static: ['10.0.0.1:80']}, routes: [{to: {self: 1, "
           "stock: 1}}]}\n  stock: {endpoints: {static: ['10.0.0.2:80']}" +
           std::string(stock) + "}\n  other: {endpoints: {static: ['10.0.0.3:80']}" +
           std::string(other) + "}\n";
  };
  Town town(file(""));
  const app::Worker& worker = *town.workers[0];
  const auto orders = worker.inner_chain("orders");
  const auto other = worker.inner_chain("other");
  town.take(file("", ", timeout: {request: 3s}"));
  EXPECT_EQ(worker.inner_chain("orders"), orders);
  EXPECT_NE(worker.inner_chain("other"), other);
  const auto again = worker.inner_chain("other");
  town.take(file(", timeout: {request: 3s}", ", timeout: {request: 3s}"));
  EXPECT_NE(worker.inner_chain("orders"), orders);
  EXPECT_EQ(worker.inner_chain("other"), again);
  // Its endpoints and its own routes are nobody else's.
  const auto now = worker.inner_chain("orders");
  town.take(file(", timeout: {request: 3s}, routes: [{match: {path: /x}, retry: off}]",
                 ", timeout: {request: 3s}"));
  EXPECT_EQ(worker.inner_chain("orders"), now);
}

TEST(Recompiling, WhatWasReplacedGoesWithItsLastCallWhateverElseRuns) {
  Town town(orders_and_stock(""));
  town.origin(kAt).otherwise = after(2'000, answers(200));
  town.origin("10.0.0.2:80").otherwise = stalls();
  Caller caller(town), other(town);
  caller.begin("GET", "/");
  other.host = "stock";
  other.begin("GET", "/");
  town.run();
  const std::weak_ptr<const chain::Chain> replaced = town.workers[0]->inner_chain("orders");
  for (int i = 1; i <= 20; ++i) {
    town.take(orders_and_stock(", timeout: {connect: " + std::to_string(i) + "s}"));
  }
  EXPECT_FALSE(replaced.expired());
  EXPECT_EQ(caller.next().status(), 200);
  town.pass_ms(2'000);
  EXPECT_TRUE(replaced.expired());
  EXPECT_TRUE(other.answers.empty());
  EXPECT_EQ(other.next().status(), 504);
}

TEST(Recompiling, AnAlternateThatIsReplacedFinishesTheCallsThatItStandsInFor) {
  const auto file = [](std::string_view stock) {
    return "services:\n  orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, fallback: "
           "[{on: [500], service: stock}]}\n"
           "  stock: {endpoints: {static: ['10.0.0.2:80']}, retry: off" +
           std::string(stock) + "}\n";
  };
  Town town(file(""));
  town.origin(kAt).otherwise = answers(500);
  town.origin("10.0.0.2:80").otherwise = after(1'000, answers(200));
  Caller caller(town), leaver(town);
  caller.begin("GET", "/");
  leaver.begin("GET", "/");
  town.run();
  const std::weak_ptr<const chain::Chain> replaced = town.workers[0]->inner_chain("stock");
  town.take(file(", timeout: {connect: 2s}"));
  town.pass_ms(500);
  EXPECT_FALSE(replaced.expired());
  leaver.close();
  EXPECT_EQ(caller.next().status(), 200);
  town.run();
  EXPECT_TRUE(replaced.expired());
}

TEST(Recompiling, ManyRoutesTakeSeveralTurnsAndCallsGoOnMeanwhile) {
  const auto file = [](int seconds) {
    std::string text = "services:\n";
    for (int i = 0; i < 1'000; ++i) {
      text +=
          "  s" + std::to_string(i) +
          ": {endpoints: {static: ['10.0.0.1:80']}, timeout: {request: " + std::to_string(seconds) +
          "s}}\n";
    }
    return text;
  };
  Town town(file(5));
  town.origin(kAt);
  Caller caller(town);
  caller.host = "s999";
  const app::Snapshot* before = &town.workers[0]->snapshot();
  int taken = 0;
  const config::Loaded next = loaded_of(file(6));
  EXPECT_TRUE(town.plane->install(next, [&] { ++taken; }).empty());
  EXPECT_EQ(&town.workers[0]->snapshot(), before);
  EXPECT_TRUE(town.plane->install(loaded_of(file(7)), [&] { ++taken; }).empty());
  EXPECT_EQ(taken, 0);
  EXPECT_EQ(caller.get().status(), 200);
  town.pass_ms(20);
  EXPECT_EQ(taken, 2);
  EXPECT_EQ(town.workers[0]->snapshot().config.services[999].policy.timeout.request_ms, 7'000);
  EXPECT_EQ(caller.get().status(), 200);
}

}  // namespace
}  // namespace outrigger::testing
