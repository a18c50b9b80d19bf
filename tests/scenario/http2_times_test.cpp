// HTTP/2 and time: who is silent, who does not read, who is asked to leave.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const std::string kSettings("\0\0\0\4\0\0\0\0\0", 9);

struct H2Town : Town {
  explicit H2Town(std::string_view policy = {}, std::string_view listener = {})
      : Town("listeners: [{name: outbound, address: ['127.0.0.1:15001']" + std::string(listener) +
             "}]\nservices: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) +
             "}}") {}
};

struct RawCaller : TestClient {
  RawCaller(Town& town, std::string_view bytes) : TestClient(town.network, town.address()) {
    town.run();
    send(bytes);
    town.run();
  }
};

const H2Origin::Behaviour kStalls = [](H2Side&) {};

// ABUSE 112
TEST(Http2Times, APrefaceAndThenSilenceEndsAfterTheHeadTimeout) {
  for (const size_t bytes : {size_t{1}, size_t{10}, kPreface.size()}) {
    H2Town town;
    RawCaller caller(town, kPreface.substr(0, bytes));
    town.pass_ms(9'900);
    EXPECT_FALSE(caller.ended || caller.broken) << bytes;
    town.pass_ms(1'500);
    EXPECT_TRUE(caller.ended || caller.broken) << bytes;
  }
}

// ABUSE 110
TEST(Http2Times, SettingsThatNobodyAcknowledgesEndTheConnection) {
  H2Town town;
  RawCaller caller(town, std::string(kPreface) + kSettings);
  town.pass_ms(9'900);
  EXPECT_FALSE(caller.ended);
  town.pass_ms(1'500);
  EXPECT_TRUE(caller.ended || caller.broken);
}

TEST(Http2Times, ARequestHeadThatNeverEndsEndsTheConnection) {
  H2Town town;
  const std::string acknowledged("\0\0\0\4\1\0\0\0\0", 9);
  // HEADERS of stream 1 with ":method: GET", without END_HEADERS.
  const std::string headers("\0\0\1\1\0\0\0\0\1\x82", 10);
  RawCaller caller(town, std::string(kPreface) + kSettings + acknowledged + headers);
  town.pass_ms(9'900);
  EXPECT_FALSE(caller.ended);
  town.pass_ms(1'500);
  EXPECT_TRUE(caller.ended || caller.broken);
}

TEST(Http2Times, AnIdleCallerIsToldToLeave) {
  H2Town town({}, ", timeout: {keepalive: 5s}");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  town.pass_ms(4'000);
  EXPECT_EQ(caller.get().status(), 200);
  town.pass_ms(4'900);
  EXPECT_TRUE(caller.goaways.empty());
  town.pass_ms(200);
  ASSERT_EQ(caller.goaways.size(), 1u);
  EXPECT_EQ(caller.goaways[0], 3);
  EXPECT_TRUE(caller.ended);
}

TEST(Http2Times, DrainingSaysGoawayTwiceAndLetsStreamsEnd) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.script = {kStalls};
  H2Caller caller(town);
  H2Side& running = caller.begin("GET", "/running");
  town.run();
  town.workers[0]->begin_last_phase();
  // On its way when the first GOAWAY went out.
  H2Side& crossing = caller.begin("GET", "/crossing");
  town.run();
  ASSERT_EQ(caller.goaways.size(), 1u);
  EXPECT_TRUE(crossing.status() == 200 || crossing.status() == 503);
  town.pass_ms(1'100);
  ASSERT_EQ(caller.goaways.size(), 2u);
  EXPECT_EQ(caller.goaways[1], crossing.id());
  EXPECT_FALSE(caller.ended);
  origin.requests[0]->answer(200, "late");
  EXPECT_EQ(caller.finish(running).message.body, "late");
  town.run();
  EXPECT_TRUE(caller.ended);
}

// ABUSE 109
TEST(Http2Times, OneCallerMayNotHaveAllOfATurn) {
  H2Town town({}, ", limits: {requests_per_turn: 2}");
  H2Origin origin(town, kAt);
  H2Caller many(town);
  H2Caller few(town);
  many.get("/warm");
  for (int i = 0; i < 50; ++i) many.begin("GET", "/many", {{"x-long", std::string(200, 'l')}});
  H2Side& one = few.begin("GET", "/one");
  EXPECT_EQ(few.finish(one).status(), 200);
  for (H2Side& side : many.sides) EXPECT_EQ(many.finish(side).status(), 200);
  const auto at = std::find_if(origin.requests.begin(), origin.requests.end(),
                               [](H2Side* side) { return side->message.target() == "/one"; });
  EXPECT_LT(at - origin.requests.begin(), 40);
  EXPECT_EQ(origin.requests.size(), 52u);
}

TEST(Http2Times, AnUpstreamWithOneStreamGetsMoreConnections) {
  http::H2Limits limits;
  limits.streams = 1;
  for (const char* pool : {"", ", pool: {connections: 2}"}) {
    H2Town town(pool);
    H2Origin origin(town, kAt, limits);
    H2Caller caller(town);
    ASSERT_EQ(caller.get().status(), 200);
    origin.otherwise = [](H2Side& on) { on.peer().after(10, [&on] { on.answer(200, "ok"); }); };
    H2Side& one = caller.begin("GET", "/1");
    H2Side& two = caller.begin("GET", "/2");
    H2Side& three = caller.begin("GET", "/3");
    for (H2Side* side : {&one, &two, &three}) EXPECT_EQ(caller.finish(*side).status(), 200);
    EXPECT_LE(origin.accepted(), *pool == '\0' ? 3u : 2u);
  }
}

TEST(Http2Times, WaitingForAStreamIsBoundedByConnect) {
  http::H2Limits limits;
  limits.streams = 1;
  H2Town town(", pool: {connections: 1}, timeout: {connect: 1s}");
  H2Origin origin(town, kAt, limits);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  origin.otherwise = kStalls;
  H2Side& first = caller.begin("GET", "/1");
  H2Side& second = caller.begin("GET", "/2");
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(caller.finish(second).status(), 503);
  EXPECT_NEAR(static_cast<double>(town.now_ms() - began_ms), 1000, 5);
  EXPECT_FALSE(first.is_over());
  first.reset();
}

TEST(Http2Times, AConnectThatHangsIsBegunAnew) {
  H2Town town(", timeout: {connect: 1s}");
  H2Origin origin(town, kAt);
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kBlackhole;
  H2Caller caller(town);
  H2Side& first = caller.begin("GET", "/1");
  town.pass_ms(500);
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kAccept;
  H2Side& second = caller.begin("GET", "/2");
  EXPECT_EQ(caller.finish(first).status(), 200);
  EXPECT_EQ(caller.finish(second).status(), 200);
}

TEST(Http2Times, ARefusedConnectFailsAllThatWait) {
  H2Town town;
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kRefuse;
  H2Caller caller(town);
  H2Side& one = caller.begin("GET", "/1");
  H2Side& two = caller.begin("POST", "/2", {}, "pay");
  EXPECT_EQ(caller.finish(one).status(), 502);
  EXPECT_EQ(caller.finish(two).status(), 502);
}

// ABUSE 103
TEST(Http2Times, ACallerThatTakesNothingStopsItsUpstreamAndNobodyElse) {
  const size_t all = 5'000'000;
  for (const bool http1 : {false, true}) {
    H2Town town(http1 ? ", protocol: http1" : ", protocol: http2");
    town.process.answers.set_much(-1);  // memory is short
    std::optional<H2Origin> modern;
    if (http1) {
      town.origin(kAt).script = {answers(200, std::string(all, 'a'))};
    } else {
      modern.emplace(town, kAt);
      modern->script = {[&](H2Side& on) { on.answer(200, std::string(all, 'a')); }};
    }
    http::H2Limits narrow;
    narrow.stream_window_bytes = 1000;
    H2Caller caller(town, narrow);
    H2Side& stalls = caller.begin("GET", "/stalls");
    stalls.takes = false;
    town.run();
    EXPECT_EQ(stalls.message.body.size(), 1000u);
    const size_t kept =
        http1 ? town.origin(kAt).last().stream().unsent() : modern->requests[0]->unsent();
    EXPECT_GT(kept, all - 600'000);
    EXPECT_EQ(caller.get().status(), 200);
    town.pass_ms(20'000);
    EXPECT_EQ(caller.get().status(), 200);
    EXPECT_FALSE(stalls.closed);
    // timeout.write_stall
    town.pass_ms(15'000);
    ASSERT_TRUE(stalls.closed);
    EXPECT_EQ(caller.get().status(), 200);
  }
}

TEST(Http2Times, ManyAnswersThatNobodyTakesStopNoOther) {
  H2Town town(", protocol: http2");
  H2Origin origin(town, kAt);
  origin.otherwise = [&](H2Side& on) { on.answer(200, std::string(1'000'000, 'a')); };
  http::H2Limits narrow;
  narrow.stream_window_bytes = 1000;
  H2Caller stalls(town, narrow);
  for (int i = 0; i < 10; ++i) stalls.begin("GET", "/").takes = false;
  town.run();
  H2Caller other(town);
  EXPECT_EQ(other.finish(other.begin("GET", "/"), 1'000).message.body.size(), 1'000'000u);
}

TEST(Http2Times, ACallerThatTakesSlowlyGetsEverything) {
  const std::string body(1'000'000, 'a');
  H2Town town(", protocol: http2");
  H2Origin origin(town, kAt);
  origin.otherwise = [&](H2Side& on) { on.answer(200, body); };
  http::H2Limits narrow;
  narrow.stream_window_bytes = 30'000;
  H2Caller caller(town, narrow);
  H2Side& side = caller.begin("GET", "/");
  side.takes = false;
  for (int i = 0; i < 100 && !side.is_over(); ++i) {
    town.pass_ms(1'000);
    side.take_all();
    side.takes = false;
  }
  EXPECT_EQ(side.message.body.size(), body.size());
  EXPECT_TRUE(side.message.complete);
}

TEST(Http2Times, AnUpstreamThatTakesNothingStopsItsCallerAndNobodyElse) {
  const std::string body(5'000'000, 'b');
  H2Town town;
  http::H2Limits narrow;
  narrow.stream_window_bytes = 1000;
  H2Origin origin(town, kAt, narrow);
  origin.takes = false;
  H2Caller caller(town);
  H2Side& stalls = caller.begin("POST", "/", {}, body);
  town.run();
  EXPECT_GT(stalls.unsent(), body.size() - 600'000);
  origin.takes = true;
  EXPECT_EQ(caller.get().status(), 200);
  // It is not the caller who is slow.
  town.pass_ms(70'000);
  EXPECT_FALSE(stalls.is_over());
  origin.last().sides.front().take_all();
  EXPECT_EQ(caller.finish(stalls).status(), 200);
  EXPECT_EQ(origin.requests.back()->message.body.size(), body.size());
}

TEST(Http2Times, ABodyThatStallsIsNotWaitedForForever) {
  H2Town town({}, ", timeout: {body_idle: 5s}");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.begin_open("POST", "/");
  side.send_data("some");
  town.pass_ms(4'000);
  side.send_data("more");
  town.pass_ms(4'900);
  EXPECT_FALSE(side.is_over());
  town.pass_ms(200);
  EXPECT_EQ(side.status(), 408);
  EXPECT_EQ(caller.get().status(), 200);
}

TEST(Http2Times, AnUpstreamThatIsSilentWithCallsIsAskedAndThenLeft) {
  H2Town town(", protocol: http2, timeout: {request: 60s}");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  origin.script = {kStalls};
  H2Side& waits = caller.begin("GET", "/waits");
  town.pass_ms(30'000);
  // It answers each PING.
  EXPECT_FALSE(waits.is_over());
  origin.last().fall_silent();
  H2Side& post = caller.begin("POST", "/", {}, "pay");
  town.pass_ms(14'000);
  EXPECT_FALSE(post.is_over());
  EXPECT_EQ(caller.finish(post).status(), 502);
  EXPECT_EQ(caller.finish(waits).status(), 200);  // on a fresh connection
  EXPECT_EQ(origin.accepted(), 2u);
}

TEST(Http2Times, ACallOnAConnectionThatWasIdleHasItsTime) {
  H2Town town;
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  town.pass_ms(40'000);
  origin.script = {[](H2Side& on) { on.peer().after(5'000, [&on] { on.answer(200, "slow"); }); }};
  EXPECT_EQ(caller.get().message.body, "slow");
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST(Http2Times, AnIdleUpstreamConnectionIsClosedWithGoaway) {
  H2Town town(", pool: {idle: 10s}");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  town.pass_ms(9'000);
  EXPECT_EQ(origin.open_connections(), 1u);
  town.pass_ms(2'000);
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_EQ(origin.last().goaways.size(), 1u);
  EXPECT_EQ(caller.get().status(), 200);
}

TEST(Http2Times, AnUpstreamThatNeverSaysAWordTimesOut) {
  H2Town town(", timeout: {request: 2s}");
  H2Origin origin(town, kAt);
  origin.mute = true;
  H2Caller caller(town);
  EXPECT_EQ(caller.get().status(), 504);
}

}  // namespace
}  // namespace outrigger::testing
