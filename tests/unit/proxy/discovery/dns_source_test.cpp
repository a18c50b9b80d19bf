#include "proxy/discovery/dns_source.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using io::Verdict;

class DnsSourceTest : public ::testing::Test {
 protected:
  void start() {
    source.emplace(world.loop.context(), world.surroundings().open_dns(registry), registry, memory,
                   "orders.svc", 8080, events);
    source->start();
    world.loop.run_until_idle();
  }
  // How long until the name is looked up once more.
  int64_t until_next_lookup() {
    const int64_t began = world.now_ms();
    const uint64_t before = world.names.lookups();
    EXPECT_TRUE(world.loop.run_until([&] { return world.names.lookups() > before; }, 900'000));
    world.loop.run_until_idle();
    return world.now_ms() - began;
  }
  void name_is(const Texts& ips, int64_t ttl_s = 10) { world.names.set("orders.svc", ips, ttl_s); }

  VirtualWorld world;
  config::DnsRegistryConfig registry;
  Memory memory;
  Recorder events;
  std::optional<DnsSource> source;
};

TEST_F(DnsSourceTest, ListsTheAddressesSortedAndOnceEachWithThePort) {
  name_is({"10.0.0.2", "::1", "10.0.0.1", "10.0.0.2"});
  start();
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:8080", "10.0.0.2:8080", "[::1]:8080"}));
  EXPECT_TRUE(source->answered());
}

TEST_F(DnsSourceTest, AsksAgainWhenTheTtlHasRunOutOrALittleLater) {
  name_is({"10.0.0.1"}, 20);
  start();
  name_is({"10.0.0.2"}, 20);
  std::map<int64_t, int> waits;
  for (int i = 0; i < 20; ++i) {
    const int64_t wait = until_next_lookup();
    EXPECT_GE(wait, 20'000);
    EXPECT_LE(wait, 22'000);
    ++waits[wait];
  }
  EXPECT_GT(waits.size(), 10U) << "a fleet must not ask in step";
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:8080"});
}

TEST_F(DnsSourceTest, AsksAtMostOnceInTtlMinHoweverSmallTheTtl) {
  name_is({"10.0.0.1"}, 0);
  start();
  for (int i = 0; i < 5; ++i) {
    const int64_t wait = until_next_lookup();
    EXPECT_GE(wait, 1'000);
    EXPECT_LE(wait, 1'100);
  }
}

TEST_F(DnsSourceTest, AsksAtLeastOnceInTtlMaxHoweverLargeTheTtl) {
  name_is({"10.0.0.1"}, 0x7fffffff);
  start();
  std::map<int64_t, int> waits;
  for (int i = 0; i < 5; ++i) {
    const int64_t wait = until_next_lookup();
    EXPECT_GE(wait, 270'000);
    EXPECT_LE(wait, 300'000);
    ++waits[wait];
  }
  EXPECT_GT(waits.size(), 1U);
}

TEST_F(DnsSourceTest, KeepsToTtlMinAndMaxWhenTheyAreOne) {
  registry.ttl_min_ms = registry.ttl_max_ms = 7'000;
  name_is({"10.0.0.1"}, 20);
  start();
  EXPECT_EQ(until_next_lookup(), 7'000);
}

TEST_F(DnsSourceTest, KeepsTheListWhenTheRegistryFails) {
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence}) {
    events = {};
    name_is({"10.0.0.1", "fd00::1"}, 1);
    start();
    world.names.set("orders.svc", verdict);
    world.loop.advance_ms(20'000);
    ASSERT_FALSE(events.failures.empty());
    EXPECT_EQ(events.failures[0], verdict == Verdict::kSilence
                                      ? "orders.svc: no name server answered in time"
                                      : "orders.svc: the name servers gave no usable answer");
    EXPECT_EQ(events.lists.size(), 1U);
    EXPECT_EQ(texts(source->list()), (Texts{"10.0.0.1:8080", "[fd00::1]:8080"}));
    world.loop.advance_ms(3'600'000);
    EXPECT_EQ(events.lists.size(), 1U);
    EXPECT_GE(source->age_ms(), 3'600'000);
    EXPECT_EQ(source->age_ms(), source->lapsed_ms());
  }
}

TEST_F(DnsSourceTest, AFailureOfOneFamilyKeepsItsListAndIsReported) {
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence}) {
    for (const io::RecordType failing : io::kAddressTypes) {
      events = {};
      name_is({"10.0.0.1", "fd00::1"}, 1);
      start();
      world.names.at("orders.svc", failing) = {.verdict = verdict};
      world.loop.advance_ms(60'000);
      EXPECT_EQ(texts(source->list()), (Texts{"10.0.0.1:8080", "[fd00::1]:8080"}));
      ASSERT_FALSE(events.failures.empty());
      EXPECT_TRUE(events.failures[0].starts_with(
          failing == io::RecordType::kA ? "orders.svc (A): " : "orders.svc (AAAA): "))
          << events.failures[0];
      EXPECT_GE(source->age_ms(), 55'000);
      EXPECT_EQ(source->lapsed_ms(), 0) << "the other family is in touch";
    }
  }
}

TEST_F(DnsSourceTest, WhatTheOtherFamilySaysIsTakenMeanwhileAndInTime) {
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence}) {
    name_is({"10.0.0.1", "fd00::1"}, 1);
    start();
    name_is({"10.0.0.2"}, 1);
    world.names.at("orders.svc", io::RecordType::kAaaa) = {.verdict = verdict};
    world.loop.advance_ms(2'000);
    EXPECT_EQ(events.latest(), (Texts{"10.0.0.2:8080", "[fd00::1]:8080"}));
    world.names.at("orders.svc", io::RecordType::kA).ips = {"10.0.0.3"};
    world.loop.advance_ms(3'500);
    EXPECT_EQ(events.latest(), (Texts{"10.0.0.3:8080", "[fd00::1]:8080"}));
  }
}

TEST_F(DnsSourceTest, AFamilyThatIsNeverAnsweredHoldsTheFirstListForTheResolutionDelay) {
  name_is({"10.0.0.1"}, 60);
  world.names.at("orders.svc", io::RecordType::kAaaa) = {.verdict = Verdict::kSilence};
  start();
  world.loop.advance_ms(50);
  EXPECT_TRUE(source->answered());
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:8080"});
}

TEST_F(DnsSourceTest, AFamilyThatSaysNothingIsNoEmptyListWhileTheOtherFails) {
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence}) {
    name_is({"10.0.0.1"}, 1);
    start();
    world.names.set("orders.svc", Verdict::kNoRecords);
    world.names.at("orders.svc", io::RecordType::kAaaa).verdict = verdict;
    world.loop.advance_ms(30'000);
    EXPECT_EQ(events.latest(), Texts{"10.0.0.1:8080"});
    // Whoever never had an address has not said that there is none either.
    source.reset();
    events = {};
    start();
    world.loop.advance_ms(30'000);
    EXPECT_FALSE(source->answered());
    EXPECT_FALSE(events.failures.empty());
  }
}

TEST_F(DnsSourceTest, AnotherConfigurationOfTheSystemIsUsedAtOnceAfterFailures) {
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence, Verdict::kNoName}) {
    events = {};
    world.names.set("orders.svc", verdict);
    world.names.set("orders.svc.right.test", {"10.0.0.1"});
    world.names.set_search_list({});
    start();
    world.loop.advance_ms(600'000);
    world.names.set_search_list({.domains = {"right.test"}, .ndots = 5});
    world.loop.advance_ms(1'000);
    EXPECT_EQ(events.latest(), Texts{"10.0.0.1:8080"});
  }
}

TEST_F(DnsSourceTest, ANameThatMovesToAnotherDomainTakesNothingAlong) {
  world.names.set_search_list({.domains = {"one.test", "two.test"}, .ndots = 5});
  world.names.set("orders.svc.two.test", {"10.0.0.2", "fd00::2"}, 1);
  start();
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.2:8080", "[fd00::2]:8080"}));
  world.names.set("orders.svc.one.test", {"10.0.0.1"}, 1);
  world.names.at("orders.svc.one.test", io::RecordType::kAaaa).verdict = Verdict::kError;
  world.loop.advance_ms(2'000);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:8080"});
}

TEST_F(DnsSourceTest, AsksAFailingRegistryAtMostOnceASecondAndLessAndLess) {
  world.names.set("orders.svc", io::Verdict::kError);
  start();
  EXPECT_FALSE(source->answered());
  for (int i = 0; i < 10; ++i) EXPECT_GE(until_next_lookup(), 1'000);
  const uint64_t before = world.names.lookups();
  world.loop.advance_ms(3'600'000);
  EXPECT_LT(world.names.lookups() - before, 360U);  // once in 15 s on average
  EXPECT_GT(world.names.lookups() - before, 120U);  // and at least once in 30 s
}

TEST_F(DnsSourceTest, ComesBackAtOnceAfterAFailure) {
  world.names.set("orders.svc", io::Verdict::kError);
  start();
  EXPECT_EQ(events.failures, Texts{"orders.svc: the name servers gave no usable answer"});
  name_is({"10.0.0.1"}, 5);
  until_next_lookup();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:8080"});
  EXPECT_EQ(source->age_ms(), 0);
  EXPECT_EQ(source->lapsed_ms(), 0);
  EXPECT_LE(until_next_lookup(), 5'500);
}

TEST_F(DnsSourceTest, ANameWithoutAddressesIsAnEmptyList) {
  world.names.set("orders.svc", io::Verdict::kNoName);
  start();
  EXPECT_TRUE(source->answered());
  EXPECT_EQ(events.latest(), Texts{});
  EXPECT_TRUE(events.failures.empty());
}

TEST_F(DnsSourceTest, AsksForANameWithoutAddressesLessAndLess) {
  world.names.set("orders.svc", io::Verdict::kNoName);
  start();
  EXPECT_LE(until_next_lookup(), 2'000);
  for (int i = 0; i < 10; ++i) {
    const int64_t wait = until_next_lookup();
    EXPECT_GE(wait, 1'000);
    EXPECT_LE(wait, 30'000);
  }
  name_is({"10.0.0.1"});
  until_next_lookup();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:8080"});
}

TEST_F(DnsSourceTest, BeginsWithWhatItsPredecessorKnew) {
  name_is({"10.0.0.1"});
  start();
  source->remember(memory);
  world.loop.advance_ms(1'000);
  world.names.set("orders.svc", io::Verdict::kSilence);
  world.names.answer_ms = 50;
  start();
  EXPECT_EQ(events.lists, (std::vector<Texts>{{"10.0.0.1:8080"}, {"10.0.0.1:8080"}}));
  EXPECT_EQ(source->age_ms(), 1'000);
  EXPECT_EQ(source->lapsed_ms(), 1'000);
}

TEST_F(DnsSourceTest, DestroyingItCancelsTheLookupSilently) {
  world.names.answer_ms = 100;
  name_is({"10.0.0.1"});
  start();
  source.reset();
  world.loop.advance_ms(10'000);
  EXPECT_TRUE(events.lists.empty());
  EXPECT_TRUE(world.loop.is_empty());
}

}  // namespace
}  // namespace outrigger::discovery
