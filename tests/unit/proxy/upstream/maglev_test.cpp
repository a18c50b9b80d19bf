#include "proxy/upstream/maglev.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/proxy/upstream/balancer_fixture.hpp"

namespace outrigger::upstream {
namespace {

std::vector<MaglevTable::Member> members(size_t count) {
  std::vector<MaglevTable::Member> all;
  for (size_t i = 0; i < count; ++i) all.push_back({mixed(i), 1});
  return all;
}

std::vector<int> slots_of(const MaglevTable& table, size_t count) {
  std::vector<int> slots(count);
  for (uint64_t i = 0; i < MaglevTable::kSlots; ++i) ++slots[table.at(i)];
  return slots;
}

TEST(Maglev, GivesEqualMembersEquallyManySlots) {
  for (const size_t count : {1, 2, 3, 100, 655, 10'000}) {
    const std::vector<int> slots = slots_of(MaglevTable(members(count)), count);
    const auto [least, most] = std::ranges::minmax(slots);
    EXPECT_LE(most - least, 1) << count;
  }
}

TEST(Maglev, GivesSlotsByWeight) {
  std::vector<MaglevTable::Member> all = members(4);
  const std::array<int, 4> weights = {1, 10, 989, 1'000};
  for (size_t i = 0; i < 4; ++i) all[i].weight = weights[i];
  const std::vector<int> slots = slots_of(MaglevTable(all), 4);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(slots[i], weights[i] * double{MaglevTable::kSlots} / 2'000, 2);
  }
}

TEST(Maglev, FillsUpWithMoreMembersThanSlots) {
  const MaglevTable table(members(70'000));
  EXPECT_LT(table.at(0), MaglevTable::kMaxEndpoints);
}

TEST(Maglev, DoesNotDependOnTheOrderOfTheList) {
  std::vector<MaglevTable::Member> all = members(50);
  for (size_t i = 0; i < 50; ++i) all[i].weight = static_cast<int>(i % 3 + 1);
  const MaglevTable table(all);
  std::ranges::reverse(all);
  const MaglevTable reversed(all);
  for (uint64_t i = 0; i < MaglevTable::kSlots; ++i) {
    ASSERT_EQ(table.at(i), 49 - reversed.at(i));
  }
}

class HashTest : public BalancerTest {
 protected:
  static constexpr uint64_t kKeys = 20'000;

  void make_hash(int count) {
    settings.rule = BalanceRule::kHash;
    make(count, BalanceRule::kHash);
  }
  std::vector<const Endpoint*> places() {
    std::vector<const Endpoint*> all;
    for (uint64_t key = 0; key < kKeys; ++key) all.push_back(pick_for(key));
    return all;
  }
  // The share of the keys that were not at `gone` and moved.
  static double moved(const std::vector<const Endpoint*>& before,
                      const std::vector<const Endpoint*>& after, const Endpoint* gone) {
    size_t others = 0;
    size_t moves = 0;
    for (size_t i = 0; i < before.size(); ++i) {
      if (before[i] == gone) continue;
      ++others;
      moves += before[i] == after[i] ? 0 : 1;
    }
    return static_cast<double>(moves) / static_cast<double>(others);
  }
};

TEST_F(HashTest, SendsAKeyToTheSameEndpoint) {
  make_hash(10);
  const auto first = places();
  EXPECT_EQ(places(), first);
}

TEST_F(HashTest, HardlyAnyOtherKeyMovesWhenAnEndpointLeavesTheList) {
  for (const int count : {3, 10, 50}) {
    entries.clear();
    make_hash(count);
    const auto before = places();
    const auto left = entries[1].endpoint;
    entries.erase(entries.begin() + 1);
    publish();
    EXPECT_LT(moved(before, places(), left.get()), 0.02) << count;
    for (const Endpoint* place : places()) ASSERT_NE(place, left.get());
  }
}

TEST_F(HashTest, NoOtherKeyMovesWhenAnEndpointIsNotEligible) {
  make_hash(10);
  const auto before = places();
  at(4).set_health(Health::kUnhealthy);
  const auto without = places();
  EXPECT_EQ(moved(before, without, &at(4)), 0);
  std::map<const Endpoint*, int> taken;
  for (size_t i = 0; i < kKeys; ++i) {
    if (before[i] == &at(4)) ++taken[without[i]];
  }
  EXPECT_EQ(taken.size(), 9U);  // the others take equal shares of its keys
  for (const auto& [endpoint, count] : taken) EXPECT_NEAR(count, kKeys / 90.0, kKeys / 300.0);
  at(4).set_health(Health::kHealthy);
  EXPECT_EQ(places(), before);
}

TEST_F(HashTest, ARetryGoesElsewhereAndAlwaysToTheSame) {
  make_hash(5);
  for (uint64_t key = 0; key < 100; ++key) {
    const Endpoint* first = pick_for(key);
    const Endpoint* second = pick_for(key, {first});
    EXPECT_NE(first, second);
    EXPECT_EQ(pick_for(key, {first}), second);
  }
}

TEST_F(HashTest, SlowStartTakesKeysOverOneByOneAndGivesNoneBack) {
  settings.slow_start_ms = 10'000;
  make_hash(4);
  now += 60'000;
  const auto newcomer = add();
  publish();
  std::vector<const Endpoint*> before = places();
  for (int step = 0; step < 10; ++step) {
    now += 1'000;
    const std::vector<const Endpoint*> after = places();
    for (size_t i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(before[i] == after[i] || after[i] == newcomer.get());
    }
    before = after;
  }
  EXPECT_NEAR(static_cast<double>(std::ranges::count(before, newcomer.get())), kKeys / 5.0,
              kKeys / 50.0);
}

TEST_F(HashTest, KeysThatWereInOurZoneStayWhenItSpills) {
  for (int i = 0; i < 9; ++i) add(1, false, i < 3 ? "a" : "b");
  balancer.set_zone("a");
  make_hash(0);
  const auto before = places();
  for (const Endpoint* place : before) {
    ASSERT_TRUE(place == &at(0) || place == &at(1) || place == &at(2));
  }
  at(0).set_health(Health::kUnhealthy);
  const auto after = places();
  for (size_t i = 0; i < kKeys; ++i) {
    if (after[i] != &at(1) && after[i] != &at(2)) continue;
    ASSERT_TRUE(after[i] == before[i] || before[i] == &at(0));
  }
}

TEST_F(HashTest, FindsTheFewThatAreLeft) {
  make_hash(400);
  settings.panic_below_share = 0;
  balancer.set_settings(settings);
  for (size_t i = 0; i < 399; ++i) at(i).set_health(Health::kUnhealthy);
  for (uint64_t key = 0; key < 100; ++key) EXPECT_EQ(pick_for(key), &at(399));
}

TEST_F(HashTest, WithoutAKeyOrATableTheLeastLoadedIsPicked) {
  make_hash(2);
  std::vector<Pick> held;
  for (int i = 0; i < 20; ++i) held.push_back(pick());
  EXPECT_EQ(at(0).outstanding(), 10);
  held.clear();
  auto set = std::make_shared<EndpointSet>();
  set->entries = entries;
  take_list(balancer, set);
  for (int i = 0; i < 20; ++i) held.push_back(balancer.pick(now, random, {}, 7));
  EXPECT_EQ(at(0).outstanding(), 10);
}

}  // namespace
}  // namespace outrigger::upstream
