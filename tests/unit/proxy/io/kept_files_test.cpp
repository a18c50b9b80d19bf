#include "proxy/io/kept_files.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "proxy/io/loop_kept_files.hpp"

namespace outrigger::io {
namespace {

using ::testing::HasSubstr;

class KeptFilesTest : public ::testing::Test {
 protected:
  KeptFilesTest() {
    std::string name = ::testing::TempDir() + "outrigger_kept_XXXXXX";
    x_parent = ::mkdtemp(name.data());
    x_folder = x_parent + "/state";
  }
  ~KeptFilesTest() override { std::filesystem::remove_all(x_parent); }

  mode_t mode_of(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
  std::string why_not_loaded() const {
    const auto loaded = load_kept_file(x_folder, "a");
    return loaded ? "loaded: " + *loaded : loaded.error();
  }

  std::string x_parent;
  std::string x_folder;
};

TEST_F(KeptFilesTest, ComeBackAsTheyWere) {
  EXPECT_EQ(*load_kept_file(x_folder, "a"), "");
  ASSERT_TRUE(save_kept_file(x_folder, "a", "one\n"));
  ASSERT_TRUE(save_kept_file(x_folder, "a", "two\n"));
  ASSERT_TRUE(save_kept_file(x_folder, "b", ""));
  EXPECT_EQ(*load_kept_file(x_folder, "a"), "two\n");
  EXPECT_EQ(*load_kept_file(x_folder, "b"), "");
}

TEST_F(KeptFilesTest, AreForUsAlone) {
  ASSERT_TRUE(save_kept_file(x_folder, "a", "secret"));
  EXPECT_EQ(mode_of(x_folder), 0700U);
  EXPECT_EQ(mode_of(x_folder + "/a"), 0600U);
}

TEST_F(KeptFilesTest, AreNotTrustedWhereOthersMayWrite) {
  ASSERT_TRUE(save_kept_file(x_folder, "a", "x"));
  ::chmod((x_folder + "/a").c_str(), 0620);
  EXPECT_THAT(why_not_loaded(), HasSubstr("others may write to it"));
  ::chmod((x_folder + "/a").c_str(), 0600);
  ::chmod(x_folder.c_str(), 0770);
  EXPECT_THAT(why_not_loaded(), HasSubstr("others may write to it"));
  EXPECT_FALSE(save_kept_file(x_folder, "a", "y"));
  ::chmod(x_folder.c_str(), 0700);
  EXPECT_EQ(why_not_loaded(), "loaded: x");
}

TEST_F(KeptFilesTest, AreNotTrustedWhereTheyBelongToAnother) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_TRUE(save_kept_file(x_folder, "a", "x"));
  ASSERT_EQ(::chown((x_folder + "/a").c_str(), 1, 1), 0);
  EXPECT_THAT(why_not_loaded(), HasSubstr("another user owns it"));
}

TEST_F(KeptFilesTest, AreNotFollowedThroughLinks) {
  ASSERT_TRUE(save_kept_file(x_folder, "b", "x"));
  std::filesystem::create_symlink(x_folder + "/b", x_folder + "/a");
  EXPECT_THAT(why_not_loaded(), HasSubstr("not a regular file"));
  ASSERT_TRUE(save_kept_file(x_folder, "a", "y"));
  EXPECT_EQ(*load_kept_file(x_folder, "b"), "x");
}

TEST_F(KeptFilesTest, ThatAreTornOrChangedAreNotUsed) {
  ASSERT_TRUE(save_kept_file(x_folder, "a", "some text"));
  const std::string good = sealed("some text");
  EXPECT_EQ(*unsealed(good), "some text");
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_FALSE(unsealed(good.substr(0, bytes))) << bytes;
  }
  std::string changed = good;
  changed.back() = 'x';
  EXPECT_EQ(unsealed(changed).error(), "the checksum is wrong");
  std::string later = good;
  later.replace(later.find(" 1 "), 3, " 2 ");
  EXPECT_EQ(unsealed(later).error(), "not of this version");
  std::ofstream(x_folder + "/a") << changed;
  EXPECT_THAT(why_not_loaded(), HasSubstr("/a: the checksum is wrong"));
}

TEST_F(KeptFilesTest, ThatCannotBeWrittenSaySo) {
  const auto saved = save_kept_file(x_parent + "/none/state", "a", "x");
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error(), HasSubstr("No such file"));
}

// The answer comes on the loop, and none to who no longer listens.
TEST_F(KeptFilesTest, AreWrittenByTheFileThread) {
  struct Events final : KeptFileEvents {
    explicit Events(Loop& on) : loop(on) {}
    void on_kept(const Result<bool>& kept) override {
      is_kept = static_cast<bool>(kept);
      ++answers;
      loop.stop();
    }
    Loop& loop;
    bool is_kept = false;
    int answers = 0;
  };
  FileThread disk;
  Loop loop(1);
  LoopKeptFiles files(loop, disk);
  Events events(loop);
  Events nobody(loop);
  files.save(x_folder, "b", "y", nobody).reset();
  const FileTaskPtr saving = files.save(x_folder, "a", "x", events);
  loop.run();
  EXPECT_TRUE(events.is_kept);
  EXPECT_EQ(nobody.answers, 0);
  EXPECT_EQ(*load_kept_file(x_folder, "a"), "x");
  EXPECT_EQ(*load_kept_file(x_folder, "b"), "y");
}

}  // namespace
}  // namespace outrigger::io
