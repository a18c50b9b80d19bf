#include "proxy/chain/leg.hpp"

#include <gtest/gtest.h>

#include "tests/support/chain_call.hpp"

namespace outrigger::chain {
namespace {

using outrigger::testing::ChainCall;
using outrigger::testing::Script;
using outrigger::testing::StandIn;
using outrigger::testing::Tap;
using outrigger::testing::Wait;

constexpr Wants kAllWants{
    .request_chunks = true, .response_chunks = true, .request_end = true, .response_end = true};

TEST(Leg, GoesDownAllFiltersToTheTerminalAndUpAgain) {
  ChainCall call;
  const Tap& outer = call.add<Tap>("outer");
  const Tap& inner = call.add<Tap>("inner");
  call.start();
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(call.sink.body, "ok");
  EXPECT_TRUE(call.sink.complete);
  EXPECT_EQ(outer.responses, 1);
  EXPECT_EQ(inner.responses, 1);
  EXPECT_EQ(call.ledger.outcome("outer"), "done");
  EXPECT_EQ(call.ledger.outcome("inner"), "done");
  EXPECT_EQ(call.sink.facts.bytes_out, 2);
  EXPECT_EQ(call.runtime.exchanges_ended(), 1);
}

TEST(Leg, RunsAChainWithoutFilters) {
  ChainCall call;
  call.start();
  EXPECT_EQ(call.sink.body, "ok");
}

TEST(Leg, AnswersWithinOneDriverRunFromInsideACall) {
  ChainCall call({Script{.after_ms = 1, .body = {"a", "b"}, .runs_driver = true}});
  call.add<Tap>("tap");
  call.start();
  call.pass_ms(1);
  EXPECT_EQ(call.sink.body, "ab");
}

TEST(Leg, RendersAnErrorThatNobodyReplaced) {
  ChainCall call({Script::failing()});
  const Tap& tap = call.add<Tap>("tap");
  call.start();
  EXPECT_EQ(call.sink.status, 502);
  EXPECT_EQ(call.sink.body, "The upstream closed the connection before it answered. (orders)\n");
  EXPECT_EQ(call.sink.field("proxy-status"),
            "outrigger; error=connection_terminated; details=\"reset orders\"");
  EXPECT_TRUE(tap.saw_error);
  EXPECT_EQ(call.ledger.outcome("tap"), "failed reset");
  EXPECT_EQ(call.sink.facts.cause, Cause::kReset);
  EXPECT_EQ(call.sink.facts.status, 502);
}

TEST(Leg, GivesAReplyOfTheTerminalToTheFilters) {
  ChainCall call({Script{.answer = Script::Answer::kReply, .status = 201}});
  const Tap& tap = call.add<Tap>("tap");
  call.start();
  EXPECT_EQ(call.sink.status, 201);
  EXPECT_EQ(call.sink.body, "own reply");
  EXPECT_EQ(tap.responses, 1);
}

class ReplyAtDepth : public ::testing::TestWithParam<int> {};

TEST_P(ReplyAtDepth, IsSeenByTheFramesAboveOnly) {
  ChainCall call;
  std::vector<Tap*> taps;
  for (int i = 0; i < 4; ++i) taps.push_back(&call.add<Tap>("tap" + std::to_string(i)));
  taps[static_cast<size_t>(GetParam())]->request = [](Leg& leg, void*) {
    leg.reply({202, {}, "at once"});
    return Step::kReplied;
  };
  call.start();
  EXPECT_EQ(call.sink.status, 202);
  EXPECT_EQ(call.sink.body, "at once");
  EXPECT_EQ(call.terminal.calls(), 0U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(taps[static_cast<size_t>(i)]->responses, i < GetParam() ? 1 : 0);
    const std::string ended = i <= GetParam() ? "done" : "none";
    EXPECT_EQ(call.ledger.outcome("tap" + std::to_string(i)), ended);
  }
}

INSTANTIATE_TEST_SUITE_P(Leg, ReplyAtDepth, ::testing::Range(0, 4));

TEST(Leg, RefusesFromOnRequest) {
  ChainCall call;
  const Tap& outer = call.add<Tap>("outer");
  call.add<Tap>("refuser").request = [](Leg& leg, void*) {
    leg.refuse({.cause = Cause::kCircuitOpen, .ours = true, .retry_after_s = 5});
    return Step::kReplied;
  };
  call.start();
  EXPECT_EQ(call.sink.status, 503);
  EXPECT_EQ(call.sink.field("retry-after"), "5");
  EXPECT_TRUE(outer.saw_error);
  EXPECT_EQ(call.ledger.outcome("refuser"), "failed circuit_open");
}

TEST(Leg, SendsNoBodyWithAReplyToHead) {
  ChainCall call;
  call.add<Tap>("refuser").request = [](Leg& leg, void*) {
    leg.reply({200, {}, "content"});
    return Step::kReplied;
  };
  call.make(http::Method::kHead);
  call.begin();
  EXPECT_EQ(call.sink.body, "");
  EXPECT_TRUE(call.sink.complete);
}

TEST(Leg, ReplacesAnErrorOnTheWayUp) {
  ChainCall call({Script::failing(Cause::kConnectRefused)});
  const Tap& outer = call.add<Tap>("outer");
  call.add<StandIn>("stand_in");
  call.add<Tap>("inner");
  call.start();
  EXPECT_EQ(call.sink.status, 203);
  EXPECT_EQ(call.sink.body, "stand-in");
  EXPECT_FALSE(outer.saw_error);
  EXPECT_EQ(call.ledger.outcome("inner"), "failed connect_refused");
  EXPECT_EQ(call.ledger.outcome("stand_in"), "done");
  EXPECT_EQ(call.ledger.outcome("outer"), "done");
}

TEST(Leg, ReplacesAGoodAnswerByAnError) {
  ChainCall call;
  call.add<Tap>("checker").response = [](Leg& leg, void*) {
    leg.refuse({.cause = Cause::kMalformedResponse});
    return Step::kReplied;
  };
  call.add<Tap>("inner");
  call.start();
  EXPECT_EQ(call.sink.status, 502);
  EXPECT_EQ(call.ledger.outcome("inner"), "dropped");
  EXPECT_EQ(call.ledger.outcome("checker"), "failed malformed_response");
}

TEST(Leg, PausesOnBothWays) {
  ChainCall call;
  const Wait& wait = call.add<Wait>("wait", 5, 7);
  call.start();
  EXPECT_EQ(call.terminal.calls(), 0U);
  EXPECT_EQ(wait.permits, 1);
  call.pass_ms(5);
  EXPECT_EQ(call.terminal.calls(), 1U);
  EXPECT_EQ(call.sink.status, 0);
  call.pass_ms(7);
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(wait.permits, 0);
}

TEST(Leg, ShowsBodyAndEndToTheFiltersThatWantThem) {
  ChainCall call({Script{.after_ms = 1, .body = {"x", "y"}}});
  const Tap& all = call.add<Tap>("all", kAllWants);
  const Tap& none = call.add<Tap>("none");
  call.make(http::Method::kPost);
  call.begin();
  call.send("a");
  call.send("b");
  call.finish();
  call.pass_ms(1);
  EXPECT_EQ(all.chunks, ">a>b>.<x<y<.");
  EXPECT_EQ(none.chunks, "");
  EXPECT_EQ(call.terminal.call(0).body, "ab");
}

TEST(Leg, LetsNothingPassThatAChunkFilterRefused) {
  ChainCall call({Script{.after_ms = 1, .body = {"x", "y"}}});
  Tap& guard = call.add<Tap>("guard", Wants{.response_chunks = true});
  guard.chunk = [&](Leg& leg, void* slot) {
    if (guard.chunks == "<x<y") leg.fail(slot, {.cause = Cause::kMalformedResponse});
  };
  call.start();
  call.pass_ms(1);
  EXPECT_EQ(call.sink.body, "x");
  EXPECT_FALSE(call.sink.complete);
  EXPECT_TRUE(call.sink.aborted);
}

TEST(Leg, RefusesARequestBodyFromOnChunk) {
  ChainCall call({Script::hanging()});
  call.add<Tap>("guard", kAllWants).chunk = [](Leg& leg, void* slot) {
    leg.fail(slot, {.cause = Cause::kRequestBodyTooLarge});
  };
  call.make(http::Method::kPost);
  call.begin();
  call.send("too much");
  EXPECT_EQ(call.sink.status, 413);
}

TEST(Leg, TellsTheCallOfCongestionAndOfItsEnd) {
  ChainCall call({Script{.body = {"a", "b", "c"}, .gap_ms = 1}});
  call.start();
  call.sink.set_congested(true);
  call.pass_ms(1);
  EXPECT_EQ(call.sink.body, "a");
  EXPECT_EQ(call.terminal.call(0).congestions, 1);
  call.pass_ms(10);
  EXPECT_EQ(call.sink.body, "a");
  call.sink.set_congested(false);
  call.sink.exchange().on_sink_drained();
  call.pass_ms(5);
  EXPECT_EQ(call.sink.body, "abc");
  EXPECT_TRUE(call.sink.complete);
}

TEST(Leg, HoldsTheFlowUntilTheHeadHasPassedEveryFilter) {
  ChainCall call;
  call.add<Wait>("wait", 0, 5);
  call.start();
  EXPECT_FALSE(call.terminal.call(0).flowing);
  call.pass_ms(5);
  EXPECT_TRUE(call.terminal.call(0).flowing);
}

TEST(Leg, EditsTheRequestOfTheCaller) {
  ChainCall call;
  call.add<Tap>("headers").request = [](Leg& leg, void*) {
    leg.edit_request().fields.set(leg.exchange().arena(), "x-added", "1");
    return Step::kContinue;
  };
  call.start();
  EXPECT_EQ(call.terminal.call(0).fields, "x-added=1;");
}

TEST(Leg, RanksTheTimersOfInnerFramesHigher) {
  ChainCall call;
  Tap& outer = call.add<Tap>("outer");
  Tap& inner = call.add<Tap>("inner");
  inner.request = [&](Leg& leg, void* slot) {
    EXPECT_GT(leg.timer_rank(slot), leg.timer_rank(outer.slot));
    return Step::kContinue;
  };
  call.start();
  EXPECT_EQ(call.sink.status, 200);
}

}  // namespace
}  // namespace outrigger::chain
