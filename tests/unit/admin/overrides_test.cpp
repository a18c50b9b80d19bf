#include "admin/overrides.hpp"

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
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr int64_t kMinuteMs = 60'000;

class OverridesApi : public testing::AdminTest {
 protected:
  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const OverrideEntry& entry : x_changes.overrides().all()) {
      keys.emplace_back(entry.what());
    }
    return keys;
  }
  std::string open_for(const std::string& route = "") {
    const auto settings = circuit("orders", route).snapshot(x_loop.now_ms()).settings;
    return settings ? std::to_string(settings->open_for_ms) : "off";
  }
  // As the application does on a reload.
  void reload(std::string_view text) {
    EXPECT_TRUE(x_changes.reload(testing::load(text), {}).problems.empty());
  }
};

TEST_F(OverridesApi, TellsWhoWhyUntilWhenAndWhatTheFileSaid) {
  patch("/api/v1/circuits/orders?ttl=10m&reason=partner+is+slow",
        R"({"open_for": "2s", "consecutive_failures": {"count": 9}})");
  const Json list = call("GET", "/api/v1/overrides").as<Json>()["overrides"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["service"], "orders");
  EXPECT_EQ(list[0]["key"], "circuit.open_for");
  EXPECT_EQ(list[0]["value"], "2s");
  EXPECT_EQ(list[0]["file_value"], "5s");
  EXPECT_EQ(list[0]["actor"], "local");
  EXPECT_EQ(list[0]["reason"], "partner is slow");
  EXPECT_THAT(list[0]["until"].get<std::string>(), HasSubstr("Z"));
  EXPECT_EQ(list[1]["key"], "circuit.consecutive_failures.count");
  EXPECT_EQ(list[1]["value"], 9);
  EXPECT_EQ(list[1]["file_value"], 5);
}

TEST_F(OverridesApi, ShowsOneServiceOnly) {
  patch("/api/v1/circuits/orders", R"({"probes": 2})");
  patch("/api/v1/circuits/stock", R"({"probes": 3})");
  const Json list = call("GET", "/api/v1/overrides/stock").as<Json>()["overrides"];
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0]["value"], 3);
  EXPECT_EQ(call("GET", "/api/v1/overrides/nobody").status, 404);
}

TEST_F(OverridesApi, GivesYamlThatCanBePastedIntoTheFile) {
  patch("/api/v1/circuits/orders?reason=because",
        R"({"open_for": "2s", "consecutive_failures": {"count": 9}})");
  put("/api/v1/circuits/orders/state", R"({"state": "forced_closed"})");
  const Caller& got = call("GET", "/api/v1/overrides?format=yaml");
  EXPECT_EQ(got.field("content-type"), "application/yaml");
  EXPECT_THAT(got.body,
              HasSubstr("# orders circuit.open_for: \"2s\", in the file \"5s\"; by local"));
  EXPECT_THAT(got.body, HasSubstr(": because\n"));
  EXPECT_THAT(got.body, HasSubstr("# orders state: \"forced_closed\""));
  const config::Loaded pasted = testing::load(got.body);
  ASSERT_TRUE(pasted.ok()) << got.body;
  const config::Circuit& settings = *pasted.config.find_service("orders")->policy.circuit;
  EXPECT_EQ(settings.open_for_ms, 2000);
  EXPECT_EQ(settings.consecutive_failures->count, 9);
  EXPECT_EQ(call("GET", "/api/v1/overrides?format=xml").status, 400);
}

TEST_F(OverridesApi, RevertsByItselfAfterItsTime) {
  patch("/api/v1/circuits/orders?ttl=10m", R"({"open_for": "2s"})");
  patch("/api/v1/circuits/orders", R"({"probes": 2})");
  x_loop.advance_ms(10 * kMinuteMs - 1);
  EXPECT_EQ(open_for(), "2000");
  x_loop.advance_ms(1);
  EXPECT_EQ(open_for(), "5000");
  EXPECT_THAT(keys(), ElementsAre("circuit.probes"));
  const auto events = events_of("override_ended");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].reason, "expired");
  EXPECT_EQ(events[0].from, "circuit.open_for");
  EXPECT_EQ(events[0].before, "\"2s\"");
  EXPECT_EQ(events[0].after, "\"5s\"");
}

TEST_F(OverridesApi, EndsAForcedStateAfterItsTime) {
  put("/api/v1/circuits/orders/state?ttl=90s", R"({"state": "forced_open"})");
  x_loop.advance_ms(90'000);
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kClosed);
  EXPECT_THAT(keys(), IsEmpty());
  EXPECT_EQ(events_of("override_ended").size(), 1U);
}

TEST_F(OverridesApi, TakesTheTimeOfTheLastWrite) {
  patch("/api/v1/circuits/orders?ttl=1m", R"({"open_for": "2s"})");
  patch("/api/v1/circuits/orders?ttl=5m", R"({"open_for": "3s"})");
  x_loop.advance_ms(kMinuteMs);
  EXPECT_EQ(open_for(), "3000");
  x_loop.advance_ms(4 * kMinuteMs);
  EXPECT_EQ(open_for(), "5000");
}

TEST_F(OverridesApi, RefusesATimeThatIsNone) {
  for (const std::string ttl : {"10", "-5m", "0", "soon", ""}) {
    EXPECT_EQ(patch("/api/v1/circuits/orders?ttl=" + ttl, R"({"probes": 2})").status, 400) << ttl;
  }
  // A parameter that is mistyped must not make it last for ever.
  EXPECT_EQ(patch("/api/v1/circuits/orders?tll=10m", R"({"probes": 2})").status, 400);
  EXPECT_EQ(patch("/api/v1/circuits/orders?ttl=1m&ttl=2m", R"({"probes": 2})").status, 400);
  EXPECT_EQ(x_control.installs, 0);
}

TEST_F(OverridesApi, SurvivesAReloadOfAnUnrelatedPart) {
  patch("/api/v1/circuits/orders", R"({"open_for": "2s"})");
  patch("/api/v1/circuits/orders/reads", R"({"probes": 4})");
  put("/api/v1/circuits/orders/state", R"({"state": "forced_closed"})");
  std::string text(testing::kFile);
  text.replace(text.find("min_requests: 4"), 15, "min_requests: 8");
  reload(text);
  EXPECT_EQ(open_for(), "2000");
  EXPECT_EQ(circuit("orders").snapshot(x_loop.now_ms()).settings->min_requests, 8);
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kForcedClosed);
  EXPECT_THAT(keys(), ElementsAre("circuit.open_for", "circuit.probes", "state"));
  EXPECT_THAT(events_of("override_ended"), IsEmpty());
}

TEST_F(OverridesApi, EndsWhenTheFilesValueForThatKeyChanges) {
  patch("/api/v1/circuits/orders", R"({"open_for": "2s", "probes": 3})");
  std::string text(testing::kFile);
  text.replace(text.find("open_for: 5s"), 12, "open_for: 7s");
  reload(text);
  EXPECT_EQ(open_for(), "7000");
  EXPECT_EQ(circuit("orders").snapshot(x_loop.now_ms()).settings->probes, 3);
  EXPECT_THAT(keys(), ElementsAre("circuit.probes"));
  const auto events = events_of("override_ended");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].reason, "file_changed");
  EXPECT_EQ(events[0].after, "\"7s\"");
}

TEST_F(OverridesApi, EndsWhenTheFilesSecretUnderItChanges) {
  const auto file_with = [](std::string_view secret) {
    std::string text(testing::kFile);
    const size_t at = text.find("hunter2");
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, 7, secret);
  };
  patch("/api/v1/services/orders/policy",
        R"({"headers": {"request": {"set": {"authorization": "mine"}}}})");
  ASSERT_EQ(keys().size(), 1U);
  reload(file_with("hunter2"));
  EXPECT_EQ(keys().size(), 1U);
  reload(file_with("hunter3"));
  EXPECT_THAT(keys(), IsEmpty());
  EXPECT_EQ(events_of("override_ended")[0].after, "\"REDACTED\"");
}

TEST_F(OverridesApi, EndsWhenTheServiceLeavesTheFile) {
  patch("/api/v1/circuits/orders", R"({"open_for": "2s"})");
  put("/api/v1/circuits/orders/reads/state", R"({"state": "forced_open"})");
  reload("services: { stock: { endpoints: { static: [\"10.0.0.3:8080\"] } } }");
  EXPECT_THAT(keys(), IsEmpty());
  const auto events = events_of("override_ended");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].reason, "removed_from_file");
}

TEST_F(OverridesApi, EndsWhenTheFileNoLongerAgreesWithIt) {
  patch("/api/v1/circuits/orders", R"({"open_for": "40s"})");
  std::string text(testing::kFile);
  text.replace(text.find("min_requests: 4"), 15, "open_max: 30s");
  reload(text);
  EXPECT_EQ(open_for(), "5000");
  const auto events = events_of("override_ended");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].reason, "no_longer_valid");
}

TEST_F(OverridesApi, ReturnsOneServiceOrEverythingToTheFile) {
  patch("/api/v1/circuits/orders", R"({"open_for": "2s", "probes": 3})");
  patch("/api/v1/circuits/orders/reads", R"({"open_for": "2s"})");
  put("/api/v1/circuits/orders/state", R"({"state": "forced_open"})");
  patch("/api/v1/circuits/stock", R"({"probes": 3})");
  const Caller& got = call("DELETE", "/api/v1/overrides/orders?reason=done");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.as<Json>()["removed"], 4);
  EXPECT_EQ(open_for(), "5000");
  EXPECT_EQ(open_for("reads"), "1000");
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kClosed);
  const auto events = events_of("override_removed");
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].actor, "local");
  EXPECT_EQ(events[0].reason, "done");
  EXPECT_EQ(x_changes.overrides().all().size(), 1U);
  EXPECT_EQ(call("DELETE", "/api/v1/overrides").as<Json>()["removed"], 1);
  EXPECT_EQ(call("DELETE", "/api/v1/overrides").as<Json>()["removed"], 0);
  EXPECT_EQ(call("DELETE", "/api/v1/overrides/nobody").status, 404);
}

TEST_F(OverridesApi, WaitsForTheWorkersWhenItIsTakenBack) {
  patch("/api/v1/circuits/orders", R"({"probes": 3})");
  x_control.hold = true;
  Caller& got = begin("DELETE", "/api/v1/overrides");
  EXPECT_FALSE(got.ended);
  x_loop.advance_ms(1000);
  EXPECT_EQ(got.status, 202);
}

TEST_F(OverridesApi, SwitchesACircuitOffKeyByKey) {
  patch("/api/v1/circuits/orders", R"({"ramp": "off"})");
  patch("/api/v1/circuits/orders", R"({"ramp": {"each": "3s"}})");
  EXPECT_THAT(keys(), ElementsAre("circuit.ramp.each"));
  patch("/api/v1/circuits/orders", R"({"ramp": "off"})");
  EXPECT_THAT(keys(), ElementsAre("circuit.ramp"));
  EXPECT_FALSE(circuit("orders").snapshot(x_loop.now_ms()).settings->ramp.has_value());
  patch("/api/v1/circuits/orders", R"({"ramp": null})");
  EXPECT_THAT(keys(), IsEmpty());
  EXPECT_TRUE(circuit("orders").snapshot(x_loop.now_ms()).settings->ramp.has_value());
}

TEST_F(OverridesApi, IsAGauge) {
  patch("/api/v1/circuits/orders", R"({"open_for": "2s"})");
  x_loop.advance_ms(5000);
  patch("/api/v1/circuits/orders", R"({"probes": 3})");
  put("/api/v1/circuits/stock/state", R"({"state": "shadow"})");
  const auto counts = x_changes.counts();
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].service, "orders");
  EXPECT_EQ(counts[0].kind, "circuit");
  EXPECT_EQ(counts[0].count, 2);
  EXPECT_EQ(counts[1].kind, "state");
  EXPECT_LT(counts[0].oldest_at_s, counts[1].oldest_at_s);
}

TEST(OverrideYaml, KeepsACommentOnItsLine) {
  OverrideEntry entry;
  entry.kind = OverrideEntry::Kind::kCircuit;
  entry.target.service = "a";
  entry.value = "\"shadow\"";
  entry.file_value = "\"auto\"";
  entry.actor = "x\nservices: {}";
  entry.reason = "why\r\n";
  const std::string yaml = to_yaml({entry});
  EXPECT_EQ(std::count(yaml.begin(), yaml.end(), '\n'), 2);
  EXPECT_THAT(yaml, Not(HasSubstr("\nservices")));
}

}  // namespace
}  // namespace outrigger::admin
