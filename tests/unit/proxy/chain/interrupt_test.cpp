// What becomes of a leg that fails: at each phase, from its timers and from its call.
#include <array>

#include <gtest/gtest.h>

#include "tests/support/chain_call.hpp"

namespace outrigger::chain {
namespace {

using outrigger::testing::ChainCall;
using outrigger::testing::Deadline;
using outrigger::testing::Script;
using outrigger::testing::Tap;
using outrigger::testing::Wait;

TEST(Interrupt, FailsWhilePausedOnTheWayDown) {
  ChainCall call;
  const Tap& outer = call.add<Tap>("outer");
  call.add<Deadline>("deadline", 3);
  call.add<Wait>("wait", 10, 0);
  call.start();
  call.pass_ms(3);
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_TRUE(outer.saw_error);
  EXPECT_EQ(call.terminal.calls(), 0U);
  EXPECT_EQ(call.ledger.outcome("wait"), "failed timeout");
  call.pass_ms(20);
}

TEST(Interrupt, FailsWhileTheCallRuns) {
  ChainCall call({Script::hanging()});
  call.add<Deadline>("deadline", 3);
  call.add<Tap>("inner");
  call.start();
  call.pass_ms(2);
  EXPECT_FALSE(call.terminal.call(0).cancelled);
  call.pass_ms(1);
  EXPECT_TRUE(call.terminal.call(0).cancelled);
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_EQ(call.ledger.outcome("inner"), "failed timeout");
}

TEST(Interrupt, FailsTheRightOneOfFramesWithEmptySlots) {
  ChainCall call({Script::hanging()});
  struct Empty final : Filter {
    std::string_view name() const override { return "empty"; }
    Step on_request(Leg& leg, void* slot) override {
      x_leg = &leg;
      x_slot = slot;
      return Step::kContinue;
    }
    Step on_response(Leg&, void*) override {
      ++responses;
      return Step::kContinue;
    }
    Leg* x_leg = nullptr;
    void* x_slot = nullptr;
    int responses = 0;
  };
  std::array<Empty, 3> empty;
  Exchange& exchange = call.make();
  const Chain chain({&empty[0], &empty[1], &empty[2]}, call.terminal);
  const Route route;
  exchange.begin(route, chain);
  call.runtime.turn();
  empty[1].x_leg->fail(empty[1].x_slot, {.cause = Cause::kTimeout});
  call.runtime.turn();
  EXPECT_EQ(empty[0].responses, 1);
  EXPECT_EQ(empty[1].responses, 0);
  EXPECT_EQ(empty[2].responses, 0);
  EXPECT_EQ(call.sink.status, 504);
}

TEST(Interrupt, ShowsAnErrorInPlaceOfAHeadOnlyToFramesThatSawNone) {
  // The head is held at `wait` when the call breaks off.
  ChainCall call({Script{.after_ms = 1, .break_after = 0, .runs_driver = true}});
  const Tap& outer = call.add<Tap>("outer");
  call.add<Wait>("wait", 0, 10);
  const Tap& inner = call.add<Tap>("inner");
  call.start();
  call.pass_ms(1);
  EXPECT_EQ(call.sink.status, 502);
  EXPECT_EQ(outer.responses, 1);
  EXPECT_TRUE(outer.saw_error);
  EXPECT_EQ(inner.responses, 1);
  EXPECT_FALSE(inner.saw_error);
  EXPECT_EQ(call.ledger.outcome("inner"), "failed reset");
  EXPECT_EQ(call.ledger.outcome("wait"), "failed reset");
}

TEST(Interrupt, FailsWhileAHeadIsPausedFurtherOut) {
  ChainCall call;
  const Tap& outer = call.add<Tap>("outer");
  call.add<Wait>("wait", 0, 10);
  call.add<Deadline>("deadline", 3, true);
  const Tap& inner = call.add<Tap>("inner");
  call.start();
  call.pass_ms(3);
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_EQ(inner.responses, 1);
  EXPECT_FALSE(inner.saw_error);
  EXPECT_TRUE(outer.saw_error);
  EXPECT_EQ(call.ledger.outcome("inner"), "failed timeout");
  EXPECT_EQ(call.ledger.outcome("wait"), "failed timeout");
}

TEST(Interrupt, IsInterruptedInTheTurnInWhichItDelivered) {
  ChainCall call({Script{.after_ms = 3}});
  Tap& tap = call.add<Tap>("tap");
  call.add<Tap>("inner");
  call.start();
  call.runtime.clock().advance_ms(3);
  call.runtime.get().loop.timers.advance(call.runtime.clock().now_ms());
  tap.leg->fail(tap.slot, {.cause = Cause::kTimeout});
  call.runtime.turn();
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_TRUE(call.terminal.call(0).cancelled);
  EXPECT_EQ(call.ledger.outcome("inner"), "failed timeout");
}

TEST(Interrupt, TakesTheOutermostOfSeveralInterrupts) {
  ChainCall call({Script::hanging()});
  const Tap& top = call.add<Tap>("top");
  Tap& outer = call.add<Tap>("outer");
  Tap& inner = call.add<Tap>("inner");
  call.start();
  inner.leg->fail(inner.slot, {.cause = Cause::kLimit});
  outer.leg->fail(outer.slot, {.cause = Cause::kTimeout});
  inner.leg->fail(inner.slot, {.cause = Cause::kLimit});
  call.runtime.turn();
  EXPECT_EQ(call.sink.status, 504);
  EXPECT_EQ(top.responses, 1);
  EXPECT_EQ(outer.responses, 0);
}

TEST(Interrupt, AbortsAfterTheCommit) {
  ChainCall call({Script{.after_ms = 1, .body = {"some"}, .break_after = 1}});
  call.add<Tap>("tap");
  call.start();
  call.pass_ms(1);
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(call.sink.body, "some");
  EXPECT_TRUE(call.sink.aborted);
  EXPECT_FALSE(call.sink.complete);
  EXPECT_EQ(call.ledger.outcome("tap"), "failed reset");
}

TEST(Interrupt, AbortsWhenATimerFailsAfterTheCommit) {
  ChainCall call({Script{.body = {"a", "b"}, .gap_ms = 5}});
  call.add<Deadline>("deadline", 8, true);
  call.start();
  call.pass_ms(8);
  EXPECT_EQ(call.sink.body, "a");
  EXPECT_TRUE(call.sink.aborted);
  EXPECT_EQ(call.sink.abort_cause, Cause::kTimeout);
}

TEST(Interrupt, IgnoresATimerAfterTheLastByteOfTheAnswer) {
  ChainCall call({Script::failing()});
  call.add<Deadline>("deadline", 3, true);
  call.sink.keep_open();
  call.start();
  EXPECT_TRUE(call.sink.complete);
  call.pass_ms(5);
  EXPECT_FALSE(call.sink.aborted);
}

}  // namespace
}  // namespace outrigger::chain
