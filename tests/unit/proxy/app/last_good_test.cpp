#include "proxy/app/last_good.hpp"

#include <filesystem>
#include <fstream>

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
  ASSERT_TRUE(texts) << texts.error();
  EXPECT_EQ(hash_of(*texts), hash_of(kTexts));
  EXPECT_EQ(*texts->front().text, "services:\n  a: {}\n");
}

TEST(LastGood, WhateverIsTornOrChangedIsRefused) {
  const std::string packed = pack_last_good(kTexts);
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(unpack_last_good(packed.substr(0, size))) << size;
  }
  std::string changed = packed;
  changed[changed.find("services")] = 'S';
  EXPECT_FALSE(unpack_last_good(changed));
}

struct LastGoodFile : ::testing::Test {
  LastGoodFile() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    EXPECT_EQ(io::write_own_file(last_good_path(folder), pack_last_good(kTexts)), "");
  }
  ~LastGoodFile() override { std::filesystem::remove_all(folder); }
  std::string why() const {
    const auto texts = read_last_good(folder);
    return texts ? "" : texts.error();
  }
  const std::string folder = ::testing::TempDir() + "outrigger_last_good";
};

TEST_F(LastGoodFile, IsForItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(::stat(last_good_path(folder).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(why(), "");
}

TEST_F(LastGoodFile, OneThatOthersMayWriteToIsRefused) {
  ::chmod(last_good_path(folder).c_str(), 0620);
  EXPECT_THAT(why(), HasSubstr("others may write to it"));
}

TEST_F(LastGoodFile, ALinkOrNothingIsRefused) {
  std::filesystem::rename(last_good_path(folder), folder + "/other");
  EXPECT_THAT(why(), HasSubstr("No such file"));
  std::filesystem::create_symlink(folder + "/other", last_good_path(folder));
  EXPECT_THAT(why(), HasSubstr("not a regular file"));
}

TEST_F(LastGoodFile, AFolderThatIsGoneIsSaid) {
  EXPECT_THAT(io::write_own_file(folder + "/none/last-good", "x"), HasSubstr("No such file"));
}

TEST(MountPoint, IsTold) {
  EXPECT_TRUE(io::is_mount_point("/proc"));
  EXPECT_FALSE(io::is_mount_point("/proc/self"));
  EXPECT_FALSE(io::is_mount_point("/no/such"));
}

}  // namespace
}  // namespace outrigger::app
