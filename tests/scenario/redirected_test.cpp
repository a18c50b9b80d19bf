// HTTP of a neighbour whose connections are redirected: the Host decides, and every policy applies.
#include "tests/support/h2_caller.hpp"
#include "tests/support/neighbour.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kOrders = R"(
services:
  orders:
    endpoints: {static: ['10.0.0.1:80']}
    circuit: {consecutive_failures: 2}
    fallback: [{on: [circuit_open], respond: {status: 200, body: 'instead'}}]
)";

std::string get(const std::string& host) { return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"; }

TEST(Redirected, TheHostDecidesWhateverTheAddress) {
  Town town(kOrders);
  Origin& origin = town.origin("10.0.0.1:80");
  TestOrigin there(town.network, *Address::parse("10.1.0.9:80"));
  Neighbour caller(town, "10.1.0.9:80");
  caller.send(get("orders"));
  town.run();
  EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 200"));
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_TRUE(there.peers.empty());
}

TEST(Redirected, AHostThatNobodyConfiguredGoesWhereItWasGoingAndIsNotLookedUp) {
  Town town(kOrders);
  Origin& there = town.origin("10.1.0.9:80");
  town.names.set("far.test", {"10.6.6.6"}, 10);
  Neighbour caller(town, "10.1.0.9:80");
  for (int i = 0; i < 2; ++i) {
    caller.send(get("far.test"));
    town.run();
    EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 200"));
  }
  EXPECT_EQ(there.requests.size(), 2u);
  EXPECT_EQ(there.requests[0].field("host"), "far.test");
  EXPECT_EQ(there.accepted(), 1u);
  EXPECT_EQ(town.names.lookups(), 0u);
}

TEST(Redirected, AnAddressIsClaimedByAServiceWhereTheHostIsNot) {
  Town town(R"(
services:
  orders: {addresses: ['10.1.0.0/24:*'], endpoints: {static: ['10.0.0.1:80']}}
  narrow: {addresses: ['10.1.0.9:80'], endpoints: {static: ['10.0.0.2:80']}}
)");
  Origin& wide = town.origin("10.0.0.1:80");
  Origin& narrow = town.origin("10.0.0.2:80");
  for (const char* to : {"10.1.0.8:80", "10.1.0.9:80", "10.1.0.9:81"}) {
    Neighbour caller(town, to);
    caller.send(get("somebody.test"));
    town.run();
    EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 200")) << to;
  }
  EXPECT_EQ(wide.requests.size(), 2u);
  EXPECT_EQ(narrow.requests.size(), 1u);
}

TEST(Redirected, TheOriginalAddressMayBeTheOnlyEndpoint) {
  Town town("services: {orders: {endpoints: original}}");
  Origin& there = town.origin("10.1.0.9:8080");
  Neighbour caller(town, "10.1.0.9:8080");
  caller.send(get("orders"));
  town.run();
  EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 200"));
  EXPECT_EQ(there.requests.size(), 1u);
  Caller straight(town);
  EXPECT_EQ(straight.get().status(), 503);  // it was not going anywhere
}

TEST(Redirected, CircuitAndFallbackApplyWithoutAWordOfTheCaller) {
  Town town(kOrders);
  Origin& origin = town.origin("10.0.0.1:80");
  origin.otherwise = answers(500);
  Neighbour caller(town, "10.1.0.9:80");
  std::string last;
  for (int i = 0; i < 3; ++i) {
    caller.send(get("orders"));
    town.run();
    last = caller.take();
  }
  EXPECT_EQ(origin.requests.size(), 2u);
  EXPECT_TRUE(last.ends_with("instead")) << last;
}

TEST(Redirected, AConnectIsForAnotherProxyAndPassesUnread) {
  Town town(kOrders);
  TestOrigin proxy(town.network, *Address::parse("10.1.0.9:3128"));
  Neighbour caller(town, "10.1.0.9:3128");
  caller.send("CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\n\r\n");
  town.run();
  ASSERT_EQ(proxy.peers.size(), 1u);
  EXPECT_EQ(proxy.last().take(), "CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\n\r\n");
}

}  // namespace
}  // namespace outrigger::testing
