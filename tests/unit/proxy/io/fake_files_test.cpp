#include "tests/support/fake_files.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace outrigger::testing {
namespace {

struct FakeFilesTest : ::testing::Test, io::FileEvents {
  void on_file(const std::string& path, const io::FileContent& content) override {
    heard.push_back(path + "=" + (content ? *content : content.error()));
    if (ends_all) task.reset();
  }

  using Heard = std::vector<std::string>;
  VirtualLoop loop;
  FakeFiles files{loop};
  io::FileTaskPtr task;
  Heard heard;
  bool ends_all = false;
};

TEST_F(FakeFilesTest, AWatchTellsOfEachOtherContentAndARefusal) {
  task = files.watch("/a", *this);
  EXPECT_TRUE(heard.empty());
  loop.run_until_idle();
  files.set("/a", "1");
  loop.run_until_idle();
  files.set("/a", "1");
  loop.run_until_idle();
  files.fail("/a", "Permission denied");
  loop.run_until_idle();
  EXPECT_EQ(heard, (Heard{"/a=/a: No such file or directory", "/a=1", "/a=/a: Permission denied"}));
  EXPECT_EQ(files.watches("/a"), 1U);
  task.reset();
  EXPECT_TRUE(files.is_idle());
}

TEST_F(FakeFilesTest, AReadAnswersOnceAndOnlyWhenTheDiskDoes) {
  files.set("/a", "123");
  files.hold();
  task = files.read("/a", 2, *this);
  loop.run_until_idle();
  EXPECT_TRUE(heard.empty());
  files.hold(false);
  loop.run_until_idle();
  files.set("/a", "4");
  loop.run_until_idle();
  EXPECT_EQ(heard, Heard{"/a=/a: larger than 2 bytes"});
}

TEST_F(FakeFilesTest, ATaskMayEndFromInsideItsEvent) {
  ends_all = true;
  task = files.watch("/a", *this);
  files.set("/a", "1");
  loop.run_until_idle();
  EXPECT_EQ(heard, Heard{"/a=1"});
  EXPECT_TRUE(files.is_idle());
}

}  // namespace
}  // namespace outrigger::testing
