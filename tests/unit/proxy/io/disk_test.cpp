#include "proxy/io/disk.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace outrigger::io {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

struct DiskTest : ::testing::Test {
  DiskTest() {
    std::string pattern = "/tmp/outrigger-disk-XXXXXX";
    // Links on the way to /tmp itself are none of the test's business.
    root = fs::canonical(mkdtemp(pattern.data())).string();
  }
  ~DiskTest() override { fs::remove_all(root); }

  std::string at(const std::string& name) const { return root + "/" + name; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name)) << text;
  }
  std::string read(const std::string& name, size_t bytes_max = 100) {
    const FileContent content = disk.read(at(name), bytes_max);
    return content ? *content : content.error();
  }
  // Without the root.
  std::vector<std::string> steps(const std::string& name) {
    std::vector<std::string> all;
    for (const Disk::Step& step : disk.steps(at(name))) {
      all.push_back(step.folder.substr(root.size()) + "|" + step.name);
    }
    return all;
  }

  std::string root;
  Loop loop{1};
  SystemDisk disk{loop};
};

TEST_F(DiskTest, ReadsAsMuchAsIsAllowed) {
  write("a", std::string(100, 'x'));
  EXPECT_EQ(read("a"), std::string(100, 'x'));
  write("a", std::string(101, 'x'));
  EXPECT_EQ(read("a"), at("a") + ": larger than 100 bytes");
  const std::string large(200'000, 'x');
  write("a", large);
  EXPECT_EQ(read("a", large.size()), large);
  write("a", "");
  EXPECT_EQ(read("a"), "");
}

TEST_F(DiskTest, AFolderIsTheNamesInIt) {
  for (const char* name : {"b", "a.yaml", ".hidden"}) write(name, "x");
  EXPECT_EQ(read(""), "a.yaml\nb\n");
  EXPECT_EQ(read("", 8), at("") + ": larger than 8 bytes");
  EXPECT_EQ(read("none/"), at("none/") + ": No such file or directory");
}

TEST_F(DiskTest, SaysWhyThereIsNothing) {
  EXPECT_EQ(read("a"), at("a") + ": No such file or directory");
  fs::create_directory(at("folder"));
  EXPECT_EQ(read("folder"), at("folder") + ": not a regular file");
}

// A reader that comes and goes would end the writer that waits for one.
TEST_F(DiskTest, DoesNotTouchAPipe) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(read("pipe"), at("pipe") + ": not a regular file");
  EXPECT_LT(::open(at("pipe").c_str(), O_WRONLY | O_NONBLOCK), 0);
}

TEST_F(DiskTest, WalksThroughAllLinksOfAConfigMap) {
  fs::create_directories(at("etc"));
  fs::create_directories(at("mnt/..1"));
  write("mnt/..1/app.yaml", "x");
  fs::create_symlink("..1", at("mnt/..data"));
  fs::create_symlink("..data/app.yaml", at("mnt/app.yaml"));
  fs::create_symlink("../mnt/./app.yaml", at("etc/app.yaml"));
  EXPECT_THAT(steps("etc//app.yaml"),
              ElementsAre("/etc|app.yaml", "/etc/../mnt|app.yaml", "/etc/../mnt|..data",
                          "/etc/../mnt/..1|app.yaml"));
}

TEST_F(DiskTest, EndsAtWhatIsMissingAndInALoop) {
  EXPECT_THAT(steps("later/app.yaml"), ElementsAre("|later"));
  fs::create_symlink(at("nowhere/x"), at("dangling"));
  EXPECT_THAT(steps("dangling"), ElementsAre("|dangling", "|nowhere"));
  fs::create_symlink("b", at("a"));
  fs::create_symlink("a", at("b"));
  EXPECT_LE(steps("a").size(), 50U);
}

}  // namespace
}  // namespace outrigger::io
