#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "proxy/base/log.hpp"
#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;
using testing::Caller;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kPolicy = "/api/v1/services/orders/policy";

class PolicyApi : public testing::AdminTest {
 protected:
  Json policy(std::string_view of = kPolicy) { return Json::parse(call("GET", of).body); }
  Caller& patch_policy(std::string_view body, testing::Headers headers = {}) {
    return patch(kPolicy, body, std::move(headers));
  }
};

TEST_F(PolicyApi, ShowsEveryValueAndWhereItComesFrom) {
  patch("/api/v1/services/orders/policy?ttl=10m&reason=slow", R"({"retry": {"attempts": 3}})");
  const Json json = policy();
  EXPECT_EQ(json["policy"]["retry"]["attempts"], 3);
  EXPECT_EQ(json["policy"]["circuit"]["open_for"], "5s");
  const Json& from = json["from"];
  EXPECT_EQ(from["retry.attempts"]["layer"], "admin");
  EXPECT_EQ(from["retry.attempts"]["actor"], "local");
  EXPECT_EQ(from["retry.attempts"]["reason"], "slow");
  EXPECT_THAT(from["retry.attempts"]["until"].get<std::string>(), HasSubstr("Z"));
  EXPECT_EQ(from["circuit.open_for"], (Json{{"layer", "service"}, {"at", "f:5"}}));
  EXPECT_EQ(from["timeout.connect"], (Json{{"layer", "built_in"}}));
  const Json reads = policy("/api/v1/services/orders/policy?route=reads");
  EXPECT_EQ(reads["from"]["circuit.open_for"], (Json{{"layer", "route"}, {"at", "f:8"}}));
  EXPECT_EQ(reads["from"]["retry.attempts"]["layer"], "admin");
}

TEST_F(PolicyApi, KeepsSecrets) {
  EXPECT_EQ(policy()["policy"]["headers"]["request"]["set"]["authorization"], "REDACTED");
  patch_policy(R"({"headers": {"request": {"set": {"x-api-key": "hunter3", "x.plain": "seen"}}}})");
  for (const std::string_view at :
       {kPolicy, std::string_view("/api/v1/overrides"),
        std::string_view("/api/v1/overrides?format=yaml"), std::string_view("/api/v1/events")}) {
    const std::string& body = call("GET", at).body;
    EXPECT_EQ(body.find("hunter"), std::string::npos) << at << "\n" << body;
  }
  EXPECT_EQ(policy()["policy"]["headers"]["request"]["set"]["x.plain"], "seen");
  EXPECT_THAT(call("GET", "/api/v1/overrides?format=yaml").body, HasSubstr("x.plain: seen"));
}

TEST_F(PolicyApi, PatchesARouteOnly) {
  const Caller& got =
      patch("/api/v1/services/orders/policy?route=plain", R"({"limits": {"outstanding": 7}})");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(policy("/api/v1/services/orders/policy?route=plain")["policy"]["limits"]["outstanding"],
            7);
  EXPECT_EQ(policy()["policy"]["limits"]["outstanding"], 1024);
  EXPECT_NE(x_control.services().find_route("orders/plain"), nullptr);
  EXPECT_EQ(call("GET", "/api/v1/services/orders/policy?route=none").status, 404);
  EXPECT_EQ(call("GET", "/api/v1/services/order/policy").status, 404);
}

TEST_F(PolicyApi, HasTheTagOfItsCircuitAndRefusesWhatIsStale) {
  const std::string before = call("GET", kPolicy).field("etag");
  EXPECT_EQ(call("GET", "/api/v1/circuits/orders").field("etag"), before);
  EXPECT_EQ(patch_policy(R"({"pool": {"idle": "9s"}})", {{"if-match", before}}).status, 200);
  const std::string after = call("GET", "/api/v1/circuits/orders").field("etag");
  EXPECT_NE(after, before);
  const Caller& late = patch_policy(R"({"pool": {"idle": "8s"}})", {{"if-match", before}});
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(late.field("etag"), after);
  put("/api/v1/circuits/orders/state", R"({"state": "shadow"})");
  EXPECT_NE(call("GET", kPolicy).field("etag"), after);
}

TEST_F(PolicyApi, ADryRunTellsBeforeAndAfterAndWhatIsOpenNow) {
  const auto service = x_control.services().find("orders");
  const upstream::Permit permit = service->limit().queue(0).try_acquire();
  const Caller& got = patch("/api/v1/services/orders/policy?dry_run=true",
                            R"({"limits": {"outstanding": 1}, "circuit": {"min_requests": 1}})");
  const Json json = Json::parse(got.body);
  EXPECT_EQ(json["before"]["limits"]["outstanding"], 1024);
  EXPECT_EQ(json["after"]["limits"]["outstanding"], 1);
  EXPECT_EQ(json["limits"]["outstanding"],
            (Json{{"now", 1}, {"limit", 1}, {"would_refuse", true}}));
  EXPECT_EQ(json["limits"]["streams"]["limit"], nullptr);
  EXPECT_EQ(json["circuit"]["would_open"], false);
  EXPECT_EQ(x_control.installs, 0);
}

TEST_F(PolicyApi, RefusesWhatTheFileWouldRefuseAndWhatIsNoObject) {
  const Caller& got = patch_policy(R"({"retry": {"attempts": 99}, "retri": {"a": 1}})");
  EXPECT_EQ(got.status, 422);
  EXPECT_EQ(Json::parse(got.body)["errors"].size(), 2U);
  EXPECT_EQ(patch_policy("[]").status, 400);
  EXPECT_EQ(x_control.installs, 0);
  EXPECT_THAT(x_changes.overrides().all(), IsEmpty());
}

TEST_F(PolicyApi, PatchesBalanceInEachOfItsForms) {
  const auto balance = [&] { return x_control.loaded().config.services[0].policy.balance; };
  for (const char* form :
       {R"("peak_ewma")", R"({"hash": {"header": "x-user"}})", R"({"hash": {"cookie": "c"}})",
        R"({"hash": "source"})", R"("round_robin")", R"({"hash": {"cookie": "c"}})"}) {
    const Json patched{{"balance", Json::parse(form)}};
    EXPECT_EQ(patch_policy(patched.dump()).status, 200) << form;
    EXPECT_EQ(policy()["policy"]["balance"], patched["balance"]);
  }
  EXPECT_EQ(balance().key, (config::HashKey{config::HashKey::Kind::kCookie, "c"}));
  EXPECT_EQ(patch_policy(R"({"balance": {"hash": {"cookie": null, "header": "a"}}})").status, 200);
  EXPECT_EQ(balance().key, (config::HashKey{config::HashKey::Kind::kHeader, "a"}));
  EXPECT_EQ(patch_policy(R"({"balance": {"hash": {"cookie": "c", "header": "a"}}})").status, 422);
  EXPECT_EQ(patch_policy(R"({"balance": {"hash": {"port": "x"}}})").status, 422);
  EXPECT_EQ(patch_policy(R"({"balance": null})").status, 200);
  EXPECT_EQ(balance(), config::Balance{});
}

TEST_F(PolicyApi, RefusesToTakeAwayWhatThereIsNot) {
  for (const std::string_view body : {R"({"retri": null})", R"({"retry": {"attempt": null}})"}) {
    const Caller& got = patch_policy(body);
    EXPECT_EQ(got.status, 422) << body;
    EXPECT_THAT(got.body, HasSubstr("unknown key")) << body;
    const Caller& dry = patch("/api/v1/services/orders/policy?dry_run=true", std::string(body));
    EXPECT_EQ(dry.status, 422) << body;
  }
}

// ---- every key, by the schema

// A value of the schema, one for each of its forms.
std::vector<Json> values_of(const Json& root, const Json& schema) {
  std::vector<Json> values;
  if (schema.contains("$ref")) return {Json{{"static", {"10.0.0.9:80"}}}};
  if (schema.contains("anyOf")) {
    for (const Json& one : schema["anyOf"]) {
      for (Json& value : values_of(root, one)) values.push_back(std::move(value));
    }
    return values;
  }
  if (schema.contains("enum")) return {schema["enum"].begin(), schema["enum"].end()};
  if (schema.contains("const")) return {schema["const"]};
  const std::string type = schema.value("type", "string");
  if (type == "boolean") return {true, false};
  if (type == "number") return {};
  if (type == "integer") {
    const int64_t low = schema.value("minimum", int64_t{0});
    return {low + 1, low + 2, low};
  }
  if (type == "array") {
    for (const Json& item : values_of(root, schema["items"])) values.push_back(Json::array({item}));
    return values;
  }
  if (type == "object") {
    if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
      for (const Json& value : values_of(root, schema["additionalProperties"])) {
        values.push_back(Json{{"x-key", value}});
      }
    }
    return values;
  }
  for (const char* text : {"7s", "20ms", "3KiB", "37%", "x-text", "a.example", "/a.B/C", "GET"}) {
    values.emplace_back(text);
  }
  return values;
}

// Every key below the schema of a map: a path and whether it may be changed while it runs.
struct Key {
  std::vector<std::string> path;
  Json schema;
  bool live;
};
void collect(const Json& schema, const std::vector<std::string>& path, std::vector<Key>& keys) {
  if (schema.contains("anyOf")) {
    // What has an item in several forms, or a list of them, has no keys of its own.
    const auto is_list = [](const Json& one) { return one.value("type", "") == "array"; };
    const Json& forms = schema["anyOf"];
    if (std::any_of(forms.begin(), forms.end(), is_list)) return;
    for (const Json& one : forms) collect(one, path, keys);
  }
  if (!schema.contains("properties")) return;
  for (const auto& [name, property] : schema["properties"].items()) {
    std::vector<std::string> inner = path;
    inner.push_back(name);
    const bool live = property.value("x-live", true);
    keys.push_back({inner, property, live});
    if (live) collect(property, inner, keys);
  }
}

Json patch_of(const std::vector<std::string>& path, Json value) {
  for (auto key = path.rbegin(); key != path.rend(); ++key) value = Json{{*key, std::move(value)}};
  return value;
}

class EveryKey : public PolicyApi {
 protected:
  // Those of a service or of a route.
  std::vector<Key> keys(const Json& root, bool of_route) {
    const Json& service = root["properties"]["services"]["additionalProperties"]["anyOf"][0];
    std::vector<Key> found;
    if (of_route) {
      collect(service["properties"]["routes"]["items"], {}, found);
    } else {
      collect(service, {}, found);
    }
    return found;
  }
  static std::string shown(const Key& key) {
    std::string text;
    for (const std::string& name : key.path) text += (text.empty() ? "" : ".") + name;
    return text;
  }
  // A step of `fallback` needs one that has all it needs; weights are of the targets of the file.
  std::vector<Json> tries(const Json& root, const Key& key) {
    if (key.path.front() == "to") return {Json{{"stock", 20}}};
    if (key.path.front() != "fallback") return values_of(root, key.schema);
    return {Json::array({Json{{"on", {"any"}}, {"omit", "no_content"}}})};
  }

  // A health check asks in one way, whatever else is said of it.
  static Json patch_for(const Key& key, const Json& value) {
    Json patch = patch_of(key.path, value);
    const std::string& name = key.path.back();
    const bool is_way = name == "http" || name == "grpc" || name == "tcp";
    if (key.path.front() == "health_check" && key.path.size() > 1 && !is_way)
      patch["health_check"]["tcp"] = true;
    return patch;
  }
  static Json undo_of(const Key& key) {
    if (key.path.front() == "health_check") return {{"health_check", nullptr}};
    return patch_of(key.path, nullptr);
  }

  void check_live(const std::string& at, const Json& root, const Key& key) {
    const std::string file_tag = call("GET", at).field("etag");
    const std::vector<Json> values = tries(root, key);
    bool accepted = values.empty() && key.schema.contains("properties");  // its keys are tried
    for (const Json& value : values) {
      const size_t events = events_of("settings").size();
      const Caller& got = patch(at, patch_for(key, value).dump());
      if (got.status != 200) continue;
      EXPECT_EQ(events_of("settings").size(), events + 1) << shown(key);
      const bool changed = got.field("etag") != file_tag;
      patch(at, undo_of(key).dump());
      EXPECT_EQ(call("GET", at).field("etag"), file_tag) << shown(key) << " " << value;
      if (!changed) continue;
      accepted = true;
      const std::string with_ttl = at + (at.find('?') == std::string::npos ? "?" : "&") + "ttl=1m";
      EXPECT_EQ(patch(with_ttl, patch_for(key, value).dump()).status, 200) << shown(key);
      x_loop.advance_ms(60'000);
      EXPECT_EQ(call("GET", at).field("etag"), file_tag) << shown(key);
      break;
    }
    EXPECT_TRUE(accepted) << "no value of the schema was accepted: " << shown(key);
  }
  void check_not_live(const std::string& at, const Json& root, const Key& key) {
    for (const Json& value : values_of(root, key.schema)) {
      const Caller& got = patch(at, patch_of(key.path, value).dump());
      EXPECT_EQ(got.status, 422) << shown(key) << " " << value << got.body;
    }
    EXPECT_EQ(patch(at, patch_of(key.path, nullptr).dump()).status, 422) << shown(key);
    EXPECT_EQ(patch(at, patch_of(key.path, Json::object()).dump()).status, 422) << shown(key);
    EXPECT_THAT(x_changes.overrides().all(), IsEmpty()) << shown(key);
  }
};

TEST_F(EveryKey, OfAServiceIsLiveOrRefusedAsTheSchemaSays) {
  const Json root = Json::parse(call("GET", "/api/v1/schema").body);
  size_t live = 0;
  size_t others = 0;
  for (const Key& key : keys(root, false)) {
    ++(key.live ? live : others);
    key.live ? check_live(std::string(kPolicy), root, key)
             : check_not_live(std::string(kPolicy), root, key);
  }
  EXPECT_GT(live, 60U);
  EXPECT_GE(others, 5U);
}

TEST_F(EveryKey, OfARouteIsLiveOrRefusedAsTheSchemaSays) {
  const Json root = Json::parse(call("GET", "/api/v1/schema").body);
  for (const Key& key : keys(root, true)) {
    const std::string at =
        std::string(kPolicy) + (key.path.front() == "to" ? "?route=canary" : "?route=plain");
    key.live ? check_live(at, root, key) : check_not_live(at, root, key);
  }
}

TEST_F(PolicyApi, ShowsTheWeightsOfARouteAndWhoseTheyAre) {
  const std::string at = std::string(kPolicy) + "?route=canary";
  EXPECT_EQ(patch(at + "&reason=go", R"({"to": {"stock": 50}})").status, 200);
  const Json json = policy(at);
  EXPECT_EQ(json["policy"]["to"], (Json{{"self", 90}, {"stock", 50}}));
  EXPECT_EQ(json["from"]["to.self"]["layer"], "route");
  EXPECT_EQ(json["from"]["to.stock"]["layer"], "admin");
  EXPECT_EQ(json["from"]["to.stock"]["reason"], "go");
  EXPECT_EQ(patch(at, R"({"to": {"stock": null}})").status, 200);
  EXPECT_EQ(policy(at)["policy"]["to"], (Json{{"self", 90}, {"stock", 10}}));
  EXPECT_EQ(patch(at, R"({"to": {"other": 1}})").status, 422);
  // What the route makes of the other service's policy is shown, and changed in the route.
  const std::string part = "/api/v1/services/stock/policy?route=canary";
  EXPECT_EQ(policy(part)["policy"]["retry"]["attempts"], 1);
  EXPECT_EQ(patch(part, R"({"retry": {"attempts": 2}})").status, 422);
}

TEST_F(PolicyApi, NoPatchNamesAFile) {
  for (const std::string_view body :
       {R"({"headers": {"response": {"set": {"x-a": {"file": "/etc/hostname"}}}}})",
        R"({"fallback": [{"on": ["any"], "respond": {"body_file": "/etc/hostname"}}]})",
        R"({"tls": {"ca_file": "/etc/hostname"}})"}) {
    const Caller& got = patch_policy(body);
    EXPECT_EQ(got.status, 422) << body;
    EXPECT_THAT(got.body, HasSubstr("is not live")) << body;
  }
}

// ---- other states

TEST_F(PolicyApi, TakesAnEndpointOutAndShowsWhy) {
  const auto service = x_control.services().find("orders");
  const Address one = *Address::parse("10.0.0.1:8080");
  service->set_endpoints({{one, 1, false}}, x_loop.now_ms());
  const std::string at = "/api/v1/services/orders/endpoints/10.0.0.1:8080/state";
  EXPECT_EQ(put(at + "?ttl=5m&reason=disk", R"({"state": "drain"})").status, 200);
  EXPECT_EQ(service->find_endpoint(one)->operator_state(), upstream::OperatorState::kDrain);
  const Json shown = Json::parse(call("GET", "/api/v1/services/orders").body)["endpoints"][0];
  EXPECT_EQ(shown["state"], "drain");
  EXPECT_EQ(shown["override"]["reason"], "disk");
  const auto events = events_of("endpoint_state");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].endpoint, "10.0.0.1:8080");
  EXPECT_EQ(events[0].from, "auto");
  EXPECT_EQ(events[0].to, "drain");
  x_loop.advance_ms(300'000);
  EXPECT_EQ(service->find_endpoint(one)->operator_state(), upstream::OperatorState::kAuto);
  EXPECT_EQ(put(at, R"({"state": "gone"})").status, 422);
  EXPECT_EQ(put("/api/v1/services/orders/endpoints/x/state", R"({"state": "drain"})").status, 400);
}

TEST_F(PolicyApi, AnEndpointThatIsNotListedYetIsTakenOutWhenItIs) {
  const Caller& got =
      put("/api/v1/services/orders/endpoints/10.0.0.9:80/state", R"({"state": "disabled"})");
  EXPECT_EQ(Json::parse(got.body)["listed"], false);
  const auto service = x_control.services().find("orders");
  const Address late = *Address::parse("10.0.0.9:80");
  service->set_endpoints({{late, 1, false}}, x_loop.now_ms());
  EXPECT_EQ(service->find_endpoint(late)->operator_state(), upstream::OperatorState::kDisabled);
  call("DELETE", "/api/v1/overrides/orders");
  EXPECT_EQ(service->find_endpoint(late)->operator_state(), upstream::OperatorState::kAuto);
}

TEST_F(PolicyApi, TheLevelOfTheLogReturnsByItself) {
  const log::Level before = log::level();
  EXPECT_EQ(put("/api/v1/log?ttl=1m", R"({"level": "error"})").status, 200);
  EXPECT_EQ(log::level(), log::Level::kError);
  EXPECT_EQ(Json::parse(call("GET", "/api/v1/overrides").body)["overrides"][0]["key"], "log.level");
  x_loop.advance_ms(60'000);
  EXPECT_EQ(log::level(), before);
  EXPECT_EQ(put("/api/v1/log", R"({"level": "loud"})").status, 422);
}

TEST_F(PolicyApi, LiveTellsOnceASecondWhatIsGoingOn) {
  const auto series = x_shards.service(0, {"orders", ""});
  Caller& live = begin("GET", "/api/v1/live");
  EXPECT_EQ(live.field("content-type"), "text/event-stream");
  EXPECT_EQ(live.body, "");
  const auto next = [&] {
    live.body.clear();
    x_loop.advance_ms(1'000);
    EXPECT_TRUE(live.body.starts_with("data: ") && live.body.ends_with("\n\n")) << live.body;
    return Json::parse(live.body.substr(6));
  };
  EXPECT_EQ(next()["services"].size(), 0U);
  for (int i = 0; i < 10; ++i) series->request_duration[0].observe_ns(500'000);
  for (int i = 0; i < 10; ++i) series->request_duration[2].observe_ns(9'000'000);
  put("/api/v1/circuits/orders/state", R"({"state": "shadow"})");
  const Json message = next();
  ASSERT_EQ(message["services"].size(), 1U);
  const Json& orders = message["services"][0];
  EXPECT_EQ(orders["service"], "orders");
  EXPECT_EQ(orders["rate"], 20.0);
  EXPECT_EQ(orders["failed"], 0.5);
  EXPECT_EQ(orders["p50_ms"], 1.0);
  EXPECT_NEAR(orders["p99_ms"].get<double>(), 9.82, 0.01);
  EXPECT_EQ(orders["circuit"], "shadow");
  ASSERT_EQ(message["events"].size(), 1U);
  EXPECT_EQ(message["events"][0]["to"], "shadow");
  EXPECT_EQ(next()["services"].size(), 0U);
}

TEST_F(PolicyApi, ExplainsWhatRuns) {
  EXPECT_EQ(call("GET", "/api/v1/explain?method=PUT&url=http://orders/x").body,
            "PUT http://orders/x\n");
  EXPECT_EQ(call("GET", "/api/v1/explain?url=http://orders/x").body, "GET http://orders/x\n");
  EXPECT_EQ(call("GET", "/api/v1/explain").status, 400);
}

}  // namespace
}  // namespace outrigger::admin
