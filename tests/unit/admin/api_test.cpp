#include "admin/api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::json;
using testing::Caller;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Api : public testing::AdminTest {};

TEST_F(Api, AnswersWhatItDoesNotKnowWithAProblem) {
  for (const std::string path : {"/nothing", "/api/v1", "/api/v1/services/orders/x", "/metrics/",
                                 "/api/v1/circuits/", "/../healthz", "//healthz"}) {
    const Caller& got = call("GET", path);
    EXPECT_EQ(got.status, 404) << path;
    EXPECT_EQ(got.field("content-type"), "application/problem+json");
    const Json problem = got.as<Json>();
    EXPECT_EQ(problem["type"], "about:blank");
    EXPECT_EQ(problem["title"], "Not Found");
    EXPECT_EQ(problem["status"], 404);
    EXPECT_FALSE(problem["detail"].get<std::string>().empty());
  }
}

TEST_F(Api, SaysWhichMethodsAPathHas) {
  const Caller& got = call("DELETE", "/api/v1/circuits/orders");
  EXPECT_EQ(got.status, 405);
  EXPECT_EQ(got.field("allow"), "GET, HEAD, PATCH");
  EXPECT_EQ(call("POST", "/api/v1/circuits/orders/state").field("allow"), "PUT, GET, HEAD, PATCH");
  EXPECT_EQ(call("OPTIONS", "/metrics").field("allow"), "GET, HEAD");
  EXPECT_EQ(call("BREW", "/metrics").status, 405);
}

TEST_F(Api, ChangesNothingByGet) {
  for (const std::string path : {"/api/v1/drain", "/api/v1/cache/orders"}) {
    EXPECT_EQ(call("GET", path).status, 405) << path;
  }
  EXPECT_EQ(x_control.drains, 0);
  EXPECT_TRUE(x_control.cleared.empty());
}

TEST_F(Api, ServesHeadWithoutABody) {
  for (const std::string path : {"/", "/healthz", "/metrics", "/openapi.yaml",
                                 "/api/v1/circuits/orders", "/api/v1/events"}) {
    const Caller& get = call("GET", path);
    const Caller& head = call("HEAD", path);
    EXPECT_EQ(head.status, 200) << path;
    EXPECT_EQ(head.body, "") << path;
    EXPECT_EQ(head.field("content-type"), get.field("content-type"));
    // A page of metrics has no length before it is made.
    EXPECT_EQ(head.content_length > 0, path != "/metrics") << path;
  }
}

TEST_F(Api, RefusesWhatItCannotRead) {
  EXPECT_EQ(call("GET", "/api/v1/services/%zz").status, 400);
  EXPECT_EQ(call("GET", "/api/v1/services/a%00b").status, 400);
  EXPECT_EQ(call("GET", "/api/v1/services?x=%0a").status, 400);
  EXPECT_EQ(call("GET", "/api/v1/services?x=1").status, 400);
  EXPECT_EQ(call("OPTIONS", "*").status, 400);
  EXPECT_EQ(call("DELETE", "/api/v1/overrides?reason=" + std::string(257, 'x')).status, 400);
  EXPECT_EQ(call("GET", "/api/v1/services/%6frders").status, 200);
}

TEST_F(Api, TellsWhereThingsAre) {
  const Caller& got = call("GET", "/");
  EXPECT_THAT(got.field("content-type"), StartsWith("text/plain"));
  EXPECT_THAT(got.body, HasSubstr("PATCH   /api/v1/circuits/{service}\n"));
  EXPECT_THAT(got.body, HasSubstr("GET     /metrics\n"));
  EXPECT_EQ(got.field("x-content-type-options"), "nosniff");
}

TEST_F(Api, TellsHealthReadinessAndStart) {
  EXPECT_EQ(call("GET", "/healthz").body, "ok\n");
  EXPECT_EQ(call("GET", "/readyz").status, 200);
  x_control.states.started = "waiting for the first endpoints of orders";
  x_control.states.ready = "draining";
  EXPECT_EQ(call("GET", "/healthz").status, 200);
  const Caller& started = call("GET", "/startupz");
  EXPECT_EQ(started.status, 503);
  EXPECT_EQ(started.as<Json>()["detail"], "waiting for the first endpoints of orders");
  EXPECT_EQ(call("GET", "/readyz").as<Json>()["detail"], "draining");
}

TEST_F(Api, IsReadyWhateverTheCircuitsAre) {
  put("/api/v1/circuits/orders/state", R"({"state": "forced_open"})");
  EXPECT_EQ(call("GET", "/readyz").status, 200);
}

TEST_F(Api, ExposesMetricsInTheFormThatIsAskedFor) {
  const Caller& text = call("GET", "/metrics");
  EXPECT_EQ(text.field("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(text.body, HasSubstr("# TYPE outrigger_build_info gauge"));
  const Caller& open = call("GET", "/metrics", {{"accept", "application/openmetrics-text"}});
  EXPECT_THAT(open.field("content-type"), StartsWith("application/openmetrics-text"));
  EXPECT_TRUE(open.body.ends_with("# EOF\n"));
  EXPECT_EQ(open.field("vary"), "Accept");
}

TEST_F(Api, ShowsTheConfigurationWithoutSecrets) {
  const Caller& got = call("GET", "/api/v1/config");
  EXPECT_EQ(got.field("content-type"), "application/yaml");
  EXPECT_THAT(got.body, HasSubstr("orders:"));
  EXPECT_THAT(got.body, HasSubstr("REDACTED"));
  EXPECT_THAT(got.body, Not(HasSubstr("hunter2")));
}

TEST_F(Api, ListsAuthoritiesThatMatchedNothing) {
  x_control.unmatched_hosts = {{"ordres:80", 3, "orders", 1'700'000'000'000},
                               {"a\"b\r\n", 1, "", 1'700'000'000'000}};
  const Json list = call("GET", "/api/v1/unmatched").as<Json>()["unmatched"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["authority"], "ordres:80");
  EXPECT_EQ(list[0]["count"], 3);
  EXPECT_EQ(list[0]["nearest"], "orders");
  EXPECT_EQ(list[0]["last"], "2023-11-14T22:13:20.000Z");
  EXPECT_FALSE(list[1].contains("nearest"));
}

TEST_F(Api, EmptiesTheStoreOfAService) {
  EXPECT_EQ(call("DELETE", "/api/v1/cache/orders?reason=stale").as<Json>()["removed"], 7);
  EXPECT_THAT(x_control.cleared, ElementsAre("orders"));
  EXPECT_EQ(events_of("cache_cleared").at(0).reason, "stale");
  EXPECT_EQ(call("DELETE", "/api/v1/cache/nobody").status, 404);
}

TEST_F(Api, TellsWhatRunsAndWhichServicesAreInTrouble) {
  x_control.states.ready = "draining";
  put("/api/v1/circuits/stock/state?ttl=10m", R"({"state": "forced_open"})");
  for (const char* name : {"orders", "stock"}) {
    x_control.services().find(name)->set_endpoints({{*Address::parse("10.0.0.1:80"), 1, false}},
                                                   x_loop.now_ms());
  }
  const Json status = call("GET", "/api/v1/status").as<Json>();
  EXPECT_EQ(status["version"], "1.2.3");
  EXPECT_EQ(status["uptime_ms"], 5'000);
  EXPECT_EQ(status["health"],
            (Json{{"live", nullptr}, {"started", nullptr}, {"ready", "draining"}}));
  EXPECT_EQ(status["overrides"]["count"], 1);
  EXPECT_TRUE(status["overrides"].contains("next_end"));
  EXPECT_EQ(status["memory"]["limit_bytes"], 256 << 20);
  EXPECT_EQ(status["log_level"], "info");
  EXPECT_EQ(status["services"]["total"], 2);
  ASSERT_EQ(status["services"]["troubled"].size(), 1U);
  EXPECT_EQ(status["services"]["troubled"][0]["name"], "stock");
}

TEST_F(Api, TellsWhatAReloadChanged) {
  x_control.config.running_hash = "aaa";
  x_control.on_reload = [this] {
    x_control.config.running_hash = "bbb";
    std::string text(testing::kFile);
    const auto put = [&](std::string_view from, std::string_view to) {
      text.replace(text.find(from), from.size(), to);
    };
    put("open_for: 5s", "open_for: 7s");
    put("open_for: 1s", "open_for: 2s");
    put("Bearer hunter2", "Bearer hunter3");
    x_control.install(testing::load(text + "  billing: {endpoints: {static: ['10.0.0.9:1']}}\n"),
                      [] {});
  };
  const Json told = call("POST", "/api/v1/config/reload").as<Json>();
  EXPECT_EQ(told["before"], "aaa");
  EXPECT_EQ(told["after"], "bbb");
  EXPECT_EQ(told["added"], Json::array({"billing"}));
  EXPECT_EQ(told["removed"], Json::array());
  EXPECT_EQ(told["untouched"], 1);
  ASSERT_EQ(told["changed"].size(), 1U);
  EXPECT_EQ(told["changed"][0]["service"], "orders");
  EXPECT_EQ(
      told["changed"][0]["keys"],
      Json::array(
          {{{"key", "circuit.open_for"}, {"before", "5s"}, {"after", "7s"}},
           {{"route", "reads"}, {"key", "circuit.open_for"}, {"before", "1s"}, {"after", "2s"}}}));
}

TEST_F(Api, ReloadsAndSaysWhatAwaitsARestart) {
  x_control.outcome.awaits_restart = {"workers"};
  const Caller& got = call("POST", "/api/v1/config/reload?reason=rollout");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.as<Json>()["awaits_restart"], Json::array({"workers"}));
  EXPECT_THAT(x_control.reloads, ElementsAre("local: rollout"));
}

TEST_F(Api, AReloadWithMistakesNamesEachWithItsLine) {
  x_control.outcome.problems = {{"f.yaml", 3, 5, "listeners.a", "listeners.a: taken"}};
  const Caller& got = call("POST", "/api/v1/config/reload");
  EXPECT_EQ(got.status, 422);
  const Json error = got.as<Json>()["errors"][0];
  EXPECT_EQ(error["file"], "f.yaml");
  EXPECT_EQ(error["line"], 3);
  EXPECT_EQ(error["column"], 5);
}

TEST_F(Api, AReloadThatWaitsForTheDiskGoesOnAfterASecond) {
  x_control.is_disk_dead = true;
  const Caller& got = begin("POST", "/api/v1/config/reload");
  x_loop.advance_ms(AdminApi::kTakenMs - 1);
  EXPECT_EQ(got.status, 0);
  x_loop.advance_ms(1);
  EXPECT_EQ(got.status, 202);
  EXPECT_EQ(got.as<Json>()["reloading"], true);
}

TEST_F(Api, ACallerThatLeavesAReloadIsForgotten) {
  x_control.is_disk_dead = true;
  Caller& got = begin("POST", "/api/v1/config/reload");
  end(got);
  x_loop.advance_ms(2 * AdminApi::kTakenMs);
  EXPECT_EQ(got.status, 0);
}

TEST_F(Api, SaysHowTheFileStandsToWhatRuns) {
  x_control.config = {.running_hash = "r",
                      .file_hash = "f",
                      .effective_hash = "e",
                      .good_at_ms = 0,
                      .differs_since_ms = 1'000,
                      .problems = {{"f.yaml", 3, 5, "listeners.a", "taken"}},
                      .awaits_restart = {"workers"}};
  const Json state = begin("GET", "/api/v1/config", {{"accept", "application/json"}}).as<Json>();
  EXPECT_EQ(state["running"]["hash"], "r");
  EXPECT_EQ(state["running"]["effective_hash"], "e");
  EXPECT_EQ(state["file"]["hash"], "f");
  EXPECT_EQ(state["differs_since"], "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(state["awaits_restart"], Json::array({"workers"}));
  EXPECT_EQ(state["errors"][0]["line"], 3);
  x_control.config = {};
  const Json same = begin("GET", "/api/v1/config", {{"accept", "application/json"}}).as<Json>();
  EXPECT_FALSE(same.contains("differs_since"));
  EXPECT_EQ(same["errors"], Json::array());
}

TEST_F(Api, ChecksAConfigurationAndChangesNothing) {
  const auto check = [&](std::string_view body, const std::string& type = "application/yaml") {
    return &begin("POST", "/api/v1/config/check", {{"content-type", type}}, body);
  };
  const Caller& good = *check("workers: ${WORKERS}\nadmin: {tls: {cert_file: /no, key_file: /no}}");
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.as<Json>()["notes"], Json::array());
  const Caller& bad = *check("a: 1\nb: 2\n");
  EXPECT_EQ(bad.status, 422);
  EXPECT_EQ(bad.as<Json>()["errors"].size(), 2u);
  EXPECT_EQ(bad.as<Json>()["errors"][1]["line"], 2);
  EXPECT_EQ(check("{}", "text/plain")->status, 415);
  EXPECT_EQ(check(std::string(100 * 1024, ' ') + "services: {}")->status, 200);
  EXPECT_EQ(check(std::string(1024 * 1024 + 1, ' '))->status, 413);
  EXPECT_EQ(x_control.installs, 0);
}

TEST_F(Api, BeginsTheDrain) {
  const Caller& got = call("POST", "/api/v1/drain?reason=node+goes");
  EXPECT_EQ(got.status, 202);
  EXPECT_EQ(x_control.drains, 1);
  EXPECT_EQ(events_of("drain").at(0).reason, "node goes");
}

TEST_F(Api, ShowsRegistrationsAndTakesTheNeighbourOut) {
  const auto state = [](const Caller& got) {
    return got.as<Json>().at("registrations").at(0).at("state").get<std::string>();
  };
  EXPECT_EQ(state(call("GET", "/api/v1/registrations")), "registered");
  const Caller& got = call("POST", "/api/v1/deregister?reason=rollout");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(state(got), "left");
  EXPECT_EQ(events_of("deregister").at(0).reason, "rollout");
}

TEST_F(Api, ServesOnlyReadOnlyThingsOnTheMetricsAddress) {
  const auto status = [&](const std::string& method, const std::string& path) {
    return begin_on(x_metrics_api, method, path, {{"host", "billing.shop.svc:9902"}}).status;
  };
  for (const std::string path : {"/metrics", "/healthz", "/startupz", "/readyz"}) {
    EXPECT_EQ(status("GET", path), 200) << path;
    EXPECT_EQ(status("POST", path), 405) << path;
  }
  for (const Operation& operation : operations()) {
    if (operation.on_metrics_address) continue;
    std::string path(operation.path);
    for (size_t at = path.find("{service}"); at != std::string::npos; at = path.find("{service}")) {
      path.replace(at, 9, "orders");
    }
    EXPECT_EQ(status(std::string(to_string(operation.method)), path), 404) << path;
  }
}

TEST_F(Api, ServesServicesWithTheirEndpoints) {
  const auto service = x_control.services().find("orders");
  service->set_endpoints({{*Address::parse("10.0.0.1:8080"), 3, false, "a"},
                          {*Address::parse("10.0.0.2:8080"), 1, false}},
                         x_loop.now_ms());
  const auto second = service->find_endpoint(*Address::parse("10.0.0.2:8080"));
  second->set_operator_state(upstream::OperatorState::kDrain);
  x_loop.advance_ms(250);
  const Json json = call("GET", "/api/v1/services/orders").as<Json>();
  EXPECT_EQ(json["name"], "orders");
  EXPECT_EQ(json["circuit"]["state"], "closed");
  EXPECT_EQ(json["limits"]["outstanding_limit"], 1024);
  EXPECT_EQ(json["limits"]["outstanding"], 0);
  EXPECT_EQ(json["discovery"]["age_ms"], 250);
  EXPECT_EQ(json["endpoint_counts"], (Json{{"listed", 2}, {"usable", 1}, {"eligible", 1}}));
  EXPECT_EQ(json["panic"], false);
  EXPECT_EQ(json["routes"], (Json{"reads", "plain", "canary"}));
  ASSERT_EQ(json["endpoints"].size(), 2U);
  EXPECT_EQ(json["endpoints"][0]["address"], "10.0.0.1:8080");
  EXPECT_EQ(json["endpoints"][0]["state"], "eligible");
  EXPECT_EQ(json["endpoints"][0]["weight"], 3);
  EXPECT_EQ(json["endpoints"][0]["zone"], "a");
  EXPECT_EQ(json["endpoints"][1]["zone"], nullptr);
  EXPECT_EQ(json["endpoints"][0]["circuit"]["state"], "closed");
  EXPECT_EQ(json["endpoints"][1]["state"], "drain");
}

TEST_F(Api, SaysWhetherOurZoneSpills) {
  const auto service = x_control.services().find("orders");
  service->set_endpoints({{*Address::parse("10.0.0.1:8080"), 1, false, "a"},
                          {*Address::parse("10.0.0.2:8080"), 1, false, "a"},
                          {*Address::parse("10.0.0.3:8080"), 1, false, "b"}},
                         x_loop.now_ms());
  const auto zone = [&] { return call("GET", "/api/v1/services/orders").as<Json>()["zone"]; };
  EXPECT_EQ(zone(), nullptr);
  x_control.install(testing::load("zone: a" + std::string(testing::kFile)), [] {});
  EXPECT_EQ(
      zone(),
      (Json{{"name", "a"}, {"listed", 2}, {"usable", 2}, {"eligible", 2}, {"spills", false}}));
  service->find_endpoint(*Address::parse("10.0.0.1:8080"))
      ->set_health(upstream::Health::kUnhealthy);
  EXPECT_EQ(zone()["spills"], true);
  x_control.install(testing::load("zone: c" + std::string(testing::kFile)), [] {});
  EXPECT_EQ(zone(), nullptr);
}

TEST_F(Api, SaysWhatIsSpokenWithAServiceAndItsEndpoints) {
  const auto service = x_control.services().find("orders");
  service->set_endpoints(
      {{*Address::parse("10.0.0.1:8080"), 1, false}, {*Address::parse("10.0.0.2:8080"), 1, false}},
      x_loop.now_ms());
  const auto& connections = service->find_endpoint(*Address::parse("10.0.0.1:8080"))->connections();
  connections->http2 = 3;
  connections->agreed = upstream::Agreed::kHttp2;
  const Json json = call("GET", "/api/v1/services/orders").as<Json>();
  EXPECT_EQ(json["protocol"], "auto");
  EXPECT_EQ(json["tls"], nullptr);
  EXPECT_EQ(json["endpoints"][0]["protocol"], "http2");
  EXPECT_EQ(json["endpoints"][0]["connections"], (Json{{"http1", 0}, {"http2", 3}}));
  EXPECT_EQ(json["endpoints"][1]["protocol"], nullptr);
}

TEST_F(Api, SaysThatConnectionsOfAServiceAreCarriedUnread) {
  x_control.install(
      testing::load("services: { orders: { endpoints: { static: [\"10.0.0.1:5432\"] }, "
                    "protocol: tcp } }"),
      [] {});
  EXPECT_EQ(call("GET", "/api/v1/services/orders").as<Json>()["protocol"], "tcp");
}

TEST_F(Api, SaysHowAServiceIsVerified) {
  x_control.install(
      testing::load("services: { orders: { endpoints: { static: [\"10.0.0.1:8080\"] }, "
                    "protocol: http2, tls: { server_name: orders.svc } } }"),
      [] {});
  const Json json = call("GET", "/api/v1/services/orders").as<Json>();
  EXPECT_EQ(json["protocol"], "http2");
  EXPECT_EQ(json["tls"], (Json{{"ca_file", "system"},
                               {"server_name", "orders.svc"},
                               {"spiffe", nullptr},
                               {"cert_file", nullptr},
                               {"certificate_expires", nullptr}}));
}

TEST_F(Api, ServesServicesBeforeTheirFirstEndpoints) {
  const Json list = call("GET", "/api/v1/services").as<Json>()["services"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["discovery"]["answered"], false);
  EXPECT_EQ(list[0]["discovery"]["age_ms"], nullptr);
  EXPECT_FALSE(list[0].contains("endpoints"));
  EXPECT_EQ(call("GET", "/api/v1/services/stock").as<Json>()["endpoints"], Json::array());
  EXPECT_EQ(call("GET", "/api/v1/services/nobody").status, 404);
}

}  // namespace
}  // namespace outrigger::admin
