#include "proxy/app/named_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_files.hpp"

namespace outrigger::app {
namespace {

using config::FileUse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct NamedFilesTest : ::testing::Test {
  static config::NamedFile secret(const std::string& path) {
    return {path, FileUse::kHeader, {"f", 3, 4, "services.a.headers", ""}};
  }
  bool fetch(const NamedFiles::List& list) {
    bool is_ready = false;
    named.fetch(list, [&] { is_ready = true; });
    loop.run_until_idle();
    return is_ready;
  }
  void settle() { loop.advance_ms(NamedFiles::kTogetherMs); }

  testing::VirtualLoop loop;
  testing::FakeFiles files{loop};
  std::vector<NamedFiles::Paths> rotated;
  NamedFiles named{loop.context(), files,
                   [this](const NamedFiles::Paths& paths) { rotated.push_back(paths); }};
};

TEST_F(NamedFilesTest, AreReadBeforeTheyAreNeededAndWatchedFromThenOn) {
  files.set("/a", "1");
  EXPECT_TRUE(fetch({secret("/a")}));
  EXPECT_EQ(*named.bytes("/a"), "1");
  EXPECT_EQ(files.watches("/a"), 0U);
  named.watch({secret("/a")});
  settle();
  EXPECT_THAT(rotated, IsEmpty());
  files.set("/a", "2");
  settle();
  EXPECT_THAT(rotated, ElementsAre(NamedFiles::Paths{"/a"}));
  EXPECT_EQ(*named.bytes("/a"), "2");
}

TEST_F(NamedFilesTest, SayWhatCannotBeUsedWithItsPlace) {
  files.set("/bad", "a\nb");
  EXPECT_TRUE(fetch({secret("/bad"), secret("/gone")}));
  const auto problems = named.problems({secret("/bad"), secret("/gone"), secret("/never")});
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(to_string(problems[0]),
            "f:3:4: /bad: a line break or another control character within the value of a field");
  EXPECT_EQ(to_string(problems[1]), "f:3:4: /gone: No such file or directory");
  EXPECT_EQ(to_string(problems[2]), "f:3:4: /never: has not been read");
}

TEST_F(NamedFilesTest, OneThatIsGoneOrOfNoUseKeepsItsLastContent) {
  files.set("/a", "1");
  fetch({secret("/a")});
  named.watch({secret("/a")});
  files.remove("/a");
  settle();
  files.set("/a", "1\n2");
  settle();
  EXPECT_EQ(*named.bytes("/a"), "1");
  EXPECT_THAT(rotated, IsEmpty());
  EXPECT_EQ(named.failing(), 1U);
  EXPECT_EQ(named.errors(), 2U);
  EXPECT_THAT(named.problems({secret("/a")}), IsEmpty());
  files.set("/a", "3");
  settle();
  EXPECT_EQ(*named.bytes("/a"), "3");
  EXPECT_EQ(named.failing(), 0U);
  EXPECT_EQ(rotated.size(), 1U);
}

TEST_F(NamedFilesTest, ThatAreNamedNoLongerAreForgotten) {
  files.set("/a", "1");
  files.set("/b", "2");
  fetch({secret("/a"), secret("/b")});
  named.watch({secret("/a"), secret("/b")});
  const auto kept = named.bytes("/b");
  fetch({secret("/b")});
  named.watch({secret("/b")});
  EXPECT_EQ(named.bytes("/b"), kept) << "the same object, so nothing is made anew";
  EXPECT_EQ(named.bytes("/a"), nullptr);
  EXPECT_EQ(files.watches("/a"), 0U);
}

TEST_F(NamedFilesTest, AnotherFetchTakesThePlaceOfOneThatIsNotReady) {
  files.hold();
  bool first = false;
  named.fetch({secret("/a")}, [&] { first = true; });
  files.set("/b", "2");
  bool second = false;
  named.fetch({secret("/b")}, [&] { second = true; });
  files.hold(false);
  loop.run_until_idle();
  EXPECT_FALSE(first);
  EXPECT_TRUE(second);
}

TEST_F(NamedFilesTest, WhatWasRefusedIsHeardOfWhenItChanges) {
  fetch({secret("/a")});
  int changes = 0;
  named.await_change({secret("/a")}, [&] { ++changes; });
  loop.run_until_idle();
  EXPECT_EQ(changes, 0) << "it is as it was";
  files.set("/a", "1");
  loop.run_until_idle();
  files.set("/a", "2");
  loop.run_until_idle();
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace outrigger::app
