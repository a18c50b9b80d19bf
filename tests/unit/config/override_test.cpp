#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/key_path.hpp"
#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kFile = R"(defaults:
  timeout: { request: 4s }
services:
  orders:
    circuit: { window: 20s }
    routes:
      - { name: reads, circuit: { open_for: 2s } }
  stock: { circuit: off }
)";

const Target kOrders{"orders", ""};

Loaded file() { return load_text("f", kFile, no_environment()); }

const Policy& orders(const Loaded& loaded) { return loaded.config.services.at(0).policy; }

TEST(Override, LiesOverTheFileAndTheLaterOverTheEarlier) {
  const Loaded once = apply_override(file(), kOrders, "circuit", R"({"failure_rate": "30%"})");
  EXPECT_THAT(texts(once.problems), IsEmpty());
  EXPECT_EQ(orders(once).circuit->failure_rate_share, 0.3);
  EXPECT_EQ(orders(once).circuit->window_ms, 20'000);
  const Loaded twice =
      apply_override(once, kOrders, "circuit", R"({"window": "5s", "ramp": "off", "probes": 3})");
  EXPECT_THAT(texts(twice.problems), IsEmpty());
  EXPECT_EQ(orders(twice).circuit->failure_rate_share, 0.3);
  EXPECT_EQ(orders(twice).circuit->window_ms, 5'000);
  EXPECT_FALSE(orders(twice).circuit->ramp);
  EXPECT_EQ(orders(twice).circuit->probes, 3);
}

TEST(Override, ReachesEveryPolicySection) {
  const Loaded loaded = apply_override(
      file(), kOrders, "",
      R"({"retry": {"attempts": 3, "on": [503, "timeout"]}, "limits": {"outstanding": 7},
          "circuit": "off", "balance": "random",
          "fallback": [{"on": ["any"], "omit": "no_content"}]})");
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  EXPECT_EQ(orders(loaded).retry->attempts, 3);
  EXPECT_THAT(orders(loaded).retry->on.statuses, ElementsAre(503));
  EXPECT_EQ(orders(loaded).limits.outstanding, 7);
  EXPECT_FALSE(orders(loaded).circuit);
  EXPECT_EQ(orders(loaded).balance.rule, BalanceRule::kRandom);
  EXPECT_EQ(orders(loaded).fallback.size(), 1U);
}

TEST(Override, OverOffStartsFromTheBuiltInValues) {
  const Loaded loaded = apply_override(file(), {"stock", ""}, "circuit", R"({"window": "5s"})");
  ASSERT_TRUE(loaded.config.services.at(1).policy.circuit);
  EXPECT_EQ(loaded.config.services.at(1).policy.circuit->window_ms, 5'000);
  EXPECT_EQ(loaded.config.services.at(1).policy.circuit->failure_rate_share, 0.5);
}

TEST(Override, OfAServiceReachesItsRoutesAndARouteHasItsOwn) {
  const Loaded service = apply_override(file(), kOrders, "circuit", R"({"min_requests": 5})");
  const RouteConfig& below = service.config.services.at(0).routes.at(0);
  EXPECT_EQ(below.policy.circuit->min_requests, 5);
  EXPECT_EQ(below.policy.circuit->open_for_ms, 2'000);
  const Loaded route =
      apply_override(file(), {"orders", "reads"}, "limits", R"({"outstanding": 2})");
  EXPECT_THAT(texts(route.problems), IsEmpty());
  EXPECT_EQ(route.config.services.at(0).routes.at(0).policy.limits.outstanding, 2);
  EXPECT_TRUE(route.config.services.at(0).routes.at(0).owns("limits"));
  EXPECT_EQ(orders(route).limits.outstanding, 1'024);
}

TEST(Override, ChangesNothingOfWhatItWasGiven) {
  const Loaded before = file();
  apply_override(before, kOrders, "circuit", R"({"window": "5s"})");
  EXPECT_EQ(before.config, file().config);
  EXPECT_THAT(before.document.overrides, IsEmpty());
}

TEST(Override, ProblemsNameThePath) {
  const auto problems = [](std::string_view section, std::string_view patch) {
    return texts(apply_override(file(), kOrders, section, patch).problems);
  };
  EXPECT_THAT(
      problems("circuit", R"({"window": "soon", "probs": 1, "failure_rate": 0.5})"),
      ElementsAre("services.orders.circuit.window: \"window\" is \"soon\", not a duration; "
                  "write it like 250ms, 2s or 5m",
                  "services.orders.circuit: unknown key \"probs\"; did you mean \"probes\"?",
                  "services.orders.circuit.failure_rate: \"failure_rate\" is \"0.5\", not a "
                  "share; write it like 50%"));
  EXPECT_THAT(problems("", R"({"endpoints": {}})"),
              ElementsAre("services.orders.endpoints: \"endpoints\" is not live; change the file"));
  EXPECT_THAT(problems("", R"({"mirror": {"service": "stock"}})"),
              ElementsAre(HasSubstr("\"mirror\" is not in this version")));
  EXPECT_THAT(problems("", R"({"fallback": [{"service": "nobody"}]})"),
              ElementsAre(HasSubstr("unknown service \"nobody\"")));
  EXPECT_THAT(texts(apply_override(file(), {"nobody", ""}, "circuit", "{}").problems),
              ElementsAre("there is no \"nobody\" in the file"));
  EXPECT_THAT(texts(apply_override(file(), {"orders", "writes"}, "circuit", "{}").problems),
              ElementsAre("there is no \"orders/writes\" in the file"));
}

TEST(Override, OfWhatIsNotLiveIsRefusedWhereverItStands) {
  const auto problems = [](const Target& target, std::string_view patch) {
    return texts(apply_override(file(), target, "", patch).problems);
  };
  EXPECT_THAT(problems(kOrders, R"({"hosts": ["a"], "tls": {"server_name": "a"}})"),
              ElementsAre("services.orders.hosts: \"hosts\" is not live; change the file",
                          "services.orders.tls: \"tls\" is not live; change the file"));
  EXPECT_THAT(problems(kOrders, R"({"routes": []})"),
              ElementsAre(HasSubstr("\"routes\" is not live")));
  EXPECT_THAT(problems({"orders", "reads"}, R"({"match": {"path": "/a"}})"),
              ElementsAre(HasSubstr("\"match\" is not live")));
  // Whoever reaches the admin address must not have the files of the sidecar sent to them.
  const std::string secret = "\"/etc/hostname\"";
  EXPECT_THAT(problems(kOrders, "{\"headers\": {\"response\": {\"set\": {\"x-a\": {\"file\": " +
                                    secret + "}}}}}"),
              ElementsAre(HasSubstr("\"file\" is not live")));
  EXPECT_THAT(problems(kOrders, "{\"fallback\": [{\"respond\": {\"body_file\": " + secret + "}}]}"),
              ElementsAre(HasSubstr("\"body_file\" is not live")));
  EXPECT_THAT(
      problems(kOrders, "{\"fallback\": [{\"respond\": {\"grpc_status\": 0, \"message_file\": " +
                            secret + "}}]}"),
      ElementsAre(HasSubstr("\"message_file\" is not live")));
}

TEST(Settings, SayWhereEachComesFrom) {
  const Loaded loaded = apply_override(file(), kOrders, "circuit", R"({"probes": 3})");
  const auto find = [&](const Target& target, std::string_view key) {
    for (Setting& setting : settings_of(loaded, target)) {
      if (setting.key == key) return std::move(setting);
    }
    return Setting{};
  };
  EXPECT_EQ(find(kOrders, "circuit.window").layer, Layer::kService);
  EXPECT_EQ(find(kOrders, "circuit.window").place, (Place{"f", 5, 16}));
  EXPECT_EQ(find(kOrders, "circuit.window").value.text, "20s");
  EXPECT_EQ(find(kOrders, "timeout.request").layer, Layer::kDefaults);
  EXPECT_EQ(find(kOrders, "timeout.request").place, (Place{"f", 2, 14}));
  EXPECT_EQ(find(kOrders, "circuit.probes").layer, Layer::kOverride);
  EXPECT_EQ(find(kOrders, "circuit.probes").place, std::nullopt);
  EXPECT_EQ(find(kOrders, "retry.attempts").layer, Layer::kBuiltIn);
  const Target reads{"orders", "reads"};
  EXPECT_EQ(find(reads, "circuit.open_for").layer, Layer::kRoute);
  EXPECT_EQ(find(reads, "circuit.window").layer, Layer::kService);
  EXPECT_EQ(find(reads, "circuit.probes").layer, Layer::kOverride);
  // What switches a whole section off says it.
  EXPECT_EQ(find({"stock", ""}, "circuit").place, (Place{"f", 8, 12}));
  EXPECT_THAT(settings_of(loaded, {"nobody", ""}), IsEmpty());
}

TEST(KeyPath, KeepsDotsWithinAKey) {
  const std::string path = joined(joined("headers.set", "x.y\\z"), "file");
  EXPECT_EQ(path, "headers.set.x\\.y\\\\z.file");
  Node root = Node::map();
  put_at(root, path, Node::number(1));
  EXPECT_EQ(to_flow(root), R"({headers: {set: {"x.y\\z": {file: 1}}}})");
  EXPECT_EQ(find_at(root, path)->text, "1");
  EXPECT_EQ(find_at(root, "headers.set.x"), nullptr);
  EXPECT_TRUE(is_within(path, "headers.set"));
  EXPECT_FALSE(is_within("headers.sets", "headers.set"));
}

TEST(Setting, IsReadAsTheFileGivesItAndAsItIsInEffect) {
  const Loaded loaded = apply_override(file(), kOrders, "circuit", R"({"window": "5s"})");
  const SettingText window = read_setting(loaded, kOrders, "circuit.window");
  EXPECT_EQ(window.file, "\"20s\"");
  EXPECT_EQ(window.effective, "\"5s\"");
  EXPECT_EQ(window.overridden, "\"5s\"");
  const SettingText probes = read_setting(loaded, kOrders, "circuit.probes");
  EXPECT_EQ(probes.file, "1");
  EXPECT_EQ(probes.effective, "1");
  EXPECT_EQ(probes.overridden, "");
  const SettingText circuit = read_setting(loaded, kOrders, "circuit");
  EXPECT_THAT(circuit.effective, HasSubstr(R"("window":"5s","min_requests":20)"));
  EXPECT_EQ(circuit.overridden, R"({"window":"5s"})");
  EXPECT_EQ(read_setting(loaded, {"stock", ""}, "circuit").effective, "\"off\"");
  EXPECT_EQ(read_setting(loaded, {"orders", "reads"}, "circuit.open_for").effective, "\"2s\"");
  EXPECT_EQ(read_setting(loaded, kOrders, "circuit.nothing").effective, "");
  EXPECT_EQ(read_setting(loaded, {"nobody", ""}, "circuit").effective, "");
}

TEST(Where, NamesTheLineThatSaysSo) {
  const Loaded loaded = file();
  EXPECT_EQ(where(loaded, kOrders), (Place{"f", 4, 3}));
  EXPECT_EQ(where(loaded, kOrders, "circuit"), (Place{"f", 5, 5}));
  EXPECT_EQ(where(loaded, kOrders, "circuit.window"), (Place{"f", 5, 16}));
  EXPECT_EQ(where(loaded, kOrders, "timeout.request"), (Place{"f", 2, 14}));
  EXPECT_EQ(where(loaded, kOrders, "retry"), std::nullopt);
  EXPECT_EQ(where(loaded, {"orders", "reads"}), (Place{"f", 7, 9}));
  EXPECT_EQ(where(loaded, {"orders", "reads"}, "circuit.open_for"), (Place{"f", 7, 35}));
  EXPECT_EQ(where(loaded, {"orders", "reads"}, "circuit.window"), (Place{"f", 5, 16}));
  EXPECT_EQ(where(loaded, {"nobody", ""}), std::nullopt);
  EXPECT_EQ(where_key(loaded, "defaults.timeout"), (Place{"f", 2, 3}));
  EXPECT_EQ(where_listener(loaded, "outbound"), std::nullopt);
  const Loaded listeners = load_text("f", "listeners:\n  - name: in\n", no_environment());
  EXPECT_EQ(where_listener(listeners, "in"), (Place{"f", 2, 5}));
}

TEST(Where, KnowsNoLineForAnOverride) {
  const Loaded loaded = apply_override(file(), kOrders, "circuit", R"({"window": "5s"})");
  EXPECT_EQ(where(loaded, kOrders, "circuit.window"), std::nullopt);
}

}  // namespace
}  // namespace outrigger::config::test
