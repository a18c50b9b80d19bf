// HTTP/2 streams and connections that end before their time, on either side.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr const char* kOther = "10.0.0.2:80";

std::string orders(std::string_view policy = {}) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) + "}}";
}
std::string both(std::string_view policy = {}) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, balance: "
         "round_robin" +
         std::string(policy) + "}}";
}

struct H2Town : Town {
  explicit H2Town(std::string_view policy = {}) : Town(orders(policy)) {}
};

const H2Origin::Behaviour kStalls = [](H2Side&) {};

TEST(Http2Ends, AStreamThatItsCallerResetsIsResetUpstreamAndNeighboursGoOn) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.script = {kStalls, kStalls};
  H2Caller caller(town);
  H2Side& left = caller.begin("GET", "/left");
  H2Side& stays = caller.begin("GET", "/stays");
  town.run();
  ASSERT_EQ(origin.requests.size(), 2u);
  left.reset();
  town.run();
  EXPECT_TRUE(origin.requests[0]->closed);
  EXPECT_EQ(origin.requests[0]->closed->code, http::H2Code::kCancel);
  EXPECT_FALSE(origin.requests[1]->closed);
  origin.requests[1]->answer(200, "still here");
  EXPECT_EQ(caller.finish(stays).message.body, "still here");
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST(Http2Ends, AStreamThatItsCallerResetsClosesTheHttp1ConnectionUpstream) {
  H2Town town(", protocol: http1");
  Origin& origin = town.origin(kAt);
  origin.otherwise = stalls();
  H2Caller caller(town);
  H2Side& left = caller.begin("GET", "/left");
  H2Side& stays = caller.begin("GET", "/stays");
  town.run();
  EXPECT_EQ(origin.open_connections(), 2u);
  left.reset();
  town.run();
  EXPECT_EQ(origin.open_connections(), 1u);
  for (auto& connection : origin.connections) connection->answer(200, "ok");
  EXPECT_EQ(caller.finish(stays).status(), 200);
}

TEST(Http2Ends, ACallerMayLeaveAtEachStep) {
  for (const bool by_connection : {false, true}) {
    for (int step = 0; step < 7; ++step) {
      H2Town town;
      H2Origin origin(town, kAt);
      origin.otherwise = kStalls;
      H2Caller caller(town);
      H2Side& side = caller.begin_open("POST", "/");
      if (step >= 1) town.run();
      if (step >= 2) side.send_data(std::string(100'000, 'b'));
      if (step >= 3) town.run();
      if (step >= 4) origin.last_side().answer_head(200);
      if (step >= 5) origin.last_side().send_data(std::string(100'000, 'a'));
      if (step >= 4) town.run();
      if (step >= 6) side.send_data({}, true), town.run();
      by_connection ? caller.break_off() : side.reset();
      town.run();
      if (step >= 1) {
        EXPECT_TRUE(origin.last_side().closed) << step;
        EXPECT_EQ(origin.open_connections(), 1u) << step;
      }
      EXPECT_EQ(town.service("orders").limit().outstanding(), 0) << step;
    }
  }
}

TEST(Http2Ends, ACallerMayLeaveWhileItWaitsForAConnection) {
  H2Town town;
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kBlackhole;
  H2Caller caller(town);
  H2Side& side = caller.begin("GET", "/");
  town.pass_ms(10);
  side.reset();
  town.run();
  EXPECT_EQ(town.service("orders").limit().outstanding(), 0);
}

TEST(Http2Ends, ATimeoutMayComeFirstAtEachStep) {
  for (const char* rest : {"", ", protocol: http2"}) {
    H2Town town(std::string(", timeout: {request: 1s, idle: 1s}") + rest);
    H2Origin origin(town, kAt);
    origin.script = {kStalls, [](H2Side& on) {
                       on.answer_head(200);
                       on.send_data("begun");
                     }};
    H2Caller caller(town);
    EXPECT_EQ(caller.get().status(), 504);
    town.run();
    ASSERT_EQ(origin.requests.size(), 1u);
    EXPECT_TRUE(origin.requests[0]->closed);
    H2Side& begun = caller.get();
    EXPECT_EQ(begun.status(), 200);
    ASSERT_TRUE(begun.closed);
    EXPECT_TRUE(origin.requests[1]->closed);
    EXPECT_EQ(caller.get().status(), 200);
    EXPECT_EQ(origin.accepted(), 1u);
  }
}

TEST(Http2Ends, AResetBeforeTheHeadIsRetriedForAGet) {
  H2Town town(", retry: {attempts: 2}");
  H2Origin origin(town, kAt);
  const auto reset = [](H2Side& on) { on.reset(http::H2Code::kInternalError); };
  origin.script = {reset};
  H2Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.requests.size(), 2u);
  origin.script = {reset};
  H2Side& post = caller.ask("POST", "/", {}, "pay");
  EXPECT_EQ(post.status(), 502);
  EXPECT_EQ(origin.requests.size(), 3u);
}

TEST(Http2Ends, AResetAfterTheHeadEndsTheAnswer) {
  H2Town town(", protocol: http2");
  H2Origin origin(town, kAt);
  origin.otherwise = [](H2Side& on) {
    on.answer_head(200);
    on.send_data("begun");
    on.peer().after(5, [&on] { on.reset(http::H2Code::kInternalError); });
  };
  H2Caller caller(town);
  H2Side& side = caller.get();
  EXPECT_EQ(side.status(), 200);
  EXPECT_EQ(side.message.body, "begun");
  ASSERT_TRUE(side.closed);
  EXPECT_FALSE(caller.is_gone());
  Caller old(town);
  const Message answer = old.get();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(old.is_over());
}

TEST(Http2Ends, ARefusedStreamIsSentElsewhere) {
  Town town(both());
  H2Origin one(town, kAt);
  H2Origin two(town, kOther);
  one.refuse = two.refuse = 0;
  H2Caller caller(town);
  for (int i = 0; i < 4; ++i) {
    one.refuse = 1;
    EXPECT_EQ(caller.ask("POST", "/", {}, "pay").status(), 200);
    one.refuse = 0;
  }
  EXPECT_EQ(one.requests.size() + two.requests.size(), 4u);
}

TEST(Http2Ends, WhatIsAboveTheLastIdOfGoawayIsSentElsewhereForFree) {
  Town town(both(", retry: {budget: 1%}"));
  H2Origin one(town, kAt);
  H2Origin two(town, kOther);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  ASSERT_EQ(caller.get().status(), 200);
  town.network.at(*Address::parse(kAt));
  // Both say GOAWAY at once, while requests are on their way to them.
  for (H2Origin* origin : {&one, &two})
    origin->last().session().submit_goaway(http::H2Code::kNoError);
  H2Side& get = caller.begin("GET", "/");
  H2Side& post = caller.begin("POST", "/", {}, "pay");
  EXPECT_EQ(caller.finish(get).status(), 200);
  EXPECT_EQ(caller.finish(post).status(), 200);
  EXPECT_EQ(one.requests.size() + two.requests.size(), 4u);
}

TEST(Http2Ends, AConnectionThatIsLostIsReplacedForWhatMayBeRepeated) {
  H2Town town;
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  ASSERT_EQ(caller.get().status(), 200);
  const auto breaks = [](H2Side& on) { on.peer().after(1, [&on] { on.peer().break_off(); }); };
  origin.script = {breaks};
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 2u);
  EXPECT_EQ(origin.requests.size(), 3u);
  origin.script = {breaks, breaks};
  EXPECT_EQ(caller.get().status(), 502);
  EXPECT_EQ(origin.requests.size(), 5u);
  ASSERT_EQ(caller.get().status(), 200);
  origin.script = {breaks};
  EXPECT_EQ(caller.ask("POST", "/", {}, "pay").status(), 502);
  EXPECT_EQ(origin.requests.size(), 7u);
}

TEST(Http2Ends, WhatDiedWithItsConnectionGoesOnAFreshOne) {
  H2Town town(", pool: {streams: 1}");
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  H2Side& one = caller.begin("GET", "/");
  H2Side& other = caller.begin("GET", "/");
  ASSERT_EQ(caller.finish(one).status(), 200);
  ASSERT_EQ(caller.finish(other).status(), 200);
  ASSERT_EQ(origin.open_connections(), 2u);
  town.pass_ms(100);
  // Both end, one a little later than the other.
  origin.on_head = [&](H2Side& on) {
    if (on.connection > 1) return;
    on.peer().after(0, [&on] { on.peer().break_off(); });
  };
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 3u);
  EXPECT_EQ(origin.heads, 4u);
}

TEST(Http2Ends, AConnectionThatIsLostBeforeItSaidAWordIsPaidForByTheBudget) {
  H2Town town(", circuit: off, endpoint_circuit: off, retry: {unsent: 3, budget: 1%}");
  H2Origin origin(town, kAt);
  town.network.at(*Address::parse(kAt)).out_of_descriptors = true;
  H2Caller caller(town);
  constexpr int kCalls = 20;
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(caller.get().status(), 502);
  constexpr int kFloor = 10;  // of the budget: 3 a second
  EXPECT_LE(town.network.connects(), 1u + kCalls + kFloor);
}

TEST(Http2Ends, AGoawayThatComesWithCallsLetsThemEnd) {
  H2Town town;
  H2Origin origin(town, kAt);
  origin.script = {kStalls};
  H2Caller caller(town);
  H2Side& first = caller.begin("GET", "/");
  town.run();
  origin.last().session().submit_goaway(http::H2Code::kNoError);
  town.run();
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 2u);
  origin.requests[0]->answer(200, "late");
  EXPECT_EQ(caller.finish(first).message.body, "late");
  town.run();
  EXPECT_EQ(origin.open_connections(), 1u);
}

// What is complete may wait for its caller longer than the connection lives on which it came.
TEST(Http2Ends, AnAnswerThatIsHeldOutlivesItsConnection) {
  H2Town town(", protocol: http2");
  H2Origin origin(town, kAt);
  const std::string body(240'000, 'a');
  origin.otherwise = [&](H2Side& on) {
    on.answer(200, body);
    on.peer().after(5, [&on] { on.peer().close_cleanly(); });
  };
  http::H2Limits narrow;
  narrow.stream_window_bytes = 1000;
  H2Caller caller(town, narrow);
  H2Side& side = caller.begin("GET", "/");
  side.takes = false;
  town.pass_ms(100);
  EXPECT_EQ(origin.open_connections(), 0u);
  side.take_all();
  EXPECT_EQ(caller.finish(side).message.body, body);
}

// An answer of unknown length that breaks when all that had come waits for its caller's window.
struct BrokenAnswer : Town {
  explicit BrokenAnswer(const std::string& listener = {})
      : Town(listener + orders(", protocol: http1")) {
    origin(kAt).otherwise = [this](Origin::Connection& on) {
      on.send_if_open("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n" + body +
                      "\r\n");
      on.after(100, [&on] { on.reset(); });
    };
    narrow.stream_window_bytes = 1'000;
  }

  const std::string body = std::string(40'000, 'x');
  http::H2Limits narrow;
};

TEST(Http2Ends, WhatCameOfAnAnswerThatBreaksGoesOnAndThenItsStreamIsReset) {
  BrokenAnswer town;
  H2Caller caller(town, town.narrow);
  H2Side& side = caller.begin("GET", "/");
  side.takes = false;
  town.pass_ms(5'000);
  EXPECT_EQ(side.message.body.size(), 1'000U);
  EXPECT_FALSE(side.closed);
  side.take_all();
  caller.finish(side);
  EXPECT_EQ(side.message.body, town.body);
  EXPECT_FALSE(side.message.complete);
  ASSERT_TRUE(side.closed);
  EXPECT_EQ(side.closed->code, http::H2Code::kInternalError);
  EXPECT_EQ(caller.get("/").status(), 200) << "the connection serves on";
}

TEST(Http2Ends, WhoDoesNotTakeTheRestOfABrokenAnswerIsNotWaitedForLongerThanWriteStall) {
  BrokenAnswer town(
      "listeners: [{name: outbound, address: '127.0.0.1:15001', timeout: {write_stall: 3s}}]\n");
  H2Caller caller(town, town.narrow);
  H2Side& side = caller.begin("GET", "/");
  side.takes = false;
  town.pass_ms(2'900);
  EXPECT_FALSE(side.closed);
  town.pass_ms(400);
  EXPECT_TRUE(side.closed);
  EXPECT_EQ(town.process.answers.bytes(), 0);
}

TEST(Http2Ends, ACallerThatLeavesWhileABrokenAnswerWaitsLeavesNothing) {
  BrokenAnswer town;
  {
    H2Caller caller(town, town.narrow);
    H2Side& side = caller.begin("GET", "/");
    side.takes = false;
    town.pass_ms(1'000);
    side.reset();
    town.run();
    EXPECT_EQ(town.process.answers.bytes(), 0);
    caller.begin("GET", "/").takes = false;
    town.pass_ms(1'000);
  }
  town.run();
  EXPECT_EQ(town.process.answers.bytes(), 0);
  EXPECT_EQ(town.workers[0]->running(), 0u);
}

TEST(Http2Ends, AnEndpointThatIsRemovedEndsItsStreamsWell) {
  H2Town town;
  H2Origin origin(town, kAt);
  H2Origin other(town, kOther);
  origin.script = {kStalls};
  H2Caller caller(town);
  H2Side& side = caller.begin("GET", "/");
  town.run();
  town.set_endpoints("orders", {kOther});
  town.run();
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(other.requests.size(), 1u);
  origin.requests[0]->answer(200, "late");
  EXPECT_EQ(caller.finish(side).message.body, "late");
  town.run();
  EXPECT_EQ(origin.last().goaways.size(), 1u);
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(Http2Ends, AnEndpointThatIsRemovedWhileItIsConnectedToKeepsNoConnection) {
  H2Town town;
  town.network.at(*Address::parse(kAt)).connect_ms = 100;
  H2Origin origin(town, kAt);
  H2Caller caller(town);
  H2Side& side = caller.begin("GET", "/");
  town.pass_ms(10);
  town.set_endpoints("orders", {kOther});
  EXPECT_EQ(caller.finish(side).status(), 200);
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(Http2Ends, AnUpstreamThatBreaksTheProtocolIsLeft) {
  H2Town town(", protocol: http2");
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  origin.last().send_if_open("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(caller.next().status(), 502);
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
}

// The answer is complete while the last frame of the request waits to be written; with that frame
// the call ends, and its caller is written to.
TEST(Http2Ends, ACallThatEndsWithItsOwnLastFrameKeepsItsBytesFromItsCaller) {
  H2Town town(", protocol: http2");
  H2Origin origin(town, kAt);
  Caller caller(town);
  caller.begin_raw("POST",
                   "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n");
  town.run();
  H2Side& side = origin.connections.front()->sides.back();
  side.answer(200, "ok");
  caller.send("0\r\n\r\n");
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "ok");
  town.run();
  EXPECT_EQ(side.message.body, "abc");
}

}  // namespace
}  // namespace outrigger::testing
