#include "proxy/registration/registrations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::registration {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpServer;
using ::testing::IsEmpty;
using Json = nlohmann::json;

config::Registration registration(const std::string& name, int port) {
  config::Registration made;
  made.registry = "consul";
  made.name = name;
  made.port = port;
  return made;
}

class RegistrationsTest : public ::testing::Test, public RegistrationEvents {
 protected:
  RegistrationsTest() {
    config.registrations.push_back(registration("billing", 8080));
    config.registrations[0].health.http = "/healthz";
    config.registrations[0].tags = {"a"};
    config.registrations[0].metadata = {{"team", "x"}};
    neighbour.on_request = [this](const HttpServer::Asked& asked) {
      if (neighbour_says != 0) asked.peer->answer(neighbour_says, "");
    };
    consul.on_request = [this](const HttpServer::Asked& asked) {
      lines.push_back(asked.line);
      if (consul_says != 0) asked.peer->answer(consul_says, consul_body);
    };
  }

  void on_registration(const Change& change) override {
    said.push_back(std::string(to_string(change.to)) + ": " + change.why);
  }
  void begin() {
    registrations.emplace(Surroundings{world.loop.context(), world.files, world.access(),
                                       [](const Address&) -> std::optional<Address> {
                                         return *Address::from_ip("10.0.0.7", 0);
                                       }},
                          *this);
    registrations->apply(config);
    run(100);
  }
  void run(int64_t ms) { world.loop.advance_ms(ms); }
  State state() const { return registrations->entries().front().state; }
  // The state of the check that the registry was told last.
  std::string status_told() const {
    const std::string& body = consul.asked.back().body;
    return Json::parse(body).value("Status", "none");
  }

  discovery::VirtualWorld world;
  HttpServer neighbour{world.network, "10.0.0.7:8080"};
  HttpServer consul{world.network, "127.0.0.1:8500"};
  int neighbour_says = 200;
  int consul_says = 200;
  std::string consul_body;
  config::Config config;
  std::vector<std::string> lines;
  std::vector<std::string> said;
  std::optional<Registrations> registrations;
};

TEST_F(RegistrationsTest, EntersTheNeighbourOnceItIsWellAndRenewsAtEachInterval) {
  neighbour_says = 503;
  begin();
  run(25'000);
  EXPECT_THAT(lines, IsEmpty()) << "nobody is to find it yet";
  EXPECT_EQ(state(), State::kPending);
  neighbour_says = 204;
  run(11'000);
  ASSERT_THAT(lines, ElementsAre("PUT /v1/agent/service/register"));
  const Json body = Json::parse(consul.asked[0].body);
  EXPECT_EQ(body["ID"], "billing-10.0.0.7-8080");
  EXPECT_EQ(body["Name"], "billing");
  EXPECT_EQ(body["Address"], "10.0.0.7");
  EXPECT_EQ(body["Port"], 8080);
  EXPECT_EQ(body["Tags"], Json({"a"}));
  EXPECT_EQ(body["Meta"], Json({{"team", "x"}}));
  EXPECT_EQ(body["Check"]["TTL"], "30000ms");
  EXPECT_EQ(body["Check"]["Status"], "passing");
  EXPECT_EQ(state(), State::kRegistered);
  run(40'000);
  EXPECT_GE(lines.size(), 4U);
  EXPECT_EQ(lines.back(), "PUT /v1/agent/check/update/service:billing-10.0.0.7-8080");
  EXPECT_EQ(status_told(), "passing");
  EXPECT_THAT(said, ElementsAre("pending: answers 503",
                                "registered: 10.0.0.7:8080 (it leads out of this host)"));
}

TEST_F(RegistrationsTest, TellsThatTheNeighbourIsNoLongerWell) {
  begin();
  neighbour_says = 500;
  run(11'000);
  EXPECT_EQ(status_told(), "critical");
  neighbour_says = 0;
  run(16'000);
  EXPECT_EQ(status_told(), "critical");
  EXPECT_THAT(consul.asked.back().body, HasSubstr("did not answer in time"));
  neighbour_says = 200;
  run(11'000);
  EXPECT_EQ(status_told(), "passing");
  EXPECT_EQ(state(), State::kRegistered);
}

TEST_F(RegistrationsTest, EntersItAgainWhenTheRegistryHasForgottenIt) {
  for (const int status : {404, 500}) {
    begin();
    consul_says = status;
    consul_body = "Unknown check ID \"service:billing-10.0.0.7-8080\"";
    lines.clear();
    consul.on_request = [this](const HttpServer::Asked& asked) {
      lines.push_back(asked.line);
      const bool is_entry = asked.line.ends_with("/register");
      asked.peer->answer(is_entry ? 200 : consul_says, is_entry ? "" : consul_body);
      if (is_entry) consul_says = 200;
    };
    run(11'000);
    EXPECT_THAT(lines, ElementsAre("PUT /v1/agent/check/update/service:billing-10.0.0.7-8080",
                                   "PUT /v1/agent/service/register"));
    EXPECT_EQ(state(), State::kRegistered);
  }
}

TEST_F(RegistrationsTest, ARegistryThatFailsIsTriedAgainWithABackOff) {
  consul_says = 500;
  consul_body = "No cluster leader";
  begin();
  run(60'000);
  EXPECT_EQ(state(), State::kFailing);
  EXPECT_GE(lines.size(), 6U);
  EXPECT_LE(lines.size(), 40U);
  EXPECT_THAT(said, ElementsAre("failing: http://127.0.0.1:8500: status 500: No cluster leader"));
  consul_says = 200;
  run(11'000);
  EXPECT_EQ(state(), State::kRegistered);
}

TEST_F(RegistrationsTest, LeavesFirstThingAndNeverComesBack) {
  begin();
  int left = 0;
  registrations->leave([&] { ++left; });
  EXPECT_TRUE(registrations->is_leaving());
  run(10);
  EXPECT_EQ(left, 1);
  EXPECT_EQ(lines.back(), "PUT /v1/agent/service/deregister/billing-10.0.0.7-8080");
  EXPECT_EQ(state(), State::kLeft);
  const size_t before = lines.size();
  config.registrations.push_back(registration("other", 1));
  registrations->apply(config);
  run(60'000);
  EXPECT_EQ(lines.size(), before);
  registrations->leave([&] { ++left; });
  EXPECT_EQ(left, 2) << "there is nothing to wait for";
}

TEST_F(RegistrationsTest, AnEntryOnItsWayIsWaitedForBeforeLeaving) {
  consul_says = 0;
  begin();
  ASSERT_EQ(lines.size(), 1U);
  bool left = false;
  registrations->leave([&] { left = true; });
  run(500);
  EXPECT_EQ(lines.size(), 1U) << "the entry might be taken after the word that we left";
  consul_says = 200;
  consul.asked.back().peer->answer(200, "");
  run(100);
  EXPECT_EQ(lines.back(), "PUT /v1/agent/service/deregister/billing-10.0.0.7-8080");
  EXPECT_TRUE(left);
}

TEST_F(RegistrationsTest, ASilentRegistryIsNotWaitedForLonger) {
  begin();
  consul_says = 0;
  bool left = false;
  registrations->leave([&] { left = true; });
  run(Registrations::kLeaveMs - 100);
  EXPECT_FALSE(left);
  run(200);
  EXPECT_TRUE(left);
  EXPECT_EQ(state(), State::kFailing);
}

TEST_F(RegistrationsTest, LeavingIsTriedAgainWhileThereIsTime) {
  begin();
  consul_says = 503;
  bool left = false;
  registrations->leave([&] { left = true; });
  run(1'000);
  EXPECT_FALSE(left);
  consul_says = 200;
  run(300);
  EXPECT_TRUE(left);
  EXPECT_EQ(state(), State::kLeft);
}

TEST_F(RegistrationsTest, ANeighbourThatWasNeverEnteredNeedNotLeave) {
  neighbour_says = 503;
  begin();
  bool left = false;
  registrations->leave([&] { left = true; });
  run(10);
  EXPECT_TRUE(left);
  EXPECT_THAT(lines, IsEmpty());
}

TEST_F(RegistrationsTest, ARegistrationThatIsTakenOutOfTheFileLeaves) {
  begin();
  config.registrations.clear();
  registrations->apply(config);
  run(100);
  EXPECT_EQ(lines.back(), "PUT /v1/agent/service/deregister/billing-10.0.0.7-8080");
  EXPECT_THAT(registrations->entries(), IsEmpty());
}

TEST_F(RegistrationsTest, AChangedOneIsOverwrittenAndAnUnchangedOneLeftAlone) {
  begin();
  registrations->apply(config);
  run(100);
  EXPECT_EQ(lines.size(), 1U);
  config.registrations[0].tags = {"b"};
  registrations->apply(config);
  run(100);
  EXPECT_THAT(lines,
              ElementsAre("PUT /v1/agent/service/register", "PUT /v1/agent/service/register"));
  EXPECT_EQ(Json::parse(consul.asked.back().body)["Tags"], Json({"b"}));
}

TEST_F(RegistrationsTest, WhereTheRegistryIsAnotherOneTheOldOneIsLeft) {
  HttpServer other(world.network, "127.0.0.1:8501");
  other.on_request = [](const HttpServer::Asked& asked) { asked.peer->answer(200, ""); };
  begin();
  config.registries.consul[0].url = "http://127.0.0.1:8501";
  registrations->apply(config);
  run(100);
  EXPECT_EQ(lines.back(), "PUT /v1/agent/service/deregister/billing-10.0.0.7-8080");
  EXPECT_EQ(other.last().line, "PUT /v1/agent/service/register");
}

TEST_F(RegistrationsTest, WhereConsulAsksItIsOnlyLookedWhetherItStillKnows) {
  config.registrations[0].health.by = config::RegistrationHealth::By::kRegistry;
  begin();
  const Json check = Json::parse(consul.asked[0].body)["Check"];
  EXPECT_EQ(check["HTTP"], "http://10.0.0.7:8080/healthz");
  EXPECT_EQ(check["Interval"], "10000ms");
  EXPECT_FALSE(check.contains("TTL"));
  run(11'000);
  EXPECT_EQ(lines.back(), "GET /v1/agent/service/billing-10.0.0.7-8080");
  EXPECT_TRUE(neighbour.asked.empty());
}

TEST_F(RegistrationsTest, TheTokenIsSentOnceItIsRead) {
  config.registries.consul[0].token_file = "/token";
  world.files.set("/token", "secret\n");
  begin();
  run(2'000);
  ASSERT_FALSE(consul.asked.empty());
  EXPECT_THAT(consul.asked[0].head, HasSubstr("x-consul-token: secret\r\n"));
}

class EurekaRegistrationTest : public RegistrationsTest {
 protected:
  EurekaRegistrationTest() {
    config.registries.eureka[0].urls = {"http://10.9.0.1:8761/eureka",
                                        "http://10.9.0.2:8761/eureka"};
    config.registrations[0].registry = "eureka";
    config.registrations[0].tags.clear();
    for (HttpServer* server : {&first, &second}) {
      server->on_request = [this](const HttpServer::Asked& asked) {
        lines.push_back(asked.line);
        if (eureka_says != 0) asked.peer->answer(eureka_says, "");
      };
    }
  }
  HttpServer first{world.network, "10.9.0.1:8761"};
  HttpServer second{world.network, "10.9.0.2:8761"};
  int eureka_says = 204;
};

TEST_F(EurekaRegistrationTest, EntersALeaseAndRenewsIt) {
  begin();
  ASSERT_THAT(lines, ElementsAre("POST /eureka/apps/BILLING"));
  const Json instance = Json::parse(first.asked[0].body)["instance"];
  EXPECT_EQ(instance["instanceId"], "billing-10.0.0.7-8080");
  EXPECT_EQ(instance["app"], "BILLING");
  EXPECT_EQ(instance["vipAddress"], "billing");
  EXPECT_EQ(instance["status"], "UP");
  EXPECT_EQ(instance["port"], Json({{"$", 8080}, {"@enabled", "true"}}));
  EXPECT_EQ(instance["leaseInfo"]["renewalIntervalInSecs"], 10);
  EXPECT_EQ(instance["leaseInfo"]["durationInSecs"], 30);
  eureka_says = 200;
  run(11'000);
  EXPECT_EQ(lines.back(), "PUT /eureka/apps/BILLING/billing-10.0.0.7-8080?status=UP");
}

TEST_F(EurekaRegistrationTest, AnotherConditionIsAnotherEntry) {
  begin();
  neighbour_says = 503;
  run(11'000);
  EXPECT_EQ(lines.back(), "POST /eureka/apps/BILLING");
  EXPECT_EQ(Json::parse(first.asked.back().body)["instance"]["status"], "DOWN");
  run(11'000);
  EXPECT_EQ(lines.back(), "PUT /eureka/apps/BILLING/billing-10.0.0.7-8080?status=DOWN");
  neighbour_says = 200;
  run(11'000);
  EXPECT_EQ(Json::parse(first.asked.back().body)["instance"]["status"], "UP");
}

TEST_F(EurekaRegistrationTest, TheNextServerIsToldWhenOneFails) {
  first.stop_listening();
  begin();
  run(11'000);
  ASSERT_FALSE(second.asked.empty());
  EXPECT_EQ(state(), State::kRegistered);
  registrations->leave([] {});
  run(100);
  EXPECT_EQ(lines.back(), "DELETE /eureka/apps/BILLING/billing-10.0.0.7-8080");
}

TEST_F(EurekaRegistrationTest, IsEnteredAgainWhenItsLeaseIsUnknown) {
  begin();
  eureka_says = 404;
  run(12'000);
  eureka_says = 204;
  run(11'000);
  EXPECT_EQ(state(), State::kRegistered);
  EXPECT_EQ(std::ranges::count(lines, "POST /eureka/apps/BILLING") >= 2, true);
}

}  // namespace
}  // namespace outrigger::registration
