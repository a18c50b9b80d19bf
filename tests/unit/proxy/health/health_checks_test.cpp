#include "proxy/health/health_checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/health/check_call.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/known_names.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/virtual_names.hpp"

namespace outrigger::health {
namespace {

using ::testing::ElementsAre;
using testing::HttpServer;
using ::testing::IsEmpty;
using upstream::Health;

constexpr int64_t kInterval = 5'000;

class HealthChecksTest : public ::testing::Test, public HealthEvents {
 protected:
  HealthChecksTest() {
    service.name = "orders";
    service.hosts = {"orders"};
    service.policy.health_check.emplace().http = "/up";
    server.on_request = [this](const HttpServer::Asked& asked) {
      if (!is_silent) asked.peer->answer(status, "");
    };
  }
  ~HealthChecksTest() override { checks.reset(); }

  void on_health(const HealthChange& change) override {
    said.push_back(change.endpoint + " " + std::to_string(static_cast<int>(change.from)) + ">" +
                   std::to_string(static_cast<int>(change.to)) + " " + change.why);
  }

  // Another configuration with this service, or without any.
  void apply(bool with_service = true) {
    config::Config config;
    if (with_service) config.services = {service};
    if (with_service) services.service("orders", service.policy, loop.now_ms());
    checks->apply(config, services);
  }
  void list(const std::vector<std::string>& addresses) {
    std::vector<upstream::ListedAddress> listed;
    for (const auto& text : addresses) listed.push_back({*Address::parse(text)});
    services.find("orders")->set_endpoints(listed, loop.now_ms());
    checks->on_endpoints("orders");
  }
  void begin() {
    services.service("orders", service.policy, loop.now_ms());
    apply();
    list({"10.0.0.1:80"});
  }
  void run(int64_t ms) { loop.advance_ms(ms); }
  const upstream::Endpoint& endpoint(const std::string& address = "10.0.0.1:80") {
    return *services.find("orders")->find_endpoint(*Address::parse(address));
  }

  testing::VirtualLoop loop;
  testing::PipeNetwork network{loop};
  testing::VirtualNames names{loop};
  testing::LoopRuntime runtime{loop};
  client::Transport transport{runtime.runtime, network,
                              [this] { return std::make_shared<testing::KnownNames>(names); }};
  HttpServer server{network, "10.0.0.1:80"};
  int status = 200;
  bool is_silent = false;
  config::ServiceConfig service;
  upstream::Services services{{}};
  std::vector<std::string> said;
  std::unique_ptr<HealthChecks> checks = std::make_unique<HealthChecks>(transport, *this);
};

TEST_F(HealthChecksTest, AskWithinTheFirstIntervalAndThenAgainAndAgain) {
  begin();
  EXPECT_EQ(endpoint().health(), Health::kUnknown);
  run(kInterval + 100);
  ASSERT_EQ(server.asked.size(), 1U);
  EXPECT_EQ(server.last().line, "GET /up");
  EXPECT_NE(server.last().head.find("Host: orders\r\n"), std::string::npos) << server.last().head;
  EXPECT_EQ(endpoint().health(), Health::kHealthy);
  EXPECT_EQ(endpoint().health_why(), "answers 200");
  run(20 * kInterval);
  EXPECT_GE(server.asked.size(), 19U);
  EXPECT_LE(server.asked.size(), 23U);
  EXPECT_THAT(said, ElementsAre("10.0.0.1:80 0>1 answers 200"));
}

TEST_F(HealthChecksTest, SoManyFailuresTakeAnEndpointOutAndSoManyGoodAnswersBringItBack) {
  begin();
  run(kInterval + 100);
  status = 503;
  const size_t before = server.asked.size();
  while (server.asked.size() < before + 2) run(100);
  EXPECT_EQ(endpoint().health(), Health::kHealthy) << "two failures are not three";
  EXPECT_EQ(endpoint().health_why(), "answers 503");
  while (server.asked.size() < before + 3) run(100);
  EXPECT_EQ(endpoint().health(), Health::kUnhealthy);
  status = 204;
  while (server.asked.size() < before + 4) run(100);
  EXPECT_EQ(endpoint().health(), Health::kUnhealthy) << "one good answer is not two";
  while (server.asked.size() < before + 5) run(100);
  EXPECT_EQ(endpoint().health(), Health::kHealthy);
  EXPECT_THAT(said, ElementsAre("10.0.0.1:80 0>1 answers 200", "10.0.0.1:80 1>2 answers 503",
                                "10.0.0.1:80 2>1 answers 204"));
}

TEST_F(HealthChecksTest, SilenceIsAFailureOnceTheTimeIsOver) {
  is_silent = true;
  begin();
  run(3 * kInterval + 2'000);
  EXPECT_EQ(endpoint().health(), Health::kUnhealthy);
  EXPECT_EQ(endpoint().health_why(), "10.0.0.1:80: it did not answer in time");
}

TEST_F(HealthChecksTest, ARunThatIsBrokenCountsFromTheStart) {
  begin();
  run(kInterval + 100);
  for (const int answer : {503, 503, 200, 503, 503}) {
    status = answer;
    const size_t before = server.asked.size();
    while (server.asked.size() == before) run(100);
  }
  EXPECT_EQ(endpoint().health(), Health::kHealthy);
}

TEST_F(HealthChecksTest, AConnectionIsEnoughWhereTcpIsAsked) {
  service.policy.health_check = config::HealthCheck{.http = {}, .grpc = {}, .tcp = true};
  begin();
  run(kInterval + 100);
  EXPECT_EQ(endpoint().health(), Health::kHealthy);
  EXPECT_EQ(endpoint().health_why(), "accepts connections");
  EXPECT_TRUE(server.asked.empty());
  list({"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"});
  network.at(*Address::parse("10.0.0.3:80")).fate = testing::AddressOptions::Fate::kBlackhole;
  run(4 * kInterval);
  EXPECT_EQ(endpoint("10.0.0.2:80").health(), Health::kUnhealthy);
  EXPECT_EQ(endpoint("10.0.0.3:80").health(), Health::kUnhealthy);
  EXPECT_EQ(endpoint("10.0.0.3:80").health_why(), "took no connection in time");
}

TEST_F(HealthChecksTest, AnEndpointThatLeavesIsForgottenAlsoInTheMiddleOfACheck) {
  is_silent = true;
  begin();
  while (server.asked.empty()) run(10);
  list({});
  run(10 * kInterval);
  EXPECT_EQ(server.asked.size(), 1U);
  list({"10.0.0.1:80"});
  EXPECT_EQ(endpoint().health(), Health::kUnknown);
}

TEST_F(HealthChecksTest, OthersSettingsKeepWhatIsKnownAndAnotherQuestionDoesNot) {
  begin();
  run(kInterval + 100);
  service.policy.health_check->interval_ms = 60'000;
  apply();
  EXPECT_EQ(endpoint().health(), Health::kHealthy);
  service.policy.health_check->http = "/other";
  apply();
  EXPECT_EQ(endpoint().health(), Health::kUnknown);
  run(60'100);
  EXPECT_EQ(server.last().line, "GET /other");
  service.policy.health_check.reset();
  apply();
  EXPECT_EQ(endpoint().health(), Health::kUnknown);
  const size_t before = server.asked.size();
  run(120'000);
  EXPECT_EQ(server.asked.size(), before);
}

TEST_F(HealthChecksTest, AServiceThatIsGoneIsNotAsked) {
  is_silent = true;
  begin();
  while (server.asked.empty()) run(10);
  apply(false);
  run(10 * kInterval);
  EXPECT_EQ(server.asked.size(), 1U);
  EXPECT_THAT(said, IsEmpty());
}

TEST_F(HealthChecksTest, ALateCheckDoesNotCatchUp) {
  begin();
  run(kInterval + 100);
  loop.suspend_ms(20 * kInterval);
  const size_t before = server.asked.size();
  run(3 * kInterval);
  EXPECT_LE(server.asked.size() - before, 4U);
}

// 2,000 endpoints that are all silent: at no time are more than so many asked, and each has its
// turn.
TEST_F(HealthChecksTest, AtMostSoManyAreAskedAtOnceAndNoneIsForgotten) {
  service.policy.health_check = config::HealthCheck{.http = {}, .grpc = {}, .tcp = true};
  begin();
  std::vector<std::string> many;
  for (int i = 0; i < 2'000; ++i) {
    many.push_back("10.1." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1) + ":80");
    network.at(*Address::parse(many.back())).fate = testing::AddressOptions::Fate::kBlackhole;
  }
  list(many);
  run(90'000);
  for (const auto& each : many) ASSERT_EQ(endpoint(each).health(), Health::kUnhealthy) << each;
}

TEST(HealthResponse, IsReadAsItIsWritten) {
  using namespace std::string_view_literals;
  EXPECT_EQ(health_request("").size(), 5U);
  EXPECT_EQ(health_request("a.B"), std::string("\0\0\0\0\5\x0a\3a.B", 10));
  EXPECT_TRUE(read_health_response("\0\0\0\0\2\x08\1"sv).is_good);
  EXPECT_EQ(read_health_response("\0\0\0\0\2\x08\2"sv).why, "says NOT_SERVING");
  EXPECT_EQ(read_health_response("\0\0\0\0\0"sv).why, "says UNKNOWN");
  EXPECT_EQ(read_health_response("\0\0\0\0\2\x08\7"sv).why, "says an unknown status");
  EXPECT_EQ(read_health_response("\1\0\0\0\2\x08\1"sv).why, "answers no HealthCheckResponse");
  EXPECT_EQ(read_health_response("<html>"sv).why, "answers no HealthCheckResponse");
}

}  // namespace
}  // namespace outrigger::health
