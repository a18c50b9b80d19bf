// Calls whose time is for their caller to say: with a deadline of its own, or gRPC without one.
#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"
#include "tests/unit/filters/policies.hpp"

namespace outrigger {
namespace {

using config::Policy;
using testing::CallRequest;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;
using testing::service;
using testing::with;
using testing::with_attempts;

constexpr int64_t kLateMs = 17'000;

CallRequest grpc(std::vector<std::pair<std::string, std::string>> fields = {}) {
  fields.emplace_back("content-type", "application/grpc");
  return {.method = "POST", .target = "/shop.Stock/Watch", .fields = std::move(fields)};
}

CallRequest granting(const std::string& ms) { return {.fields = {{"x-deadline-ms", ms}}}; }

Policy with_deadline_header(Policy policy = {}) {
  policy.deadline_header = "x-deadline-ms";
  return policy;
}

Script late_message() { return Script::grpc(0, {"message"}).after(kLateMs); }

// ---- request

TEST(CallersTime, RequestAutoBoundsNoGrpcCall) {
  PolicyWorld world;
  world.script({late_message()});
  PolicyCall& call = world.call(grpc());
  world.pass_ms(kLateMs);
  EXPECT_EQ(call.sink.body, "message");
}

TEST(CallersTime, RequestAutoIsFifteenSecondsForOtherCallsWithoutADeadline) {
  PolicyWorld world;
  world.script({Script::hanging()});
  PolicyCall& call = world.call();
  world.pass_ms(14'999);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.status(), 504);
}

TEST(CallersTime, ACallersLongDeadlineBoundsInsteadOfRequestAuto) {
  for (const CallRequest& wanted : {granting("20000"), grpc({{"grpc-timeout", "20S"}})}) {
    PolicyWorld world(with_deadline_header());
    world.script({Script::hanging()});
    PolicyCall& call = world.call(wanted);
    world.pass_ms(19'999);
    EXPECT_EQ(call.status(), 0);
    world.pass_ms(1);
    EXPECT_NE(call.proxy_status().find("caller's deadline"), std::string::npos);
  }
}

TEST(CallersTime, RequestThatIsWrittenBoundsEveryCall) {
  Policy policy = with_deadline_header();
  policy.timeout.request_ms = 1'000;
  for (const CallRequest& wanted : {grpc(), granting("20000"), grpc({{"grpc-timeout", "20S"}})}) {
    PolicyWorld world(policy);
    world.script({Script::hanging()});
    PolicyCall& call = world.call(wanted);
    world.pass_ms(1'000);
    EXPECT_NE(call.proxy_status().find("request"), std::string::npos);
  }
}

TEST(CallersTime, StreamIdleBoundsAGrpcCallThatNothingElseDoes) {
  Policy policy;
  policy.timeout.stream_idle_ms = 60'000;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& call = world.call(grpc());
  world.pass_ms(59'999);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.sink.field("grpc-status"), "4");
}

// ---- attempts

Policy repeating(int attempts) {
  Policy policy = with_attempts(attempts);
  policy.retry->grpc = {"/shop.Stock/*"};
  return policy;
}

TEST(CallersTime, AttemptAutoIsAShareOfTheCallersDeadline) {
  for (const CallRequest& wanted : {granting("20000"), grpc({{"grpc-timeout", "20S"}})}) {
    PolicyWorld world(with_deadline_header(repeating(2)));
    world.script({Script::hanging()});
    world.call(wanted);
    world.pass_ms(9'999);
    EXPECT_EQ(world.attempts(), 1U);
    world.pass_ms(2);
    EXPECT_EQ(world.attempts(), 2U);
  }
}

TEST(CallersTime, AttemptAutoArmsNothingWhereNothingBoundsTheCall) {
  PolicyWorld world(repeating(3));
  world.script({late_message()});
  PolicyCall& call = world.call(grpc());
  world.pass_ms(kLateMs);
  EXPECT_EQ(call.sink.body, "message");
  EXPECT_EQ(world.attempts(), 1U);
}

// ---- fallback

TEST(CallersTime, WithinIsKeptBackFromTheCallersDeadline) {
  PolicyWorld world(with_deadline_header(with({service("replica", 3'000)})));
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::ok("in time").after(2'999)});
  world.script({Script::hanging()});
  PolicyCall& call = world.call(granting("20000"));
  world.pass_ms(17'000);
  EXPECT_EQ(replica.terminal.calls(), 1U);
  world.pass_ms(2'999);
  EXPECT_EQ(call.sink.body, "in time");
}

TEST(CallersTime, WithinIsAtMostHalfOfTheCallersDeadlineWhichIsNoVerdictWhenItWasShort) {
  PolicyWorld world(with_deadline_header(with({service("replica", 3'000)})));
  auto& replica = world.add_service("replica");
  world.script({Script::hanging()});
  world.call(granting("1000"));
  world.pass_ms(500);
  EXPECT_EQ(replica.terminal.calls(), 1U);
  EXPECT_EQ(world.snapshot().counts.total, 0U);
}

TEST(CallersTime, WithinCountsFromTheFailureWhereNothingBoundsTheCall) {
  config::Fallback entry = service("replica", 3'000);
  entry.grpc = {"/shop.Stock/*"};
  PolicyWorld world(with({entry}));
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::hanging()});
  world.script({Script::failing().after(kLateMs)});
  PolicyCall& call = world.call(grpc());
  world.pass_ms(kLateMs + 2'999);
  EXPECT_EQ(replica.terminal.calls(), 1U);
  EXPECT_FALSE(call.sink.has_answer());
  world.pass_ms(1);
  EXPECT_EQ(call.sink.field("grpc-status"), "14");
}

// ---- what such a call holds

Policy with_limit(int64_t outstanding, std::optional<int64_t> streams = {}) {
  Policy policy;
  policy.limits.outstanding = outstanding;
  policy.limits.streams = streams;
  return policy;
}

TEST(CallersTime, AGrpcCallThatHasWaitedForItsFirstMessageBecomesAStream) {
  PolicyWorld world(with_limit(1));
  world.script({late_message(), Script::ok()});
  PolicyCall& watch = world.call(grpc());
  world.pass_ms(14'999);
  EXPECT_EQ(world.call().status(), 503);
  world.pass_ms(1);
  EXPECT_EQ(world.limit().outstanding(), 0);
  EXPECT_EQ(world.limit().streams().open(), 1);
  EXPECT_EQ(world.call().status(), 200);
  world.pass_ms(2'000);
  EXPECT_EQ(watch.sink.body, "message");
  EXPECT_EQ(world.limit().streams().open(), 0);
}

TEST(CallersTime, ItsPlaceGoesToACallThatWaitsForOne) {
  Policy policy = with_limit(1);
  policy.limits.queue = 1;
  policy.limits.queue_wait_ms = 60'000;
  policy.timeout.request_ms.reset();
  PolicyWorld world(policy);
  world.script({Script::hanging(), Script::ok()});
  world.call(grpc());
  PolicyCall& waits = world.call();
  world.pass_ms(15'000);
  EXPECT_EQ(waits.status(), 200);
}

TEST(CallersTime, ItStaysWhatItIsUntilThereIsAPlaceAmongTheStreams) {
  PolicyWorld world(with_limit(2, 1));
  world.script({Script::hanging()});
  PolicyCall& first = world.call(grpc());
  world.call(grpc());
  world.pass_ms(15'000);
  EXPECT_EQ(world.limit().outstanding(), 1);
  EXPECT_EQ(world.limit().streams().open(), 1);
  first.leave();
  world.pass_ms(15'000);
  EXPECT_EQ(world.limit().outstanding(), 0);
  EXPECT_EQ(world.limit().streams().open(), 1);
}

TEST(CallersTime, ACallThatHasADeadlineStaysWhatItIs) {
  PolicyWorld world(with_limit(1));
  world.script({Script::hanging()});
  world.call(grpc({{"grpc-timeout", "60S"}}));
  world.pass_ms(59'999);
  EXPECT_EQ(world.limit().outstanding(), 1);
  EXPECT_EQ(world.limit().streams().open(), 0);
}

TEST(CallersTime, OneThatLeavesAfterwardsLeavesNothing) {
  PolicyWorld world(with_limit(1));
  world.script({Script::hanging()});
  PolicyCall& watch = world.call(grpc());
  world.pass_ms(16'000);
  watch.leave();
  EXPECT_EQ(world.limit().streams().open(), 0);
}

TEST(CallersTime, TheCircuitDoesNotJudgeACallThatHasWaitedForItsFirstMessage) {
  PolicyWorld world;
  world.script({Script::failing().after(kLateMs), Script::failing().after(14'000)});
  world.call(grpc());
  world.call(grpc());
  world.pass_ms(kLateMs);
  EXPECT_EQ(world.snapshot().counts.total, 1U);
  EXPECT_EQ(world.snapshot().counts.failed, 1U);
}

// ---- callers that are silent within their request

TEST(SilentCaller, HoldsNoPlaceThatOthersWaitFor) {
  PolicyWorld world(with_limit(1));
  world.script({Script::ok("late").after(60'000), Script::ok()});
  PolicyCall& stalls = world.call({.method = "POST", .complete = false});
  world.pass_ms(3'999);
  EXPECT_EQ(world.call().status(), 503);
  world.pass_ms(1);
  EXPECT_EQ(world.call().status(), 200);
  EXPECT_EQ(world.limit().streams().open(), 1);
  stalls.finish();
  world.pass_ms(60'000);
  EXPECT_EQ(world.limit().streams().open(), 0);
}

TEST(SilentCaller, OneThatGoesOnSendingKeepsItsPlace) {
  PolicyWorld world(with_limit(1));
  world.script({Script::hanging()});
  PolicyCall& slow = world.call({.method = "POST", .complete = false});
  for (int i = 0; i < 10; ++i) {
    world.pass_ms(3'000);
    slow.send("more");
  }
  EXPECT_EQ(world.limit().outstanding(), 1);
  slow.finish();
  world.pass_ms(10'000);
  EXPECT_EQ(world.limit().outstanding(), 1);
}

}  // namespace
}  // namespace outrigger
