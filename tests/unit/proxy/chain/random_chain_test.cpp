// Random chains, scripts, bodies and departures of the caller. What always holds: each frame ends
// once and innermost first (the ledger), the sink sees a legal sequence (the sink), one answer for
// each exchange whose caller stays, and everything taken is given back (ChainCall, ~PermitSlot).
// A failing seed runs again by OUTRIGGER_SEED=N; OUTRIGGER_SEEDS=N tries so many.
#include <cstdlib>

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

class RandomCall {
 public:
  explicit RandomCall(uint64_t seed) : x_random(seed), x_replica(scripts()), x_call(scripts()) {}

  // Whether the caller got a whole answer.
  bool run() {
    add_filters(3, nullptr);
    const Chain& replica = x_call.close_chain(x_replica);
    add_filters(8, &replica);
    if (x_random.chance(0.2)) x_call.sink.keep_open();
    x_body_left = x_random.chance(0.5) ? 0 : static_cast<int64_t>(below(2000));
    Exchange& exchange = x_call.make(http::Method::kPost);
    exchange.request().content_length = x_random.chance(0.5) ? x_body_left : -1;
    x_call.begin();
    const int64_t leaves_at = x_random.chance(0.4) ? below(60) : kNeverLeaves;
    for (int64_t ms = 0; ms < 2000 && x_call.sink.owns() && !x_call.sink.has_answer(); ++ms) {
      if (ms == leaves_at) return leave(), false;
      act();
    }
    const bool answered = x_call.sink.has_answer();
    EXPECT_TRUE(answered) << "nobody answered";
    x_call.pass_ms(x_random.below(50));
    x_call.sink.end(Outcome::Kind::kDone);
    check_permits();
    return x_call.sink.complete;
  }

 private:
  static constexpr int64_t kNeverLeaves = -1;

  uint32_t below(uint32_t bound) { return x_random.below(bound); }

  std::vector<Script> scripts() {
    constexpr std::array kStatuses = {200, 200, 204, 404, 500, 503};
    std::vector<Script> list;
    for (uint32_t i = 0; i <= below(4); ++i) {
      Script script;
      const uint32_t answer = below(10);
      if (answer < 3) script.answer = Script::Answer::kError;
      if (answer == 3) script.answer = Script::Answer::kReply;
      if (answer == 4) script.answer = Script::Answer::kHang;
      script.after_ms = x_random.chance(0.3) ? 0 : below(12);
      script.status = kStatuses[below(kStatuses.size())];
      for (uint32_t n = below(3); n > 0; --n) script.interims.push_back(n == 1 ? 103 : 100);
      for (uint32_t n = below(4); n > 0; --n) script.body.emplace_back(1 + below(10), 'b');
      script.gap_ms = below(4);
      if (x_random.chance(0.25)) script.break_after = below(4);
      script.reads_body = x_random.chance(0.8);
      script.waits_for_body = script.reads_body && x_random.chance(0.2);
      script.runs_driver = x_random.chance(0.5);
      list.push_back(std::move(script));
    }
    return list;
  }

  // A deadline is always there, so that what hangs comes to an end.
  void add_filters(uint32_t most, const Chain* alternate) {
    x_call.add<Deadline>("bound", 200 + below(100), true);
    for (uint32_t n = below(most); n > 0; --n) add_filter(alternate);
  }

  void add_filter(const Chain* alternate) {
    switch (below(9)) {
      case 0:
        x_call.add<Retry>("retry", static_cast<int>(1 + below(3)), below(5), 100 + below(2000));
        return;
      case 1:
        x_call.add<Hedge>("hedge", 1 + below(10));
        return;
      case 2:
        if (alternate != nullptr) x_call.add<Alternate>("alternate", *alternate);
        return;
      case 3:
        x_call.add<StandIn>("stand_in");
        return;
      case 4:
        x_call.add<Deadline>("deadline", 1 + below(40), x_random.chance(0.5));
        return;
      case 5:
      case 6:
        x_waits.push_back(&x_call.add<Wait>("wait", below(6), below(6)));
        return;
      default:
        add_tap();
    }
  }

  void add_tap() {
    Tap& tap = x_call.add<Tap>("tap", Wants{.request_chunks = x_random.chance(0.3),
                                            .response_chunks = x_random.chance(0.3),
                                            .request_end = x_random.chance(0.3),
                                            .response_end = x_random.chance(0.3)});
    const auto replies = [this](Leg& leg, void* slot) {
      switch (x_random.below(30)) {
        case 0:
          leg.reply({200, {}, "tap"});
          return Step::kReplied;
        case 1:
          leg.refuse({.cause = Cause::kLimit, .ours = true});
          return Step::kReplied;
        case 2:
          leg.fail(slot, {.cause = Cause::kOverload});
          return Step::kContinue;
        default:
          return Step::kContinue;
      }
    };
    tap.request = replies;
    tap.response = replies;
    tap.chunk = [this](Leg& leg, void* slot) {
      if (x_random.chance(0.02)) leg.fail(slot, {.cause = Cause::kRequestBodyTooLarge});
    };
  }

  // A millisecond of the caller's doing.
  void act() {
    if (x_body_left > 0 && x_random.chance(0.3)) {
      const auto size = std::min<int64_t>(x_body_left, 1 + below(400));
      x_body_left -= size;
      x_sent += static_cast<size_t>(size);
      x_call.send(std::string(static_cast<size_t>(size), 'r'));
    } else if (x_body_left == 0) {
      x_body_left = -1;
      x_call.finish();
    }
    if (!x_call.sink.owns()) return;
    if (x_random.chance(0.1)) x_call.sink.set_congested(true);
    if (x_random.chance(0.3)) {
      x_call.sink.set_congested(false);
      x_call.sink.exchange().on_sink_drained();
      x_call.runtime.turn();
    }
    x_call.pass_ms(1);
  }

  // Half of the time between a callback and the turn that follows it.
  void leave() {
    if (x_random.chance(0.5)) {
      x_call.runtime.clock().advance_ms(1);
      bool left = false;
      x_call.runtime.get().loop.timers.advance(x_call.runtime.clock().now_ms(), [&] {
        if (!std::exchange(left, true)) x_call.sink.end(Outcome::Kind::kCallerGone);
      });
    }
    x_call.sink.end(Outcome::Kind::kCallerGone);
    x_call.runtime.turn();
    check_permits();
  }

  void check_permits() {
    for (const Wait* wait : x_waits) EXPECT_EQ(wait->permits, 0);
    for (size_t i = 0; i < x_call.terminal.calls(); ++i) {
      EXPECT_LE(x_call.terminal.call(i).body.size(), x_sent);
    }
    EXPECT_EQ(x_replica.cancelled(), x_replica.calls());
  }

  Random x_random;
  FakeTerminal x_replica;
  ChainCall x_call;
  std::vector<Wait*> x_waits;
  int64_t x_body_left = 0;
  size_t x_sent = 0;
};

uint64_t number_of(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(RandomChain, EndsEachFrameOnceAndAnswersEachCallerThatStays) {
  const uint64_t one = number_of("OUTRIGGER_SEED", 0);
  const uint64_t first = one > 0 ? one : 1;
  const uint64_t last = one > 0 ? one : number_of("OUTRIGGER_SEEDS", 2000);
  uint64_t complete = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    if (RandomCall(seed).run()) ++complete;
    ASSERT_FALSE(HasFailure()) << "OUTRIGGER_SEED=" << seed;
  }
  if (one == 0) {
    EXPECT_GT(complete, last / 4) << "too few calls run to their end to mean anything";
  }
}

}  // namespace
}  // namespace outrigger::chain
