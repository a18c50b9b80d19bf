// Self-registration, health checks and SRV names in the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Registrations, AreReadWithTheirDefaults) {
  const Config config = good("register: [{in: consul, name: billing, port: 8080}]");
  ASSERT_EQ(config.registrations.size(), 1U);
  const Registration& one = config.registrations.front();
  EXPECT_EQ(one.registry, "consul");
  EXPECT_EQ(one.name, "billing");
  EXPECT_EQ(one.port, 8080);
  EXPECT_EQ(one.address, std::nullopt);
  EXPECT_EQ(one.health, RegistrationHealth{});
}

TEST(Registrations, SayWhatIsWrong) {
  constexpr Case kCases[] = {
      {"register: [{in: consul, name: billing}]",
       "f:1:12: a registration has no \"port\"; write {in: consul, name: billing, port: 8080}"},
      {"register: [{in: consol, name: a, port: 1}]",
       "f:1:17: unknown registry to register in \"consol\"; did you mean \"consul\"?"},
      {"register: [{in: dns, name: a, port: 1}]",
       "f:1:17: unknown registry to register in \"dns\"; known here: consul, eureka"},
      {"register: [{in: eureka, name: a, port: 1, tags: [x]}]",
       "f:1:49: Eureka has no \"tags\"; use \"metadata\"?"},
      {"register: [{in: eureka, name: a, port: 1, health: {http: /h, by: registry}}]",
       "f:1:51: Eureka asks nobody; write by: sidecar"},
      {"register: [{in: consul, name: a, port: 1, health: {by: registry}}]",
       "f:1:56: the registry needs a path to ask: write http: /healthz"},
      {"register: [{in: consul, name: a, port: 1, address: here.test}]",
       "f:1:52: \"address\" is \"here.test\", not an IP address or auto; others must reach it: "
       "write "
       "no name and no port"},
      {"register: [{in: consul, name: a, port: 1}, {in: consul, name: a, port: 1}]",
       "f:1:44: \"a\" is registered there twice"},
  };
  expect_each(kCases);
}

TEST(HealthChecks, AskInOneWay) {
  constexpr Case kCases[] = {
      {"services: {a: {health_check: {interval: 1s}}}",
       "f:1:30: write one of http: PATH, grpc: NAME and tcp: on; `off` takes back another"},
      {"services: {a: {health_check: {http: /a, tcp: on}}}",
       "f:1:30: write one of http: PATH, grpc: NAME and tcp: on; `off` takes back another"},
      {"services: {a: {health_check: {http: a}}}",
       "f:1:37: \"http\" is \"a\", not a path; write /healthz, without blanks and #"},
      {"services: {a: {health_check: {tcp: on, timeout: 6s}}}",
       "f:1:49: \"timeout\" is longer than \"interval\""},
  };
  expect_each(kCases);
}

TEST(HealthChecks, OfALowerLayerAreTakenBack) {
  const Config config = good(
      "defaults: {health_check: {http: /up, interval: 2s}}\n"
      "services: {a: {health_check: {http: off, grpc: ''}}, b: {health_check: off}, c: }");
  ASSERT_TRUE(config.services[0].policy.health_check);
  EXPECT_EQ(config.services[0].policy.health_check->grpc, "");
  EXPECT_EQ(config.services[0].policy.health_check->interval_ms, 2'000);
  EXPECT_EQ(config.services[1].policy.health_check, std::nullopt);
  EXPECT_EQ(config.services[2].policy.health_check->http, "/up");
}

TEST(SrvNames, StandAlone) {
  EXPECT_THAT(mistakes("services: {a: {endpoints: {dns: {srv: _http._tcp.a.test, port: 80}}}}"),
              ElementsAre("f:1:39: \"srv\" has ports and names of its own; remove \"name\" and "
                          "\"port\""));
  const Config config = good("services: {a: {endpoints: {dns: {srv: _http._tcp.Orders.test}}}}");
  EXPECT_EQ(config.services[0].endpoints.dns_srv, "_http._tcp.orders.test");
  EXPECT_THAT(config.services[0].hosts, ElementsAre("a", "orders.test"));
  EXPECT_THAT(mistakes("services: {a: {endpoints: {dns: {srv: a.b, registry: dns}}}}"), IsEmpty());
}

}  // namespace
}  // namespace outrigger::config::test
