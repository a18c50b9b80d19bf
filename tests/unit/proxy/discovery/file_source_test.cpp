#include "proxy/discovery/file_source.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

constexpr const char* kPath = "/etc/orders.yaml";

class FileSourceTest : public ::testing::Test {
 protected:
  void write(const std::string& text) {
    world.files.set(kPath, text);
    world.loop.run_until_idle();
  }
  void start() {
    source.emplace(surroundings, memory, kPath, events);
    source->start();
    world.loop.run_until_idle();
  }

  VirtualWorld world;
  const Surroundings surroundings = world.surroundings();
  Memory memory;
  Recorder events;
  std::optional<FileSource> source;
};

TEST_F(FileSourceTest, ListsWhatTheFileHolds) {
  write("endpoints: [\"10.0.0.1:80\", {address: \"[::1]:81\", weight: 3, zone: a}]\n");
  start();
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "[::1]:81"}));
  EXPECT_EQ(source->list()[1].weight, 3);
  EXPECT_EQ(source->list()[0].zone, "");
  EXPECT_EQ(source->list()[1].zone, "a");
  EXPECT_EQ(source->age_ms(), 0);
}

TEST_F(FileSourceTest, FollowsTheFile) {
  write("endpoints: [\"10.0.0.1:80\"]\n");
  start();
  write("endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
  EXPECT_TRUE(events.failures.empty());
}

TEST_F(FileSourceTest, WatchesWhileItLives) {
  start();
  EXPECT_EQ(world.files.watches(kPath), 1U);
  source.reset();
  EXPECT_TRUE(world.files.is_idle());
  EXPECT_TRUE(world.loop.is_empty());
}

TEST_F(FileSourceTest, ABrokenFileKeepsTheLastListAndSaysWhere) {
  write("endpoints: [\"10.0.0.1:80\"]\n");
  start();
  write("endpoints:\n  - 10.0.0.2:99999\n  - {adress: \"10.0.0.3:80\"}\n");
  ASSERT_EQ(events.failures.size(), 1U);
  const std::string& why = events.failures.front();
  EXPECT_NE(why.find(std::string(kPath) + ":2:5: "), std::string::npos) << why;
  EXPECT_NE(why.find(std::string(kPath) + ":3:6: "), std::string::npos) << why;
  EXPECT_EQ(events.lists, std::vector<Texts>{{"10.0.0.1:80"}});
  EXPECT_EQ(texts(source->list()), Texts{"10.0.0.1:80"});
  write("endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
  EXPECT_EQ(source->age_ms(), 0);
}

TEST_F(FileSourceTest, AFileThatVanishesKeepsTheLastList) {
  write("endpoints: [\"10.0.0.1:80\"]\n");
  start();
  world.files.remove(kPath);
  world.loop.run_until_idle();
  ASSERT_EQ(events.failures.size(), 1U);
  EXPECT_EQ(texts(source->list()), Texts{"10.0.0.1:80"});
  write("endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
}

TEST_F(FileSourceTest, ABrokenFileBeginsWithWhatItsPredecessorKnew) {
  write("endpoints: [\"10.0.0.1:80\"]\n");
  start();
  source->remember(memory);
  write("endpoints: {\n");
  events = {};
  start();
  EXPECT_EQ(events.failures.size(), 1U);
  EXPECT_EQ(texts(source->list()), Texts{"10.0.0.1:80"});
  write("endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
}

TEST_F(FileSourceTest, GarbageEmptiesNoList) {
  const std::string deep(20'000, '[');
  for (const std::string& garbage :
       {std::string(), std::string("\0\xff\xfe", 3), std::string("endpoints: [\"10.0.0.1:8"), deep,
        std::string("endpoints: [\"10.0.0.1:70000\"]"), std::string("endpoints: [\"10.0.0.1:0\"]"),
        std::string("endpoints: [{address: \"10.0.0.1:80\", weight: 0}]"),
        std::string("<html>502 Bad Gateway</html>"), std::string("endpoints: 7")}) {
    write("endpoints: [\"10.0.0.1:80\"]\n");
    events = {};
    start();
    write(garbage);
    EXPECT_EQ(events.failures.size(), 1U) << garbage;
    EXPECT_EQ(events.lists, std::vector<Texts>{{"10.0.0.1:80"}}) << garbage;
  }
}

TEST_F(FileSourceTest, HasNotAnsweredBeforeTheFileIsThere) {
  start();
  EXPECT_FALSE(source->answered());
  EXPECT_EQ(events.failures.size(), 1U);
  write("endpoints: []\n");
  EXPECT_TRUE(source->answered());
  EXPECT_EQ(events.latest(), Texts{});
}

TEST_F(FileSourceTest, ADiskThatDoesNotAnswerIsWaitedFor) {
  world.files.hold();
  write("endpoints: [\"10.0.0.1:80\"]\n");
  start();
  EXPECT_FALSE(source->answered());
  EXPECT_TRUE(events.failures.empty());
  world.files.hold(false);
  world.loop.run_until_idle();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.1:80"});
}

TEST_F(FileSourceTest, RefusesMoreThanAMebibyte) {
  const std::string list = "endpoints: [] #";
  write(list + std::string(FileSource::kMaxBytes - list.size(), 'x'));
  start();
  EXPECT_TRUE(events.failures.empty());
  write(list + std::string(FileSource::kMaxBytes, 'x'));
  ASSERT_EQ(events.failures.size(), 1U);
  EXPECT_NE(events.failures.front().find("larger than 1048576 bytes"), std::string::npos);
}

TEST_F(FileSourceTest, IsAsOldAsItsBreakage) {
  write("endpoints: [\"10.0.0.1:80\"]\n");
  start();
  world.loop.advance_ms(60'000);
  EXPECT_EQ(source->age_ms(), 0);
  write("endpoints: {\n");
  world.loop.advance_ms(10'000);
  EXPECT_EQ(source->age_ms(), 10'000);
  write("endpoints: [7");
  world.loop.advance_ms(10'000);
  EXPECT_EQ(source->age_ms(), 20'000);
  EXPECT_EQ(events.failures.size(), 2U);
  write("endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
  EXPECT_EQ(source->age_ms(), 0);
}

}  // namespace
}  // namespace outrigger::discovery
