// What we ourselves are short of (ports, descriptors, buffers, leave of our own host) says nothing
// of the service.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr const char* kOther = "10.0.0.2:80";

constexpr std::string_view kOrders =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, "
    "circuit: {consecutive_failures: 1}, endpoint_circuit: {consecutive_failures: 1}}}";

void run_short_of_ports(Town& town, const char* at, bool short_of = true) {
  town.network.at(*Address::parse(at)).fate =
      short_of ? AddressOptions::Fate::kShortage : AddressOptions::Fate::kAccept;
}

TEST(OwnShortage, IsOverloadAndNoVerdictOnTheService) {
  Town town(kOrders);
  town.origin(kAt);
  run_short_of_ports(town, kAt);
  Caller caller(town);
  for (int i = 0; i < 20; ++i) {
    const Message refused = caller.post("/", "x");
    EXPECT_EQ(refused.status(), 503);
    EXPECT_NE(refused.field("proxy-status").find("error=proxy_internal_error"), std::string::npos);
  }
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
  run_short_of_ports(town, kAt, false);
  EXPECT_EQ(caller.get().status(), 200);
}

// Also of those who would rather have a fresh one.
TEST(OwnShortage, AConnectionThatIsOpenIsUsed) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  run_short_of_ports(town, kAt);
  town.pass_ms(5'000);  // pool.idle_unsafe is 1 s
  EXPECT_EQ(caller.post("/", "x").status(), 200);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST(OwnShortage, AnHttp2ConnectionThatIsOpenIsUsed) {
  Town town(
      "services: {orders: {protocol: http2, endpoints: {static: ['10.0.0.1:80']}, "
      "circuit: {consecutive_failures: 1}}}");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  run_short_of_ports(town, kAt);
  town.pass_ms(5'000);
  EXPECT_EQ(caller.ask("POST", "/", {}, "x").status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST(OwnShortage, AnotherInstanceIsCalledWhereOneCannotBe) {
  Town town(
      "services: {orders: {balance: round_robin, "
      "endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, "
      "circuit: {consecutive_failures: 1}}}");
  town.origin(kAt);
  Origin& other = town.origin(kOther);
  run_short_of_ports(town, kAt);
  Caller caller(town);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(caller.post("/", "x").status(), 200);
  EXPECT_EQ(other.requests.size(), 200u);
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
}

TEST(OwnShortage, OfATunnelIsNoVerdictEither) {
  Town town(
      "listeners: [{name: outbound, address: '127.0.0.1:15001', service: orders}]\n"
      "services: {orders: {protocol: tcp, endpoints: {static: ['10.0.0.1:80']}, "
      "circuit: {consecutive_failures: 1}}}");
  town.origin(kAt);
  run_short_of_ports(town, kAt);
  {
    TestClient caller(town.network, town.address());
    town.run();
    EXPECT_TRUE(caller.broken);
  }
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
}

}  // namespace
}  // namespace outrigger::testing
