#include "proxy/io/loop_files.hpp"

#include <filesystem>
#include <fstream>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/run_until.hpp"

namespace outrigger::io {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::run_until;

struct LoopFilesTest : ::testing::Test, FileEvents {
  LoopFilesTest() {
    std::string pattern = "/tmp/outrigger-files-XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  ~LoopFilesTest() override {
    tasks.clear();
    fs::remove_all(folder);
  }

  std::string at(const std::string& name) const { return folder + "/" + name; }
  void write(const std::string& name, const std::string& text) { std::ofstream(at(name)) << text; }
  void watch(const std::string& name = "app.yaml") {
    tasks.push_back(files->watch(at(name), *this));
  }
  bool hears(const std::string& text) {
    return run_until(loop, [&] { return !heard.empty() && heard.back() == text; });
  }
  void on_file(const std::string& path, const FileContent& content) override {
    heard.push_back(content ? *content : content.error().substr(path.size()));
    if (ends_itself) tasks.clear();
  }

  std::string folder;
  FileThread thread;
  Loop loop{1};
  std::optional<LoopFiles> files{std::in_place, loop, thread};
  std::vector<FileTaskPtr> tasks;
  std::vector<std::string> heard;
  bool ends_itself = false;
};

constexpr const char* kAbsent = ": No such file or directory";

TEST_F(LoopFilesTest, ReadsOnceAndSaysWhyItCannot) {
  write("a", "one");
  tasks.push_back(files->read(at("a"), 3, *this));
  EXPECT_TRUE(hears("one"));
  tasks.push_back(files->read(at("a"), 2, *this));
  EXPECT_TRUE(hears(": larger than 2 bytes"));
  tasks.push_back(files->read(at("b"), 2, *this));
  EXPECT_TRUE(hears(kAbsent));
  EXPECT_EQ(heard.size(), 3U);
}

TEST_F(LoopFilesTest, WhatIsCancelledHearsNothing) {
  write("a", "one");
  write("b", "two");
  for (int i = 0; i < 100; ++i) {
    tasks.push_back(files->read(at("a"), 100, *this));
    watch("a");
  }
  tasks.clear();
  tasks.push_back(files->read(at("b"), 100, *this));
  EXPECT_TRUE(hears("two"));
  EXPECT_EQ(heard.size(), 1U);
}

TEST_F(LoopFilesTest, ATaskMayEndInItsOwnEventAndTheFilesBeforeAnAnswer) {
  write("a", "one");
  ends_itself = true;
  watch("a");
  watch("a");
  EXPECT_TRUE(hears("one"));
  EXPECT_EQ(heard.size(), 1U);
  tasks.push_back(files->read(at("a"), 100, *this));
  tasks.clear();
  files.reset();
  loop.poll();
}

TEST_F(LoopFilesTest, RefusesToReadWhenTheDiskDoesNotAnswer) {
  // The answers are posted to the loop, which does not run meanwhile.
  for (size_t i = 0; i <= LoopFiles::kMaxReads; ++i) {
    tasks.push_back(files->read(at("a"), 100, *this));
  }
  EXPECT_TRUE(run_until(loop, [&] { return heard.size() == tasks.size(); }));
  EXPECT_EQ(std::count(heard.begin(), heard.end(), ": the disk does not answer"), 1);
  tasks.push_back(files->read(at("a"), 100, *this));
  EXPECT_TRUE(run_until(loop, [&] { return heard.size() == tasks.size(); }));
  EXPECT_EQ(heard.back(), kAbsent);
}

TEST_F(LoopFilesTest, SeesAWriteInPlace) {
  write("app.yaml", "one");
  watch();
  ASSERT_TRUE(hears("one"));
  write("app.yaml", "two!");
  EXPECT_TRUE(hears("two!"));
}

TEST_F(LoopFilesTest, SeesAChangeThatKeepsSizeAndTime) {
  write("app.yaml", "one");
  watch();
  ASSERT_TRUE(hears("one"));
  const auto time = fs::last_write_time(at("app.yaml"));
  write("app.yaml", "two");
  fs::last_write_time(at("app.yaml"), time);
  EXPECT_TRUE(hears("two"));
}

TEST_F(LoopFilesTest, SeesARenameOverTheFile) {
  write("app.yaml", "one");
  watch();
  ASSERT_TRUE(hears("one"));
  write(".app.yaml.new", "two");
  fs::rename(at(".app.yaml.new"), at("app.yaml"));
  EXPECT_TRUE(hears("two"));
}

// kubelet: app.yaml -> ..data/app.yaml, ..data -> ..1; then ..data_tmp -> ..2 is renamed over
// ..data.
TEST_F(LoopFilesTest, SeesTheSwapOfAConfigMap) {
  fs::create_directory(at("..1"));
  fs::create_directory(at("..2"));
  write("..1/app.yaml", "same");
  write("..2/app.yaml", "size");
  fs::create_symlink("..1", at("..data"));
  fs::create_symlink("..data/app.yaml", at("app.yaml"));
  watch();
  ASSERT_TRUE(hears("same"));
  fs::create_symlink("..2", at("..data_tmp"));
  fs::rename(at("..data_tmp"), at("..data"));
  ASSERT_TRUE(hears("size"));
  // From now on it listens where the link leads.
  write("..2/app.yaml", "changed in place");
  EXPECT_TRUE(hears("changed in place"));
}

TEST_F(LoopFilesTest, SeesTheSwapOfALinkInTheMiddleOfTheChain) {
  fs::create_directories(at("a/b"));
  write("one", "one");
  write("two", "two");
  fs::create_symlink("../../one", at("a/b/middle"));
  fs::create_symlink("a/b/middle", at("app.yaml"));
  watch();
  ASSERT_TRUE(hears("one"));
  fs::create_symlink("../../two", at("a/b/next"));
  fs::rename(at("a/b/next"), at("a/b/middle"));
  EXPECT_TRUE(hears("two"));
}

TEST_F(LoopFilesTest, SeesAFileAppearAndGo) {
  watch();
  ASSERT_TRUE(hears(kAbsent));
  write("app.yaml", "one");
  ASSERT_TRUE(hears("one"));
  fs::remove(at("app.yaml"));
  EXPECT_TRUE(hears(kAbsent));
}

TEST_F(LoopFilesTest, SeesAFileInAFolderThatComesLater) {
  watch("later/app.yaml");
  ASSERT_TRUE(hears(kAbsent));
  fs::create_directory(at("later"));
  write("later/app.yaml", "one");
  EXPECT_TRUE(hears("one"));
}

TEST_F(LoopFilesTest, APipeInPlaceOfTheFileIsAFailure) {
  ASSERT_EQ(::mkfifo(at("app.yaml").c_str(), 0600), 0);
  watch();
  EXPECT_TRUE(hears(": not a regular file"));
}

}  // namespace
}  // namespace outrigger::io
