#include "proxy/io/watched_file.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/virtual_loop.hpp"

namespace outrigger::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kPath = "/etc/app.yaml";

// One file in memory, which stands in /etc unless a test says something else.
class MemoryDisk final : public io::Disk {
 public:
  io::FileContent content = failure(std::string(kPath) + ": No such file or directory");
  std::vector<Step> way{{"/etc", "app.yaml"}};
  int reads = 0;

  void tell(const std::string& folder, const std::string& name) {
    const auto [begin, end] = x_watches.equal_range(folder);
    for (auto one = begin; one != end; ++one) one->second->on_entry(folder, name);
  }
  std::vector<std::string> folders() const {
    std::vector<std::string> all;
    for (const auto& [folder, events] : x_watches) all.push_back(folder);
    return all;
  }

 private:
  using Watches = std::multimap<std::string, io::FolderEvents*>;
  class Watch final : public io::FolderWatch {
   public:
    Watch(Watches& watches, const std::string& folder, io::FolderEvents& events)
        : x_watches(watches), x_at(watches.emplace(folder, &events)) {}
    ~Watch() override { x_watches.erase(x_at); }

   private:
    Watches& x_watches;
    Watches::iterator x_at;
  };

  io::FileContent read(const std::string&, size_t) override {
    ++reads;
    return content;
  }
  std::vector<Step> steps(const std::string&) override { return way; }
  std::unique_ptr<io::FolderWatch> watch(const std::string& folder,
                                         io::FolderEvents& events) override {
    return std::make_unique<Watch>(x_watches, folder, events);
  }

  Watches x_watches;
};

struct Heard final : io::FileSubscriber {
  void take(std::shared_ptr<const io::FileContent> content) override {
    all.push_back(*content ? **content : content->error());
  }
  std::vector<std::string> all;
};

struct WatchedFileTest : ::testing::Test {
  WatchedFileTest() { file.add(heard); }

  // So that the first two looks are behind us.
  void begin(const std::string& content) {
    disk.content = content;
    loop.advance_ms(kAtOnceMs + io::WatchedFile::kSettleMs);
    heard->all.clear();
    disk.reads = 0;
  }
  void change(const std::string& content) {
    disk.content = content;
    disk.tell("/etc", "app.yaml");
  }

  static constexpr int64_t kAtOnceMs = 1;  // a timer that is due now
  static constexpr int64_t kTakenWithinMs = io::WatchedFile::kQuietMs + io::WatchedFile::kSettleMs;

  VirtualLoop loop;
  MemoryDisk disk;
  io::WatchedFile file{loop.context(), disk, kPath};
  std::shared_ptr<Heard> heard = std::make_shared<Heard>();
};

TEST_F(WatchedFileTest, TellsWhatStandsThereOnceItWasSeenTwice) {
  disk.content = std::string("one");
  loop.advance_ms(kAtOnceMs + io::WatchedFile::kSettleMs - 1);
  EXPECT_THAT(heard->all, IsEmpty());
  loop.advance_ms(1);
  EXPECT_THAT(heard->all, ElementsAre("one"));
  EXPECT_EQ(disk.reads, 2);
}

TEST(WatchedFolder, HearsOfWhateverComesIntoIt) {
  VirtualLoop loop;
  MemoryDisk disk;
  disk.content = std::string("a.yaml\n");
  disk.way = {{"/", "etc"}};
  io::WatchedFile folder(loop.context(), disk, "/etc/");
  const auto heard = std::make_shared<Heard>();
  folder.add(heard);
  loop.advance_ms(1 + io::WatchedFile::kSettleMs);
  EXPECT_THAT(disk.folders(), ElementsAre("/", "/etc"));
  disk.content = std::string("a.yaml\nb.yaml\n");
  disk.tell("/etc", "b.yaml");
  loop.advance_ms(io::WatchedFile::kQuietMs + io::WatchedFile::kSettleMs);
  EXPECT_THAT(heard->all, ElementsAre("a.yaml\n", "a.yaml\nb.yaml\n"));
}

TEST_F(WatchedFileTest, AFileThatIsWrittenInPiecesIsTakenWhole) {
  begin("10.0.0.1:80");
  for (const char* piece : {"", "10.0.0.2:80", "10.0.0.2:8080", "10.0.0.2:8080\n"}) {
    change(piece);
    loop.advance_ms(io::WatchedFile::kSettleMs - 10);
  }
  EXPECT_THAT(heard->all, IsEmpty());
  loop.advance_ms(kTakenWithinMs);
  EXPECT_THAT(heard->all, ElementsAre("10.0.0.2:8080\n"));
}

TEST_F(WatchedFileTest, AChangeThatNothingTellsOfIsSeenWithinTwoSeconds) {
  begin("weight: 1");
  disk.content = std::string("weight: 2");
  loop.advance_ms(io::WatchedFile::kPollMs + io::WatchedFile::kSettleMs);
  EXPECT_THAT(heard->all, ElementsAre("weight: 2"));
}

TEST_F(WatchedFileTest, WhatTheFolderTellsIsLookedAtAtOnceAndABurstOnce) {
  begin("one");
  for (int i = 0; i < 20; ++i) change("two");
  loop.advance_ms(kTakenWithinMs);
  EXPECT_THAT(heard->all, ElementsAre("two"));
  EXPECT_EQ(disk.reads, 2);
}

TEST_F(WatchedFileTest, ANeighbourInTheFolderCostsNoLook) {
  begin("one");
  disk.tell("/etc", "hosts");
  loop.advance_ms(kTakenWithinMs);
  EXPECT_EQ(disk.reads, 0);
}

TEST_F(WatchedFileTest, TellsOfAFileThatIsGoneButNotOfAGapBetweenTwo) {
  begin("one");
  disk.content = failure(std::string("gone"));
  disk.tell("/etc", "app.yaml");
  loop.advance_ms(io::WatchedFile::kSettleMs);
  disk.content = std::string("one");
  loop.advance_ms(10 * io::WatchedFile::kPollMs);
  EXPECT_THAT(heard->all, IsEmpty());
  disk.content = failure(std::string("gone"));
  loop.advance_ms(10 * io::WatchedFile::kPollMs);
  EXPECT_THAT(heard->all, ElementsAre("gone"));
}

TEST_F(WatchedFileTest, ASecondSubscriberHearsWhatTheFirstOneKnowsAndAFormerOneNothing) {
  begin("one");
  const auto second = std::make_shared<Heard>();
  file.add(second);
  loop.advance_ms(kAtOnceMs);
  EXPECT_THAT(second->all, ElementsAre("one"));
  EXPECT_THAT(heard->all, IsEmpty());
  EXPECT_EQ(disk.reads, 1);
  EXPECT_TRUE(file.remove(*heard));
  change("two");
  loop.advance_ms(kTakenWithinMs);
  EXPECT_THAT(second->all, ElementsAre("one", "two"));
  EXPECT_THAT(heard->all, IsEmpty());
  EXPECT_FALSE(file.remove(*second));
}

TEST_F(WatchedFileTest, ListensToTheFolderOfEachLinkAndAfterASwapToTheNewOnes) {
  disk.way = {{"/etc", "app.yaml"}, {"/mnt", "..data"}, {"/mnt/..1", "app.yaml"}};
  begin("one");
  EXPECT_THAT(disk.folders(), ElementsAre("/etc", "/mnt", "/mnt/..1"));
  disk.way.back().folder = "/mnt/..2";
  disk.content = std::string("two");
  disk.tell("/mnt", "..data");
  loop.advance_ms(kTakenWithinMs);
  EXPECT_THAT(heard->all, ElementsAre("two"));
  EXPECT_THAT(disk.folders(), ElementsAre("/etc", "/mnt", "/mnt/..2"));
  // A folder that is itself moved away says so by its own name.
  disk.way.back().folder = "/mnt/..3";
  disk.tell("/mnt/..2", "..2");
  loop.advance_ms(kTakenWithinMs);
  EXPECT_THAT(disk.folders(), ElementsAre("/etc", "/mnt", "/mnt/..3"));
}

}  // namespace
}  // namespace outrigger::testing
