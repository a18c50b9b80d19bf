#include "proxy/discovery/srv_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

using io::Verdict;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kName = "_http._tcp.orders.test";

class SrvSourceTest : public ::testing::Test {
 protected:
  void start() {
    source.emplace(world.loop.context(), world.surroundings().open_dns(registry), registry, memory,
                   kName, events);
    source->start();
    world.loop.advance_ms(100);
  }
  void name_is(std::vector<io::ServiceRecord> places, int64_t ttl_s = 10) {
    auto& script = world.names.at(kName, io::RecordType::kSrv);
    script = {.verdict = Verdict::kRecords};
    script.places = std::move(places);
    script.ttl_s = ttl_s;
  }
  void name_says(Verdict verdict) {
    world.names.at(kName, io::RecordType::kSrv) = {.verdict = verdict};
  }
  std::vector<std::string> weighted() const {
    std::vector<std::string> out;
    for (const auto& listed : source->list()) {
      out.push_back(listed.address.to_string() + " x" + std::to_string(listed.weight));
    }
    return out;
  }

  VirtualWorld world;
  config::DnsRegistryConfig registry;
  Memory memory;
  Recorder events;
  std::optional<SrvSource> source;
};

TEST_F(SrvSourceTest, ListsThePlacesWithTheirPortsAndWeights) {
  name_is({{10, 3, 8080, "a.test"}, {10, 0, 8081, "b.test"}});
  world.names.set("a.test", std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
  world.names.set("b.test", std::vector<std::string>{"10.0.0.3"});
  start();
  EXPECT_THAT(weighted(), ElementsAre("10.0.0.3:8081 x1", "10.0.0.1:8080 x3", "10.0.0.2:8080 x3"));
}

TEST_F(SrvSourceTest, OnlyTheLowestPriorityThatHasAddressesIsListed) {
  name_is({{20, 1, 80, "far.test"}, {10, 1, 80, "near.test"}, {5, 1, 80, "none.test"}});
  world.names.set("near.test", std::vector<std::string>{"10.0.0.1"}, 5);
  world.names.set("far.test", std::vector<std::string>{"10.0.0.9"}, 5);
  start();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
  world.names.set("near.test", Verdict::kNoName);
  world.loop.advance_ms(6'000);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.9:80"});
}

TEST_F(SrvSourceTest, ATargetThatFailsIsLeftOutAtFirstAndKeptLater) {
  name_is({{1, 1, 80, "a.test"}, {1, 1, 80, "b.test"}}, 60);
  world.names.set("a.test", std::vector<std::string>{"10.0.0.1"}, 5);
  world.names.set("b.test", Verdict::kError);
  start();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
  EXPECT_FALSE(events.failures.empty());
  world.names.set("b.test", std::vector<std::string>{"10.0.0.2"}, 5);
  world.loop.advance_ms(30'000);
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
  world.names.set("b.test", Verdict::kError);
  world.loop.advance_ms(30'000);
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
}

TEST_F(SrvSourceTest, ErrorsAndSilenceKeepTheListAndAreTold) {
  name_is({{1, 1, 80, "a.test"}}, 5);
  world.names.set("a.test", std::vector<std::string>{"10.0.0.1"}, 5);
  start();
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence}) {
    name_says(verdict);
    world.loop.advance_ms(60'000);
    EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
    EXPECT_GT(source->age_ms(), 20'000);
    EXPECT_GT(source->lapsed_ms(), 20'000);
  }
  EXPECT_THAT(events.failures,
              ::testing::Contains("_http._tcp.orders.test (SRV): no name server answered in time"));
  name_is({{1, 1, 81, "a.test"}}, 5);
  world.loop.advance_ms(60'000);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:81"});
  EXPECT_EQ(source->lapsed_ms(), 0);
}

TEST_F(SrvSourceTest, NothingAtAllIsAnEmptyListAndSoIsADot) {
  name_says(Verdict::kNoName);
  start();
  EXPECT_TRUE(source->answered());
  EXPECT_THAT(events.latest(), IsEmpty());
  name_is({{0, 0, 0, ""}}, 5);
  world.loop.advance_ms(40'000);
  EXPECT_THAT(events.latest(), IsEmpty());
}

TEST_F(SrvSourceTest, WhileNoTargetAnswersThereIsNoListYet) {
  name_is({{1, 1, 80, "a.test"}});
  world.names.set("a.test", Verdict::kError);
  start();
  world.loop.advance_ms(5'000);
  EXPECT_FALSE(source->answered());
  EXPECT_FALSE(events.failures.empty());
}

TEST_F(SrvSourceTest, PlacesThatAreNoLongerNamedAreNotAskedForAnyMore) {
  name_is({{1, 1, 80, "a.test"}}, 5);
  world.names.set("a.test", std::vector<std::string>{"10.0.0.1"}, 5);
  world.names.set("b.test", std::vector<std::string>{"10.0.0.2"}, 5);
  start();
  name_is({{1, 1, 80, "b.test"}}, 5);
  world.loop.advance_ms(6'000);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
  world.names.asked.clear();
  world.loop.advance_ms(60'000);
  EXPECT_THAT(world.names.asked, ::testing::Not(::testing::Contains("a.test.")));
}

TEST_F(SrvSourceTest, ServesFromWhatIsRememberedUntilThereIsAnAnswer) {
  memory["dns dns srv _http._tcp.orders.test"] = {listed({"10.0.0.7:80"}), world.now_ms(), true};
  name_says(Verdict::kSilence);
  start();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.7:80"});
  EXPECT_TRUE(source->is_from_disk());
  name_is({{1, 1, 80, "a.test"}}, 5);
  world.names.set("a.test", std::vector<std::string>{"10.0.0.1"}, 5);
  world.loop.advance_ms(60'000);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
  EXPECT_FALSE(source->is_from_disk());
  Memory remembered;
  source->remember(remembered);
  EXPECT_EQ(texts(remembered.at("dns dns srv _http._tcp.orders.test").list), Texts{"10.0.0.1:80"});
}

TEST_F(SrvSourceTest, TooManyPlacesAreCutAndSaid) {
  std::vector<io::ServiceRecord> places;
  for (uint16_t i = 0; i < 300; ++i)
    places.push_back({1, 1, static_cast<uint16_t>(1'000 + i), "a.test"});
  name_is(places);
  world.names.set("a.test", std::vector<std::string>{"10.0.0.1"});
  start();
  EXPECT_EQ(source->list().size(), SrvSource::kMostPlaces);
  EXPECT_THAT(events.failures, ::testing::Contains(::testing::HasSubstr("more than 256 places")));
}

TEST_F(SrvSourceTest, EndsInTheMiddleOfALookup) {
  name_is({{1, 1, 80, "a.test"}}, 5);
  world.names.set("a.test", Verdict::kSilence);
  start();
  source.reset();
  world.loop.advance_ms(60'000);
  EXPECT_THAT(events.lists, IsEmpty());
}

}  // namespace
}  // namespace outrigger::discovery
