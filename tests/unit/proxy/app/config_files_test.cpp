#include "proxy/app/config_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_files.hpp"

namespace outrigger::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ConfigFilesTest : ::testing::Test {
  // "PATH=TEXT", or "PATH! WHY"
  static std::vector<std::string> shown(const config::Texts& texts) {
    std::vector<std::string> list;
    for (const auto& [path, text] : texts) {
      list.push_back(text ? path + "=" + *text : path + "! " + text.error());
    }
    return list;
  }
  std::vector<std::string> read(ConfigFiles& of) {
    std::vector<std::string> list;
    of.read([&](config::Texts texts) { list = shown(texts); });
    loop.run_until_idle();
    return list;
  }
  void settle() { loop.advance_ms(ConfigFiles::kTogetherMs); }

  testing::VirtualLoop loop;
  testing::FakeFiles files{loop};
  std::vector<std::vector<std::string>> changes;
  const ConfigFiles::Done changed = [this](config::Texts texts) {
    changes.push_back(shown(texts));
  };
};

TEST_F(ConfigFilesTest, AreReadInTheirOrderWithTheFilesOfFoldersByName) {
  files.set("/a", "1");
  files.set("/etc/z.yaml", "3");
  files.set("/etc/b.yml", "2");
  files.set("/etc/c.txt", "no");
  files.set("/etc/.d.yaml", "no");
  ConfigFiles all(loop.context(), files, {"/a", "/etc/", "/gone"}, changed);
  EXPECT_THAT(read(all), ElementsAre("/a=1", "/etc/b.yml=2", "/etc/z.yaml=3",
                                     "/gone! /gone: No such file or directory"));
  EXPECT_THAT(changes, IsEmpty());
}

TEST_F(ConfigFilesTest, AFolderWithoutAFileThatCountsSaysSo) {
  files.set("/etc/c.txt", "no");
  ConfigFiles all(loop.context(), files, {"/etc/"}, changed);
  EXPECT_THAT(read(all), ElementsAre("/etc/! the folder holds no .yaml file"));
}

TEST_F(ConfigFilesTest, FilesThatChangeTogetherAreToldTogether) {
  files.set("/a", "1");
  files.set("/b", "1");
  ConfigFiles all(loop.context(), files, {"/a", "/b"}, changed);
  all.watch({{"/a", std::string("1")}, {"/b", std::string("1")}});
  settle();
  EXPECT_THAT(changes, IsEmpty());
  files.set("/a", "2");
  loop.advance_ms(ConfigFiles::kTogetherMs - 1);
  files.set("/b", "2");
  settle();
  EXPECT_THAT(changes, ElementsAre(ElementsAre("/a=2", "/b=2")));
}

TEST_F(ConfigFilesTest, WhatWasReadAlreadyIsNoChange) {
  files.set("/a", "1");
  ConfigFiles all(loop.context(), files, {"/a"}, changed);
  all.watch({{"/a", std::string("1")}});
  files.set("/a", "2");
  EXPECT_THAT(read(all), ElementsAre("/a=2"));
  settle();
  EXPECT_THAT(changes, IsEmpty());
}

TEST_F(ConfigFilesTest, OneThatIsGoneOrComesBackIsAChange) {
  files.set("/a", "1");
  ConfigFiles all(loop.context(), files, {"/a"}, changed);
  all.watch({{"/a", std::string("1")}});
  settle();
  files.remove("/a");
  settle();
  files.set("/a", "1");
  settle();
  EXPECT_THAT(changes,
              ElementsAre(ElementsAre("/a! /a: No such file or directory"), ElementsAre("/a=1")));
}

TEST_F(ConfigFilesTest, FilesOfAFolderComeAndGo) {
  files.set("/etc/a.yaml", "1");
  ConfigFiles all(loop.context(), files, {"/etc/"}, changed);
  all.watch({{"/etc/a.yaml", std::string("1")}});
  settle();
  files.set("/etc/b.yaml", "2");
  loop.advance_ms(3 * ConfigFiles::kTogetherMs);
  files.remove("/etc/a.yaml");
  loop.advance_ms(3 * ConfigFiles::kTogetherMs);
  files.set("/etc/b.yaml", "3");
  loop.advance_ms(3 * ConfigFiles::kTogetherMs);
  EXPECT_THAT(changes, ElementsAre(ElementsAre("/etc/a.yaml=1", "/etc/b.yaml=2"),
                                   ElementsAre("/etc/b.yaml=2"), ElementsAre("/etc/b.yaml=3")));
}

TEST_F(ConfigFilesTest, ADiskThatDiesIsWaitedFor) {
  files.set("/a", "1");
  ConfigFiles all(loop.context(), files, {"/a"}, changed);
  files.hold();
  EXPECT_THAT(read(all), IsEmpty());
  std::vector<std::string> later;
  all.read([&](config::Texts texts) { later = shown(texts); });
  files.hold(false);
  loop.run_until_idle();
  EXPECT_THAT(later, ElementsAre("/a=1"));
}

}  // namespace
}  // namespace outrigger::app
