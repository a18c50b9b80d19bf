// Honest HTTP/2 peers through a whole worker, at rates beyond any that is known: no guard ends
// them. docs/abuse.md says which programs they are.
#include <algorithm>

#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/h2_raw.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr int kCalls = 2'000;

struct HonestTown : Town {
  explicit HonestTown(std::string_view policy = {}, std::string_view listener = {})
      : Town("listeners: [{name: outbound, address: ['127.0.0.1:15001']" + std::string(listener) +
             "}]\nservices: {orders: {endpoints: {static: ['10.0.0.1:80']}, timeout: {request: "
             "off}, limits: {outstanding: off}, circuit: off, endpoint_circuit: off" +
             std::string(policy) + "}}") {}
  // Of either side.
  uint64_t faults() {
    const auto series = process.shards.worker(0);
    uint64_t all = 0;
    for (const auto& counter : series->downstream_http2_faults) all += counter.value();
    for (const auto& counter : series->upstream_http2_faults) all += counter.value();
    return all;
  }
  int full_connections() { return process.listeners.at("outbound").full_connections.load(); }
};

std::string head(std::string_view method, int32_t id, uint8_t flags, std::string_view more = {}) {
  return frame(
      kHeadersFrame, kEndHeaders | flags, id,
      block({{":method", method}, {":scheme", "http"}, {":authority", "orders"}, {":path", "/"}}) +
          std::string(more));
}
std::string ping() { return frame(kPingFrame, 0, 0, "bdp-ping"); }
std::string window(int32_t id, uint32_t bytes) {
  return frame(kWindowFrame, 0, id, number32(bytes));
}
bool has(const std::vector<Seen>& seen, uint8_t type, int32_t id) {
  return std::any_of(seen.begin(), seen.end(),
                     [&](const Seen& one) { return one.type == type && one.id == id; });
}

TEST(Http2Honest, EachSideMayMeasureItsBandwidthForEachCall) {
  HonestTown town(", protocol: http2");
  RawOrigin up(town, kAt);
  RawCaller caller(town);
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = 2 * i + 1;
    caller.say(head("POST", id, 0) + frame(kDataFrame, kEndStream, id, "ask"));
    if (i == 0) up.greet();
    caller.received.clear();
    up.say(window(0, 3) + ping() + window(id, 3) + RawOrigin::ok(id, kEndHeaders) +
           frame(kDataFrame, kEndStream, id, "answer"));
    town.run();
    ASSERT_TRUE(has(frames_in(caller.received), kDataFrame, id)) << i;
    caller.say(window(0, 6) + ping() + window(id, 6));
  }
  EXPECT_FALSE(caller.is_gone());
  EXPECT_EQ(up.origin.accepted(), 1u);
  EXPECT_EQ(town.faults(), 0u);
}

// As Go's servers do when a handler has not read the body: behind the answer, which is complete.
TEST(Http2Honest, AnUpstreamMayResetEachBodyThatItDidNotRead) {
  HonestTown town(", protocol: http2");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = 2 * i + 1;
    H2Side& side = caller.begin("POST", "/", {}, "some body");
    town.run();
    if (i == 0) up.greet();
    up.say(RawOrigin::ok(id) + frame(kRstFrame, 0, id, number32(0)));
    ASSERT_EQ(caller.finish(side).status(), 200) << i;
    ASSERT_FALSE(side.closed) << i;
  }
  EXPECT_EQ(up.origin.accepted(), 1u);
  EXPECT_EQ(town.faults(), 0u);
}

// As Go's server does with each connection whose handler asked for its end.
TEST(Http2Honest, AnUpstreamMayGiveNoticeSeveralTimesInARow) {
  HonestTown town(", protocol: http2, retry: {budget: 1%}");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.begin("POST", "/", {}, "pay");
  town.run();
  for (int i = 0; i < 6; ++i) {
    up.greet();
    up.say(RawOrigin::goaway(0, 0));
    town.run();
  }
  up.greet();
  up.say(RawOrigin::ok(1));
  EXPECT_EQ(up.origin.accepted(), 7u);
  EXPECT_EQ(caller.finish(side).status(), 200);
}

// Its window is shut by the body itself, and it will not open: the end of the request cannot go
// out.
TEST(Http2Honest, AnUpstreamMayAnswerInFullWithoutAWordOnTheBody) {
  HonestTown town(", protocol: http2");
  RawOrigin up(town, kAt);
  RawCaller caller(town);
  const std::string initial_window = std::string("\0\4", 2) + number32(5);
  caller.say(head("GET", 1, kEndStream));
  up.greet(initial_window);
  up.say(RawOrigin::ok(1));
  town.run();
  caller.say(head("POST", 3, 0) + frame(kDataFrame, 0, 3, "hello"));
  caller.say(frame(kDataFrame, kEndStream, 3));
  caller.received.clear();
  up.say(RawOrigin::ok(3, kEndHeaders) + frame(kDataFrame, kEndStream, 3, "answer"));
  town.pass_ms(1'000);
  std::string body;
  bool is_complete = false;
  for (const Seen& one : frames_in(caller.received)) {
    if (one.type != kDataFrame || one.id != 3) continue;
    body += one.payload;
    is_complete = is_complete || (one.flags & kEndStream) != 0;
  }
  EXPECT_EQ(body, "answer");
  EXPECT_TRUE(is_complete);
}

// As httpx does: the declared length is there, the answer with it, and the end comes later.
TEST(Http2Honest, NoAnswerIsResetWhileItsCallerMayStillEnd) {
  constexpr int kAtOnce = 100;
  HonestTown town(", protocol: http1");
  town.origin(kAt).otherwise = answers(200, "ok");
  RawCaller caller(town);
  const std::string length = literal("content-length", "4");
  std::string requests;
  std::string ends;
  for (int32_t id = 1; id < 2 * kAtOnce; id += 2) {
    requests += head("POST", id, 0, length) + frame(kDataFrame, 0, id, "body");
    ends += frame(kDataFrame, kEndStream, id);
  }
  caller.say(requests);
  town.pass_ms(20'000);
  const std::vector<Seen> seen = frames_in(caller.received);
  for (int32_t id = 1; id < 2 * kAtOnce; id += 2) {
    EXPECT_TRUE(has(seen, kDataFrame, id)) << id;
    EXPECT_FALSE(has(seen, kRstFrame, id)) << id;
  }
  caller.say(ends);
  town.pass_ms(60'000);
  for (const Seen& one : frames_in(caller.received)) EXPECT_NE(one.type, kRstFrame) << one.id;
  EXPECT_FALSE(caller.is_gone());
  EXPECT_EQ(town.faults(), 0u);
}

// As grpc-go does: GOAWAY names the last stream that it has opened itself.
TEST(Http2Honest, ACallerThatLeavesIsNoFault) {
  HonestTown town;
  H2Origin origin(town, kAt);
  for (const bool between_calls : {true, false}) {
    RawCaller caller(town);
    caller.say(head("GET", 1, kEndStream));
    if (!between_calls) origin.otherwise = [](H2Side&) {};
    caller.say(head("GET", 3, kEndStream));
    caller.say(frame(7, 0, 0, number32(3) + number32(0) + "client transport shutdown"));
    if (caller.is_open()) caller.finish();
    town.run();
    EXPECT_TRUE(caller.is_gone());
  }
  EXPECT_EQ(town.faults(), 0u);
}

// ---- many streams

TEST(Http2Honest, AThousandWatchesFitOnOneConnection) {
  HonestTown town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) { on.answer_head(200); };
  H2Caller caller(town, [] {
    http::H2Limits limits;
    limits.streams = 10'000;
    return limits;
  }());
  std::vector<H2Side*> watches;
  while (caller.session().may_open()) watches.push_back(&caller.begin("GET", "/watch"));
  town.pass_ms(100);
  EXPECT_EQ(watches.size(), 1'024u);
  for (const H2Side* watch : watches) ASSERT_EQ(watch->status(), 200);
  EXPECT_EQ(town.full_connections(), 1);
  for (H2Side* request : origin.requests) request->send_data("event");
  town.run();
  for (const H2Side* watch : watches) EXPECT_EQ(watch->message.body, "event");
  // All are given up at once, and opened again, for the price of nothing.
  for (H2Side* watch : watches) watch->reset();
  town.run();
  EXPECT_EQ(town.full_connections(), 0);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(town.faults(), 0u);
}

TEST(Http2Honest, TheBoundIsSeenWhileACallerStandsAtIt) {
  HonestTown town({}, ", limits: {streams: 2}");
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side&) {};
  {
    H2Caller caller(town);
    caller.begin("GET", "/1");
    town.run();
    EXPECT_EQ(town.full_connections(), 0);
    H2Side& second = caller.begin("GET", "/2");
    H2Caller other(town);
    other.begin("GET", "/3");
    town.run();
    EXPECT_EQ(town.full_connections(), 1);
    origin.requests[0]->answer(200, "ok");
    town.run();
    EXPECT_EQ(town.full_connections(), 0);
    caller.begin("GET", "/4");
    town.run();
    EXPECT_EQ(town.full_connections(), 1);
    EXPECT_FALSE(second.is_over());
  }
  town.run();
  EXPECT_EQ(town.full_connections(), 0);
}

// Counted are all bytes of the heap, of both sides and of this test.
TEST(Http2Honest, AnIdleStreamTakesAtMostTenKibibytes) {
  constexpr int kStreams = 1'000;
  constexpr size_t kMaxBytes = 10 * 1'024;
  HonestTown town(", protocol: http2, pool: {streams: 2000}");
  RawOrigin up(town, kAt);
  RawCaller caller(town);
  caller.say(head("POST", 1, 0) + frame(kDataFrame, kEndStream, 1, "watch"));
  up.greet(RawOrigin::streams(2'000));
  town.run();
  const size_t before = mallinfo2().uordblks;
  for (int32_t id = 3; id < 3 + 2 * kStreams; id += 2) {
    caller.say(head("POST", id, 0) + frame(kDataFrame, kEndStream, id, "watch"));
    up.say(RawOrigin::ok(id, kEndHeaders));
    town.run();
  }
  EXPECT_EQ(up.asked(), size_t{kStreams} + 1);
  EXPECT_LE((mallinfo2().uordblks - before) / kStreams, kMaxBytes);
  EXPECT_FALSE(caller.is_gone());
}

}  // namespace
}  // namespace outrigger::testing
