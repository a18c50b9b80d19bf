#include "proxy/discovery/file_source.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/run_until.hpp"
#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

namespace fs = std::filesystem;

class FileSourceTest : public ::testing::Test {
 protected:
  FileSourceTest() {
    std::string pattern = "/tmp/outrigger-endpoints-XXXXXX";
    directory = mkdtemp(pattern.data());
  }
  ~FileSourceTest() override { fs::remove_all(directory); }

  std::string path(const std::string& name) const { return directory + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }
  void replace(const std::string& text) const {
    write(".new", text);
    fs::rename(path(".new"), path("orders.yaml"));
  }
  void start() {
    source.emplace(surroundings, memory, path("orders.yaml"), events);
    source->start();
  }
  bool comes(const Texts& list) {
    return testing::run_until(loop, [&] { return events.latest() == list; });
  }
  bool fails() {
    return testing::run_until(loop, [&] { return !events.failures.empty(); });
  }

  std::string directory;
  io::Loop loop{1};
  Surroundings surroundings = surroundings_on(loop);
  Memory memory;
  Recorder events;
  std::optional<FileSource> source;
};

TEST_F(FileSourceTest, ListsWhatTheFileHolds) {
  write("orders.yaml", "endpoints: [\"10.0.0.1:80\", {address: \"[::1]:81\", weight: 3}]\n");
  start();
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "[::1]:81"}));
  EXPECT_EQ(source->list()[1].weight, 3);
  EXPECT_EQ(source->age_ms(), 0);
}

TEST_F(FileSourceTest, SeesAnAtomicReplace) {
  write("orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
  start();
  replace("endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_TRUE(comes({"10.0.0.2:80"}));
}

TEST_F(FileSourceTest, SeesTheSymlinkSwapOfAConfigMap) {
  fs::create_directory(path("..1"));
  fs::create_directory(path("..2"));
  write("..1/orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
  write("..2/orders.yaml", "endpoints: [\"10.0.0.2:80\"]\n");
  fs::create_symlink("..1", path("..data"));
  fs::create_symlink("..data/orders.yaml", path("orders.yaml"));
  start();
  ASSERT_EQ(events.latest(), Texts{"10.0.0.1:80"});
  fs::create_symlink("..2", path("..data_tmp"));
  fs::rename(path("..data_tmp"), path("..data"));
  EXPECT_TRUE(comes({"10.0.0.2:80"}));
}

TEST_F(FileSourceTest, ABrokenFileKeepsTheLastListAndSaysWhere) {
  write("orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
  start();
  replace("endpoints:\n  - 10.0.0.2:99999\n  - {adress: \"10.0.0.3:80\"}\n");
  ASSERT_TRUE(fails());
  const std::string& why = events.failures.front();
  EXPECT_NE(why.find(path("orders.yaml") + ":2:5: "), std::string::npos) << why;
  EXPECT_NE(why.find(path("orders.yaml") + ":3:6: "), std::string::npos) << why;
  EXPECT_EQ(events.lists, std::vector<Texts>{{"10.0.0.1:80"}});
  EXPECT_EQ(texts(source->list()), Texts{"10.0.0.1:80"});
  replace("endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_TRUE(comes({"10.0.0.2:80"}));
  EXPECT_EQ(source->age_ms(), 0);
}

TEST_F(FileSourceTest, AFileThatVanishesKeepsTheLastList) {
  write("orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
  start();
  fs::remove(path("orders.yaml"));
  ASSERT_TRUE(fails());
  EXPECT_EQ(texts(source->list()), Texts{"10.0.0.1:80"});
  write("orders.yaml", "endpoints: [\"10.0.0.2:80\"]\n");
  EXPECT_TRUE(comes({"10.0.0.2:80"}));
}

TEST_F(FileSourceTest, ABrokenFileBeginsWithWhatItsPredecessorKnew) {
  write("orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
  start();
  source->remember(memory);
  write("orders.yaml", "endpoints: {\n");
  start();
  EXPECT_EQ(events.failures.size(), 1U);
  EXPECT_EQ(texts(source->list()), Texts{"10.0.0.1:80"});
  write("orders.yaml", "endpoints: [\"10.0.0.2:80\"]\n");
  start();
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
}

TEST_F(FileSourceTest, GarbageEmptiesNoList) {
  write("orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
  const std::string deep(20'000, '[');
  for (const std::string& garbage :
       {std::string(), std::string("\0\xff\xfe", 3), std::string("endpoints: [\"10.0.0.1:8"), deep,
        std::string("endpoints: [\"10.0.0.1:70000\"]"), std::string("endpoints: [\"10.0.0.1:0\"]"),
        std::string("endpoints: [{address: \"10.0.0.1:80\", weight: 0}]"),
        std::string("<html>502 Bad Gateway</html>"), std::string("endpoints: 7")}) {
    write("orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
    events = {};
    start();
    write("orders.yaml", garbage);
    source->start();
    EXPECT_EQ(events.failures.size(), 1U) << garbage;
    EXPECT_EQ(events.lists, std::vector<Texts>{{"10.0.0.1:80"}}) << garbage;
  }
}

TEST_F(FileSourceTest, HasNotAnsweredBeforeTheFileIsThere) {
  start();
  EXPECT_FALSE(source->answered());
  EXPECT_EQ(events.failures.size(), 1U);
  write("orders.yaml", "endpoints: []\n");
  EXPECT_TRUE(comes({}));
}

TEST_F(FileSourceTest, RefusesMoreThanAMebibyteAndWhatIsNoFile) {
  write("orders.yaml", "endpoints: [] #" + std::string(FileSource::kMaxBytes, 'x') + "\n");
  start();
  ASSERT_EQ(events.failures.size(), 1U);
  EXPECT_NE(events.failures.front().find("larger than 1048576 bytes"), std::string::npos);
  fs::remove(path("orders.yaml"));
  ASSERT_EQ(mkfifo(path("orders.yaml").c_str(), 0600), 0);
  ASSERT_TRUE(testing::run_until(loop, [&] { return events.failures.size() > 1; }));
  EXPECT_NE(events.failures.back().find("not a regular file"), std::string::npos);
}

TEST_F(FileSourceTest, IsAsOldAsItsBreakageAndLooksAgainByItself) {
  VirtualWorld world;  // whose watch hears nothing
  const Surroundings deaf = world.surroundings();
  write("orders.yaml", "endpoints: [\"10.0.0.1:80\"]\n");
  FileSource unwatched(deaf, memory, path("orders.yaml"), events);
  unwatched.start();
  world.loop.advance_ms(60'000);
  EXPECT_EQ(unwatched.age_ms(), 0);
  write("orders.yaml", "endpoints: {\n");
  unwatched.start();
  EXPECT_EQ(events.failures.size(), 1U);
  world.loop.advance_ms(10'000);
  EXPECT_EQ(unwatched.age_ms(), 10'000);
  EXPECT_GT(events.failures.size(), 1U);
  write("orders.yaml", "endpoints: [\"10.0.0.2:80\"]\n");
  world.loop.advance_ms(30'000);
  EXPECT_EQ(events.latest(), Texts{"10.0.0.2:80"});
  EXPECT_EQ(unwatched.age_ms(), 0);
  EXPECT_TRUE(world.loop.is_empty());
}

}  // namespace
}  // namespace outrigger::discovery
