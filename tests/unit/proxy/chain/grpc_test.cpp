// How a gRPC call goes through a chain: its answer, its status, and the head that waits for a
// message.
#include "proxy/http/grpc.hpp"

#include <gtest/gtest.h>

#include "proxy/chain/grpc_attempt.hpp"
#include "tests/support/chain_call.hpp"

namespace outrigger::chain {
namespace {

using outrigger::testing::ChainCall;
using outrigger::testing::Retry;
using outrigger::testing::Script;
using outrigger::testing::Tap;

struct GrpcCall : ChainCall {
  using ChainCall::ChainCall;

  Exchange& make() {
    Exchange& exchange = ChainCall::make(http::Method::kPost);
    exchange.request().framing = http::Framing::kChunked;
    exchange.request().fields.add(exchange.arena(), "content-type", "application/grpc+proto");
    return exchange;
  }
  // A unary call: the caller has said all before anything moves.
  void start() {
    Exchange& exchange = make();
    exchange.append_request_body("request");
    exchange.finish_request(nullptr);
    begin();
  }
  std::string status() { return sink.field("grpc-status"); }
};

// Sees what status the answer has, in its head and at its end.
struct StatusSlot {};
class SeesStatus final : public FilterWith<SeesStatus, StatusSlot> {
 public:
  explicit SeesStatus(bool grpc_only) : x_grpc_only(grpc_only) {}
  std::string_view name() const override { return "status"; }
  Wants wants() const override { return {.response_end = true, .grpc_only = x_grpc_only}; }
  Step on_response(Leg& leg, void*) override {
    at_head = leg.grpc_status();
    return Step::kContinue;
  }
  void on_body_end(Leg& leg, void*, Way) override { at_end = leg.grpc_status(); }

  int at_head = -2;
  int at_end = -2;

 private:
  const bool x_grpc_only;
};

// Through one such filter.
void run(ChainCall& call, SeesStatus& filter, bool grpc) {
  Exchange& exchange = call.make(http::Method::kPost);
  if (grpc) exchange.request().fields.add(exchange.arena(), "content-type", "application/grpc");
  Chain chain({&filter}, call.terminal);
  Route route;
  exchange.begin(route, chain);
  exchange.finish_request(nullptr);
  call.runtime.turn();
  call.runtime.reap();
}

TEST(GrpcChain, TheStatusIsKnownAtTheHeadOrAtTheEnd) {
  SeesStatus filter(false);
  ChainCall call({Script::grpc(14, {"message"})});
  run(call, filter, true);
  EXPECT_EQ(filter.at_head, http::kGrpcPending);
  EXPECT_EQ(filter.at_end, 14);
  EXPECT_EQ(call.sink.facts.grpc_status, 14);

  ChainCall only({Script{.fields = {{"grpc-status", "5"}}}});
  run(only, filter, true);
  EXPECT_EQ(filter.at_head, 5);
  EXPECT_EQ(only.sink.facts.grpc_status, 5);

  Script silent = Script::grpc(0, {"message"});
  silent.trailers.clear();
  ChainCall missing({silent});
  run(missing, filter, true);
  EXPECT_EQ(filter.at_end, http::kGrpcUnknown);
  EXPECT_EQ(missing.sink.facts.grpc_status, http::kGrpcUnknown);
}

TEST(GrpcChain, APlainCallHasNoStatusAndNoneOfTheHooksForGrpc) {
  SeesStatus filter(true);
  ChainCall call({Script::grpc(14, {"message"})});
  run(call, filter, false);
  EXPECT_EQ(filter.at_head, http::kGrpcPending);
  EXPECT_EQ(filter.at_end, -2);
  EXPECT_EQ(call.sink.facts.grpc_status, http::kGrpcPending);
}

TEST(GrpcChain, OurOwnAnswersAreTrailersOnly) {
  GrpcCall call({Script::failing()});
  call.start();
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(call.status(), "14");
  EXPECT_EQ(call.sink.body, "");
  EXPECT_EQ(call.sink.head.framing, http::Framing::kNone);
  EXPECT_EQ(call.sink.facts.grpc_status, 14);
  EXPECT_TRUE(call.sink.complete);
}

TEST(GrpcChain, AnAnswerWithoutAChainIsTrailersOnlyToo) {
  GrpcCall call;
  call.make().answer(nullptr, {.cause = Cause::kUnknownHost});
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(call.status(), "14");
}

TEST(GrpcChain, ACallThatFailedWithoutAMessageIsTriedAgain) {
  GrpcCall call({Script::grpc(14), Script::grpc(0, {"message"})});
  call.add<Retry>("retry", 2, 0);
  call.start();
  EXPECT_EQ(call.terminal.calls(), 2U);
  EXPECT_EQ(call.sink.body, "message");
  EXPECT_EQ(call.sink.trailers, "grpc-status=0");
  EXPECT_EQ(call.status(), "");
}

TEST(GrpcChain, ALastAttemptPassesAsItCame) {
  GrpcCall call({Script::grpc(14)});
  call.add<Retry>("retry", 2, 0);
  call.start();
  EXPECT_EQ(call.terminal.calls(), 2U);
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(call.status(), "");
  EXPECT_EQ(call.sink.trailers, "grpc-status=14");
  EXPECT_EQ(call.sink.body, "");
  EXPECT_TRUE(call.sink.complete);
}

TEST(GrpcChain, AHeadPassesAsItIsWhereNothingCouldReplaceTheAnswer) {
  GrpcCall call({Script::grpc(14)});
  call.add<Tap>("tap");
  call.start();
  EXPECT_EQ(call.status(), "");
  EXPECT_EQ(call.sink.trailers, "grpc-status=14");
}

TEST(GrpcChain, AHeldHeadGoesWithTheFirstMessage) {
  Script script = Script::grpc(0, {"first", "second"});
  script.gap_ms = 30;
  GrpcCall call({script});
  call.add<Retry>("retry", 2, 0);
  call.start();
  call.pass_ms(29);
  EXPECT_EQ(call.sink.status, 0);
  call.pass_ms(1);
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(call.sink.body, "first");
  call.pass_ms(30);
  EXPECT_EQ(call.sink.body, "firstsecond");
}

TEST(GrpcChain, AHeadIsHeldNoLongerThanItMay) {
  Script script = Script::grpc(14);
  script.end_after_ms = 500;
  GrpcCall call({script});
  call.add<Retry>("retry", 2, 0);
  call.start();
  call.pass_ms(99);
  EXPECT_EQ(call.sink.status, 0);
  call.pass_ms(1);
  EXPECT_EQ(call.sink.status, 200);
  call.pass_ms(400);
  EXPECT_EQ(call.sink.trailers, "grpc-status=14");
  EXPECT_EQ(call.terminal.calls(), 1U);
}

TEST(GrpcChain, AHeadIsNotHeldWhileTheCallerMaySayMore) {
  Script script = Script::grpc(0, {"answer"});
  script.waits_for_body = true;
  GrpcCall call({script});
  call.add<Retry>("retry", 2, 0);
  call.make();
  call.begin();
  call.send("request");
  EXPECT_EQ(call.sink.status, 200);
  EXPECT_EQ(call.sink.body, "");
  call.finish();
  EXPECT_EQ(call.sink.body, "answer");
}

TEST(GrpcChain, AHeldHeadIsLostWhenTheConnectionBreaks) {
  Script script = Script::grpc(0);
  script.break_after = 0;
  script.end_after_ms = 10;
  GrpcCall call({script, Script::grpc(0, {"message"})});
  call.add<Retry>("retry", 2, 0);
  call.start();
  call.pass_ms(10);
  EXPECT_EQ(call.terminal.calls(), 2U);
  EXPECT_EQ(call.sink.body, "message");
}

TEST(GrpcChain, AHeldHeadIsForgottenWhenTheCallerLeaves) {
  Script script = Script::grpc(0, {"message"});
  script.gap_ms = 50;
  GrpcCall call({script});
  call.add<Retry>("retry", 2, 0);
  call.start();
  call.pass_ms(10);
  call.sink.end(Outcome::Kind::kCallerGone);
  call.pass_ms(200);
  EXPECT_EQ(call.sink.status, 0);
}

TEST(GrpcChain, EachAttemptCarriesWhatIsLeftOfTheCallersDeadline) {
  GrpcCall call({Script::failing().after(30), Script::grpc(0, {"message"})});
  call.add<Retry>("retry", 2, 0);
  Exchange& exchange = call.make();
  exchange.request().fields.add(exchange.arena(), "grpc-timeout", "1S");
  exchange.set_callers_deadline_ms(call.runtime.clock().now_ms() + 1'000);
  call.begin();
  call.finish();
  call.pass_ms(30);
  EXPECT_NE(call.terminal.call(0).fields.find("grpc-timeout=1000m;"), std::string::npos);
  EXPECT_NE(call.terminal.call(1).fields.find("grpc-timeout=970m;"), std::string::npos);
}

TEST(GrpcChain, ADeadlineThatHasPassedIsNotCarriedOn) {
  GrpcCall call({Script::hanging()});
  Exchange& exchange = call.make();
  exchange.set_callers_deadline_ms(call.runtime.clock().now_ms());
  call.begin();
  http::RequestHead head = exchange.request();
  EXPECT_FALSE(carry_grpc_deadline(exchange, head));
  exchange.set_callers_deadline_ms(Leg::kNever);
  EXPECT_TRUE(carry_grpc_deadline(exchange, head));
  EXPECT_EQ(head.fields.find(http::Name::kGrpcTimeout), nullptr);
}

}  // namespace
}  // namespace outrigger::chain
