#include "proxy/discovery/dns_source.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

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
    const uint64_t before = world.network.lookups();
    EXPECT_TRUE(world.loop.run_until([&] { return world.network.lookups() > before; }, 900'000));
    world.loop.run_until_idle();
    return world.now_ms() - began;
  }
  void name_is(const Texts& ips, int64_t ttl_s = 10) {
    world.network.set_name("orders.svc", resolved(ips, ttl_s));
  }

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
  name_is({"10.0.0.1"}, 1);
  start();
  world.network.fail_name("orders.svc", Cause::kDnsTimeout, /*empty=*/false);
  until_next_lookup();
  ASSERT_EQ(events.failures, Texts{"orders.svc: no name server answered in time"});
  EXPECT_EQ(events.lists.size(), 1U);
  EXPECT_EQ(texts(source->list()), Texts{"10.0.0.1:8080"});
  world.loop.advance_ms(3'600'000);
  EXPECT_EQ(events.lists.size(), 1U);
  EXPECT_GE(source->age_ms(), 3'600'000);
  EXPECT_EQ(source->age_ms(), source->lapsed_ms());
}

TEST_F(DnsSourceTest, AsksAFailingRegistryAtMostOnceASecondAndLessAndLess) {
  world.network.fail_name("orders.svc", Cause::kDnsError, /*empty=*/false);
  start();
  EXPECT_FALSE(source->answered());
  for (int i = 0; i < 10; ++i) EXPECT_GE(until_next_lookup(), 1'000);
  const uint64_t before = world.network.lookups();
  world.loop.advance_ms(3'600'000);
  EXPECT_LT(world.network.lookups() - before, 360U);  // once in 15 s on average
  EXPECT_GT(world.network.lookups() - before, 120U);  // and at least once in 30 s
}

TEST_F(DnsSourceTest, ComesBackAtOnceAfterAFailure) {
  world.network.fail_name("orders.svc", Cause::kDnsError, /*empty=*/false);
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
  world.network.fail_name("orders.svc", Cause::kDnsError, /*empty=*/true);
  start();
  EXPECT_TRUE(source->answered());
  EXPECT_EQ(events.latest(), Texts{});
  EXPECT_TRUE(events.failures.empty());
}

TEST_F(DnsSourceTest, AsksForANameWithoutAddressesLessAndLess) {
  world.network.fail_name("orders.svc", Cause::kDnsError, /*empty=*/true);
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

TEST_F(DnsSourceTest, TakesAtMostAThousandAddresses) {
  io::Resolved many = resolved({}, 10);
  for (int i = 0; i < 1'500; ++i) {
    const std::array<uint8_t, 4> ip = {10, 0, static_cast<uint8_t>(i >> 8),
                                       static_cast<uint8_t>(i)};
    many.addresses.push_back(Address::from_bytes(ip, 0));
  }
  world.network.set_name("orders.svc", many);
  start();
  EXPECT_EQ(source->list().size(), 1'000U);
}

TEST_F(DnsSourceTest, BeginsWithWhatItsPredecessorKnew) {
  name_is({"10.0.0.1"});
  start();
  source->remember(memory);
  world.loop.advance_ms(1'000);
  world.network.fail_name("orders.svc", Cause::kDnsTimeout, /*empty=*/false);
  world.network.resolve_ms = 50;
  start();
  EXPECT_EQ(events.lists, (std::vector<Texts>{{"10.0.0.1:8080"}, {"10.0.0.1:8080"}}));
  EXPECT_EQ(source->age_ms(), 1'000);
  EXPECT_EQ(source->lapsed_ms(), 1'000);
}

TEST_F(DnsSourceTest, DestroyingItCancelsTheLookupSilently) {
  world.network.resolve_ms = 100;
  name_is({"10.0.0.1"});
  start();
  source.reset();
  world.loop.advance_ms(1'000);
  EXPECT_TRUE(events.lists.empty());
  EXPECT_TRUE(world.loop.is_empty());
}

}  // namespace
}  // namespace outrigger::discovery
