#include "proxy/upstream/service.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "proxy/upstream/balancer.hpp"
#include "tests/unit/proxy/upstream/balancer_fixture.hpp"

namespace outrigger::upstream {
namespace {

Address address(const std::string& text) { return *Address::parse(text); }

class ServiceTest : public testing::Test {
 protected:
  std::shared_ptr<const EndpointSet> list(const std::vector<std::string>& addresses) {
    std::vector<ListedAddress> listed;
    for (const auto& text : addresses) listed.push_back({address(text)});
    return service.set_endpoints(listed, now);
  }

  int64_t now = 1'000'000;
  config::Policy policy;
  Service service{"orders", policy, UpstreamContext{}, now};
};

TEST_F(ServiceTest, HasNoListBeforeTheFirstAnswer) {
  EXPECT_EQ(service.endpoints(), nullptr);
  EXPECT_FALSE(service.discovery().answered);
}

TEST_F(ServiceTest, KeepsEndpointsThatStayInTheList) {
  const auto first = list({"10.0.0.1:80", "10.0.0.2:80"});
  const auto second = list({"10.0.0.2:80", "10.0.0.3:80"});
  EXPECT_EQ(second->entries[0].endpoint, first->entries[1].endpoint);
  EXPECT_GT(second->version, first->version);
  EXPECT_FALSE(first->entries[0].endpoint->is_listed());
  EXPECT_EQ(service.endpoints(), second);
}

TEST_F(ServiceTest, AnAddressThatComesTwiceCountsOnce) {
  EXPECT_EQ(list({"10.0.0.1:80", "10.0.0.1:80"})->entries.size(), 1U);
}

TEST_F(ServiceTest, TakesWeightsFromEachList) {
  service.set_endpoints({{address("10.0.0.1:80"), 3, false}}, now);
  const auto set = service.set_endpoints({{address("10.0.0.1:80"), 7, false}}, now);
  EXPECT_EQ(set->entries[0].weight, 7);
}

TEST_F(ServiceTest, TakesZonesFromEachList) {
  const auto zones_of = [](const EndpointSet& set) {
    std::vector<std::string> zones;
    for (const EndpointEntry& entry : set.entries) zones.push_back(set.zone_of(entry));
    return zones;
  };
  const Address one = address("10.0.0.1:80");
  const Address two = address("10.0.0.2:80");
  const Address three = address("10.0.0.3:80");
  auto set = service.set_endpoints({{one, 1, false, "a"}, {two}, {three, 1, false, "a"}}, now);
  EXPECT_EQ(zones_of(*set), (std::vector<std::string>{"a", "", "a"}));
  EXPECT_EQ(set->zones.size(), 2U);
  set = service.set_endpoints({{one, 1, false, "b"}, {two}}, now);
  EXPECT_EQ(zones_of(*set), (std::vector<std::string>{"b", ""}));
}

TEST_F(ServiceTest, KeepsABoundedNumberOfZones) {
  std::vector<ListedAddress> listed;
  for (size_t i = 1; i <= EndpointSet::kMaxZones + 1; ++i) {
    const std::string text = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    listed.push_back({address(text + ":80"), 1, false, "zone-" + std::to_string(i)});
  }
  const auto set = service.set_endpoints(listed, now);
  EXPECT_EQ(set->zone_of(set->entries[EndpointSet::kMaxZones - 1]), "zone-1000");
  EXPECT_EQ(set->zone_of(set->entries.back()), "");
}

TEST_F(ServiceTest, HasATableOfItsListWhileItBalancesByAHash) {
  const auto before = list({"10.0.0.1:80", "10.0.0.2:80"});
  EXPECT_EQ(before->table, nullptr);
  policy.balance.rule = config::BalanceRule::kHash;
  service.set_policy(policy, now);
  const auto with = service.endpoints();
  ASSERT_NE(with->table, nullptr);
  EXPECT_EQ(with->entries[1].endpoint, before->entries[1].endpoint);
  service.set_policy(policy, now);
  EXPECT_EQ(service.endpoints(), with);
  EXPECT_NE(list({"10.0.0.3:80"})->table, nullptr);
  EXPECT_EQ(list({})->table, nullptr);
  list({"10.0.0.3:80"});
  policy.balance.rule = config::BalanceRule::kRandom;
  service.set_policy(policy, now);
  EXPECT_EQ(service.endpoints()->table, nullptr);
}

TEST_F(ServiceTest, RemembersARemovedEndpointForAWhile) {
  const auto before = list({"10.0.0.1:80", "10.0.0.2:80"})->entries[0].endpoint;
  before->set_operator_state(OperatorState::kDrain);
  list({"10.0.0.2:80"});
  now += 60'000;
  const auto after = list({"10.0.0.1:80", "10.0.0.2:80"})->entries[0].endpoint;
  EXPECT_EQ(after, before);
  EXPECT_EQ(after->operator_state(), OperatorState::kDrain);
  EXPECT_EQ(after->listed_since_ms(), now);
  list({"10.0.0.2:80"});
  now += Service::kForgetRemovedMs;
  list({"10.0.0.2:80"});
  EXPECT_EQ(service.find_endpoint(address("10.0.0.1:80")), nullptr);
}

TEST_F(ServiceTest, AFailedSourceRemovesNobody) {
  const auto set = list({"10.0.0.1:80"});
  now += 5'000;
  service.discovery_failed("no route to host");
  EXPECT_EQ(service.endpoints(), set);
  const DiscoveryFacts facts = service.discovery();
  EXPECT_EQ(facts.last_error, "no route to host");
  EXPECT_EQ(facts.errors, 1U);
  EXPECT_EQ(now - facts.answered_at_ms, 5'000);
  list({"10.0.0.1:80"});
  EXPECT_EQ(service.discovery().last_error, "");
}

TEST_F(ServiceTest, AConfirmedListIsFreshAndTheSame) {
  const auto set = list({"10.0.0.1:80"});
  service.discovery_failed("no route to host");
  now += 5'000;
  service.discovery_confirmed(now);
  EXPECT_EQ(service.endpoints(), set);
  EXPECT_EQ(service.discovery().answered_at_ms, now);
  EXPECT_EQ(service.discovery().last_error, "");
}

TEST_F(ServiceTest, AChangedPolicyKeepsStateAndCounts) {
  Random random(1);
  list({"10.0.0.1:80", "10.0.0.2:80"});
  const Permit permit = service.limit().queue(0).try_acquire();
  service.circuit().admit(now, random).token.settle(Verdict::kFailure, now);
  service.circuit().force(CircuitForce::kForcedOpen, now);
  policy.limits.outstanding = 1;
  policy.retry->budget_share = 0.5;
  policy.circuit->min_requests = 5;
  policy.endpoint_circuit.reset();
  service.set_policy(policy, now);
  EXPECT_EQ(service.circuit().state(), CircuitState::kForcedOpen);
  EXPECT_EQ(service.circuit().snapshot(now).counts.failed, 1U);
  EXPECT_EQ(service.circuit().snapshot(now).settings->min_requests, 5);
  EXPECT_EQ(service.limit().outstanding(), 1);
  EXPECT_EQ(service.limit().limit(), 1);
  EXPECT_FALSE(service.limit().queue(0).try_acquire().holds());
  EXPECT_TRUE(service.endpoint_group().is_off());
}

TEST(Services, KeepWhatTheyKnowByName) {
  Services services({});
  config::Policy policy;
  const auto orders = services.service("orders", policy, 1'000);
  const auto reads = services.route("orders/reads", policy, 1'000);
  EXPECT_EQ(services.service("orders", policy, 2'000), orders);
  EXPECT_EQ(services.route("orders/reads", policy, 2'000), reads);
  EXPECT_EQ(services.find("orders"), orders);
  EXPECT_EQ(services.find("billing"), nullptr);
  EXPECT_EQ(reads->circuit.name(), "orders/reads");
  EXPECT_NE(&reads->circuit, &orders->circuit());
  services.keep_only({}, {"orders/reads"});
  EXPECT_EQ(services.find("orders"), nullptr);
  EXPECT_EQ(services.find_route("orders/reads"), reads);
}

TEST(ServiceLifetime, EndpointsMayOutliveTheirService) {
  std::shared_ptr<const EndpointSet> set;
  std::weak_ptr<Endpoint> endpoint;
  {
    Service service("orders", config::Policy{}, UpstreamContext{}, 1'000);
    set = service.set_endpoints({{address("10.0.0.1:80")}, {address("10.0.0.2:80")}}, 1'000);
    endpoint = set->entries[0].endpoint;
  }
  for (int i = 0; i < 20; ++i) {
    set->entries[0].endpoint->circuit().admit(1'000).settle(true, 1'000);
  }
  EXPECT_EQ(set->entries[0].endpoint->circuit().state(), EndpointCircuitState::kClosed);
  set.reset();
  EXPECT_TRUE(endpoint.expired());
}

// Workers pick and settle while the lists change: nothing is lost and nobody is left over.
TEST(ServiceThreads, WorkersCallWhileListsChange) {
  Service service("orders", config::Policy{}, UpstreamContext{}, 1'000'000);
  const std::vector<ListedAddress> many = {
      {address("10.0.0.1:80")}, {address("10.0.0.2:80")}, {address("10.0.0.3:80")}};
  const std::vector<ListedAddress> few = {{address("10.0.0.2:80")}};
  service.set_endpoints(many, 1'000'000);
  std::vector<std::thread> workers;
  for (int t = 0; t < 3; ++t) {
    workers.emplace_back([&, t] {
      Balancer balancer{BalancerSettings{}};
      Random random(static_cast<uint64_t>(t));
      uint64_t version = 0;
      std::vector<Pick> held;
      for (int i = 0; i < 5'000; ++i) {
        const int64_t now = 1'000'000 + i;
        if (i % 50 == 0) {
          const auto set = service.endpoints();
          if (set->version != version) take_list(balancer, set);
          version = set->version;
        }
        held.push_back(balancer.pick(now, random));
        ASSERT_NE(held.back().endpoint(), nullptr);
        if (held.size() < 8) continue;
        held.front().lease.settle(random.chance(0.5), now);
        held.erase(held.begin());
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    service.set_endpoints(i % 2 == 0 ? few : many, 1'000'000 + i);
    std::this_thread::yield();
  }
  for (auto& worker : workers) worker.join();
  for (const auto& entry : service.endpoints()->entries) {
    EXPECT_EQ(entry.endpoint->outstanding(), 0);
  }
}

}  // namespace
}  // namespace outrigger::upstream
