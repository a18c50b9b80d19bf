// What a worker ends, and in which order, when it may hold no more memory.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kAt = "10.0.0.1:80";
constexpr std::string_view kYaml =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, timeout: {request: 1h}}}";

// Lets the worker hold so many bytes less than it does now, and afterwards what it likes.
class Squeeze {
 public:
  Squeeze(Town& town, int64_t bytes) : x_town(town), x_memory(town.process.memory[0]) {
    x_memory.ceiling_bytes = x_memory.in_use_bytes - bytes;
    x_memory.calls_ceiling_bytes = x_memory.in_use_bytes - bytes;
    town.pass_ms(10);
  }
  ~Squeeze() {
    x_memory.ceiling_bytes = app::WorkerMemory::kNoCeiling;
    x_memory.calls_ceiling_bytes = app::WorkerMemory::kNoCeiling;
    x_town.process.out_of_memory = false;
  }
  Squeeze(const Squeeze&) = delete;
  Squeeze& operator=(const Squeeze&) = delete;

 private:
  Town& x_town;
  app::WorkerMemory& x_memory;
};

std::string unfinished_head(size_t bytes) {
  return "GET / HTTP/1.1\r\nHost: orders\r\nx: " + std::string(bytes, 'a');
}

TEST(Memory, TheLargestUnfinishedHeadGoesFirst) {
  Town town(kYaml);
  Caller idle(town), small(town), large(town), medium(town);
  small.send(unfinished_head(2'000));
  large.send(unfinished_head(60'000));
  medium.send(unfinished_head(9'000));
  town.run();
  const Squeeze squeeze(town, 1);
  EXPECT_TRUE(large.is_over());
  EXPECT_FALSE(medium.is_over());
  EXPECT_FALSE(small.is_over());
  EXPECT_FALSE(idle.is_over());
}

TEST(Memory, AHeadThatGrowsAboveWhatIsAllowedIs503) {
  Town town(kYaml);
  Caller caller(town);
  town.run();
  town.process.out_of_memory = true;
  caller.expect_answer_to("GET");
  caller.send(unfinished_head(2'000));
  EXPECT_EQ(caller.next().status(), 503);
  town.run();
  EXPECT_TRUE(caller.is_over());
  town.process.out_of_memory = false;
}

TEST(Memory, TheLongestIdleCallerGoesBeforeOneThatCalledJustNow) {
  Town town(kYaml);
  town.origin(kAt);
  Caller used(town), silent(town);
  town.pass_ms(1'000);
  EXPECT_EQ(used.get().status(), 200);
  const Squeeze squeeze(town, 1);
  EXPECT_TRUE(silent.is_over());
  EXPECT_FALSE(used.is_over());
}

// Its request may be on its way: it meets no reset.
TEST(Memory, AFreshConnectionThatGoesIsAnswered) {
  Town town(kYaml);
  Caller fresh(town);
  fresh.expect_answer_to("GET");
  const Squeeze squeeze(town, 1);
  fresh.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  const Message refused = fresh.next(0);
  EXPECT_EQ(refused.status(), 503);
  EXPECT_NE(refused.field("proxy-status").find("overload"), std::string::npos);
  town.run();
  EXPECT_FALSE(fresh.broken);
}

TEST(Memory, AnIdleCallerSeesAnEndAndNoReset) {
  Town town(kYaml);
  town.origin(kAt);
  Caller used(town);
  EXPECT_EQ(used.get().status(), 200);
  const Squeeze squeeze(town, 1);
  EXPECT_TRUE(used.ended);
  EXPECT_FALSE(used.broken);
}

TEST(Memory, IdleConnectionsToUpstreamsGoToo) {
  Town town(kYaml);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_FALSE(origin.connections[0]->ended);
  const Squeeze squeeze(town, 1);
  EXPECT_TRUE(origin.connections[0]->ended);
}

TEST(Memory, OfAnHttp2CallerOnlyTheCallThatHoldsMostIsEnded) {
  Town town(kYaml);
  town.origin(kAt).otherwise = after(60'000, answers(200));
  H2Caller caller(town);
  H2Side& small = caller.begin("GET", "/");
  H2Side& large = caller.begin("GET", "/", {{"x", std::string(30'000, 'a')}});
  town.run();
  town.process.out_of_memory = true;
  const Squeeze squeeze(town, 1);
  EXPECT_TRUE(large.is_over());
  EXPECT_EQ(large.status(), 503);
  EXPECT_FALSE(small.is_over());
  EXPECT_FALSE(caller.is_gone());
}

// Mostly the frame that nghttp2 may send next, of which an idle one has touched a page. The
// caller's own session is in the same account.
TEST(Memory, AnIdleHttp2CallerHoldsLessThan30KiB) {
  Town town(kYaml);
  town.origin(kAt);
  const int64_t before = town.process.memory[0].in_use_bytes;
  H2Caller caller(town);
  town.pass_ms(10);
  EXPECT_LT(town.process.memory[0].in_use_bytes - before, 2 * 30 * 1024);
}

TEST(Memory, NewConnectionsAreRefusedBeforeTheCallThatHoldsMostIsEnded) {
  Town town(kYaml);
  town.origin(kAt).otherwise = after(600'000, answers(200));
  Caller small(town), large(town);
  small.begin("GET", "/");
  large.begin("GET", "/", "x: " + std::string(30'000, 'a') + "\r\n");
  town.run();
  app::WorkerMemory& memory = town.process.memory[0];
  memory.ceiling_bytes = memory.in_use_bytes - 1;
  town.run();
  EXPECT_TRUE(town.process.out_of_memory);
  EXPECT_FALSE(large.is_over());
  Caller fresh(town);
  fresh.expect_answer_to("GET");
  EXPECT_EQ(fresh.next(0).status(), 503);
  town.pass_ms(100);
  EXPECT_FALSE(large.is_over()) << "the reserve is theirs";
  memory.calls_ceiling_bytes = memory.in_use_bytes - 1;
  town.pass_ms(10);
  EXPECT_EQ(large.next(0).status(), 503);
  EXPECT_TRUE(large.is_over());
  EXPECT_FALSE(small.is_over());
  memory.ceiling_bytes = app::WorkerMemory::kNoCeiling;
  memory.calls_ceiling_bytes = app::WorkerMemory::kNoCeiling;
  town.process.out_of_memory = false;
}

}  // namespace
}  // namespace outrigger::testing
