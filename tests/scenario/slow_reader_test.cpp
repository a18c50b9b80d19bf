// Callers that pause within their answers: how long they may, what they hold, and when they are
// cut.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr int64_t kWriteStallMs = 30'000;
constexpr int64_t kLookMs = kWriteStallMs / 4;
constexpr int64_t kHourMs = 3'600'000;
constexpr size_t kBytes = 1'000'000;

std::string orders(std::string_view policy = {}) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, protocol: http1" +
         std::string(policy) + "}}";
}

// What waits for callers is much, whatever it is.
void make_memory_short(Town& town) { town.process.answers.set_much(-1); }

struct Http1Town : Town {
  explicit Http1Town(std::string_view policy = {}) : Town(orders(policy)) {
    network.at(address()).pipe.kernel_bytes = 8 * 1024;
    origin(kAt).otherwise = answers(200, std::string(kBytes, 'a'));
  }
  void begin_paused() {
    caller.begin("GET", "/");
    caller.pause();
  }
  bool runs() { return workers[0]->running() == 1; }

  Caller caller{*this};
};

http::H2Limits narrow() {
  http::H2Limits limits;
  limits.stream_window_bytes = 1'000;
  return limits;
}

struct Http2Town : Town {
  explicit Http2Town(std::string_view policy = {}) : Town(orders(policy)) {
    origin(kAt).otherwise = answers(200, std::string(kBytes, 'a'));
  }
  H2Side& begin_paused() {
    H2Side& side = caller.begin("GET", "/");
    side.takes = false;
    return side;
  }

  H2Caller caller{*this, narrow()};
};

TEST(SlowReader, OneThatPausesOverHttp1GetsEverything) {
  Http1Town town;
  town.begin_paused();
  town.pass_ms(10 * 60'000);
  town.caller.resume();
  const Message answer = town.caller.next();
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body.size(), kBytes);
}

TEST(SlowReader, OneThatPausesOverHttp2GetsEverything) {
  Http2Town town;
  H2Side& side = town.begin_paused();
  town.pass_ms(10 * 60'000);
  EXPECT_FALSE(side.closed);
  side.take_all();
  town.caller.finish(side);
  EXPECT_TRUE(side.message.complete);
  EXPECT_EQ(side.message.body.size(), kBytes);
}

TEST(SlowReader, IsCutAfterWriteStallWhereMemoryIsShort) {
  Http1Town first;
  make_memory_short(first);
  first.begin_paused();
  first.pass_ms(kWriteStallMs - kLookMs);
  EXPECT_TRUE(first.runs());
  first.pass_ms(2 * kLookMs);
  EXPECT_FALSE(first.runs());
  Http2Town second;
  make_memory_short(second);
  const H2Side& side = second.begin_paused();
  second.pass_ms(kWriteStallMs - 1);
  EXPECT_FALSE(side.closed);
  second.pass_ms(2);
  EXPECT_TRUE(side.closed);
}

TEST(SlowReader, IsCutAtTheNextLookOnceMemoryIsShort) {
  Http1Town first;
  first.begin_paused();
  first.pass_ms(10 * 60'000);
  make_memory_short(first);
  first.pass_ms(kLookMs);
  EXPECT_FALSE(first.runs());
  Http2Town second;
  const H2Side& side = second.begin_paused();
  second.pass_ms(10 * 60'000);
  make_memory_short(second);
  second.pass_ms(kLookMs);
  EXPECT_TRUE(side.closed);
}

TEST(SlowReader, HasAsLongAsAStreamMayBeIdle) {
  Http1Town first;
  first.begin_paused();
  first.pass_ms(kHourMs - kWriteStallMs);
  EXPECT_TRUE(first.runs());
  first.pass_ms(2 * kWriteStallMs);
  EXPECT_FALSE(first.runs());
  Http2Town second;
  const H2Side& side = second.begin_paused();
  second.pass_ms(kHourMs - kWriteStallMs);
  EXPECT_FALSE(side.closed);
  second.pass_ms(2 * kWriteStallMs);
  EXPECT_TRUE(side.closed);
}

TEST(SlowReader, StreamIdleOfItsServiceMayBeShorter) {
  Http2Town town(", timeout: {stream_idle: 2m}");
  const H2Side& side = town.begin_paused();
  town.pass_ms(kWriteStallMs + 119'000);
  EXPECT_FALSE(side.closed);
  town.pass_ms(2'000);
  EXPECT_TRUE(side.closed);
}

TEST(SlowReader, HoldsNoPlaceAmongTheOutstandingCalls) {
  Http1Town first(", limits: {outstanding: 1}");
  first.begin_paused();
  Caller other(first);
  first.pass_ms(kWriteStallMs - kLookMs);
  EXPECT_EQ(other.get().status(), 503);
  first.pass_ms(2 * kLookMs);
  EXPECT_EQ(other.get().status(), 200);
  EXPECT_EQ(first.service("orders").limit().streams().open(), 1);
  Http2Town second(", limits: {outstanding: 1}");
  second.begin_paused();
  second.pass_ms(kWriteStallMs);
  EXPECT_EQ(second.service("orders").limit().outstanding(), 0);
  EXPECT_EQ(second.service("orders").limit().streams().open(), 1);
  EXPECT_EQ(Caller(second).get().status(), 200);
}

TEST(SlowReader, OneThatLeavesMeanwhileLeavesNothing) {
  Http2Town town(", limits: {outstanding: 1}");
  H2Side& side = town.begin_paused();
  town.pass_ms(2 * kWriteStallMs);
  EXPECT_GT(town.process.answers.bytes(), 0);
  side.reset();
  town.run();
  EXPECT_EQ(town.process.answers.bytes(), 0);
  EXPECT_EQ(town.service("orders").limit().streams().open(), 0);
}

}  // namespace
}  // namespace outrigger::testing
