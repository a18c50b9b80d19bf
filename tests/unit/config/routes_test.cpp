#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Orders with one route, its second service, and more.
std::string orders(const std::string& route, const std::string& more = "") {
  return "services:\n  orders:\n    routes: [" + route +
         "]\n  orders-v2: {timeout: {request: 2s}, retry: {attempts: 3}}\n" + more;
}

TEST(Routes, LeadToServicesByWeight) {
  const Config config = good(orders("{name: canary, to: {self: 90, orders-v2: 10}}"));
  const RouteConfig& route = config.services[0].routes[0];
  ASSERT_EQ(route.to.size(), 2U);
  EXPECT_EQ(route.to[0].service, "orders");
  EXPECT_EQ(route.to[0].weight, 90);
  EXPECT_EQ(route.to[1].service, "orders-v2");
  EXPECT_EQ(route.to[1].weight, 10);
  EXPECT_EQ(route.when_open, WhenOpen::kOthers);
  const Config all = good(orders("{to: orders-v2}"));
  EXPECT_EQ(all.services[0].routes[0].to[0].service, "orders-v2");
}

TEST(Routes, PoliciesAreThoseOfTheTargetThenTheRoutesOwn) {
  const Config config =
      good(orders("{to: {self: 1, orders-v2: 1}, timeout: {connect: 300ms}, retry: {methods: any}}",
                  "defaults: {timeout: {idle: 7s}}\n"));
  const RouteConfig& route = config.services[0].routes[0];
  const Policy& self = route.to[0].policy;
  const Policy& other = route.to[1].policy;
  EXPECT_EQ(self, route.policy);
  EXPECT_EQ(self.timeout.request_ms, kAutoMs);
  EXPECT_EQ(self.retry->attempts, 1);
  EXPECT_EQ(other.timeout.request_ms, 2'000);
  EXPECT_EQ(other.retry->attempts, 3);
  for (const Policy* policy : {&self, &other}) {
    EXPECT_EQ(policy->timeout.connect_ms, 300);
    EXPECT_EQ(policy->timeout.idle_ms, 7'000);
    EXPECT_EQ(policy->retry->methods.kind, Methods::Kind::kAny);
  }
}

// A canary may fall back to the one that it is a canary of.
TEST(Routes, AFallbackOfTheRouteIsNoneForTheServiceItself) {
  const Config config =
      good(orders("{to: {self: 1, orders-v2: 1}, fallback: [{service: orders}]}"));
  const RouteConfig& route = config.services[0].routes[0];
  EXPECT_THAT(route.to[0].policy.fallback, IsEmpty());
  EXPECT_EQ(route.to[1].policy.fallback.size(), 1U);
  EXPECT_THAT(mistakes(orders("{to: orders-v2, fallback: [{service: orders-v2}]}")),
              ElementsAre(HasSubstr("\"orders-v2\" would fall back to itself")));
}

TEST(Routes, MistakesInToHaveAPlace) {
  const std::pair<std::string, std::string> cases[] = {
      {"{to: ordres-v2}", "f:3:19: unknown service \"ordres-v2\"; did you mean \"orders-v2\"?"},
      {"{to: {self: 1, ordes-v2: 1}}",
       "f:3:29: unknown service \"ordes-v2\"; did you mean \"orders-v2\"?"},
      {"{to: {sefl: 1, orders-v2: 1}}", "f:3:20: unknown service \"sefl\"; did you mean \"self\"?"},
      {"{to: {orders: 1, orders-v2: 1}}",
       "f:3:20: the route would lead to its own service \"orders\"; write \"self\""},
      {"{to: self}",
       "f:3:19: \"self\" alone is what a route without \"to\" leads to; leave \"to\" out"},
      {"{to: {self: 0, orders-v2: 0}}",
       "f:3:19: every weight is 0, so no call would go anywhere; give one of them more"},
      {"{to: {self: 1, orders-v2: 10%}}", "f:3:40: \"orders-v2\" is \"10%\", not a whole number"},
      {"{to: {self: 1, orders-v2: -1}}", "f:3:40: \"orders-v2\" is -1, outside 0 to 1000000"},
      {"{to: []}",
       "f:3:19: \"to\" is a list, not a service or services with weights; write NAME, or "
       "{self: 90, NAME: 10}"},
      {"{to: {}}", "f:3:19: \"to\" is a map, not a service or services with weights"},
  };
  for (const auto& [route, problem] : cases) {
    EXPECT_THAT(mistakes(orders(route)), ElementsAre(testing::StartsWith(problem))) << route;
  }
}

TEST(Routes, DoNotLeadWhereNoRequestIsAnswered) {
  EXPECT_THAT(mistakes(orders("{to: db}", "  db: {protocol: tcp}\n")),
              ElementsAre("f:3:19: the service \"db\" has opaque connections; it answers no "
                          "requests"));
  EXPECT_THAT(mistakes(orders("{to: egress}", "  egress: {proxy: true}\n")),
              ElementsAre("f:3:19: the services \"orders\" and \"egress\" differ in \"proxy\", so "
                          "no call is for both"));
  EXPECT_THAT(mistakes(orders("{to: {self: 1, orders-v2: 1}}", "  self: {}\n")),
              ElementsAre(HasSubstr("there is a service of that name")));
}

TEST(Routes, WhatChoosesNeedsAChoice) {
  EXPECT_THAT(mistakes(orders("{to: orders-v2, sticky: {header: x-user}}")),
              ElementsAre("f:3:30: \"sticky\" chooses among several; \"to\" has not two services"));
  EXPECT_THAT(
      mistakes(orders("{when_open: refuse}")),
      ElementsAre("f:3:15: \"when_open\" chooses among several; \"to\" has not two services"));
  EXPECT_THAT(mistakes(orders("{to: {self: 1, orders-v2: 1}, sticky: {}}")),
              ElementsAre("f:3:52: \"sticky\" is {header: NAME} or {cookie: NAME}"));
  EXPECT_THAT(mistakes(orders("{to: {self: 1, orders-v2: 1}, sticky: {header: a, cookie: b}}")),
              ElementsAre(HasSubstr("\"sticky\" is {header: NAME} or {cookie: NAME}")));
  EXPECT_THAT(mistakes(orders("{to: {self: 1, orders-v2: 1}, when_open: other}")),
              ElementsAre(HasSubstr("did you mean \"others\"?")));
}

TEST(Routes, RewritesAndVersionsAreRead) {
  const Config config =
      good(orders("{match: {accept: {type: application/vnd.shop+json, version: 2}}, rewrite: "
                  "{path_prefix: [/v2, /], host: upstream}}"));
  const RouteConfig& route = config.services[0].routes[0];
  EXPECT_EQ(route.match.accept, (AcceptedType{"application/vnd.shop+json", "2"}));
  EXPECT_EQ(route.rewrite->path_prefix, (PathPrefix{"/v2", "/"}));
  EXPECT_EQ(route.rewrite->host->kind, Authority::Kind::kUpstream);
}

TEST(Routes, MistakesInRewriteAndAcceptHaveAPlace) {
  const std::pair<std::string, std::string> cases[] = {
      {"{rewrite: {}}", "f:3:24: \"rewrite\" changes nothing"},
      {"{rewrite: {path_prefix: /v2}}", "f:3:38: \"path_prefix\" is \"/v2\", not two paths"},
      {"{rewrite: {path_prefix: [/v2]}}", "f:3:38: \"path_prefix\" is a list, not two paths"},
      {"{rewrite: {path_prefix: [v2, /]}}",
       "f:3:39: \"path_prefix\" is \"v2\", not the beginning of a path"},
      {"{rewrite: {path_prefix: [/v2, '/a?b']}}", "f:3:44: \"path_prefix\" is \"/a?b\""},
      {"{rewrite: {path_prefix: [/v2, //x]}}", "f:3:44: \"path_prefix\" is \"//x\""},
      {"{rewrite: {host: caller}}", "f:3:31: \"host\" is \"caller\", not a host"},
      {"{rewrite: {host: 'a b'}}", "f:3:31: \"host\" is \"a b\""},
      {"{match: {accept: {version: 2}}}", "f:3:31: \"accept\" has no \"type\""},
      {"{match: {accept: {type: 'application/*'}}}",
       "f:3:38: \"type\" is \"application/*\", not a media type"},
      {"{match: {accept: {type: 'a/b;v=1'}}}", "f:3:38: \"type\" is \"a/b;v=1\""},
      {"{match: {accept: {type: a/b, version: 'x y'}}}",
       "f:3:52: \"version\" is \"x y\", not a version"},
      {"{balance: random}", "f:3:15: \"balance\" cannot differ in a route"},
      {"{proxy: true}", "f:3:15: \"proxy\" cannot differ in a route"},
  };
  for (const auto& [route, problem] : cases) {
    EXPECT_THAT(mistakes(orders(route)), ElementsAre(testing::StartsWith(problem))) << route;
  }
  EXPECT_THAT(mistakes("services: {egress: {proxy: true, routes: [{rewrite: {host: upstream}}]}}"),
              ElementsAre(HasSubstr("calls for a proxy go as their caller wrote them")));
}

// Circuits, limits and metrics are known by the service that is called and the route's name.
TEST(Routes, TwoDoNotShareACircuitByTheirName) {
  const std::string own = "{name: canary, to: {self: 9, orders-v2: 1}, circuit: {window: 5s}}";
  EXPECT_THAT(mistakes(orders(own,
                              "  more: {routes: [{name: canary, to: {self: 1, orders-v2: 1}, "
                              "limits: {outstanding: 1}}]}\n")),
              ElementsAre(HasSubstr("they would share a circuit"),
                          HasSubstr("they would share a circuit")));
  EXPECT_THAT(mistakes(orders(own, "  more: {routes: [{name: canary, to: orders-v2}]}\n")),
              IsEmpty());
}

TEST(Routes, WriteNothingOfWhatTheyDoNotSay) {
  const std::string text = effective(good(orders("{match: {path: /a}}")));
  for (const char* key : {"to:", "sticky", "when_open", "rewrite"}) {
    EXPECT_THAT(text, testing::Not(HasSubstr(key)));
  }
  const std::string split =
      effective(good(orders("{to: {self: 90, orders-v2: 10}, sticky: {cookie: u}}")));
  for (const char* line : {"self: 90", "orders-v2: 10", "cookie: u", "when_open: others"}) {
    EXPECT_THAT(split, HasSubstr(line));
  }
}

// ---- live

const Target kCanary{"orders", "canary"};

Loaded canary(const std::string& to = "{self: 90, orders-v2: 10}") {
  return load_text("f", orders("{name: canary, to: " + to + ", sticky: {header: x-user}}"),
                   no_environment());
}

TEST(Routes, TheirWeightsAreLive) {
  const Loaded next = apply_override(canary(), kCanary, "to", R"({"self": 50, "orders-v2": 50})");
  EXPECT_THAT(texts(next.problems), IsEmpty());
  const RouteConfig& route = next.config.services[0].routes[0];
  EXPECT_EQ(route.to[0].weight, 50);
  EXPECT_EQ(route.to[1].weight, 50);
  EXPECT_EQ(route.to[1].policy.timeout.request_ms, 2'000);
  const Loaded one = apply_override(canary(), kCanary, "to", R"({"orders-v2": 0})");
  EXPECT_EQ(one.config.services[0].routes[0].to[0].weight, 90);
  EXPECT_EQ(one.config.services[0].routes[0].to[1].weight, 0);
  EXPECT_EQ(read_setting(one, kCanary, "to").effective, R"({"self":90,"orders-v2":0})");
  EXPECT_EQ(read_setting(one, kCanary, "to").file, R"({"self":90,"orders-v2":10})");
}

TEST(Routes, OnlyTheirWeightsAreLive) {
  const auto refused = [](std::string_view section, std::string_view json) {
    return texts(apply_override(canary(), kCanary, section, json).problems);
  };
  EXPECT_THAT(refused("to", R"({"orders-v3": 5})"),
              testing::Contains(HasSubstr("only weights are live")));
  EXPECT_THAT(refused("to", R"({"self": 0, "orders-v2": 0})"),
              ElementsAre(HasSubstr("every weight is 0")));
  EXPECT_THAT(refused("to", R"({"self": "many"})"), ElementsAre(HasSubstr("not a whole number")));
  for (const char* json :
       {R"({"sticky": {"header": "x-b"}})", R"({"when_open": "refuse"})",
        R"({"rewrite": {"host": "upstream"}})", R"({"match": {"path": "/b"}})"}) {
    EXPECT_THAT(refused("", json), ElementsAre(HasSubstr("is not live"))) << json;
  }
  EXPECT_EQ(why_not_patched(kCanary, "to.orders-v2"), std::nullopt);
  EXPECT_NE(why_not_patched(kCanary, "sticky"), std::nullopt);
}

TEST(Routes, EachWeightSaysWhereItComesFrom) {
  const Loaded next = apply_override(canary(), kCanary, "to", R"({"orders-v2": 50})");
  std::map<std::string, Layer> layers;
  for (const Setting& setting : settings_of(next, kCanary)) layers[setting.key] = setting.layer;
  EXPECT_EQ(layers["to.self"], Layer::kRoute);
  EXPECT_EQ(layers["to.orders-v2"], Layer::kOverride);
  EXPECT_EQ(where(next, kCanary, "to.self"), (Place{"f", 3, 34}));
}

// What a route of another service makes of this one's policies.
TEST(Routes, TheirPartOfATargetIsAskedForByItsName) {
  const Loaded loaded = canary();
  const Target part{"orders-v2", "canary"};
  EXPECT_EQ(policy_of(loaded.config, part)->timeout.request_ms, 2'000);
  EXPECT_EQ(where(loaded, part, "timeout.request"), (Place{"f", 4, 25}));
  EXPECT_FALSE(is_in_file(loaded.config, part));
  EXPECT_FALSE(has_circuit(loaded.config, part));
  EXPECT_THAT(texts(apply_override(loaded, part, "timeout", R"({"request": "1s"})").problems),
              ElementsAre(HasSubstr("its settings are those of \"orders/canary\"")));
  const Loaded own =
      load_text("f", orders("{name: canary, to: {self: 1, orders-v2: 1}, circuit: {window: 5s}}"),
                no_environment());
  EXPECT_TRUE(has_circuit(own.config, part));
  EXPECT_TRUE(has_circuit(own.config, kCanary));
}

}  // namespace
}  // namespace outrigger::config::test
