// Filters that open further legs: retry, hedge, alternate service; and what the legs share.
#include <gtest/gtest.h>

#include "tests/support/chain_call.hpp"

namespace outrigger::chain {
namespace {

using outrigger::testing::Alternate;
using outrigger::testing::ChainCall;
using outrigger::testing::Deadline;
using outrigger::testing::FakeTerminal;
using outrigger::testing::Hedge;
using outrigger::testing::Retry;
using outrigger::testing::Script;
using outrigger::testing::StandIn;
using outrigger::testing::Tap;
using outrigger::testing::Wait;

TEST(Opener, PassesAGoodFirstAnswerOn) {
  ChainCall call;
  const Tap& outer = call.add<Tap>("outer");
  call.add<Retry>("retry", 3, 10);
  const Tap& inner = call.add<Tap>("inner");
  call.start();
  EXPECT_EQ(call.sink.body, "ok");
  EXPECT_EQ(outer.responses, 1);
  EXPECT_EQ(inner.responses, 1);
  for (const char* name : {"outer", "retry", "inner"}) EXPECT_EQ(call.ledger.outcome(name), "done");
}

TEST(Opener, OpensTheRestOfItsChainAgainAfterAFailure) {
  ChainCall call({Script::failing(), Script{.status = 503}, Script::ok()});
  const Tap& outer = call.add<Tap>("outer");
  call.add<Retry>("retry", 3, 10);
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(9);
  EXPECT_EQ(call.terminal.calls(), 1U);
  call.pass_ms(11);
  EXPECT_EQ(call.terminal.calls(), 3U);
  EXPECT_EQ(call.sink.body, "ok");
  EXPECT_EQ(outer.responses, 1);
  EXPECT_EQ(call.ledger.outcome("inner", 0), "failed reset");
  EXPECT_EQ(call.ledger.outcome("inner", 1), "dropped");
  EXPECT_EQ(call.ledger.outcome("inner", 2), "done");
}

TEST(Opener, GivesTheLastFailureWhenAllAttemptsFailed) {
  ChainCall call({Script::failing(Cause::kReset), Script::failing(Cause::kConnectTimeout)});
  call.add<Retry>("retry", 2, 0);
  call.add<Tap>("inner");
  call.start();
  EXPECT_EQ(call.terminal.calls(), 2U);
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_EQ(call.ledger.outcome("inner", 0), "failed reset");
  EXPECT_EQ(call.ledger.outcome("inner", 1), "failed connect_timeout");
  EXPECT_EQ(call.ledger.outcome("retry"), "failed connect_timeout");
}

TEST(Opener, MayBeTheLastFilterOfItsChainOrTheOnlyOne) {
  ChainCall call({Script::failing(), Script::ok()});
  call.add<Retry>("retry", 2, 0);
  call.start();
  EXPECT_EQ(call.sink.body, "ok");
}

TEST(Opener, RetriesWithinARetry) {
  ChainCall call({Script::failing(), Script::failing(), Script::failing(), Script::ok()});
  call.add<Retry>("outer", 2, 5);
  call.add<Tap>("between");
  call.add<Retry>("inner", 2, 5);
  call.start();
  call.pass_ms(15);
  EXPECT_EQ(call.terminal.calls(), 4U);
  EXPECT_EQ(call.sink.body, "ok");
  EXPECT_EQ(call.ledger.outcome("between", 0), "failed reset");
  EXPECT_EQ(call.ledger.outcome("between", 1), "done");
}

TEST(Opener, RetriesAHeadWhoseCallBreaksOffBeforeTheCommit) {
  ChainCall call({Script{.after_ms = 1, .break_after = 0, .runs_driver = true}, Script::ok()});
  call.add<Retry>("retry", 2, 0);
  call.add<Wait>("wait", 0, 5);
  call.start();
  call.pass_ms(1);
  EXPECT_EQ(call.terminal.calls(), 2U);
  call.pass_ms(5);
  EXPECT_EQ(call.sink.body, "ok");
  EXPECT_EQ(call.ledger.outcome("wait", 0), "failed reset");
}

TEST(Opener, LosesAnAcceptedAnswerThatBreaksOffBeforeTheCommit) {
  ChainCall call({Script{.after_ms = 1, .break_after = 0, .runs_driver = true}});
  const Tap& outer = call.add<Tap>("outer");
  call.add<StandIn>("stand_in");
  call.add<Wait>("wait", 0, 5);
  call.add<Retry>("retry", 2, 0);
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(1);
  EXPECT_EQ(call.terminal.calls(), 1U);
  EXPECT_EQ(call.sink.status, 203);
  EXPECT_FALSE(outer.saw_error);
  EXPECT_EQ(call.ledger.outcome("wait"), "failed reset");
  EXPECT_EQ(call.ledger.outcome("retry"), "failed reset");
  EXPECT_EQ(call.ledger.outcome("inner"), "failed reset");
}

TEST(Opener, EditsOfAnAttemptDieWithItsLeg) {
  ChainCall call({Script::failing(), Script::ok()});
  call.add<Tap>("above").request = [](Leg& leg, void*) {
    leg.edit_request().fields.add(leg.exchange().arena(), "x-above", "1");
    return Step::kContinue;
  };
  call.add<Retry>("retry", 2, 0);
  call.add<Tap>("below").request = [](Leg& leg, void*) {
    const std::string_view number = leg.attempt() == 0 ? "first" : "second";
    leg.edit_request().fields.add(leg.exchange().arena(), "x-below", number);
    return Step::kContinue;
  };
  call.start();
  EXPECT_EQ(call.terminal.call(0).fields, "x-above=1;x-below=first;");
  EXPECT_EQ(call.terminal.call(1).fields, "x-above=1;x-below=second;");
}

TEST(Opener, AttemptsShareWhatWasTriedAndTheSmallestDeadline) {
  ChainCall call({Script::failing(), Script::ok()});
  const Deadline& deadline = call.add<Deadline>("deadline", 50);
  call.add<Retry>("retry", 2, 0);
  std::vector<size_t> known;
  const int64_t started = call.runtime.clock().now_ms();
  call.add<Tap>("pick").request = [&](Leg& leg, void*) {
    known.push_back(leg.tried().ids().size());
    leg.tried().add(id_of(deadline));
    EXPECT_EQ(leg.deadline_ms(), started + 50);
    return Step::kContinue;
  };
  call.start();
  EXPECT_EQ(known, (std::vector<size_t>{0, 1}));
}

TEST(Opener, TakesTheFirstGoodOfTwoHedgedAnswers) {
  ChainCall call({Script::ok("slow").after(20), Script::ok("fast").after(3)});
  call.add<Hedge>("hedge", 5);
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(8);
  EXPECT_EQ(call.sink.body, "fast");
  EXPECT_EQ(call.ledger.outcome("inner", 0), "dropped");
  EXPECT_EQ(call.ledger.outcome("inner", 1), "done");
}

TEST(Opener, WaitsForTheOtherHedgedLegWhenOneFails) {
  ChainCall call({Script::ok("slow").after(20), Script::failing().after(3)});
  call.add<Hedge>("hedge", 5);
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(20);
  EXPECT_EQ(call.sink.body, "slow");
  EXPECT_EQ(call.ledger.outcome("inner", 1), "failed reset");
}

TEST(Opener, FailsFromADeadlineOverTwoOpenLegs) {
  ChainCall call({Script::hanging()});
  call.add<Deadline>("deadline", 10);
  call.add<Hedge>("hedge", 5);
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(10);
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_EQ(call.terminal.cancelled(), 2U);
  EXPECT_EQ(call.ledger.outcome("inner", 0), "failed timeout");
  EXPECT_EQ(call.ledger.outcome("inner", 1), "failed timeout");
  EXPECT_EQ(call.ledger.outcome("hedge"), "failed timeout");
}

TEST(Opener, AsksAnotherChainAfterAFailure) {
  ChainCall call({Script::failing()});
  FakeTerminal replica({Script::ok("replica")});
  bool alternate = false;
  call.add<Tap>("inner_of_replica").request = [&](Leg& leg, void*) {
    alternate = leg.is_alternate();
    return Step::kContinue;
  };
  call.add<Retry>("retry_of_replica", 2, 0);
  const Chain& other = call.close_chain(replica);
  call.add<Alternate>("fallback", other);
  call.add<Tap>("inner");
  call.start();
  EXPECT_TRUE(alternate);
  EXPECT_EQ(call.sink.body, "replica");
  EXPECT_EQ(call.ledger.outcome("inner"), "failed reset");
  EXPECT_EQ(call.ledger.outcome("inner_of_replica"), "done");
  EXPECT_EQ(replica.cancelled(), replica.calls());
}

TEST(Opener, GivesTheFirstFailureWhenTheAlternateFailsToo) {
  ChainCall call({Script::failing(Cause::kTimeout)});
  FakeTerminal replica({Script::failing(Cause::kReset)});
  call.add<Tap>("inner_of_replica");
  const Chain& other = call.close_chain(replica);
  call.add<Alternate>("fallback", other);
  call.add<Tap>("inner");
  call.start();
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_EQ(call.ledger.outcome("inner"), "failed timeout");
  EXPECT_EQ(call.ledger.outcome("inner_of_replica"), "failed reset");
}

TEST(Opener, HearsOfEachLegOnceAlsoWhenAKeptAnswerIsLost) {
  // The first answer, a 503, is kept while the alternate is asked; its call breaks off meanwhile.
  FakeTerminal replica({Script::failing(Cause::kTimeout).after(9)});
  ChainCall call({Script{.status = 503}});
  const Chain& other = call.close_chain(replica);
  call.add<Alternate>("fallback", other);
  call.add<Deadline>("total", 5, true);
  call.start();
  call.pass_ms(5);
  EXPECT_TRUE(call.terminal.call(0).cancelled);
  EXPECT_EQ(call.sink.status, 0);
  call.pass_ms(4);
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_EQ(call.ledger.outcome("total"), "failed timeout");
}

TEST(Opener, IsSparedAnAnswerThatComesAfterItsOwn) {
  ChainCall call({Script{.body = {"a", "b"}, .gap_ms = 5}, Script::ok("late").after(3)});
  std::array<LegPtr, 2> legs;
  int heard = 0;
  Tap& opener = call.add<Tap>("opener", Wants{.opens_legs = true});
  opener.request = [&](Leg& leg, void*) {
    for (LegPtr& below : legs) below = leg.open_rest();
    return Step::kPaused;
  };
  opener.answer = [&](Leg& mine, Leg&) {
    ++heard;
    mine.accept(std::move(legs[0]));
  };
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(3);
  EXPECT_EQ(heard, 1);
  EXPECT_EQ(call.ledger.outcome("inner", 1), "dropped");
  EXPECT_TRUE(call.terminal.call(1).cancelled);
  legs = {};  // which do not outlive the exchange
  call.pass_ms(10);
  EXPECT_EQ(call.sink.body, "ab");
}

TEST(Opener, AnswersFromATimerByResume) {
  ChainCall call({Script::hanging()});
  const Tap& outer = call.add<Tap>("outer");
  Tap& opener = call.add<Tap>("opener", Wants{.opens_legs = true});
  LegPtr below;
  opener.request = [&](Leg& leg, void*) {
    below = leg.open_rest();
    return Step::kPaused;
  };
  call.add<Tap>("inner");
  call.start();
  opener.leg->reply({202, {}, "later"});
  opener.leg->resume();
  call.runtime.turn();
  EXPECT_EQ(call.sink.body, "later");
  EXPECT_EQ(outer.responses, 1);
  EXPECT_EQ(call.ledger.outcome("inner"), "dropped");
  below.reset();
}

TEST(Opener, FindsTheErrorOfALegThatBreaksOffWhileItIsKept) {
  ChainCall call({Script{.after_ms = 1, .status = 500, .break_after = 0, .runs_driver = true}});
  FakeTerminal spare({Script{.after_ms = 20, .status = 500}});
  chain::Chain& other = call.close_chain(spare);
  const Tap& outer = call.add<Tap>("outer");
  call.add<Alternate>("fallback", other);
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(19);
  EXPECT_EQ(spare.calls(), 1U);
  EXPECT_EQ(call.sink.status, 0);
  EXPECT_EQ(call.ledger.outcome("inner"), "open");
  call.pass_ms(2);
  EXPECT_EQ(call.sink.status, 502);
  EXPECT_TRUE(outer.saw_error);
  EXPECT_EQ(call.ledger.outcome("inner"), "failed reset");
}

TEST(Interim, SendsOneContinueWhateverTheNumberOfAttempts) {
  ChainCall call({Script{.answer = Script::Answer::kError, .interims = {100}},
                  Script{.interims = {100}, .body = {"ok"}}});
  call.add<Retry>("retry", 2, 0);
  call.start();
  EXPECT_EQ(call.sink.interims, std::vector<int>{100});
}

TEST(Interim, PassesHintsAtOnceWhenNobodyMayOpenALeg) {
  ChainCall call({Script{.after_ms = 1, .interims = {103, 103}, .body = {"ok"}}});
  call.add<Tap>("tap");
  call.start();
  call.pass_ms(1);
  EXPECT_EQ(call.sink.interims, (std::vector<int>{103, 103}));
}

TEST(Interim, HoldsHintsOfAnAttemptUntilItsAnswerIsTaken) {
  ChainCall call({Script{.answer = Script::Answer::kError, .interims = {103}},
                  Script{.interims = {103, 102}, .body = {"ok"}}});
  call.add<Retry>("retry", 3, 0);
  call.start();
  EXPECT_EQ(call.sink.interims, (std::vector<int>{103, 102}));
}

}  // namespace
}  // namespace outrigger::chain
