#include "proxy/chain/exchange.hpp"

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
using outrigger::testing::Tap;
using outrigger::testing::Wait;

TEST(Exchange, AnswersWithoutAChain) {
  ChainCall call;
  Exchange& exchange = call.make();
  exchange.answer(nullptr, {.cause = Cause::kMalformedRequest});
  EXPECT_EQ(call.sink.status, 400);
  EXPECT_TRUE(call.sink.complete);
  EXPECT_EQ(call.sink.field("proxy-status"),
            "outrigger; error=http_request_error; details=\"malformed_request\"");
}

TEST(Exchange, EndsTheLegsWithCompleteFactsWhenTheCallerErrs) {
  ChainCall call({Script::hanging()});
  call.add<Tap>("log");
  call.add<Retry>("retry", 2, 0);
  call.add<Tap>("inner");
  Exchange& exchange = call.make(http::Method::kPost);
  call.begin();
  call.send("par");
  exchange.fail({.cause = Cause::kRequestTooSlow});
  EXPECT_EQ(call.sink.status, 408);
  EXPECT_TRUE(call.sink.complete);
  EXPECT_EQ(call.ledger.outcome("log"), "failed request_too_slow");
  EXPECT_EQ(call.ledger.outcome("inner"), "failed request_too_slow");
  EXPECT_EQ(call.sink.facts.status, 408);
  EXPECT_EQ(call.sink.facts.bytes_out, static_cast<int64_t>(call.sink.body.size()));
  EXPECT_EQ(call.sink.facts.bytes_in, 3);
}

TEST(Exchange, AbortsWhenTheCallerErrsAfterTheCommit) {
  ChainCall call({Script{.body = {"a", "b"}, .gap_ms = 1}});
  Exchange& exchange = call.make(http::Method::kPost);
  call.begin();
  exchange.fail({.cause = Cause::kMalformedRequest});
  EXPECT_TRUE(call.sink.aborted);
}

TEST(Exchange, GivesARetryTheBodyFromItsFirstByte) {
  ChainCall call({Script::failing().after(5), Script::ok().after(5)});
  call.add<Retry>("retry", 2, 0);
  call.make(http::Method::kPost);
  call.begin();
  call.send("one ");
  call.send("two ");
  call.pass_ms(5);
  call.send("three");
  call.finish();
  call.pass_ms(5);
  EXPECT_EQ(call.terminal.call(0).body, "one two ");
  EXPECT_EQ(call.terminal.call(1).body, "one two three");
  EXPECT_TRUE(call.terminal.call(1).body_ended);
  EXPECT_EQ(call.sink.body, "ok");
}

TEST(Exchange, KeepsAShortBodyOfKnownLengthInTheArena) {
  ChainCall call({Script::failing().after(5), Script::ok().after(5)});
  call.add<Retry>("outer", 2, 0);
  call.add<Retry>("inner", 1, 0);
  call.make(http::Method::kPost).request().content_length = 5;
  call.begin();
  call.send("ab");
  call.pass_ms(5);
  EXPECT_EQ(call.runtime.budget().used(), 0);
  call.send("cde");
  call.finish();
  call.pass_ms(5);
  EXPECT_EQ(call.terminal.call(1).body, "abcde");
}

TEST(Exchange, CannotReplayABodyLargerThanWhatMayBeKept) {
  ChainCall call({Script::failing().after(5)});
  call.add<Retry>("retry", 2, 0, 8);
  call.make(http::Method::kPost);
  call.begin();
  call.send("12345678");
  EXPECT_EQ(call.runtime.budget().used(), 8);
  call.send("9");
  EXPECT_EQ(call.runtime.budget().used(), 0);
  call.pass_ms(5);
  EXPECT_EQ(call.terminal.calls(), 1U);
  EXPECT_EQ(call.sink.status, 502);
}

TEST(Exchange, KeepsNoBodyBeyondTheBudgetOfTheProcess) {
  ChainCall call({Script::failing().after(5)});
  call.runtime.budget().set_limit(4);
  call.add<Retry>("retry", 2, 0);
  call.make(http::Method::kPost);
  call.begin();
  call.send("1234");
  EXPECT_EQ(call.runtime.budget().used(), 4);
  call.send("5");
  EXPECT_EQ(call.runtime.budget().used(), 0);
  call.pass_ms(5);
  EXPECT_EQ(call.terminal.calls(), 1U);
  EXPECT_EQ(call.terminal.call(0).body, "12345");
}

TEST(Exchange, KeepsForALegThatStartedAgainWhatItHasNotRead) {
  ChainCall call({Script::failing().after(5), Script::ok().after(30)});
  call.add<Retry>("retry", 2, 0, 8);
  call.add<Wait>("queue", 3, 0);
  call.make(http::Method::kPost);
  call.begin();
  call.pass_ms(3);
  call.send("12345678");
  call.pass_ms(5);
  // The second leg waits in the queue when the body outgrows what may be kept.
  call.send("9abc");
  call.finish();
  call.pass_ms(40);
  EXPECT_EQ(call.terminal.call(1).body, "123456789abc");
  EXPECT_EQ(call.sink.body, "ok");
}

TEST(Exchange, KeepsForALegThatIsYetToBeOpened) {
  ChainCall call({Script::failing().after(5), Script::ok().after(5)});
  call.add<Retry>("retry", 2, 10, 8);
  call.make(http::Method::kPost);
  call.begin();
  call.send("12345678");
  call.pass_ms(7);
  // Between the attempts the body outgrows what may be kept.
  call.send("9abc");
  call.finish();
  call.pass_ms(20);
  EXPECT_EQ(call.terminal.call(1).body, "123456789abc");
}

TEST(Exchange, KeepsForAnAlternateThatWaitsWhatItHasNotRead) {
  FakeTerminal replica({Script::ok("replica").after(30)});
  ChainCall call({Script::failing().after(5)});
  call.add<Wait>("queue_of_replica", 5, 0);
  const Chain& other = call.close_chain(replica);
  call.add<Alternate>("fallback", other);
  call.make(http::Method::kPost);
  call.begin();
  const std::string most(1024, 'a');
  call.send(most);
  call.pass_ms(6);
  call.send("more");
  call.finish();
  call.pass_ms(40);
  EXPECT_EQ(replica.call(0).body, most + "more");
  EXPECT_EQ(call.sink.body, "replica");
}

TEST(Exchange, AsksForMoreBodyWhenTheSlowestReaderIsGone) {
  Script reads_not = Script::hanging();
  reads_not.reads_body = false;
  ChainCall call({reads_not, Script::hanging()});
  std::array<LegPtr, 2> legs;
  call.add<Tap>("opener", Wants{.opens_legs = true}).request = [&](Leg& leg, void*) {
    for (LegPtr& below : legs) below = leg.open_rest();
    return Step::kPaused;
  };
  Exchange& exchange = call.make(http::Method::kPost);
  call.begin();
  call.send(std::string(70'000, 'x'));
  EXPECT_FALSE(exchange.body().has_room());
  legs[0].reset();
  EXPECT_TRUE(exchange.body().has_room());
  EXPECT_EQ(call.sink.wants, 1);
  legs[1].reset();
}

TEST(Exchange, AsksForMoreBodyWhenThereIsRoomAgain) {
  ChainCall call({Script::ok().after(50)});
  call.add<Wait>("queue", 5, 0);
  Exchange& exchange = call.make(http::Method::kPost);
  call.begin();
  call.send(std::string(70'000, 'x'));
  EXPECT_FALSE(exchange.body().has_room());
  EXPECT_EQ(call.sink.wants, 0);
  call.pass_ms(5);
  EXPECT_TRUE(exchange.body().has_room());
  EXPECT_EQ(call.sink.wants, 1);
  EXPECT_EQ(call.terminal.call(0).body.size(), 70'000U);
  call.finish();
  call.pass_ms(50);
}

TEST(Exchange, AnswersBeforeTheRequestHasEnded) {
  ChainCall call({Script{.after_ms = 1, .status = 200, .body = {"early"}}});
  call.add<Retry>("retry", 2, 0);
  call.make(http::Method::kPost);
  call.begin();
  call.send("part of it");
  call.pass_ms(1);
  EXPECT_EQ(call.sink.body, "early");
  EXPECT_TRUE(call.sink.complete);
}

TEST(Exchange, GoesOnReadingTheBodyAfterTheCommit) {
  ChainCall call({Script{.body = {"a", "b"}, .gap_ms = 3}});
  call.add<Retry>("retry", 2, 0);
  call.make(http::Method::kPost).request().content_length = 9;
  call.begin();
  call.send("one");
  EXPECT_EQ(call.sink.status, 200);
  call.send("two");
  call.send("end");
  call.finish();
  EXPECT_EQ(call.terminal.call(0).body, "onetwoend");
  call.pass_ms(6);
  EXPECT_EQ(call.sink.body, "ab");
}

TEST(Exchange, ResumesItsLegsAfterItEndedWithoutEffect) {
  ChainCall call;
  Tap& tap = call.add<Tap>("tap");
  tap.request = [](Leg&, void*) { return Step::kPaused; };
  call.start();
  Leg* const leg = tap.leg;
  call.sink.end(Outcome::Kind::kCallerGone);
  leg->resume();
  leg->fail(tap.slot, {.cause = Cause::kTimeout});
  EXPECT_TRUE(call.runtime.get().driver.is_idle());
  call.runtime.turn();
  EXPECT_EQ(call.ledger.outcome("tap"), "caller gone");
}

TEST(Exchange, MayEndWhileItTellsItsCallsOfTheBody) {
  Script echo = Script::ok();
  echo.waits_for_body = true;
  ChainCall call({Script::hanging(), echo, Script::hanging()});
  std::array<LegPtr, 3> legs;
  Tap& opener = call.add<Tap>("opener", Wants{.opens_legs = true});
  opener.request = [&](Leg& leg, void*) {
    for (LegPtr& below : legs) below = leg.open_rest();
    return Step::kPaused;
  };
  opener.answer = [&](Leg& mine, Leg& below) {
    EXPECT_EQ(&below, legs[1].get());
    mine.accept(std::move(legs[1]));
  };
  call.add<Tap>("inner");
  call.make(http::Method::kPost);
  call.begin();
  call.send("abc");
  EXPECT_FALSE(call.sink.has_answer());
  call.finish();
  EXPECT_EQ(call.sink.body, "ok");
  EXPECT_EQ(call.ledger.outcome("inner", 0), "dropped");
  EXPECT_EQ(call.ledger.outcome("inner", 1), "done");
  EXPECT_EQ(call.ledger.outcome("inner", 2), "dropped");
}

// A call in which much happens; the caller leaves after a callback, before the turn that follows.
int turns_until_the_caller_leaves(int leaves_at) {
  FakeTerminal replica({Script{.after_ms = 4, .body = {"x", "y", "z"}, .gap_ms = 2}});
  int turns = 0;
  bool left = false;
  {
    ChainCall call(
        {Script::failing().after(3), Script{.after_ms = 2, .status = 503}, Script::hanging()});
    call.runtime.before_turn = [&] {
      if (turns++ != leaves_at || !call.sink.owns()) return;
      left = true;
      call.sink.end(Outcome::Kind::kCallerGone);
    };
    call.add<Wait>("queue_of_replica", 2, 2);
    const Chain& other = call.close_chain(replica);
    call.add<Tap>("log");
    call.add<Alternate>("fallback", other);
    call.add<Deadline>("deadline", 30);
    call.add<Wait>("queue", 2, 1);
    call.add<Retry>("retry", 2, 3);
    call.add<Tap>("circuit");
    call.add<Hedge>("hedge", 8);
    call.add<Tap>("inner");
    call.make(http::Method::kPost);
    call.begin();
    if (call.sink.owns()) call.send("body");
    call.finish();
    call.pass_ms(60);
    EXPECT_FALSE(call.sink.owns());
    EXPECT_EQ(call.ledger.open(), 0U) << leaves_at;
    if (left && leaves_at > 0) {
      EXPECT_EQ(call.ledger.outcome("log"), "caller gone") << leaves_at;
    } else if (!left) {
      EXPECT_EQ(call.sink.body, "xyz");
      EXPECT_EQ(call.ledger.outcome("log"), "done");
    }
    call.runtime.before_turn = nullptr;
  }
  EXPECT_EQ(replica.cancelled(), replica.calls());
  return turns;
}

TEST(Exchange, EndsCleanlyAtWhateverStepTheCallerLeaves) {
  const int turns = turns_until_the_caller_leaves(-1);
  EXPECT_GT(turns, 12);
  for (int leaves_at = 0; leaves_at < turns; ++leaves_at) turns_until_the_caller_leaves(leaves_at);
}

TEST(ExchangePool, TakesBlocksAgainEachForItsKind) {
  ExchangePool pool;
  pool.set_keeping(true);
  void* const call = pool.take(ExchangeBlock::kCall).data();
  void* const tunnel = pool.take(ExchangeBlock::kTunnel).data();
  EXPECT_EQ(pool.in_use(), 2U);
  pool.give_back(ExchangeBlock::kCall, call);
  pool.give_back(ExchangeBlock::kTunnel, tunnel);
  EXPECT_EQ(pool.in_use(), 0U);
  const auto tunnel_again = pool.take(ExchangeBlock::kTunnel);
  const auto call_again = pool.take(ExchangeBlock::kCall);
  EXPECT_EQ(tunnel_again.data(), tunnel);
  EXPECT_EQ(call_again.data(), call);
  EXPECT_LT(tunnel_again.size(), call_again.size());
  pool.give_back(ExchangeBlock::kTunnel, tunnel);
  pool.give_back(ExchangeBlock::kCall, call);
}

}  // namespace
}  // namespace outrigger::chain
