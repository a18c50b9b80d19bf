#include "proxy/discovery/discovery.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using config::EndpointSource;

EndpointSource fixed(const Texts& addresses) {
  EndpointSource source;
  source.kind = EndpointSource::Kind::kStatic;
  for (const auto& address : addresses) source.endpoints.push_back({address});
  return source;
}

EndpointSource dns(const std::string& name) {
  EndpointSource source;
  source.kind = EndpointSource::Kind::kDns;
  source.dns_name = name;
  source.dns_port = 80;
  return source;
}

EndpointSource of(EndpointSource::Kind kind, std::vector<EndpointSource> parts) {
  EndpointSource source;
  source.kind = kind;
  source.parts = std::move(parts);
  return source;
}

class DiscoveryTest : public ::testing::Test, public DiscoveryEvents {
 protected:
  void on_endpoints(const std::string& service,
                    std::shared_ptr<const upstream::EndpointSet> endpoints) override {
    Texts list;
    for (const auto& entry : endpoints->entries) list.push_back(entry.endpoint->name());
    came.push_back(service);
    lists[service] = list;
    EXPECT_EQ(services.find(service)->endpoints(), endpoints);
  }
  void on_discovery_failed(const std::string& service, SourceKind source,
                           const std::string& why) override {
    failures.push_back(service + ": " + std::string(to_string(source)) + ": " + why);
  }

  void on_list_doubted(const std::string& service, size_t lost, size_t of) override {
    doubts.push_back(service + ": " + std::to_string(lost) + " of " + std::to_string(of));
  }

  void set(const std::string& name, EndpointSource source) {
    for (auto& service : config.services) {
      if (service.name == name) return void(service.endpoints = std::move(source));
    }
    config.services.push_back({.name = name,
                               .hosts_auto = true,
                               .hosts = {},
                               .addresses = {},
                               .endpoints = std::move(source),
                               .policy = {},
                               .routes = {}});
  }
  void apply() {
    for (const auto& service : config.services) {
      services.service(service.name, service.policy, world.now_ms());
    }
    discovery->apply(config, services);
    world.loop.run_until_idle();
  }
  void name_is(const std::string& name, const Texts& ips) { world.names.set(name, ips, 10); }
  void name_fails(const std::string& name) { world.names.set(name, io::Verdict::kError); }
  void name_is_empty(const std::string& name) { world.names.set(name, io::Verdict::kNoName); }
  upstream::DiscoveryFacts facts() const { return services.find("orders")->discovery(); }

  VirtualWorld world;
  config::Config config;
  upstream::Services services{upstream::UpstreamContext{}};
  std::optional<Discovery> discovery{std::in_place, world.surroundings(), world.access(), *this};
  Texts came;  // services, in the order of their lists
  std::map<std::string, Texts> lists;
  Texts failures;
  Texts doubts;
};

TEST_F(DiscoveryTest, AFixedListIsThereWhenApplyReturns) {
  set("orders", fixed({"10.0.0.1:80", "10.0.0.2:80"}));
  services.service("orders", {}, world.now_ms());
  discovery->apply(config, services);
  EXPECT_EQ(lists["orders"], (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
  EXPECT_TRUE(discovery->all_answered());
}

TEST_F(DiscoveryTest, AServiceWithoutASourceHasAnEmptyList) {
  set("orders", {});
  apply();
  EXPECT_EQ(came, Texts{"orders"});
  EXPECT_EQ(lists["orders"], Texts{});
}

TEST_F(DiscoveryTest, OriginalDestinationsNeedNoList) {
  EndpointSource original;
  original.kind = EndpointSource::Kind::kOriginal;
  set("orders", original);
  apply();
  EXPECT_EQ(lists["orders"], Texts{});
  EXPECT_TRUE(discovery->all_answered());
  EXPECT_EQ(failures, Texts{});
}

TEST_F(DiscoveryTest, AllHaveAnsweredWhenTheSlowestHas) {
  world.names.answer_ms = 50;
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  set("users", fixed({"10.0.0.9:80"}));
  apply();
  EXPECT_FALSE(discovery->all_answered());
  EXPECT_EQ(discovery->age_ms("orders"), std::nullopt);
  world.loop.advance_ms(50);
  EXPECT_TRUE(discovery->all_answered());
  EXPECT_EQ(lists["orders"], Texts{"10.0.0.1:80"});
}

TEST_F(DiscoveryTest, ARegistryThatSaysThatItIsEmptyHasAnswered) {
  name_is_empty("orders.svc");
  set("orders", dns("orders.svc"));
  apply();
  EXPECT_TRUE(discovery->all_answered());
  EXPECT_EQ(lists["orders"], Texts{});
}

TEST_F(DiscoveryTest, ANewListReachesTheServiceAndTheListener) {
  name_is("orders.svc", {"10.0.0.1", "10.0.0.2"});
  set("orders", dns("orders.svc"));
  apply();
  const auto removed = services.find("orders")->find_endpoint(*Address::parse("10.0.0.1:80"));
  ASSERT_TRUE(removed->is_listed());
  name_is("orders.svc", {"10.0.0.2", "10.0.0.3"});
  world.loop.advance_ms(11'000);
  EXPECT_EQ(lists["orders"], (Texts{"10.0.0.2:80", "10.0.0.3:80"}));
  EXPECT_FALSE(removed->is_listed());
}

TEST_F(DiscoveryTest, AnAnswerThatChangesNothingIsNoNewsButRenewsTheAge) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  const auto version = services.find("orders")->endpoints()->version;
  world.loop.advance_ms(3'600'000);
  EXPECT_EQ(came.size(), 1U);
  EXPECT_EQ(services.find("orders")->endpoints()->version, version);
  EXPECT_LE(discovery->age_ms("orders"), 11'000);
  EXPECT_LE(world.now_ms() - facts().answered_at_ms, 11'000);
}

TEST_F(DiscoveryTest, RegistryErrorsNeverRemoveAnEndpointAndTheListAges) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  name_fails("orders.svc");
  world.loop.advance_ms(7'200'000);
  EXPECT_EQ(came.size(), 1U);
  EXPECT_EQ(services.find("orders")->endpoints()->entries.size(), 1U);
  EXPECT_EQ(discovery->age_ms("orders"), 7'200'000);
  EXPECT_TRUE(discovery->all_answered());
  EXPECT_EQ(facts().last_error, "orders.svc: the name servers gave no usable answer");
  EXPECT_GT(discovery->errors("orders").at(SourceKind::kDns), 200U);
  EXPECT_EQ(discovery->errors("orders").at(SourceKind::kDns), facts().errors);
  EXPECT_EQ(discovery->errors("orders").at(SourceKind::kDns), failures.size());
  EXPECT_EQ(discovery->errors("orders").size(), 1U);
  EXPECT_TRUE(discovery->errors("nobody").empty());
  EXPECT_EQ(failures.front(), "orders: dns: orders.svc: the name servers gave no usable answer");
  name_is("orders.svc", {"10.0.0.1"});
  world.loop.advance_ms(30'000);
  EXPECT_EQ(facts().last_error, "");
}

TEST_F(DiscoveryTest, AnEmptyAnswerKeepsTheLastListForKeepLast) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  name_is_empty("orders.svc");
  world.loop.advance_ms(600'000);
  EXPECT_EQ(came.size(), 1U);
  world.loop.advance_ms(12'000);
  EXPECT_EQ(lists["orders"], Texts{});
}

TEST_F(DiscoveryTest, AFlappingRegistryLosesNoEndpointAndIsAskedAtMostOnceASecond) {
  world.names.set("orders.svc", {"10.0.0.1"}, 0);
  set("orders", dns("orders.svc"));
  apply();
  Random random(3);
  for (int second = 0; second < 1'800; ++second) {
    switch (random.below(3)) {
      case 0:
        world.names.set("orders.svc", {"10.0.0.1"}, random.below(2));
        break;
      case 1:
        name_fails("orders.svc");
        break;
      default:
        name_is_empty("orders.svc");
    }
    world.loop.advance_ms(1'000);
  }
  EXPECT_EQ(came.size(), 1U);
  EXPECT_LE(world.names.lookups(), 1'801U);
  EXPECT_GT(world.names.lookups(), 500U);
}

TEST_F(DiscoveryTest, RefuseEmptiesTheListAtOnce) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  config.services[0].policy.keep_last_ms.reset();
  apply();
  name_is_empty("orders.svc");
  world.loop.advance_ms(11'000);
  EXPECT_EQ(lists["orders"], Texts{});
}

TEST_F(DiscoveryTest, InAUnionEachPartKeepsItsLastList) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", of(EndpointSource::Kind::kUnion, {dns("orders.svc"), fixed({"10.9.0.1:80"})}));
  apply();
  EXPECT_EQ(lists["orders"], (Texts{"10.0.0.1:80", "10.9.0.1:80"}));
  name_is_empty("orders.svc");
  world.loop.advance_ms(60'000);
  EXPECT_EQ(came.size(), 1U);
  world.loop.advance_ms(600'000);
  EXPECT_EQ(lists["orders"], Texts{"10.9.0.1:80"});
}

TEST_F(DiscoveryTest, AFirstOfLeavesAnEmptyRegistryAtOnce) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", of(EndpointSource::Kind::kFirstOf, {dns("orders.svc"), fixed({"10.9.0.1:80"})}));
  apply();
  EXPECT_EQ(lists["orders"], Texts{"10.0.0.1:80"});
  name_is_empty("orders.svc");
  world.loop.advance_ms(11'000);
  EXPECT_EQ(lists["orders"], Texts{"10.9.0.1:80"});
  name_is("orders.svc", {"10.0.0.1"});
  world.loop.advance_ms(31'000);
  world.loop.advance_ms(30'000);
  EXPECT_EQ(lists["orders"], Texts{"10.0.0.1:80"});
}

TEST_F(DiscoveryTest, UnchangedSourcesStayAcrossAConfiguration) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  const uint64_t lookups = world.names.lookups();
  set("users", fixed({"10.0.0.9:80"}));
  config.services[0].policy.timeout.request_ms = 77;
  apply();
  EXPECT_EQ(world.names.lookups(), lookups);
  EXPECT_EQ(world.opened, 1);
  EXPECT_EQ(came, (Texts{"orders", "users"}));
}

TEST_F(DiscoveryTest, AChangedKeepLastCountsFromTheNextEmptyAnswer) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  config.services[0].policy.keep_last_ms = 60'000;
  apply();
  EXPECT_EQ(world.names.lookups(), 1U);
  name_is_empty("orders.svc");
  world.loop.advance_ms(72'000);
  EXPECT_EQ(lists["orders"], Texts{});
}

TEST_F(DiscoveryTest, AChangedSourceStartsAnewAndTheOldListServesUntilItsAnswer) {
  set("orders", fixed({"10.0.0.1:80"}));
  apply();
  name_fails("orders.svc");
  set("orders", dns("orders.svc"));
  apply();
  EXPECT_FALSE(discovery->all_answered());
  EXPECT_EQ(services.find("orders")->endpoints()->entries.size(), 1U);
  EXPECT_EQ(came.size(), 1U);
  name_is("orders.svc", {"10.0.0.2"});
  world.loop.advance_ms(5'000);
  EXPECT_EQ(lists["orders"], Texts{"10.0.0.2:80"});
}

TEST_F(DiscoveryTest, ARegistryThatFailsAcrossAConfigurationLosesNoEndpoint) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  name_fails("orders.svc");
  world.loop.advance_ms(60'000);
  set("orders", of(EndpointSource::Kind::kUnion, {dns("orders.svc"), fixed({"10.9.0.1:80"})}));
  apply();
  world.loop.advance_ms(3'600'000);
  EXPECT_EQ(lists["orders"], (Texts{"10.0.0.1:80", "10.9.0.1:80"}));
  EXPECT_EQ(discovery->age_ms("orders"), 3'660'000);
}

TEST_F(DiscoveryTest, AChangedRegistryAsksItsNewServers) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  set("users", fixed({"10.0.0.9:80"}));
  apply();
  config.registries.dns[0].servers = {"10.0.0.53"};
  apply();
  EXPECT_EQ(world.opened, 2);
  EXPECT_EQ(world.names.lookups(), 2U);
  EXPECT_EQ(came, (Texts{"users", "orders"})) << "the same list is no news";
}

TEST_F(DiscoveryTest, AServiceThatIsGoneIsAskedForNoLonger) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  config.services.clear();
  apply();
  world.loop.advance_ms(3'600'000);
  EXPECT_EQ(world.names.lookups(), 1U);
  EXPECT_EQ(discovery->age_ms("orders"), std::nullopt);
  EXPECT_TRUE(world.loop.is_empty());
}

TEST_F(DiscoveryTest, AServiceThatWasForgottenAndCameBackGetsItsList) {
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  services.keep_only({}, {});
  apply();
  EXPECT_EQ(came, (Texts{"orders", "orders"}));
  EXPECT_EQ(services.find("orders")->endpoints()->entries.size(), 1U);
}

TEST_F(DiscoveryTest, EndsSilentlyWithALookupUnderWay) {
  world.names.answer_ms = 100;
  name_is("orders.svc", {"10.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  discovery.reset();
  world.loop.advance_ms(10'000);
  EXPECT_TRUE(came.empty());
  EXPECT_TRUE(world.loop.is_empty());
}

TEST_F(DiscoveryTest, TakesAtMostTenThousandEndpointsOfAServiceAndSaysSo) {
  Texts many;
  for (int i = 0; i < 10'200; ++i) {
    many.push_back("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":80");
  }
  set("orders", fixed(many));
  apply();
  EXPECT_EQ(lists["orders"].size(), 10'000U);
  EXPECT_EQ(facts().last_error, "more than 10000 endpoints; 200 are left out");
  EXPECT_EQ(discovery->left_out("orders"), 200U);
  EXPECT_EQ(discovery->left_out("nobody"), 0U);
}

TEST_F(DiscoveryTest, OfTooManyEndpointsThoseThatServeStay) {
  Texts all;
  for (int i = 0; i < 10'200; ++i) {
    all.push_back("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
  }
  name_is("orders.svc", {all.begin() + 200, all.end()});
  set("orders", dns("orders.svc"));
  apply();
  const Texts before = lists["orders"];
  ASSERT_EQ(before.size(), 10'000U);
  name_is("orders.svc", all);
  world.loop.advance_ms(15'000);
  EXPECT_EQ(lists["orders"], before);
  EXPECT_EQ(discovery->left_out("orders"), 200U);
  world.loop.advance_ms(60'000);
  EXPECT_EQ(facts().errors, 1U) << "many answers, and one error until it is another";
  EXPECT_EQ(facts().last_error, "more than 10000 endpoints; 200 are left out");
  // One goes: one of those that were left out takes its place.
  name_is("orders.svc", {all.begin(), all.end() - 1});
  world.loop.advance_ms(15'000);
  EXPECT_EQ(lists["orders"].size(), 10'000U);
  EXPECT_EQ(discovery->left_out("orders"), 199U);
  EXPECT_EQ(facts().errors, 2U);
  name_is("orders.svc", {"10.0.0.1"});
  world.loop.advance_ms(15'000);
  EXPECT_EQ(discovery->left_out("orders"), 0U);
}

TEST_F(DiscoveryTest, AllServicesTogetherHaveABoundToo) {
  for (int service = 0; service < 5; ++service) {
    Texts many;
    for (int i = 0; i < 4'500; ++i) {
      many.push_back("10." + std::to_string(service) + "." + std::to_string(i / 250) + "." +
                     std::to_string(i % 250 + 1) + ":80");
    }
    set("s" + std::to_string(service), fixed(many));
  }
  apply();
  size_t sum = 0;
  for (const auto& [name, list] : lists) sum += list.size();
  EXPECT_EQ(sum, Discovery::kMaxEndpointsInAll);
  EXPECT_EQ(discovery->left_out("s4"), 2'500U);
}

TEST_F(DiscoveryTest, LeavesOutWhatIsNoAddressOfAnInstance) {
  name_is("orders.svc", {"0.0.0.0", "224.0.0.1", "::", "ff02::1", "169.254.169.254", "127.0.0.1"});
  set("orders", dns("orders.svc"));
  apply();
  EXPECT_EQ(lists["orders"], (Texts{"127.0.0.1:80", "169.254.169.254:80"}));
  EXPECT_EQ(facts().last_error, "[ff02::1]:80 is no address of an instance; left out");
  EXPECT_EQ(failures.size(), 1U);
}

TEST_F(DiscoveryTest, PortZeroIsNoEndpoint) {
  set("orders", fixed({"10.0.0.1:0", "10.0.0.2:80", "10.0.0.2:80"}));
  apply();
  EXPECT_EQ(lists["orders"], Texts{"10.0.0.2:80"});
}

}  // namespace
}  // namespace outrigger::discovery
