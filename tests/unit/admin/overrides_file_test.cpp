#include "admin/overrides_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "admin/kept_overrides.hpp"
#include "proxy/base/json_line.hpp"
#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;
using testing::Caller;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> mistakes(std::string_view text) {
  std::vector<std::string> lines;
  for (const config::Problem& problem : parse_overrides_file("o.yaml", text).problems) {
    lines.push_back(config::to_string(problem));
  }
  return lines;
}

TEST(OverridesFile, IsStatesAndSettings) {
  const OverridesFile file = parse_overrides_file("o.yaml", R"(
overrides:
  - {service: orders, state: forced_open, until: 2026-11-24T05:00:00Z, reason: "down", by: "ops"}
  - {service: orders, route: reads, set: {retry: {attempts: 1, on: [503]}}}
  - {service: stock, endpoint: "10.0.0.1:80", state: drain}
  - {log: debug}
services:
  stock: {timeout: {request: 2s}}
)");
  EXPECT_THAT(file.problems, IsEmpty());
  ASSERT_EQ(file.entries.size(), 6U);
  EXPECT_EQ(file.entries[0].state(), "forced_open");
  EXPECT_EQ(file.entries[0].until_ms, 1'795'496'400'000);
  EXPECT_EQ(file.entries[0].by, "ops");
  EXPECT_EQ(file.entries[0].actor, "file:o.yaml");
  EXPECT_EQ(file.entries[1].key, "retry.attempts");
  EXPECT_EQ(file.entries[1].value, "1");
  EXPECT_EQ(file.entries[2].key, "retry.on");
  EXPECT_EQ(file.entries[3].endpoint, "10.0.0.1:80");
  EXPECT_EQ(file.entries[4].kind, OverrideEntry::Kind::kLog);
  EXPECT_EQ(file.entries[5].value, "\"2s\"");
  EXPECT_THAT(parse_overrides_file("o.yaml", "").problems, IsEmpty());
}

TEST(OverridesFile, SaysEachMistakeWithItsLine) {
  EXPECT_THAT(mistakes("overrides:\n"
                       "  - {service: a, state: open}\n"
                       "  - {service: a}\n"
                       "  - {state: shadow}\n"
                       "  - {service: a, stat: shadow, state: shadow}\n"
                       "  - {service: a, state: shadow, until: tomorrow}\n"
                       "  - {service: a, endpoint: b, state: drain}\n"),
              ElementsAre("o.yaml:2:25: \"open\" is no state to force",
                          "o.yaml:3:5: write one of \"state\", \"set\", \"log\"",
                          "o.yaml:4:5: no \"service\"",
                          HasSubstr("o.yaml:5:18: unknown key \"stat\"; did you mean \"state\"?"),
                          "o.yaml:6:40: \"until\" is like 2026-11-24T05:00:00Z",
                          "o.yaml:7:38: \"endpoint\" is not IP:PORT"));
  EXPECT_THAT(mistakes("overrides: {a: b}"), ElementsAre(HasSubstr("not a list")));
  EXPECT_THAT(mistakes("[1]"), ElementsAre(HasSubstr("the file is not a map")));
  // Variables of the process are none of its business.
  EXPECT_EQ(mistakes("overrides: [{service: a, state: \"${HOME}\"}]").size(), 1U);
}

class LayersApi : public testing::AdminTest {
 protected:
  Changed take(std::string_view text) {
    OverridesFile file = parse_overrides_file("o.yaml", text);
    EXPECT_THAT(file.problems, IsEmpty());
    return x_changes.take_file(std::move(file.entries));
  }
  int attempts() const {
    return x_control.loaded().config.find_service("orders")->policy.retry->attempts;
  }
  Json overrides() { return Json::parse(call("GET", "/api/v1/overrides").body)["overrides"]; }
};

constexpr std::string_view kTwo = "overrides: [{service: orders, set: {retry: {attempts: 2}}}]";

TEST_F(LayersApi, AdminIsOverTheOverridesFileIsOverTheFile) {
  EXPECT_THAT(take(kTwo).problems, IsEmpty());
  EXPECT_EQ(attempts(), 2);
  patch("/api/v1/services/orders/policy", R"({"retry": {"attempts": 3}})");
  EXPECT_EQ(attempts(), 3);
  const Json list = overrides();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["layer"], "file");
  EXPECT_EQ(list[1]["layer"], "admin");
  EXPECT_EQ(list[1]["file_value"], 1);
  EXPECT_EQ(list[1]["replaced"], 2);
  // What is taken back shows what is below.
  patch("/api/v1/services/orders/policy", R"({"retry": {"attempts": null}})");
  EXPECT_EQ(attempts(), 2);
  const Json from =
      Json::parse(call("GET", "/api/v1/services/orders/policy").body)["from"]["retry.attempts"];
  EXPECT_EQ(from["layer"], "overrides_file");
  EXPECT_EQ(from["actor"], "file:o.yaml");
  take("");
  EXPECT_EQ(attempts(), 1);
  const auto ended = events_of("override_ended");
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].reason, "removed_from_overrides_file");
}

TEST_F(LayersApi, OneOverrideIsTakenBackByItsIdButNotAnEntryOfTheFile) {
  take(kTwo);
  patch("/api/v1/services/orders/policy", R"({"retry": {"attempts": 3}, "pool": {"idle": "9s"}})");
  const Json list = overrides();
  ASSERT_EQ(list.size(), 3U);
  const auto at = [](const Json& one) {
    return "/api/v1/overrides/orders?id=" + one["id"].get<std::string>();
  };
  EXPECT_EQ(call("DELETE", at(list[0])).status, 409);
  EXPECT_EQ(call("DELETE", "/api/v1/overrides/orders?id=nothing").status, 404);
  EXPECT_EQ(call("DELETE", at(list[1])).status, 200);
  EXPECT_EQ(attempts(), 2);
  EXPECT_EQ(overrides().size(), 2U);
  EXPECT_EQ(Json::parse(call("DELETE", "/api/v1/overrides").body)["removed"], 1);
  EXPECT_EQ(overrides().size(), 1U);
}

TEST_F(LayersApi, ABadEntryRefusesTheWholeFileAndTheLastGoodOneStays) {
  take(kTwo);
  const Changed changed = take(
      "overrides: [{service: orders, set: {pool: {idle: 3s}}}, {service: orders, set: {retry: "
      "{attempts: 99}}}]");
  ASSERT_EQ(changed.problems.size(), 1U);
  EXPECT_THAT(config::to_string(changed.problems[0]), HasSubstr("services.orders.retry.attempts"));
  EXPECT_EQ(attempts(), 2);
  for (const std::string_view set : {"{endpoints: {static: [\"10.0.0.9:80\"]}}", "{tls: on}",
                                     "{headers: {request: {set: {x-a: {file: /etc/hostname}}}}}"}) {
    const Changed refused = take("overrides: [{service: orders, set: " + std::string(set) + "}]");
    ASSERT_FALSE(refused.problems.empty()) << set;
    EXPECT_THAT(config::to_string(refused.problems[0]), HasSubstr("is not live")) << set;
  }
  EXPECT_EQ(overrides().size(), 1U);
}

TEST_F(LayersApi, EntriesOfTheFileEndByTheirTimeAndStatesTakeTurns) {
  const std::string until = iso_time(x_context.clock.wall_ms() + 60'000);
  take("overrides: [{service: orders, state: forced_open, until: \"" + until + "\"}]");
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kForcedOpen);
  put("/api/v1/circuits/orders/state", R"({"state": "forced_closed"})");
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kForcedClosed);
  put("/api/v1/circuits/orders/state", R"({"state": "auto"})");
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kForcedOpen);
  x_loop.advance_ms(60'000);
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kClosed);
  EXPECT_THAT(overrides(), IsEmpty());
}

TEST_F(LayersApi, AFleetHasServicesThatWeHaveNot) {
  take(
      "overrides: [{service: elsewhere, state: forced_open}, {service: orders, set: {retry: "
      "{attempts: 2}}}]");
  EXPECT_EQ(attempts(), 2);
  EXPECT_EQ(overrides().size(), 1U);
  std::string text(testing::kFile);
  text += "  elsewhere:\n    endpoints: { static: [\"10.0.0.4:8080\"] }\n";
  EXPECT_THAT(x_changes.reload(testing::load(text), {}).problems, IsEmpty());
  EXPECT_EQ(circuit("elsewhere").state(), upstream::CircuitState::kForcedOpen);
  EXPECT_EQ(attempts(), 2);
}

TEST_F(LayersApi, AConfigurationThatDoesNotAgreeWithTheFileWinsAndTheFileComesBack) {
  take("overrides: [{service: orders, set: {circuit: {open_for: 40s}}}]");
  patch("/api/v1/services/orders/policy", R"({"retry": {"attempts": 3}})");
  std::string text(testing::kFile);
  text.replace(text.find("min_requests: 4"), 15, "open_max: 30s");
  EXPECT_THAT(x_changes.reload(testing::load(text), {}).problems, IsEmpty());
  EXPECT_TRUE(x_changes.refuses_file());
  EXPECT_EQ(attempts(), 3);
  EXPECT_EQ(overrides().size(), 1U);
  EXPECT_THAT(x_changes.reload(testing::load(testing::kFile), {}).problems, IsEmpty());
  x_loop.advance_ms(1);
  EXPECT_FALSE(x_changes.refuses_file());
  EXPECT_EQ(overrides().size(), 2U);
}

TEST_F(LayersApi, AFileThatAnOverrideStandsAgainstIsInForceOnceThatIsGone) {
  patch("/api/v1/services/orders/policy", R"({"circuit": {"open_max": "30s"}})");
  EXPECT_THAT(take("overrides: [{service: orders, set: {circuit: {open_for: 40s}}}]").problems,
              ::testing::Not(IsEmpty()));
  EXPECT_TRUE(x_changes.refuses_file());
  patch("/api/v1/services/orders/policy", R"({"retry": {"attempts": 3}})");
  x_loop.advance_ms(1);
  EXPECT_TRUE(x_changes.refuses_file());
  patch("/api/v1/services/orders/policy", R"({"circuit": {"open_max": null}})");
  x_loop.advance_ms(1);
  EXPECT_FALSE(x_changes.refuses_file());
  EXPECT_EQ(overrides().back()["key"], "circuit.open_for");
}

TEST_F(LayersApi, TheYamlCanBePastedIntoTheOverridesFile) {
  patch("/api/v1/services/orders/policy", R"({"retry": {"attempts": 3}})");
  put("/api/v1/circuits/orders/state?ttl=1h", R"({"state": "shadow"})");
  const std::string yaml = call("GET", "/api/v1/overrides?format=yaml").body;
  OverridesFile pasted = parse_overrides_file("o.yaml", yaml);
  EXPECT_THAT(pasted.problems, IsEmpty());
  ASSERT_EQ(pasted.entries.size(), 1U);
  EXPECT_EQ(pasted.entries[0].key, "retry.attempts");
  // A state is an item behind its `#`.
  const size_t item = yaml.find("# - {");
  ASSERT_NE(item, std::string::npos) << yaml;
  const std::string line = yaml.substr(item + 2, yaml.find('\n', item) - item - 2);
  pasted = parse_overrides_file("o.yaml", "overrides:\n" + line + "\n");
  EXPECT_THAT(pasted.problems, IsEmpty());
  ASSERT_EQ(pasted.entries.size(), 1U);
  EXPECT_EQ(pasted.entries[0].state(), "shadow");
  EXPECT_TRUE(pasted.entries[0].until_ms);
}

TEST_F(LayersApi, WhatIsKeptOnDiskComesBackWhole) {
  patch("/api/v1/services/orders/policy?ttl=10m&reason=x",
        R"({"headers": {"request": {"set": {"x-api-key": "hunter3"}}}})");
  put("/api/v1/services/stock/endpoints/10.0.0.3:8080/state", R"({"state": "drain"})");
  const auto& all = x_changes.overrides().all();
  const std::vector<OverrideEntry> kept = from_kept(to_kept(all));
  ASSERT_EQ(kept.size(), 2U);
  for (size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(to_json(kept[i]), to_json(all[i]));
    EXPECT_EQ(kept[i].value, all[i].value);
    EXPECT_EQ(kept[i].until_ms, all[i].until_ms);
  }
  EXPECT_THAT(from_kept("{\"overrides\": [{}]}"), IsEmpty());
  EXPECT_THAT(from_kept("nonsense"), IsEmpty());
}

}  // namespace
}  // namespace outrigger::admin
