#include "proxy/chain/router.hpp"

#include <gtest/gtest.h>

#include "proxy/chain/host_table.hpp"

namespace outrigger::chain {
namespace {

TEST(HostTable, MatchesWithoutRegardToCaseAndFinalDot) {
  HostTable table;
  EXPECT_TRUE(table.add("Orders.Svc", 1));
  EXPECT_EQ(table.find("orders.svc"), 1U);
  EXPECT_EQ(table.find("ORDERS.SVC:8080"), 1U);
  EXPECT_EQ(table.find("orders.svc."), 1U);
  EXPECT_EQ(table.find("orders"), std::nullopt);
  EXPECT_EQ(table.find("x.orders.svc"), std::nullopt);
}

TEST(HostTable, PrefersTheEntryWithThePort) {
  HostTable table;
  EXPECT_TRUE(table.add("orders", 1));
  EXPECT_TRUE(table.add("orders:8080", 2));
  EXPECT_EQ(table.find("orders:8080"), 2U);
  EXPECT_EQ(table.find("orders:8081"), 1U);
  EXPECT_EQ(table.find("orders"), 1U);
}

TEST(HostTable, TakesARequestWithoutAPortForPort80) {
  HostTable table;
  EXPECT_TRUE(table.add("orders:80", 1));
  EXPECT_EQ(table.find("orders"), 1U);
  EXPECT_EQ(table.find("orders:81"), std::nullopt);
}

TEST(HostTable, PrefersExactNamesThenTheLongestSuffix) {
  HostTable table;
  EXPECT_TRUE(table.add("*.local", 1));
  EXPECT_TRUE(table.add("*.svc.local", 2));
  EXPECT_TRUE(table.add("a.svc.local", 3));
  EXPECT_TRUE(table.add("*.svc.local:90", 4));
  EXPECT_EQ(table.find("x.local"), 1U);
  EXPECT_EQ(table.find("svc.local"), 1U);
  EXPECT_EQ(table.find("b.svc.local"), 2U);
  EXPECT_EQ(table.find("c.b.svc.local"), 2U);
  EXPECT_EQ(table.find("b.svc.local:90"), 4U);
  EXPECT_EQ(table.find("a.svc.local:90"), 3U);
  EXPECT_EQ(table.find("local"), std::nullopt);
  EXPECT_EQ(table.find(".local"), std::nullopt);
}

TEST(HostTable, FallsBackToASuffixWhenOnlyAnotherPortIsKnown) {
  HostTable table;
  EXPECT_TRUE(table.add("a.local:8080", 1));
  EXPECT_TRUE(table.add("*.local", 2));
  EXPECT_EQ(table.find("a.local:8080"), 1U);
  EXPECT_EQ(table.find("a.local:9090"), 2U);
}

TEST(HostTable, KnowsAddresses) {
  HostTable table;
  EXPECT_TRUE(table.add("[::1]:8080", 1));
  EXPECT_TRUE(table.add("10.0.0.1", 2));
  EXPECT_EQ(table.find("[::1]:8080"), 1U);
  EXPECT_EQ(table.find("[::1]:8081"), std::nullopt);
  EXPECT_EQ(table.find("10.0.0.1:99"), 2U);
}

TEST(HostTable, KnowsAnAddressInAnySpelling) {
  HostTable table;
  EXPECT_TRUE(table.add("10.0.0.7", 1));
  EXPECT_TRUE(table.add("[2001:DB8::0:7]:8080", 2));
  EXPECT_EQ(table.find("[::ffff:10.0.0.7]:9000"), 1u);
  EXPECT_EQ(table.find("[::ffff:a00:7]"), 1u);
  EXPECT_EQ(table.find("[2001:db8:0:0:0:0:0:7]:8080"), 2u);
  EXPECT_FALSE(table.find("[2001:db8::8]:8080"));
  EXPECT_FALSE(table.add("[::ffff:10.0.0.7]", 3));
}

TEST(HostTable, RefusesWhatIsNoHostOrIsTaken) {
  HostTable table;
  EXPECT_FALSE(table.add("", 1));
  EXPECT_FALSE(table.add("a b", 1));
  EXPECT_FALSE(table.add("a:0", 1));
  EXPECT_FALSE(table.add("*.", 1));
  EXPECT_EQ(table.find("a"), std::nullopt);
  EXPECT_TRUE(table.add("a", 1));
  EXPECT_FALSE(table.add("A.", 2));
  EXPECT_EQ(table.find("a"), 1U);
  EXPECT_EQ(table.find(""), std::nullopt);
  EXPECT_EQ(table.find("a:b"), std::nullopt);
}

TEST(HostTable, HoldsManyNames) {
  HostTable table;
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_TRUE(table.add("service-" + std::to_string(i) + ".ns.svc", i));
  }
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(table.find("service-" + std::to_string(i) + ".NS.svc:80"), i);
  }
}

TEST(HostTable, CopesWithTheLongestHosts) {
  HostTable table;
  EXPECT_TRUE(table.add("*.local", 1));
  std::string deep;
  while (deep.size() < 249) deep += "a.";
  EXPECT_EQ(table.find(deep + "local"), 1U);
  EXPECT_EQ(table.find(std::string(255, 'a')), std::nullopt);
  EXPECT_EQ(table.find(std::string(2000, 'a')), std::nullopt);
}

std::unique_ptr<Route> route(std::string name) {
  auto made = std::make_unique<Route>();
  made->name = std::move(name);
  return made;
}

ServiceRoutes orders(std::vector<std::pair<std::string, config::RouteMatch>> matches) {
  ServiceRoutes service;
  service.hosts = {"orders"};
  service.otherwise = route("");
  for (const auto& [name, match] : matches) {
    service.routes.emplace_back(match_of(match), route(name));
  }
  return service;
}

// The name of the route that a request takes; "none" for an unknown host.
class Asking {
 public:
  explicit Asking(ServiceRoutes service) {
    x_table.add("orders", std::move(service));
    ServiceRoutes billing;
    billing.hosts = {"billing", "orders"};
    billing.otherwise = route("billing");
    x_table.add("billing", std::move(billing));
  }

  std::string get(std::string_view target, std::string_view method = "GET") {
    http::RequestHead head;
    head.authority = x_authority;
    head.target = target;
    head.method_text = method;
    head.method = http::method_from(method);
    head.fields = x_fields;
    const Route* const found = x_table.find(head, x_arena);
    return found == nullptr ? "none" : found->name;
  }
  Asking& to(std::string_view authority) {
    x_authority = authority;
    return *this;
  }
  Asking& with(std::string_view name, std::string_view value) {
    x_fields.add(x_arena, name, value);
    return *this;
  }
  const RouteTable& table() const { return x_table; }

 private:
  RouteTable x_table;
  Arena x_arena{{}};
  std::string_view x_authority = "orders";
  http::Fields x_fields;
};

TEST(Router, FindsTheServiceByItsHost) {
  Asking ask(orders({}));
  EXPECT_EQ(ask.get("/"), "");
  EXPECT_EQ(ask.to("BILLING:8080").get("/"), "billing");
  EXPECT_EQ(ask.to("unknown").get("/"), "none");
  EXPECT_EQ(ask.to("").get("/"), "none");
}

TEST(Router, MatchesAPathExactlyOrByItsBeginning) {
  Asking ask(orders({{"exact", {.path = "/v1/item", .methods = {}, .headers = {}, .accept = {}}},
                     {"prefix", {.path = "/v2/*", .methods = {}, .headers = {}, .accept = {}}}}));
  EXPECT_EQ(ask.get("/v1/item"), "exact");
  EXPECT_EQ(ask.get("/v1/item?q=/v2/"), "exact");
  EXPECT_EQ(ask.get("/v1/item/"), "");
  EXPECT_EQ(ask.get("/v2/"), "prefix");
  EXPECT_EQ(ask.get("/v2/a/b"), "prefix");
  EXPECT_EQ(ask.get("/v2"), "");
  EXPECT_EQ(ask.get("*", "OPTIONS"), "");
}

TEST(Router, LetsNoOtherSpellingOfAPathGoAroundARoute) {
  Asking ask(orders({{"admin", {.path = "/admin/*", .methods = {}, .headers = {}, .accept = {}}},
                     {"dash", {.path = "/a%2db", .methods = {}, .headers = {}, .accept = {}}}}));
  for (const char* path : {"/admin/x", "//admin/x", "/./admin/x", "/x/../admin/x", "/%61dmin/x",
                           "/x/%2e%2e/admin/x", "/admin//x"}) {
    EXPECT_EQ(ask.get(path), "admin") << path;
  }
  EXPECT_EQ(ask.get("/admin%2Fx"), "");
  EXPECT_EQ(ask.get("/admin/../x"), "");
  EXPECT_EQ(ask.get("/a-b"), "dash");
}

TEST(Router, MatchesMethodsAndFields) {
  Asking ask(orders(
      {{"beta",
        {.path = "", .methods = {"GET", "LIST"}, .headers = {{"x-beta", "1"}}, .accept = {}}},
       {"json", {.path = "", .methods = {}, .headers = {{"accept", "text/json"}}, .accept = {}}}}));
  EXPECT_EQ(ask.get("/"), "");
  ask.with("X-Beta", "2").with("X-BETA", "1");
  EXPECT_EQ(ask.get("/"), "beta");
  EXPECT_EQ(ask.get("/", "LIST"), "beta");
  EXPECT_EQ(ask.get("/", "get"), "");
  EXPECT_EQ(ask.with("Accept", "text/json").get("/", "POST"), "json");
}

TEST(Router, MatchesWhatAcceptAsksFor) {
  Asking ask(orders({{"second",
                      {.path = "",
                       .methods = {},
                       .headers = {},
                       .accept = config::AcceptedType{"application/vnd.shop+json", "2"}}}}));
  EXPECT_EQ(ask.get("/"), "");
  ask.with("Accept", "application/vnd.shop+json;version=1");
  EXPECT_EQ(ask.get("/"), "");
  ask.with("Accept", "text/html, application/vnd.shop+json;version=2");
  EXPECT_EQ(ask.get("/"), "second");
}

TEST(Router, TakesTheFirstRouteThatMatches) {
  Asking ask(orders({{"first", {.path = "/a/*", .methods = {"GET"}, .headers = {}, .accept = {}}},
                     {"second", {.path = "/a/b", .methods = {}, .headers = {}, .accept = {}}}}));
  EXPECT_EQ(ask.get("/a/b"), "first");
  EXPECT_EQ(ask.get("/a/b", "PUT"), "second");
}

TEST(Router, StaysInTheServiceOfAListener) {
  Asking ask(orders({{"reads", {.path = "", .methods = {"GET"}, .headers = {}, .accept = {}}}}));
  const RouteTable& table = ask.table();
  Arena arena({});
  http::RequestHead head;
  head.authority = "billing";
  head.target = "/";
  head.method_text = "GET";
  EXPECT_EQ(table.find_in("orders", head, arena)->name, "reads");
  head.method_text = "POST";
  EXPECT_EQ(table.find_in("orders", head, arena), table.service("orders"));
  EXPECT_EQ(table.find_in("unknown", head, arena), nullptr);
  EXPECT_EQ(table.service("unknown"), nullptr);
}

TEST(Router, AllocatesNothingForAPathInCanonicalForm) {
  Asking ask(orders({{"prefix", {.path = "/v2/*", .methods = {}, .headers = {}, .accept = {}}}}));
  Arena arena({});
  http::RequestHead head;
  head.authority = "Orders:80";
  head.target = "/v2/items?x=%2e";
  ASSERT_NE(ask.table().find(head, arena), nullptr);
  EXPECT_EQ(arena.heap_bytes(), 0U);
}

class Redirected : public ::testing::Test {
 protected:
  void add(const std::string& name, config::Protocol protocol, std::vector<std::string> ranges) {
    ServiceRoutes service;
    service.hosts = {name};
    service.protocol = protocol;
    for (const std::string& range : ranges) {
      service.addresses.push_back(*AddressRange::parse(range));
    }
    service.otherwise = route(name);
    x_table.add(name, std::move(service));
  }
  static std::string name_of(const Route* found) { return found == nullptr ? "none" : found->name; }
  std::string opaque(std::string_view server_name, const std::string& to) {
    const Address original = *Address::parse(to);
    return name_of(x_table.find_opaque(server_name, &original));
  }
  std::string at(const std::string& to) {
    Arena arena({});
    return name_of(x_table.find_at(*Address::parse(to), http::RequestHead(), arena));
  }

  RouteTable x_table;
};

TEST_F(Redirected, GoesToTheNarrowestRangeThatIsClaimed) {
  add("all", config::Protocol::kAuto, {"10.0.0.0/8:*"});
  add("port", config::Protocol::kAuto, {"10.0.0.0/8:80"});
  add("net", config::Protocol::kAuto, {"10.1.0.0/16:*"});
  add("one", config::Protocol::kAuto, {"10.1.0.1:80", "[fd00::1]:80"});
  EXPECT_EQ(at("10.9.9.9:1"), "all");
  EXPECT_EQ(at("10.9.9.9:80"), "port");
  EXPECT_EQ(at("10.1.9.9:80"), "net");
  EXPECT_EQ(at("10.1.0.1:80"), "one");
  EXPECT_EQ(at("[fd00::1]:80"), "one");
  EXPECT_EQ(at("11.0.0.1:80"), "none");
}

TEST_F(Redirected, WhatIsOpaqueGoesToOpaqueServicesOnly) {
  add("web", config::Protocol::kAuto, {"10.1.0.0/16:*"});
  add("db", config::Protocol::kTcp, {"10.2.0.0/16:*"});
  add("vault", config::Protocol::kTls, {"10.3.0.0/16:*"});
  EXPECT_EQ(opaque("", "10.1.0.1:80"), "none");
  EXPECT_EQ(opaque("web", "10.9.0.1:80"), "none");
  EXPECT_EQ(opaque("db", "10.9.0.1:80"), "none");
  EXPECT_EQ(opaque("vault", "10.9.0.1:80"), "vault");
  EXPECT_EQ(opaque("vault", "10.2.0.1:80"), "vault");
  EXPECT_EQ(opaque("", "10.2.0.1:80"), "db");
  EXPECT_EQ(opaque("other", "10.3.0.1:80"), "vault");
  EXPECT_TRUE(x_table.is_opaque(*Address::parse("10.2.0.1:80")));
  EXPECT_FALSE(x_table.is_opaque(*Address::parse("10.3.0.1:80")));  // its name decides first
}

}  // namespace
}  // namespace outrigger::chain
