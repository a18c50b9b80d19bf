// Hostile and merely odd HTTP/2 upstreams, by the number of the case, and the edges of what passes
// between the versions.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/h2_raw.hpp"

namespace outrigger::testing {
namespace {

using metrics::Http2Fault;

constexpr const char* kAt = "10.0.0.1:80";

struct H2Town : Town {
  explicit H2Town(std::string_view policy = {})
      : Town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) +
             "}}") {}
  uint64_t faults(Http2Fault reason) {
    return process.shards.worker(0)->upstream_http2_faults[static_cast<size_t>(reason)].value();
  }
};

const H2Origin::Behaviour kStalls = [](H2Side&) {};

// ---- 129: what an upstream may do

TEST(Http2Upstream, OnlyWhatIsAboveTheLastIdOfGoawayGoesElsewhereAbuse129) {
  H2Town town(", protocol: http2");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  H2Side& below = caller.begin("POST", "/1", {}, "pay");
  H2Side& above = caller.begin("POST", "/2", {}, "pay");
  town.run();
  up.greet();
  up.say(RawOrigin::goaway(1, 0));
  town.run();
  ASSERT_EQ(up.origin.accepted(), 2u);
  EXPECT_EQ(up.asked(0), 2u);
  EXPECT_EQ(up.asked(1), 1u);
  up.greet();
  up.say(RawOrigin::ok(1));
  up.origin.connections[0]->send_if_open(RawOrigin::ok(1));
  EXPECT_EQ(caller.finish(below).status(), 200);
  EXPECT_EQ(caller.finish(above).status(), 200);
}

TEST(Http2Upstream, WhatGoawayCoversIsNotSentAgainAbuse129) {
  for (const uint32_t code : {0u, 11u}) {  // ENHANCE_YOUR_CALM
    H2Town town(", protocol: http2");
    RawOrigin up(town, kAt);
    H2Caller caller(town);
    H2Side& side = caller.begin("POST", "/", {}, "pay");
    town.run();
    up.greet();
    up.say(RawOrigin::goaway(1, code));
    town.run();
    EXPECT_FALSE(side.is_over());
    up.origin.last().close_cleanly();
    EXPECT_EQ(caller.finish(side).status(), 502);
    EXPECT_EQ(up.origin.accepted(), 1u);
  }
}

TEST(Http2Upstream, AnAnswerThatIsCutEndsWithTheCodeThatCutIt) {
  using http::H2Code;
  for (const H2Code code : {H2Code::kCancel, H2Code::kInternalError, H2Code::kEnhanceYourCalm,
                            H2Code::kRefusedStream, static_cast<H2Code>(0x1234)}) {
    H2Town town;
    H2Origin origin(town, kAt);
    origin.otherwise = [code](H2Side& on) {
      on.answer_head(200);
      on.send_data("half");
      on.peer().after(5, [&on, code] { on.reset(code); });
    };
    H2Caller caller(town);
    H2Side& side = caller.get();
    EXPECT_EQ(side.message.body, "half");
    EXPECT_FALSE(side.message.complete);
    ASSERT_TRUE(side.closed);
    EXPECT_EQ(side.closed->code, code);
  }
}

TEST(Http2Upstream, AnyOtherResetIsNotSentAgainAbuse129) {
  for (const uint32_t code : {1u, 2u, 8u, 11u}) {
    H2Town town(", protocol: http2");
    RawOrigin up(town, kAt);
    H2Caller caller(town);
    H2Side& side = caller.begin("POST", "/", {}, "pay");
    town.run();
    up.greet();
    up.say(frame(kRstFrame, 0, 1, number32(code)));
    EXPECT_EQ(caller.finish(side).status(), 502);
    EXPECT_EQ(up.asked(), 1u);
  }
}

TEST(Http2Upstream, AnAnswerAndThenAResetWithoutErrorIsAnAnswerAbuse129) {
  H2Town town(", protocol: http2");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/");
  side.send_data("the beginning");
  town.run();
  up.greet();
  up.say(RawOrigin::ok(1, kEndHeaders) + frame(kDataFrame, kEndStream, 1, "enough") +
         frame(kRstFrame, 0, 1, number32(0)));
  EXPECT_EQ(caller.finish(side).status(), 200);
  EXPECT_EQ(side.message.body, "enough");
  EXPECT_FALSE(side.closed);
  H2Side& next = caller.begin("GET", "/");
  town.run();
  EXPECT_EQ(up.asked(), 2u);
  up.say(RawOrigin::ok(3));
  EXPECT_EQ(caller.finish(next).status(), 200);
  EXPECT_EQ(up.origin.accepted(), 1u);
}

TEST(Http2Upstream, AResetWithoutErrorBeforeTheAnswerIsCompleteIsNoneAbuse129) {
  H2Town town(", protocol: http2");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.begin("GET", "/");
  town.run();
  up.greet();
  up.say(RawOrigin::ok(1, kEndHeaders) + frame(kDataFrame, 0, 1, "half"));
  town.run();
  up.say(frame(kRstFrame, 0, 1, number32(0)));
  caller.finish(side);
  EXPECT_EQ(side.status(), 200);
  EXPECT_FALSE(side.message.complete);
  EXPECT_TRUE(side.closed);
}

TEST(Http2Upstream, SettingsThatLeaveOneStreamAreKeptToAbuse129) {
  H2Town town(", protocol: http2, pool: {connections: 1}");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  H2Side& first = caller.begin("GET", "/1");
  town.run();
  up.greet();
  up.say(frame(kSettingsFrame, 0, 0, RawOrigin::streams(1)));
  town.run();
  H2Side& second = caller.begin("GET", "/2");
  town.run();
  EXPECT_EQ(up.asked(), 1u);
  up.say(RawOrigin::ok(1));
  EXPECT_EQ(caller.finish(first).status(), 200);
  town.run();
  EXPECT_EQ(up.asked(), 2u);
  up.say(RawOrigin::ok(3));
  EXPECT_EQ(caller.finish(second).status(), 200);
  EXPECT_EQ(up.origin.accepted(), 1u);
}

// The floor of the budget is 3 a second: with so many at once it is empty.
TEST(Http2Upstream, WhatIsAboveTheLastIdGoesElsewhereWithoutABudgetAbuse129) {
  constexpr int32_t kCalls = 60;
  H2Town town(", protocol: http2, retry: {budget: 0%}, circuit: off, endpoint_circuit: off");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  std::vector<H2Side*> sides;
  for (int32_t i = 0; i < kCalls; ++i) sides.push_back(&caller.begin("POST", "/", {}, "pay"));
  town.pass_ms(10);  // not all of them have the same turn
  EXPECT_EQ(up.asked(0), size_t{kCalls});
  up.greet();
  up.say(RawOrigin::goaway(0, 0));
  town.run();
  ASSERT_EQ(up.origin.accepted(), 2u);
  EXPECT_EQ(up.asked(1), size_t{kCalls});
  up.greet();
  for (int32_t i = 0; i < kCalls; ++i) up.say(RawOrigin::ok(1 + 2 * i));
  for (H2Side* side : sides) EXPECT_EQ(caller.finish(*side).status(), 200);
}

TEST(Http2Upstream, StreamsThatWereTooManyByOurGuessGoElsewhereWithoutABudget) {
  constexpr size_t kCalls = 80;
  http::H2Limits limits;
  limits.streams = 3;
  H2Town town(", protocol: http2, retry: {budget: 0%}, circuit: off, endpoint_circuit: off");
  H2Origin origin(town, kAt, limits);
  H2Caller caller(town);
  std::vector<H2Side*> sides;
  for (size_t i = 0; i < kCalls; ++i) sides.push_back(&caller.begin("POST", "/", {}, "pay"));
  for (H2Side* side : sides) EXPECT_EQ(caller.finish(*side).status(), 200);
  EXPECT_EQ(origin.requests.size(), kCalls);
}

TEST(Http2Upstream, AServerThatRefusesForOtherReasonsIsAskedWithinTheBudget) {
  constexpr size_t kCalls = 80;
  H2Town town(", protocol: http2, retry: {budget: 0%}, circuit: off, endpoint_circuit: off");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  origin.refuse = 10'000;
  std::vector<H2Side*> sides;
  for (size_t i = 0; i < kCalls; ++i) sides.push_back(&caller.begin("POST", "/", {}, "pay"));
  for (H2Side* side : sides) EXPECT_EQ(caller.finish(*side).status(), 502);
  EXPECT_LT(10'000 - origin.refuse, static_cast<int>(kCalls) + 35);
}

// ---- 130: floods

TEST(Http2Upstream, AFloodEndsItsConnectionAndTheNextCallHasAnotherAbuse130) {
  struct Flood {
    const char* name;
    std::string frames;
    Http2Fault reason;
  };
  std::string pings, settings, unknown, continuations, empty;
  for (int i = 0; i < 1'100; ++i) {
    pings += frame(kPingFrame, 0, 0, "12345678");
    settings += frame(kSettingsFrame, 0, 0);
    unknown += frame(0xee, 0, 0, "unknown");
  }
  continuations = frame(kHeadersFrame, 0, 1, block({{":status", "200"}}));
  for (int i = 0; i < 20; ++i) continuations += frame(kContinuationFrame, 0, 1);
  empty = RawOrigin::ok(1, kEndHeaders);
  for (int i = 0; i < 200; ++i) empty += frame(kDataFrame, 0, 1);
  const std::string push = frame(5, kEndHeaders, 1,
                                 number32(2) + block({{":method", "GET"},
                                                      {":scheme", "http"},
                                                      {":authority", "orders"},
                                                      {":path", "/pushed"}}));
  const Flood floods[] = {
      {"ping", pings, Http2Fault::kControlFrames},
      {"settings", settings, Http2Fault::kControlFrames},
      {"unknown", unknown, Http2Fault::kControlFrames},
      {"continuation", continuations, Http2Fault::kContinuations},
      {"empty data", empty, Http2Fault::kEmptyData},
      {"push", push, Http2Fault::kProtocol},
  };
  for (const Flood& flood : floods) {
    H2Town town(", protocol: http2");
    RawOrigin up(town, kAt);
    H2Caller caller(town);
    H2Side& side = caller.begin("POST", "/", {}, "pay");
    town.run();
    up.greet();
    up.say(flood.frames);
    caller.finish(side);
    town.run();
    if (flood.reason == Http2Fault::kEmptyData) {
      EXPECT_TRUE(side.closed) << flood.name;  // its head had come
    } else {
      EXPECT_EQ(side.status(), 502) << flood.name;
    }
    EXPECT_EQ(town.faults(flood.reason), 1u) << flood.name;
    EXPECT_EQ(up.origin.open_connections(), 0u) << flood.name;
    H2Side& next = caller.begin("GET", "/");
    town.run();
    ASSERT_EQ(up.origin.accepted(), 2u) << flood.name;
    up.greet();
    up.say(RawOrigin::ok(1));
    EXPECT_EQ(caller.finish(next).status(), 200) << flood.name;
  }
}

// ---- pool.idle

TEST(Http2Upstream, PingsDoNotKeepAnIdleConnection) {
  H2Town town(", pool: {idle: 10s}");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  for (int i = 0; i < 9; ++i) {
    town.pass_ms(1'000);
    origin.last().session().ping();
  }
  EXPECT_EQ(origin.open_connections(), 1u);
  town.pass_ms(1'100);
  EXPECT_EQ(origin.open_connections(), 0u);
  // A call begins the time anew.
  ASSERT_EQ(caller.get().status(), 200);
  town.pass_ms(6'000);
  ASSERT_EQ(caller.get().status(), 200);
  town.pass_ms(6'000);
  EXPECT_EQ(origin.open_connections(), 1u);
}

// ---- trailers behind a head without a body

TEST(Http2Upstream, TrailersOfARequestBehindALengthOfNothingPass) {
  H2Town town;
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.sides.emplace_back(caller);
  side.request("POST", "/", "orders", {}, 0, true);
  side.send_trailers({{"x-signed", "yes"}});
  EXPECT_EQ(caller.finish(side).status(), 200);
  ASSERT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0]->trailers.field("x-signed"), "yes");
}

TEST(Http2Upstream, TrailersOfAnAnswerBehindALengthOfNothingPass) {
  H2Town town(", protocol: http2");
  RawOrigin up(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.begin("GET", "/");
  town.run();
  up.greet();
  up.say(
      frame(kHeadersFrame, kEndHeaders, 1, block({{":status", "200"}, {"content-length", "0"}})));
  town.run();
  up.say(frame(kHeadersFrame, kEndHeaders | kEndStream, 1, literal("x-checksum", "none")));
  EXPECT_EQ(caller.finish(side).status(), 200);
  EXPECT_EQ(side.trailers.field("x-checksum"), "none");
  EXPECT_EQ(side.message.body, "");
}

TEST(Http2Upstream, TrailersBehindAHeadThatHasNoBodyPass) {
  for (const char* method : {"HEAD", "GET"}) {
    H2Town town(", protocol: http2");
    RawOrigin up(town, kAt);
    H2Caller caller(town);
    H2Side& side = caller.begin(method, "/");
    town.run();
    up.greet();
    const bool head = std::string_view(method) == "HEAD";
    up.say(frame(kHeadersFrame, kEndHeaders, 1, block({{":status", head ? "200" : "204"}})));
    town.run();
    up.say(frame(kHeadersFrame, kEndHeaders | kEndStream, 1, literal("x-checksum", "none")));
    EXPECT_EQ(caller.finish(side).status(), head ? 200 : 204);
    EXPECT_EQ(side.trailers.field("x-checksum"), "none");
    EXPECT_EQ(side.message.body, "");
  }
}

// Nothing more than a head goes out for what is a head alone.
TEST(Http2Upstream, AHeadAloneIsOneFrameEachWay) {
  H2Town town(", protocol: http2");
  RawOrigin up(town, kAt);
  Caller caller(town);
  caller.begin("POST", "/");
  town.run();
  size_t data = 0;
  for (const Seen& one : frames_in(std::string_view(up.origin.last().received).substr(24))) {
    data += one.type == kDataFrame ? 1 : 0;
  }
  EXPECT_EQ(data, 0u);
  up.greet();
  up.say(frame(kHeadersFrame, kEndHeaders | kEndStream, 1,
               block({{":status", "200"}, {"content-length", "0"}})));
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("content-length"), "0");
}

// A head of which a part has come when its call ends is nobody's from then on, also while the peer
// does not take our reset of the stream.
TEST(Http2Upstream, TheRestOfAHeadWhoseCallHasEndedIsReadForNobody) {
  H2Town town(", protocol: http2, timeout: {request: 1s}, retry: off");
  town.network.at(*Address::parse(kAt)).pipe.kernel_bytes = 1'000;
  RawOrigin up(town, kAt);
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  up.greet();
  town.run();
  up.origin.last().pause();
  Caller other(town);
  other.begin("POST", "/", {}, std::string(20'000, 'b'));
  town.run();
  const std::string head = frame(kHeadersFrame, kEndHeaders, 1,
                                 block({{":status", "200"}, {"x-1", std::string(300, 'x')}}));
  up.say(head.substr(0, 40));
  EXPECT_EQ(caller.next().status(), 504);
  town.pass_ms(10);
  up.say(head.substr(40));
  town.run();
  up.origin.last().resume();
  town.run();
  Caller next(town);
  next.begin("GET", "/");
  town.run();
  up.say(RawOrigin::ok(5));
  EXPECT_EQ(next.next().status(), 200);
}

}  // namespace
}  // namespace outrigger::testing
