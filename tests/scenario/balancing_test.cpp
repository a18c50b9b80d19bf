// Hash, latency and zones as callers and instances see them, over reloads and patches.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

std::string three(const std::string& balance, const std::string& more = "") {
  return more +
         "services: {orders: {endpoints: {static: ["
         "{address: '10.0.0.1:80', zone: a}, {address: '10.0.0.2:80', zone: b}, "
         "{address: '10.0.0.3:80', zone: b}]}, retry: off, circuit: off, endpoint_circuit: off, "
         "balance: " +
         balance + "}}";
}

class BalancingTest : public ::testing::Test {
 protected:
  // How many calls each instance got since the last time.
  std::vector<size_t> got(Town& town) {
    std::vector<size_t> counts;
    for (int i = 1; i <= 3; ++i) {
      Origin& origin = town.origin("10.0.0." + std::to_string(i) + ":80");
      counts.push_back(origin.requests.size() - std::exchange(x_seen[i], origin.requests.size()));
    }
    return counts;
  }
  static size_t places(const std::vector<size_t>& counts) {
    return counts.size() - static_cast<size_t>(std::ranges::count(counts, 0u));
  }
  // Of `calls` calls with that field each.
  std::vector<size_t> ask(Town& town, const std::string& field, int calls = 30) {
    Caller caller(town);
    (void)got(town);
    for (int i = 0; i < calls; ++i) EXPECT_EQ(caller.get("/", field).status(), 200);
    return got(town);
  }

 private:
  std::map<int, size_t> x_seen;
};

TEST_F(BalancingTest, AFieldLeadsToTheSameInstanceFromEachWorker) {
  Town town(three("{hash: {header: X-User}}"), 2);
  (void)got(town);
  std::set<std::vector<size_t>> seen;
  for (int user = 0; user < 20; ++user) {
    const std::string field = "x-USER: user-" + std::to_string(user) + "\r\n";
    const auto counts = ask(town, field, 3);
    EXPECT_EQ(places(counts), 1u);
    Caller other(town, 1);
    EXPECT_EQ(other.get("/", field).status(), 200);
    const auto once = got(town);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(once[i] > 0, counts[i] > 0);
    seen.insert(counts);
  }
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(places(ask(town, "")), 3u);  // nobody named: by load
}

TEST_F(BalancingTest, TheHostIsAFieldToo) {
  Town town(three("{hash: {header: host}}, hosts: ['*.orders']"));
  (void)got(town);
  std::vector<size_t> all(3);
  for (int tenant = 0; tenant < 20; ++tenant) {
    Caller caller(town);
    caller.host = "t" + std::to_string(tenant) + ".orders";
    for (int i = 0; i < 3; ++i) caller.get();
    const auto counts = got(town);
    EXPECT_EQ(places(counts), 1u);
    for (size_t j = 0; j < 3; ++j) all[j] += counts[j];
  }
  EXPECT_EQ(places(all), 3u);
}

TEST_F(BalancingTest, ACookieLeadsToTheSameInstanceWhicheverOthersThereAre) {
  Town town(three("{hash: {cookie: session}}"));
  (void)got(town);
  const auto alone = ask(town, "Cookie: session=abc\r\n");
  EXPECT_EQ(places(alone), 1u);
  EXPECT_EQ(ask(town, "Cookie: a=1; session=abc; b=session=x\r\n"), alone);
  EXPECT_EQ(ask(town, "Cookie: a=1\r\nCookie: session=abc\r\n"), alone);
  EXPECT_EQ(places(ask(town, "Cookie: Session=abc; xsession=abc; session\r\n")), 3u);
}

TEST_F(BalancingTest, TheSourceIsWithoutItsPortAndForTunnelsToo) {
  Town town(three("{hash: source}"));
  (void)got(town);
  std::vector<size_t> all(3);
  for (int i = 0; i < 10; ++i) {
    const auto counts = ask(town, "", 1);  // a connection of its own each
    for (size_t j = 0; j < 3; ++j) all[j] += counts[j];
  }
  EXPECT_EQ(places(all), 1u);
  {
    Caller tunnel(town);
    tunnel.begin_raw("CONNECT", "CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\n\r\n");
    EXPECT_EQ(tunnel.next().status(), 200);
    tunnel.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    town.pass_ms(100);
    tunnel.abort();
    town.pass_ms(100);
  }
  const auto through = got(town);
  for (size_t j = 0; j < 3; ++j) EXPECT_EQ(through[j] > 0, all[j] > 0);
}

TEST_F(BalancingTest, ARetryGoesToAnotherInstance) {
  std::string yaml = three("{hash: {header: x-user}}");
  yaml.replace(yaml.find("retry: off"), 10, "retry: {attempts: 2}");
  Town town(yaml);
  for (int i = 1; i <= 3; ++i) {
    town.origin("10.0.0." + std::to_string(i) + ":80").otherwise = answers(503);
  }
  Caller caller(town);
  EXPECT_EQ(caller.get("/", "x-user: a\r\n").status(), 503);
  const auto counts = got(town);
  EXPECT_EQ(places(counts), 2u);
}

TEST_F(BalancingTest, AReloadChangesTheRuleInEachForm) {
  Town town(three("random"), 2);
  (void)got(town);
  EXPECT_EQ(places(ask(town, "x-user: a\r\n")), 3u);
  town.take(three("{hash: {header: x-user}}"));
  EXPECT_EQ(places(ask(town, "x-user: a\r\n")), 1u);
  town.take(three("{hash: {cookie: c}}"));
  EXPECT_EQ(places(ask(town, "x-user: a\r\n")), 3u);
  EXPECT_EQ(places(ask(town, "Cookie: c=1\r\n")), 1u);
  town.take(three("peak_ewma"));
  EXPECT_EQ(places(ask(town, "Cookie: c=1\r\n")), 3u);
}

TEST_F(BalancingTest, PeakEwmaLeavesTheSlowInstanceAlone) {
  Town town(three("peak_ewma"));
  (void)got(town);
  town.origin("10.0.0.2:80").otherwise = after(200, answers(200));
  town.origin("10.0.0.1:80").otherwise = after(4, answers(200));
  town.origin("10.0.0.3:80").otherwise = after(4, answers(200));
  const auto counts = ask(town, "", 600);
  EXPECT_LT(counts[1], 30u);
  EXPECT_GT(counts[0], 200u);
  EXPECT_GT(counts[2], 200u);
}

TEST_F(BalancingTest, OurZoneComesFirstAndAReloadChangesIt) {
  Town town(three("random", "zone: a\n"), 2);
  (void)got(town);
  EXPECT_EQ(ask(town, ""), (std::vector<size_t>{30, 0, 0}));
  town.take(three("random", "zone: b\n"));
  const auto in_b = ask(town, "");
  EXPECT_EQ(in_b[0], 0u);
  EXPECT_EQ(places(in_b), 2u);
  town.take(three("random"));
  EXPECT_EQ(places(ask(town, "")), 3u);
}

TEST_F(BalancingTest, WhereOurZoneIsLostCallsGoToTheOthers) {
  Town town(three("least_loaded", "zone: a\n"));
  (void)got(town);
  town.service("orders").set_operator_state(*Address::parse("10.0.0.1:80"),
                                            upstream::OperatorState::kDrain);
  const auto counts = ask(town, "");
  EXPECT_EQ(counts[0], 0u);
  EXPECT_EQ(places(counts), 2u);
}

}  // namespace
}  // namespace outrigger::testing
