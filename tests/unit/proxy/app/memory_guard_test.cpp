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
  Guard() {
    process.memory[0].in_use_bytes = 10 * kMiB;
    install("limit: 100MiB");
  }

  void install(const std::string& memory) {
    const config::Loaded loaded =
        config::load_text("f", "memory: {" + memory + "}\nservices: {}", {});
    ASSERT_TRUE(loaded.ok());
    Snapshot snapshot;
    snapshot.config = loaded.config;
    guard.commit(snapshot);
  }

  outrigger::testing::VirtualLoop loop{1};
  Process process{upstream::UpstreamContext{2, nullptr, nullptr, 1}};
  int64_t used = 0;
  int64_t tcp = 0;
  int woken = 0;
  MemoryGuard guard{loop.context(),
                    MemorySource{.cgroup = {},
                                 .machine_bytes = 1000 * kMiB,
                                 .used_bytes = [this] { return used; },
                                 .cgroup_bytes = [] { return int64_t{0}; },
                                 .tcp_bytes = [this] { return tcp; }},
                    process, [this] { ++woken; }};
};

TEST_F(Guard, TellsEachWorkerHowFarItMayGrow) {
  process.memory_meter.set_ceilings(40 * kMiB);
  EXPECT_EQ(process.memory[0].ceiling_bytes, 25 * kMiB);
  EXPECT_EQ(process.memory[1].ceiling_bytes, 15 * kMiB);
  EXPECT_EQ(process.memory[0].calls_ceiling_bytes, 30 * kMiB);
  EXPECT_EQ(process.memory[1].calls_ceiling_bytes, 20 * kMiB);
}

TEST_F(Guard, WakesTheWorkersToShedTheirShareOfWhatIsTooMuch) {
  used = 104 * kMiB;
  loop.advance_ms(1);
  EXPECT_EQ(process.memory[0].ceiling_bytes, 3 * kMiB);
  EXPECT_EQ(process.memory[0].calls_ceiling_bytes, 8 * kMiB);
  EXPECT_EQ(woken, 1);
}

// The last tenth is for calls that run: who waits goes, and new calls are refused, before it is
// gone.
TEST_F(Guard, KeepsATenthForCallsThatRun) {
  guard.judge(10 * kMiB);
  EXPECT_EQ(woken, 0);
  guard.judge(9 * kMiB);
  EXPECT_EQ(woken, 1);
}

TEST_F(Guard, GivesUpTheCacheThenTheBodiesAndTakesBothBackWithSomeRoom) {
  guard.judge(14 * kMiB);
  EXPECT_EQ(process.stale.limit(), 0);
  EXPECT_EQ(process.retry_bodies.limit(), config::MemoryConfig{}.retry_bodies_bytes);
  guard.judge(14 * kMiB);
  EXPECT_EQ(process.retry_bodies.limit(), 0);
  guard.judge(18 * kMiB);
  EXPECT_EQ(process.retry_bodies.limit(), 0);
  guard.judge(21 * kMiB);
  EXPECT_EQ(process.retry_bodies.limit(), config::MemoryConfig{}.retry_bodies_bytes);
}

TEST_F(Guard, LooksAgainAndAgain) {
  loop.advance_ms(1);
  EXPECT_EQ(woken, 0);
  used = 101 * kMiB;
  loop.advance_ms(MemoryGuard::kLookEachMs);
  EXPECT_EQ(woken, 1);
  loop.advance_ms(MemoryGuard::kLookOftenMs);
  EXPECT_EQ(woken, 2);
}

TEST_F(Guard, OtherLimitsHoldAtOnceAlsoWhileItSheds) {
  used = 101 * kMiB;
  install("limit: 100MiB, cache: 1MiB");
  loop.advance_ms(1);
  install("limit: 100MiB, cache: 3MiB");
  EXPECT_EQ(process.stale.limit(), 0);
  install("limit: 200MiB, cache: 3MiB");
  loop.advance_ms(1);
  EXPECT_EQ(process.stale.limit(), 3 * kMiB);
}

TEST_F(Guard, AnswersMayWaitWithinAShareOfTheLimit) {
  process.answers.add(30 * kMiB);
  EXPECT_TRUE(process.answers.is_much());
  install("limit: 200MiB");
  EXPECT_FALSE(process.answers.is_much());
  process.answers.add(-30 * kMiB);
}

TEST_F(Guard, BuffersOfTcpCountAsFarAsOurConnectionsExplainThem) {
  tcp = 104 * kMiB;
  loop.advance_ms(1);
  EXPECT_EQ(woken, 0);
  process.shards.worker(0)->downstream_connections.set(1'000);
  loop.advance_ms(MemoryGuard::kLookEachMs);
  EXPECT_EQ(woken, 1);
}

// What they were sent may lie in their kernels, on this machine perhaps, until they close.
TEST_F(Guard, ConnectionsThatAreGoneExplainThemForAWhile) {
  process.shards.worker(1)->downstream_connections.set(1'000);
  loop.advance_ms(1);
  process.shards.worker(1)->downstream_connections.set(0);
  tcp = 104 * kMiB;
  loop.advance_ms(29'000);
  EXPECT_GT(woken, 0);
  loop.advance_ms(60'000);
  const int before = woken;
  loop.advance_ms(10'000);
  EXPECT_EQ(woken, before);
}

// The less is left the sooner: whoever has something to do looks.
TEST_F(Guard, AWorkerLooksAsSoonAsPeersCouldHaveTakenWhatIsLeft) {
  MemoryMeter& meter = process.memory_meter;
  used = 60 * kMiB;
  loop.advance_ms(1);
  const int64_t looked_ms = loop.now_ms();
  EXPECT_FALSE(meter.is_due(looked_ms + 4));
  EXPECT_TRUE(meter.is_due(looked_ms + 5));
  used = 98 * kMiB;
  meter.look_if_due(looked_ms + 5);
  EXPECT_LT(process.memory[0].ceiling_bytes, process.memory[0].in_use_bytes);
  EXPECT_GT(process.memory[0].calls_ceiling_bytes, process.memory[0].in_use_bytes);
  EXPECT_FALSE(meter.is_due(looked_ms + 6));
}

TEST_F(Guard, BuffersOfSocketsStaySmallWhereLessThanHalfIsLeft) {
  loop.advance_ms(1);
  EXPECT_FALSE(process.memory_meter.is_tight());
  used = 51 * kMiB;
  loop.advance_ms(MemoryGuard::kLookEachMs);
  EXPECT_TRUE(process.memory_meter.is_tight());
}

TEST(MemoryGuard, WithoutASourceNothingIsWatched) {
  outrigger::testing::VirtualLoop loop;
  Process process{upstream::UpstreamContext{}};
  MemoryGuard guard{loop.context(), std::nullopt, process, [] {}};
  Snapshot snapshot;
  snapshot.config.memory.cache_bytes = 1 * kMiB;
  guard.commit(snapshot);
  EXPECT_EQ(process.stale.limit(), 1 * kMiB);
  EXPECT_TRUE(loop.is_empty());
}

// It may have been short between two looks of the guard, which then never saw it.
TEST_F(Guard, NewCallsAreTakenAgainAfterAWorkerAloneFoundItShort) {
  process.out_of_memory = true;
  guard.judge(15 * kMiB);
  EXPECT_TRUE(process.out_of_memory);
  guard.judge(40 * kMiB);
  EXPECT_FALSE(process.out_of_memory);
}

TEST_F(Guard, NewCallsAreTakenAgainOnceThereIsRoom) {
  guard.judge(-1);
  process.out_of_memory = true;
  guard.judge(18 * kMiB);
  EXPECT_TRUE(process.out_of_memory);
  guard.judge(21 * kMiB);
  EXPECT_FALSE(process.out_of_memory);
}

}  // namespace
}  // namespace outrigger::app
