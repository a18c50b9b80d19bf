#include "proxy/io/file_watch.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/run_until.hpp"

namespace outrigger::io {
namespace {

namespace fs = std::filesystem;
using testing::run_until;

struct FileWatchTest : ::testing::Test, FileChangeEvents {
  FileWatchTest() {
    std::string pattern = "/tmp/outrigger-watch-XXXXXX";
    directory = mkdtemp(pattern.data());
  }
  ~FileWatchTest() override { fs::remove_all(directory); }

  void on_changed() override { ++changes; }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory + "/" + name) << text;
  }
  bool changed(int count) {
    return run_until(loop, [&] { return changes >= count; });
  }

  std::string directory;
  Loop loop{1};
  int changes = 0;
};

TEST_F(FileWatchTest, SeesAWriteInPlace) {
  write("app.yaml", "one");
  FileWatch watch(loop, directory + "/app.yaml", *this);
  write("app.yaml", "two!");
  EXPECT_TRUE(changed(1));
}

TEST_F(FileWatchTest, SeesARenameOverTheFile) {
  write("app.yaml", "one");
  FileWatch watch(loop, directory + "/app.yaml", *this);
  write(".app.yaml.new", "two");
  fs::rename(directory + "/.app.yaml.new", directory + "/app.yaml");
  EXPECT_TRUE(changed(1));
}

// kubelet: app.yaml -> ..data/app.yaml, ..data -> ..1; then ..data_tmp -> ..2 is renamed over
// ..data.
TEST_F(FileWatchTest, SeesTheSwapOfAConfigMap) {
  fs::create_directory(directory + "/..1");
  fs::create_directory(directory + "/..2");
  write("..1/app.yaml", "same");
  write("..2/app.yaml", "size");
  fs::create_symlink("..1", directory + "/..data");
  fs::create_symlink("..data/app.yaml", directory + "/app.yaml");
  FileWatch watch(loop, directory + "/app.yaml", *this);
  fs::create_symlink("..2", directory + "/..data_tmp");
  fs::rename(directory + "/..data_tmp", directory + "/..data");
  ASSERT_TRUE(changed(1));
  // From now on it listens where the link leads.
  write("..2/app.yaml", "changed in place");
  EXPECT_TRUE(changed(2));
}

TEST_F(FileWatchTest, SeesAFileAppearAndGo) {
  FileWatch watch(loop, directory + "/app.yaml", *this);
  write("app.yaml", "one");
  ASSERT_TRUE(changed(1));
  fs::remove(directory + "/app.yaml");
  EXPECT_TRUE(changed(2));
}

TEST_F(FileWatchTest, SeesAFileInADirectoryThatComesLater) {
  FileWatch watch(loop, directory + "/later/app.yaml", *this);
  fs::create_directory(directory + "/later");
  write("later/app.yaml", "one");
  EXPECT_TRUE(changed(1));
}

TEST_F(FileWatchTest, ReportsABurstOnceAndNeighboursNever) {
  write("app.yaml", "one");
  FileWatch watch(loop, directory + "/app.yaml", *this);
  write("neighbour", "x");
  for (int i = 0; i < 20; ++i) write("app.yaml", std::string(10 + i, 'x'));
  ASSERT_TRUE(changed(1));
  write("neighbour", "y");
  struct Later {
    bool come = false;
    Timer timer = Timer::of<&Later::fire>(*this);
    void fire() { come = true; }
  } later;
  loop.context().timers.arm(later.timer, loop.context().clock.now_ms() + 3 * FileWatch::kQuietMs);
  ASSERT_TRUE(run_until(loop, [&] { return later.come; }));
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace outrigger::io
