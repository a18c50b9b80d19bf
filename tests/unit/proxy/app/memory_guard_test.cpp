#include "proxy/app/memory_guard.hpp"

#include <gtest/gtest.h>

#include "tests/support/virtual_loop.hpp"

namespace outrigger::app {
namespace {

constexpr int64_t kMiB = 1 << 20;

TEST(MemoryBounds, AutoIsHalfOfTheMachineAndMostOfTheCgroup) {
  const MemoryBounds alone = memory_bounds({}, {}, 1000 * kMiB);
  EXPECT_EQ(alone.limit(), 500 * kMiB);
  EXPECT_FALSE(alone.cgroup);
  const io::MemoryCgroup cgroup{.limit_bytes = 100 * kMiB, .folder = {}};
  EXPECT_EQ(memory_bounds({}, cgroup, 1000 * kMiB).limit(), 85 * kMiB);
  EXPECT_EQ(memory_bounds({}, cgroup, 100 * kMiB).limit(), 50 * kMiB);
}

TEST(MemoryBounds, AWrittenLimitIsTheProcessAndTheCgroupIsKeptToBesides) {
  const config::MemoryConfig written{.limit_bytes = 64 * kMiB};
  EXPECT_EQ(memory_bounds(written, {}, 1000 * kMiB).limit(), 64 * kMiB);
  const io::MemoryCgroup cgroup{.limit_bytes = 40 * kMiB, .folder = {}};
  EXPECT_EQ(memory_bounds(written, cgroup, 1000 * kMiB).limit(), 38 * kMiB);
}

class Guard : public ::testing::Test {
 protected:
  Guard() { process.memory[0].in_use_bytes = 10 * kMiB; }

  outrigger::testing::VirtualLoop loop{1};
  LoopContext context = loop.context();
  config::Config config;
  Process process{config, {.workers = 2}};
  int woken = 0;
  MemoryGuard guard{context, process, {.limit_bytes = 100 * kMiB}, {}, [this] { ++woken; }};
};

TEST_F(Guard, TellsEachWorkerHowFarItMayGrow) {
  guard.judge(40 * kMiB);
  EXPECT_EQ(process.memory[0].ceiling_bytes, 30 * kMiB);
  EXPECT_EQ(process.memory[1].ceiling_bytes, 20 * kMiB);
  EXPECT_EQ(woken, 0);
}

TEST_F(Guard, WakesTheWorkersToShedTheirShareOfWhatIsTooMuch) {
  guard.judge(-4 * kMiB);
  EXPECT_EQ(process.memory[0].ceiling_bytes, 8 * kMiB);
  EXPECT_EQ(woken, 1);
}

TEST_F(Guard, GivesUpTheCacheThenTheBodiesAndTakesBothBackWithSomeRoom) {
  guard.judge(4 * kMiB);
  EXPECT_EQ(process.retry_bodies.limit(), config::MemoryConfig{}.retry_bodies_bytes);
  guard.judge(4 * kMiB);
  EXPECT_EQ(process.retry_bodies.limit(), 0);
  guard.judge(8 * kMiB);
  EXPECT_EQ(process.retry_bodies.limit(), 0);
  guard.judge(11 * kMiB);
  EXPECT_EQ(process.retry_bodies.limit(), config::MemoryConfig{}.retry_bodies_bytes);
}

TEST_F(Guard, NewCallsAreTakenAgainOnceThereIsRoom) {
  guard.judge(-1);
  process.out_of_memory = true;
  guard.judge(8 * kMiB);
  EXPECT_TRUE(process.out_of_memory);
  guard.judge(20 * kMiB);
  EXPECT_FALSE(process.out_of_memory);
}

}  // namespace
}  // namespace outrigger::app
