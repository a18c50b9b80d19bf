// A Balancer over endpoints that a test adds, in time that it moves. For the tests of this folder;
// owned by each test.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/hash.hpp"
#include "proxy/upstream/balancer.hpp"

namespace outrigger::upstream {

using config::BalanceRule;

inline constexpr std::array kRules{BalanceRule::kLeastLoaded, BalanceRule::kRoundRobin,
                                   BalanceRule::kRandom, BalanceRule::kPeakEwma,
                                   BalanceRule::kHash};

// Takes the list as a whole; returns who has left it.
inline std::vector<std::shared_ptr<Endpoint>> take_list(Balancer& balancer,
                                                        std::shared_ptr<const EndpointSet> set) {
  balancer.view().begin(std::move(set));
  size_t budget = std::numeric_limits<size_t>::max();
  while (balancer.view().is_busy()) balancer.view().advance(budget);
  return balancer.view().take_gone();
}

class BalancerTest : public testing::Test {
 protected:
  ~BalancerTest() override { group->publish(nullptr); }

  std::shared_ptr<Endpoint> add(int weight = 1, bool terminating = false,
                                const std::string& zone = {}) {
    const uint8_t last = static_cast<uint8_t>(entries.size() % 250 + 1);
    const uint8_t third = static_cast<uint8_t>(entries.size() / 250);
    const std::array<uint8_t, 4> ip = {10, 0, third, last};
    auto endpoint = std::make_shared<Endpoint>(Address::from_bytes(ip, 80), group, now);
    auto known = std::find(zones.begin(), zones.end(), zone);
    if (known == zones.end()) known = zones.insert(zones.end(), zone);
    entries.push_back(
        {endpoint, weight, terminating, static_cast<uint16_t>(known - zones.begin())});
    return endpoint;
  }
  void publish() {
    auto set = std::make_shared<EndpointSet>();
    set->entries = entries;
    set->zones = zones;
    if (settings.rule == BalanceRule::kHash) set->make_table();
    group->publish(set);
    gone = take_list(balancer, set);
  }
  void make(int count, BalanceRule rule = BalanceRule::kLeastLoaded) {
    settings.rule = rule;
    balancer.set_settings(settings);
    for (int i = 0; i < count; ++i) add();
    publish();
  }
  Endpoint& at(size_t index) { return *entries[index].endpoint; }
  Pick pick(std::vector<const Endpoint*> avoid = {}) {
    std::vector<chain::EndpointId> ids;
    for (const Endpoint* endpoint : avoid) ids.push_back(chain::id_of(*endpoint));
    return balancer.pick(now, random, ids);
  }
  Endpoint* pick_for(uint64_t key, std::vector<const Endpoint*> avoid = {}) {
    std::vector<chain::EndpointId> ids;
    for (const Endpoint* endpoint : avoid) ids.push_back(chain::id_of(*endpoint));
    return balancer.pick(now, random, ids, mixed(key)).endpoint();
  }
  // Picks of short calls, one after the other.
  std::map<const Endpoint*, int> spread(int calls) {
    std::map<const Endpoint*, int> count;
    for (int i = 0; i < calls; ++i) {
      const bool hashes = settings.rule == BalanceRule::kHash;
      ++count[hashes ? pick_for(random.next()) : pick().endpoint()];
    }
    return count;
  }
  void open_circuit(Endpoint& endpoint) {
    for (int i = 0; i < 7; ++i) endpoint.circuit().admit(now).settle(true, now);
    ASSERT_EQ(endpoint.circuit().state(), EndpointCircuitState::kOpen);
  }

  int64_t now = 1'000'000;
  Random random{11};
  std::shared_ptr<EndpointGroup> group =
      std::make_shared<EndpointGroup>(config::EndpointCircuit{}, 3);
  std::vector<EndpointEntry> entries;
  std::vector<std::string> zones{""};
  BalancerSettings settings;
  Balancer balancer{settings};
  std::vector<std::shared_ptr<Endpoint>> gone;
};

}  // namespace outrigger::upstream
