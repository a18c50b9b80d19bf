#include "proxy/app/last_good.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "proxy/io/own_file.hpp"

namespace outrigger::app {
namespace {

using ::testing::HasSubstr;

const config::Texts kTexts{{"/etc/a b.yaml", std::string("services:\n  a: {}\n")},
                           {"b", std::string()}};

TEST(LastGood, IsReadBackByteForByte) {
  const auto texts = unpack_last_good(pack_last_good(kTexts));
  ASSERT_TRUE(texts);
  EXPECT_EQ(hash_of(*texts), hash_of(kTexts));
  EXPECT_EQ(*texts->front().text, "services:\n  a: {}\n");
}

TEST(LastGood, ATornOneIsNeverReadAsAllOfIt) {
  const std::string packed = pack_last_good(kTexts);
  for (size_t size = 0; size < packed.size(); ++size) {
    const auto texts = unpack_last_good(packed.substr(0, size));
    EXPECT_TRUE(!texts || texts->size() < kTexts.size()) << size;
  }
}

struct LastGoodFile : ::testing::Test {
  LastGoodFile() { std::filesystem::remove_all(folder); }
  ~LastGoodFile() override { std::filesystem::remove_all(folder); }
  std::string why() const {
    const auto texts = load_last_good(folder);
    return texts ? "" : texts.error();
  }
  const std::string folder = ::testing::TempDir() + "outrigger_last_good";
  const std::string path = folder + "/last-good";
};

TEST_F(LastGoodFile, IsKeptForItsOwnerAlone) {
  const Result<bool> kept = keep_last_good(folder, kTexts);
  ASSERT_TRUE(kept) << kept.error();
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto texts = load_last_good(folder);
  ASSERT_TRUE(texts) << texts.error();
  EXPECT_EQ(hash_of(*texts), hash_of(kTexts));
}

TEST_F(LastGoodFile, WithoutOneItIsSaid) { EXPECT_THAT(why(), HasSubstr("there is none")); }

TEST_F(LastGoodFile, OneThatOthersMayWriteToIsRefused) {
  ASSERT_TRUE(keep_last_good(folder, kTexts));
  ::chmod(path.c_str(), 0620);
  EXPECT_THAT(why(), HasSubstr("others may write to it"));
}

TEST_F(LastGoodFile, ALinkIsRefused) {
  ASSERT_TRUE(keep_last_good(folder, kTexts));
  std::filesystem::rename(path, folder + "/other");
  std::filesystem::create_symlink(folder + "/other", path);
  EXPECT_THAT(why(), HasSubstr("not a regular file"));
}

TEST_F(LastGoodFile, AFolderInWhichNoneCanBeMadeIsSaid) {
  const Result<bool> kept = keep_last_good(folder + "/not/there", kTexts);
  ASSERT_FALSE(kept);
  EXPECT_THAT(kept.error(), HasSubstr("No such file"));
}

TEST(MountPoint, IsTold) {
  EXPECT_TRUE(io::is_mount_point("/proc"));
  EXPECT_FALSE(io::is_mount_point("/proc/self"));
  EXPECT_FALSE(io::is_mount_point("/no/such"));
}

}  // namespace
}  // namespace outrigger::app
