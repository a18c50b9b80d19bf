#include "proxy/base/reaper.hpp"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

struct Doomed : Reapable {
  Doomed(std::string& to, std::string as) : log(to), name(std::move(as)) {}
  ~Doomed() override {
    log += name;
    if (grave != nullptr) grave->doom(std::move(child));
  }
  std::string& log;
  std::string name;
  Reaper* grave = nullptr;
  std::unique_ptr<Doomed> child;
};

TEST(Reaper, DestroysAtTheFlushAndInOrder) {
  std::string log;
  Reaper reaper;
  reaper.doom(std::make_unique<Doomed>(log, "a"));
  reaper.doom(std::make_unique<Doomed>(log, "b"));
  EXPECT_EQ(log, "");
  EXPECT_FALSE(reaper.empty());
  reaper.flush();
  EXPECT_EQ(log, "ab");
  EXPECT_TRUE(reaper.empty());
}

TEST(Reaper, TakesWhatDestructorsDoomOnTheWay) {
  std::string log;
  Reaper reaper;
  auto parent = std::make_unique<Doomed>(log, "parent ");
  parent->grave = &reaper;
  parent->child = std::make_unique<Doomed>(log, "child");
  reaper.doom(std::move(parent));
  reaper.flush();
  EXPECT_EQ(log, "parent child");
}

TEST(Reaper, DestroysTheRestWithItself) {
  std::string log;
  {
    Reaper reaper;
    reaper.doom(new Doomed(log, "x"));
    reaper.doom(std::unique_ptr<Doomed>());
  }
  EXPECT_EQ(log, "x");
}

TEST(Reaper, LetsAnObjectOfAnArenaKeepItsMemory) {
  struct InPlace final : Reapable {
    void reap() override { this->~InPlace(); }
  };
  alignas(InPlace) std::byte place[sizeof(InPlace)];
  Reaper reaper;
  reaper.doom(new (place) InPlace);
  reaper.flush();
  EXPECT_TRUE(reaper.empty());
}

}  // namespace
}  // namespace outrigger
