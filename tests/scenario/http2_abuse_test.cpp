// Hostile HTTP/2 through a whole worker, by the number of the case: floods, windows, streams beyond
// the limit, and what upstreams do.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/h2_raw.hpp"

namespace outrigger::testing {
namespace {

using metrics::Http2Fault;

constexpr const char* kAt = "10.0.0.1:80";
constexpr const char* kOther = "10.0.0.2:80";

struct H2Town : Town {
  explicit H2Town(std::string_view policy = {}, std::string_view listener = {})
      : Town("listeners: [{name: outbound, address: ['127.0.0.1:15001']" + std::string(listener) +
             "}]\nservices: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) +
             "}}") {}
  uint64_t faults(Http2Fault reason, bool upstream = false) {
    const auto series = process.shards.worker(0);
    const auto& counters =
        upstream ? series->upstream_http2_faults : series->downstream_http2_faults;
    return counters[static_cast<size_t>(reason)].value();
  }
};

std::string post_head(std::string_view fields = {}) {
  return frame(
      kHeadersFrame, kEndHeaders, 1,
      block({{":method", "POST"}, {":scheme", "http"}, {":authority", "orders"}, {":path", "/"}}) +
          std::string(fields));
}

const H2Origin::Behaviour kStalls = [](H2Side&) {};

// Peers that do not mind what we are to end.
http::H2Limits patient() {
  http::H2Limits limits;
  limits.flood.resets = limits.flood.control_frames = http::H2Flood::kOff;
  return limits;
}

// ---- bodies

TEST(Http2Abuse, AChunkHoldsNothingThatHasNotComeAbuse88) {
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  RawCaller caller(town);
  // A frame that announces 100 bytes, and the first ten of them.
  const std::string data = frame(kDataFrame, kEndStream, 1, std::string(100, 'd'));
  caller.say(post_head() + data.substr(0, 9 + 10));
  ASSERT_EQ(origin.accepted(), 1u);
  const std::string head_and_some = origin.last().received;
  EXPECT_TRUE(head_and_some.ends_with("\r\n\r\na\r\n" + std::string(10, 'd') + "\r\n"))
      << head_and_some;
  caller.say(data.substr(19));
  ASSERT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0].body, std::string(100, 'd'));
}

TEST(Http2Abuse, PaddingIsNoPartOfABodyAbuse88) {
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  constexpr uint8_t kPadded = 8;
  RawCaller caller(town);
  caller.say(post_head() + frame(kDataFrame, kPadded | kEndStream, 1,
                                 "\x05"
                                 "body" +
                                     std::string(5, '\0')));
  ASSERT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0].body, "body");
  RawCaller liar(town);
  const std::vector<Seen> seen = liar.say(post_head() + frame(kDataFrame, kPadded | kEndStream, 1,
                                                              "\xff"
                                                              "body"));
  EXPECT_EQ(seen.back().type, 7);
  EXPECT_EQ(seen.back().code(), 1u);
  // What was begun upstream is not a request, and its connection is no longer used.
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(Http2Abuse, StalledUploadsStopNoOtherOfTheirConnectionAbuse103) {
  constexpr const char* kSlow =
      "services: {slow: {endpoints: {static: ['10.0.0.1:80']}}, orders: "
      "{endpoints: {static: ['10.0.0.2:80']}}}";
  Town town(kSlow);
  H2Origin slow(town, kAt);
  slow.takes = false;
  H2Origin quick(town, kOther);
  H2Caller caller(town);
  const std::string body(1'000'000, 'b');
  std::vector<H2Side*> stalled;
  caller.host = "slow";
  for (int i = 0; i < 20; ++i) stalled.push_back(&caller.begin("POST", "/", {}, body));
  town.run();
  caller.host = "orders";
  H2Side& side = caller.begin("POST", "/", {}, body);
  caller.finish(side);
  EXPECT_EQ(side.status(), 200);
  ASSERT_EQ(quick.requests.size(), 1u);
  EXPECT_EQ(quick.requests.at(0)->message.body.size(), body.size());
  // What we hold of a stalled one is what its windows here and there were open for.
  for (H2Side* one : stalled) {
    EXPECT_FALSE(one->is_over());
    EXPECT_GT(one->unsent(), body.size() - 700'000);
    one->reset();
  }
}

// ---- callers that take little

TEST(Http2Abuse, AnAnswerThatIsTakenByteByByteIsNotKeptWhereMemoryIsShortAbuse104) {
  H2Town town;
  town.process.answers.set_much(-1);
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) { on.answer(200, std::string(100'000, 'a')); };
  http::H2Limits narrow;
  narrow.stream_window_bytes = 1;
  H2Caller caller(town, narrow);
  H2Side& side = caller.begin("GET", "/");
  side.takes = false;
  int seconds = 0;
  for (; seconds < 100 && !side.is_over(); ++seconds) {
    town.pass_ms(1'000);
    side.take_all();  // one more byte
    side.takes = false;
  }
  EXPECT_NEAR(seconds, 30, 2);
  ASSERT_TRUE(side.closed);
  EXPECT_EQ(side.closed->code, http::H2Code::kCancel);
  EXPECT_FALSE(caller.is_gone());
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_TRUE(origin.requests[0]->closed || origin.requests[0]->done);
}

TEST(Http2Abuse, ACallerAboveTheSlowestRateIsServedAbuse104) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) { on.answer(200, std::string(100'000, 'a')); };
  http::H2Limits narrow;
  narrow.stream_window_bytes = 1'000;
  H2Caller caller(town, narrow);
  H2Side& side = caller.begin("GET", "/");
  side.takes = false;
  for (int i = 0; i < 200 && !side.is_over(); ++i) {
    town.pass_ms(1'000);
    side.take_all();
    side.takes = false;
  }
  EXPECT_FALSE(side.closed);
  EXPECT_EQ(side.message.body.size(), 100'000u);
}

// ---- floods of callers

void begin_and_reset(H2Caller& caller) {
  H2Side& side = caller.begin("GET", "/");
  caller.loop().run_until_idle();
  side.reset();
  caller.loop().run_until_idle();
}

TEST(Http2Abuse, AFloodEndsItsConnectionAndNoOtherAndIsCountedAbuse95) {
  H2Town town(", limits: {outstanding: off}");
  H2Origin origin(town, kAt, patient());
  origin.otherwise = kStalls;
  H2Caller other(town);
  H2Side& waits = other.begin("GET", "/waits");
  H2Caller caller(town);
  for (int i = 0; i < 300 && !caller.is_gone(); ++i) begin_and_reset(caller);
  EXPECT_TRUE(caller.is_gone());
  EXPECT_EQ(caller.goaway_code, http::H2Code::kEnhanceYourCalm);
  EXPECT_EQ(town.faults(Http2Fault::kResets), 1u);
  // What was begun upstream is stopped there.
  for (H2Side* side : origin.requests) EXPECT_EQ(!side->closed, side == origin.requests[0]);
  origin.requests[0]->answer(200, "ok");
  EXPECT_EQ(other.finish(waits).status(), 200);
}

TEST(Http2Abuse, TheBoundsOfFloodAreThoseOfTheFile) {
  H2Town town({}, ", flood: {resets: 3, per_second: 1, control_frames: 1/s, continuations: 1}");
  H2Origin origin(town, kAt, patient());
  H2Caller resets(town);
  origin.otherwise = kStalls;
  int sent = 0;
  for (; sent < 100 && !resets.is_gone(); ++sent) {
    begin_and_reset(resets);
  }
  EXPECT_EQ(sent, 4);
  EXPECT_EQ(town.faults(Http2Fault::kResets), 1u);
  H2Caller pings(town);
  for (sent = 0; sent < 100 && !pings.is_gone(); ++sent) {
    pings.session().ping();
    town.run();
  }
  EXPECT_LE(sent, 12);
  EXPECT_EQ(town.faults(Http2Fault::kControlFrames), 1u);
  RawCaller heads(town);
  heads.say(frame(kHeadersFrame, 0, 1));
  heads.say(frame(kContinuationFrame, 0, 1));
  EXPECT_FALSE(heads.is_gone());
  heads.say(frame(kContinuationFrame, 0, 1));
  EXPECT_TRUE(heads.is_gone());
  EXPECT_EQ(town.faults(Http2Fault::kContinuations), 1u);
  // Upstreams are held to them too.
  origin.otherwise = [](H2Side& on) { on.answer(200, "ok"); };
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  for (int i = 0; i < 40; ++i) origin.last().session().ping();
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_EQ(town.faults(Http2Fault::kControlFrames, true), 1u);
}

TEST(Http2Abuse, OffTakesResetsAndControlFramesWithoutEnd) {
  H2Town town({}, ", flood: {resets: off, control_frames: off}");
  H2Origin origin(town, kAt, patient());
  origin.otherwise = kStalls;
  H2Caller caller(town, patient());
  for (int i = 0; i < 2'000; ++i) {
    caller.session().ping();
    begin_and_reset(caller);
  }
  origin.otherwise = [](H2Side& on) { on.answer(200, "ok"); };
  EXPECT_EQ(caller.get().status(), 200);
}

TEST(Http2Abuse, WhatIsNoProtocolIsCountedApart) {
  H2Town town;
  RawCaller caller(town);
  caller.say(frame(kHeadersFrame, kEndHeaders | kEndStream, 2, get_block()));
  EXPECT_TRUE(caller.is_gone());
  RawCaller hpack(town);
  hpack.say(frame(kHeadersFrame, kEndHeaders | kEndStream, 1, "\x80"));
  EXPECT_TRUE(hpack.is_gone());
  EXPECT_EQ(town.faults(Http2Fault::kProtocol), 2u);
}

TEST(Http2Abuse, AStreamThatIsTooManyIsRefusedAndTheOthersGoOnAbuse108) {
  H2Town town({}, ", limits: {streams: 2}");
  H2Origin origin(town, kAt);
  origin.otherwise = kStalls;
  RawCaller caller(town);
  const auto get = [](int32_t id) {
    return frame(
        kHeadersFrame, kEndHeaders | kEndStream, id,
        block({{":method", "GET"}, {":scheme", "http"}, {":authority", "orders"}, {":path", "/"}}));
  };
  const std::vector<Seen> seen = caller.say(get(1) + get(3) + get(5));
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().type, kRstFrame);
  EXPECT_EQ(seen.back().id, 5);
  EXPECT_EQ(seen.back().code(), 7u);
  EXPECT_FALSE(caller.is_gone());
  ASSERT_EQ(origin.requests.size(), 2u);
  for (H2Side* side : origin.requests) side->answer(200, "ok");
  town.run();
  caller.say(get(7));
  EXPECT_EQ(origin.requests.size(), 3u);
  origin.requests[2]->answer(200, "ok");
}

// ---- answers that come early

TEST(Http2Abuse, TheRestOfABodyIsReadPastAfterAnEarlyAnswerAbuse71) {
  for (const char* protocol : {"http1", "http2"}) {
    H2Town town(", protocol: " + std::string(protocol));
    town.network.at(*Address::parse(kAt));
    std::optional<H2Origin> modern;
    if (std::string_view(protocol) == "http2") {
      modern.emplace(town, kAt);
      modern->on_head = [](H2Side& on) { on.answer(403, "no"); };
    } else {
      town.origin(kAt).on_head = answers(403, "no");
    }
    H2Caller caller(town);
    H2Side& side = caller.begin_open("POST", "/");
    side.send_data("some");
    EXPECT_EQ(caller.finish(side).status(), 403);
    EXPECT_EQ(side.message.body, "no");
    town.pass_ms(4'900);
    EXPECT_FALSE(side.closed) << protocol;
    side.send_data("the rest", true);
    town.run();
    EXPECT_TRUE(side.done) << protocol;
    EXPECT_FALSE(side.closed) << protocol;
    EXPECT_EQ(town.service("orders").limit().outstanding(), 0);
  }
}

TEST(Http2Abuse, ARestThatDoesNotComeIsResetAfterFiveSecondsAbuse71) {
  H2Town town(", protocol: http1");
  town.origin(kAt).on_head = answers(403, "no");
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/");
  EXPECT_EQ(caller.finish(side).status(), 403);
  town.pass_ms(4'900);
  EXPECT_FALSE(side.done);
  town.pass_ms(110);
  EXPECT_TRUE(side.done);  // RST_STREAM(NO_ERROR)
  EXPECT_FALSE(side.closed);
  EXPECT_FALSE(caller.is_gone());
  // A long one that comes is read past as a whole.
  H2Side& large = caller.begin("POST", "/", {}, std::string(1'000'000, 'b'));
  EXPECT_EQ(caller.finish(large).status(), 403);
  town.run();
  EXPECT_TRUE(large.done);
  EXPECT_FALSE(large.closed);
  EXPECT_EQ(large.unsent(), 0u);
}

}  // namespace
}  // namespace outrigger::testing
