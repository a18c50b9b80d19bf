// Health checks and registrations in a whole sidecar: what calls see of them.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/control_plane.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

using upstream::Health;

std::string two(const std::string& check) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, circuit: off, "
         "endpoint_circuit: off, retry: off, health_check: " +
         check + "}}";
}

Health health_of(Town& town, const std::string& address) {
  return town.service("orders").find_endpoint(*Address::parse(address))->health();
}

// Answers checks with `status`, and calls with what tells the instance.
void check_says(Origin& origin, int status, const std::string& name) {
  origin.otherwise = [status, name](Origin::Connection& connection) {
    const bool is_check = connection.request().target() == "/up";
    connection.answer(is_check ? status : 200, is_check ? "" : name);
  };
}

TEST(HealthCheck, AnInstanceThatFailsItGetsNoCallUntilItIsWellAgain) {
  Town town(two("{http: /up, interval: 1s}"));
  check_says(town.origin("10.0.0.1:80"), 200, "one");
  check_says(town.origin("10.0.0.2:80"), 503, "two");
  town.pass_ms(5'000);
  EXPECT_EQ(health_of(town, "10.0.0.1:80"), Health::kHealthy);
  EXPECT_EQ(health_of(town, "10.0.0.2:80"), Health::kUnhealthy);
  Caller caller(town);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(caller.get("/x").body, "one");
  check_says(town.origin("10.0.0.2:80"), 200, "two");
  town.pass_ms(3'000);
  std::set<std::string> answers;
  for (int i = 0; i < 30; ++i) answers.insert(caller.get("/x").body);
  EXPECT_EQ(answers.size(), 2u);
}

TEST(HealthCheck, WhenAllFailCallsGoOnAsIfAllWereWell) {
  Town town(two("{http: /up, interval: 1s}"));
  check_says(town.origin("10.0.0.1:80"), 500, "one");
  check_says(town.origin("10.0.0.2:80"), 500, "two");
  town.pass_ms(5'000);
  EXPECT_EQ(health_of(town, "10.0.0.1:80"), Health::kUnhealthy);
  Caller caller(town);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(caller.get("/x").status(), 200);
}

TEST(HealthCheck, OfGrpcAsksTheHealthService) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, health_check: "
      "{grpc: shop.Stock, interval: 1s, unhealthy: 1, healthy: 1}}}");
  H2Origin origin(town, "10.0.0.1:80");
  char status = 1;  // SERVING
  std::string asked;
  origin.otherwise = [&](H2Side& side) {
    asked = side.message.target() + " " + side.message.body;
    side.answer_head(200, {{"content-type", "application/grpc"}});
    side.send_data(std::string("\0\0\0\0\2\x08", 6) + status);
    side.send_trailers({{"grpc-status", "0"}});
  };
  town.pass_ms(3'000);
  EXPECT_EQ(asked,
            "/grpc.health.v1.Health/Check " + std::string("\0\0\0\0\x0c\x0a\x0ashop.Stock", 17));
  EXPECT_EQ(health_of(town, "10.0.0.1:80"), Health::kHealthy);
  status = 2;  // NOT_SERVING
  town.pass_ms(3'000);
  EXPECT_EQ(health_of(town, "10.0.0.1:80"), Health::kUnhealthy);
  const auto endpoint = town.service("orders").find_endpoint(*Address::parse("10.0.0.1:80"));
  EXPECT_EQ(endpoint->health_why(), "says NOT_SERVING");
}

TEST(HealthCheck, IsChangedByAReloadWhileChecksRun) {
  Town town(two("{http: /up, interval: 1s}"));
  town.origin("10.0.0.1:80").otherwise = [](Origin::Connection&) {};
  check_says(town.origin("10.0.0.2:80"), 503, "two");
  town.pass_ms(4'500);
  EXPECT_EQ(health_of(town, "10.0.0.1:80"), Health::kUnhealthy);
  town.take(two("off"));
  EXPECT_EQ(health_of(town, "10.0.0.1:80"), Health::kUnknown);
  town.take(two("{tcp: on, interval: 1s}"));
  town.pass_ms(2'000);
  EXPECT_EQ(health_of(town, "10.0.0.1:80"), Health::kHealthy);
  town.take("services: {}");
  town.pass_ms(2'000);
}

// The neighbour as others find it.
class RegisterTest : public ::testing::Test {
 protected:
  RegisterTest() {
    consul.otherwise = [this](Origin::Connection& connection) {
      const std::string path = connection.request().target();
      lines.push_back(path.substr(0, path.rfind('/')));
      connection.answer(200, "");
    };
  }

  std::vector<std::string> lines;
  Town town{
      "drain: {grace: 10s, quiet: 1s}\n"
      "register: [{in: consul, name: billing, port: 8080}]\n"
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}"};
  Origin& consul = town.origin("127.0.0.1:8500");
};

TEST_F(RegisterTest, IsTakenOutFirstThingWhenItIsToEnd) {
  town.pass_ms(3'000);
  ASSERT_EQ(lines, std::vector<std::string>{"/v1/agent/service"});
  town.origin("10.0.0.1:80");
  Caller caller(town);
  EXPECT_EQ(caller.get("/x").status(), 200);
  town.plane->on_signal(SIGTERM);
  town.run();
  EXPECT_EQ(lines.back(), "/v1/agent/service/deregister");
  EXPECT_EQ(caller.get("/x").status(), 200) << "calls go on";
  EXPECT_FALSE(town.end);
}

TEST_F(RegisterTest, ASilentRegistryDelaysTheEndByTwoSecondsAtMost) {
  town.pass_ms(3'000);
  consul.otherwise = [](Origin::Connection&) {};
  town.plane->on_signal(SIGTERM);
  town.pass_ms(1'500);
  EXPECT_FALSE(town.end);
  town.pass_ms(1'000);
  EXPECT_TRUE(town.end);
}

// A list of ten thousand comes into force in slices, and no call sees a part of one.
TEST(LongList, IsTakenInAtLeastFortyTurns) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  town.origin("10.0.0.1:80");
  std::vector<std::string> many;
  for (int i = 0; i < 10'000; ++i) {
    many.push_back("10.1." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1) + ":80");
    town.network.at(*Address::parse(many.back())).fate = AddressOptions::Fate::kRefuse;
  }
  town.set_endpoints("orders", many);
  Caller caller(town);
  int turns = 0;
  while (caller.get("/x").status() == 200) {
    ++turns;
    town.pass_ms(1);
  }
  EXPECT_GE(turns, 39);
  EXPECT_LE(turns, 60);
  town.set_endpoints("orders", {"10.0.0.1:80"});
  town.pass_ms(200);
  EXPECT_EQ(caller.get("/x").status(), 200);
}

}  // namespace
}  // namespace outrigger::testing
