#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using ::testing::ElementsAre;

TEST(Registries, MistakesHaveTheirPlaces) {
  constexpr Case kCases[] = {
      {"registries: {corp: {kind: consu}}",
       "f:1:27: unknown registry kind \"consu\"; did you mean \"consul\"?"},
      {"registries: {consul: {kind: dns}}",
       "f:1:29: the registry \"consul\" is of kind consul; give this one another name"},
      {"registries: {consul: {url: \"consul:8500\"}}",
       "f:1:28: \"url\" is \"consul:8500\", not a URL; write http://HOST:PORT or "
       "https://HOST:PORT"},
      {"registries: {consul: {tls: on}}", "f:1:28: \"tls\" is set, but the URL is not https"},
      {"registries: {eureka: {tls: on}}", "f:1:28: \"tls\" is set, but no URL is https"},
      {"services: {a: {endpoints: {consul: {}}}}",
       "f:1:36: \"consul\" has no \"service\"; write consul: {service: NAME}"},
      {"services: {a: {endpoints: {consul: {service: \"a/b\"}}}}",
       "f:1:46: \"service\" is \"a/b\", not a name; letters, digits and - _ . at most"},
      {"services: {a: {endpoints: {eureka: {app: A, vip: a}}}}",
       "f:1:36: write eureka: {app: NAME} or eureka: {vip: NAME}"},
      {"services: {a: {endpoints: {kubernetes: {port: http}}}}",
       "f:1:40: \"kubernetes\" has no \"service\"; write kubernetes: {service: NAME}"},
      {"services: {a: {endpoints: {consul: {service: a, registry: eureka}}}}",
       "f:1:59: unknown consul registry \"eureka\"; known here: consul"},
  };
  expect_each(kCases);
}

std::vector<std::string> hosts_of(const std::string& endpoints) {
  return good("services: {orders: {endpoints: {" + endpoints + "}}}").services.front().hosts;
}

TEST(Registries, ImplyTheHostsThatCallersKnow) {
  EXPECT_THAT(hosts_of("consul: {service: Stock}"), ElementsAre("orders", "stock.service.consul"));
  EXPECT_THAT(hosts_of("eureka: {app: STOCK}"), ElementsAre("orders"));
  EXPECT_THAT(hosts_of("kubernetes: {service: stock}"), ElementsAre("orders", "stock"));
  EXPECT_THAT(
      hosts_of("kubernetes: {service: orders, namespace: shop}"),
      ElementsAre("orders", "orders.shop", "orders.shop.svc", "orders.shop.svc.cluster.local"));
}

TEST(Registries, SeveralOfOneKindHaveNames) {
  const Config config = good(
      "registries: {eu: {kind: consul, url: \"https://consul.eu:8501\", tls: on}}\n"
      "services: {a: {endpoints: {consul: {service: a, registry: eu}}}}");
  ASSERT_EQ(config.registries.consul.size(), 2U);
  EXPECT_EQ(config.registries.consul[1].name, "eu");
  EXPECT_EQ(config.registries.consul[1].url, "https://consul.eu:8501");
  EXPECT_EQ(config.services.front().endpoints.registry, "eu");
}

}  // namespace
}  // namespace outrigger::config::test
