#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"

namespace outrigger {
namespace {

using config::Policy;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;

Policy with_limit(int64_t outstanding, int64_t queue = 0, int64_t queue_wait_ms = 250) {
  Policy policy;
  policy.limits.outstanding = outstanding;
  policy.limits.queue = queue;
  policy.limits.queue_wait_ms = queue_wait_ms;
  return policy;
}

TEST(Outstanding, TheCallAfterTheLastOneFailsAtOnce) {
  PolicyWorld world(with_limit(2));
  world.script({Script::ok().after(100)});
  PolicyCall& first = world.call();
  world.call();
  PolicyCall& third = world.call();
  EXPECT_EQ(third.status(), 503);
  EXPECT_EQ(
      third.proxy_status(),
      "outrigger; error=connection_limit_reached; details=\"limit orders limits.outstanding\"");
  EXPECT_EQ(world.attempts(), 2U);
  world.pass_ms(100);
  EXPECT_EQ(first.status(), 200);
  EXPECT_EQ(world.limit().outstanding(), 0);
  EXPECT_EQ(world.call().status(), 0);
}

TEST(Outstanding, ACallWaitsInTheQueueUntilAnotherEnds) {
  PolicyWorld world(with_limit(1, 2));
  world.script({Script::ok("a").after(100), Script::ok("b").after(10), Script::ok("c").after(10)});
  world.call();
  PolicyCall& second = world.call();
  PolicyCall& third = world.call();
  EXPECT_EQ(world.call().status(), 503);
  EXPECT_EQ(world.limit().queued(), 2);
  world.pass_ms(110);
  EXPECT_EQ(second.sink.body, "b");
  EXPECT_EQ(second.facts().queue_ms, 100);
  world.pass_ms(10);
  EXPECT_EQ(third.sink.body, "c");
}

TEST(Outstanding, ACallWaitsAtMostQueueWait) {
  PolicyWorld world(with_limit(1, 1, 50));
  world.script({Script::hanging()});
  world.call();
  PolicyCall& second = world.call();
  world.pass_ms(49);
  EXPECT_EQ(second.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(second.status(), 503);
  EXPECT_NE(second.proxy_status().find("limit orders limits.outstanding, limits.queue_wait"),
            std::string::npos);
  EXPECT_EQ(world.limit().queued(), 0);
}

TEST(Outstanding, ACallWaitsNeverPastItsDeadline) {
  Policy policy = with_limit(1, 1, 10'000);
  policy.deadline_header = "x-deadline-ms";
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  world.call();
  PolicyCall& second = world.call({.fields = {{"x-deadline-ms", "80"}}});
  world.pass_ms(80);
  EXPECT_EQ(second.status(), 504);
  EXPECT_EQ(world.limit().queued(), 0);
  EXPECT_EQ(second.facts().queue_ms, 80);
  EXPECT_EQ(second.facts().deadline_left_ms, 0);
}

TEST(Outstanding, ACallThatWaitedTooLongLeavesTheQueueBeforeItsFallbackAnswers) {
  Policy policy = with_limit(1, 1, 50);
  config::Fallback other;
  other.on.any = true;
  other.action = config::FallbackService{"other", {}};
  policy.fallback = {other};
  PolicyWorld world(policy);
  world.add_service("other").terminal.set_scripts({Script::hanging()});
  world.script({Script::ok().after(100)});
  world.call();
  world.call();
  world.pass_ms(50);
  EXPECT_EQ(world.limit().queued(), 0);
  world.pass_ms(50);
  EXPECT_EQ(world.limit().outstanding(), 0);
}

TEST(Outstanding, ACallThatFailedIsNotOutstandingWhileItsFallbackRuns) {
  Policy policy = with_limit(1);
  config::Fallback other;
  other.on.any = true;
  other.action = config::FallbackService{"other", {}};
  policy.fallback = {other};
  PolicyWorld world(policy);
  world.add_service("other").terminal.set_scripts({Script::hanging()});
  world.script({Script::failing()});
  world.call();
  EXPECT_EQ(world.limit().outstanding(), 0);
}

TEST(Outstanding, ACallerWhoLeavesTheQueueGivesEverythingBack) {
  PolicyWorld world(with_limit(1, 1));
  world.script({Script::ok().after(100)});
  world.call();
  PolicyCall& second = world.call();
  world.pass_ms(20);
  second.leave();
  EXPECT_EQ(world.limit().queued(), 0);
  EXPECT_EQ(second.facts().queue_ms, 20);
  PolicyCall& third = world.call();
  world.pass_ms(100);
  EXPECT_EQ(third.status(), 0);
  EXPECT_EQ(world.attempts(), 2U);
  EXPECT_EQ(world.limit().outstanding(), 1);
}

TEST(Outstanding, AStreamLeavesAtItsResponseHead) {
  PolicyWorld world(with_limit(1));
  Script events{.body = {"a", "b"}, .gap_ms = 1'000};
  events.fields = {{"content-type", "text/event-stream"}};
  world.script({events});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(world.limit().outstanding(), 0);
}

TEST(Outstanding, APlainResponseStaysToItsEnd) {
  PolicyWorld world(with_limit(1));
  world.script({{.body = {"a", "b"}, .gap_ms = 1'000}});
  world.call();
  EXPECT_EQ(world.limit().outstanding(), 1);
  world.pass_ms(2'000);
  EXPECT_EQ(world.limit().outstanding(), 0);
}

TEST(Outstanding, ShadowRefusesNothingAndCounts) {
  Policy policy = with_limit(1);
  policy.limits.mode = config::Mode::kShadow;
  PolicyWorld world(policy);
  world.script({Script::ok().after(10)});
  world.call();
  PolicyCall& second = world.call();
  world.pass_ms(10);
  EXPECT_EQ(second.status(), 200);
  EXPECT_EQ(world.limit().would_refuse(), 1U);
}

TEST(Outstanding, RetriesOfOneCallHoldOnePermit) {
  Policy policy = with_limit(1);
  policy.retry->attempts = 3;
  policy.retry->backoff = {0, 0};
  PolicyWorld world(policy);
  world.script({Script::failing(), Script::failing(), Script::ok()});
  EXPECT_EQ(world.call().status(), 200);
}

// ---- streams

Policy with_streams(int64_t streams) {
  Policy policy;
  policy.limits.streams = streams;
  return policy;
}

// Two pieces, the second after a second.
Script events() {
  Script script{.body = {"a", "b"}, .gap_ms = 1'000};
  script.fields = {{"content-type", "text/event-stream"}};
  return script;
}

testing::CallRequest grpc_call() {
  return {.method = "POST",
          .target = "/shop.Stock/Watch",
          .fields = {{"content-type", "application/grpc"}}};
}

TEST(Streams, TheStreamAfterTheLastOneFailsAtItsHead) {
  PolicyWorld world(with_streams(2));
  world.script({events()});
  PolicyCall& first = world.call();
  world.call();
  PolicyCall& third = world.call();
  EXPECT_EQ(first.status(), 200);
  EXPECT_EQ(third.status(), 503);
  EXPECT_EQ(third.proxy_status(),
            "outrigger; error=connection_limit_reached; details=\"limit orders limits.streams\"");
  EXPECT_EQ(world.limit().streams().open(), 2);
  EXPECT_EQ(world.limit().outstanding(), 0);
  world.pass_ms(2'000);
  EXPECT_EQ(first.sink.body, "ab");
  EXPECT_EQ(world.limit().streams().open(), 0);
  EXPECT_EQ(world.call().status(), 200);
}

TEST(Streams, OfGrpcThatDoNotFitAreToldSoInTrailers) {
  PolicyWorld world(with_streams(1));
  Script watch = Script::grpc(0, {"one", "two"});
  watch.gap_ms = 1'000;
  world.script({watch});
  world.call(grpc_call());
  EXPECT_EQ(world.limit().streams().open(), 1);
  PolicyCall& second = world.call(grpc_call());
  EXPECT_EQ(second.status(), 200);
  EXPECT_EQ(second.sink.field("grpc-status"), "8");  // RESOURCE_EXHAUSTED
  world.pass_ms(3'000);
  EXPECT_EQ(world.limit().streams().open(), 0);
}

TEST(Streams, AnAnswerThatIsOverWithItsHeadIsNone) {
  PolicyWorld world(with_streams(1));
  Script trailers_only{.fields = {{"content-type", "application/grpc"}, {"grpc-status", "5"}}};
  world.script({events(), trailers_only, Script::ok("plain")});
  world.call();
  EXPECT_EQ(world.call(grpc_call()).sink.field("grpc-status"), "5");
  EXPECT_EQ(world.call().sink.body, "plain");
  EXPECT_EQ(world.limit().streams().open(), 1);
}

TEST(Streams, ACallerWhoLeavesGivesTheStreamBack) {
  PolicyWorld world(with_streams(1));
  world.script({events()});
  PolicyCall& first = world.call();
  first.leave();
  EXPECT_EQ(world.limit().streams().open(), 0);
  EXPECT_EQ(world.call().status(), 200);
}

TEST(Streams, AFallbackMayStandInForOneThatDoesNotFit) {
  Policy policy = with_streams(1);
  config::Fallback respond;
  respond.on.any = true;
  respond.action =
      config::FallbackRespond{.status = 200, .headers = {}, .body = "later", .body_file = {}};
  policy.fallback = {respond};
  PolicyWorld world(policy);
  world.script({events()});
  world.call();
  EXPECT_EQ(world.call().sink.body, "later");
}

TEST(Streams, OffOnlyCounts) {
  PolicyWorld world;
  world.script({events()});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(world.call().status(), 200);
  EXPECT_EQ(world.limit().streams().open(), 50);
}

TEST(Streams, AreLimitedWithoutALimitOnOutstandingCallsToo) {
  Policy policy = with_streams(1);
  policy.limits.outstanding.reset();
  PolicyWorld world(policy);
  world.script({events()});
  EXPECT_EQ(world.call().status(), 200);
  EXPECT_EQ(world.call().status(), 503);
}

TEST(Streams, ShadowRefusesNothingAndCounts) {
  Policy policy = with_streams(1);
  policy.limits.mode = config::Mode::kShadow;
  PolicyWorld world(policy);
  world.script({events()});
  world.call();
  EXPECT_EQ(world.call().status(), 200);
  EXPECT_EQ(world.limit().streams().would_refuse(), 1U);
  EXPECT_EQ(world.limit().streams().open(), 2);
}

TEST(Streams, ATunnelThatDoesNotFitIsRefusedBeforeItIsAskedFor) {
  PolicyWorld world(with_streams(1));
  world.script({Script::hanging()});
  world.call({.method = "CONNECT"});
  EXPECT_EQ(world.limit().streams().open(), 1);
  PolicyCall& second = world.call({.method = "CONNECT"});
  EXPECT_EQ(second.status(), 503);
  EXPECT_EQ(second.proxy_status(),
            "outrigger; error=connection_limit_reached; details=\"limit orders limits.streams\"");
  EXPECT_EQ(world.attempts(), 1U);
  EXPECT_EQ(world.limit().outstanding(), 1);
}

TEST(Streams, ATunnelThatIsNotGrantedGivesItsPlaceBack) {
  PolicyWorld world(with_streams(1));
  world.script({{.status = 403, .body = {"no", "never"}, .gap_ms = 1'000}, Script::failing()});
  PolicyCall& first = world.call({.method = "CONNECT"});
  EXPECT_EQ(first.status(), 403);
  EXPECT_EQ(world.limit().streams().open(), 0);
  EXPECT_EQ(world.call({.method = "CONNECT"}).status(), 502);
  EXPECT_EQ(world.limit().streams().open(), 0);
}

// ---- the request body

TEST(Outstanding, ADeclaredBodyThatIsTooLargeIsRefusedAtOnce) {
  Policy policy;
  policy.limits.body_bytes = 4;
  PolicyWorld world(policy);
  PolicyCall& call = world.call({.method = "PUT", .complete = false, .declared_bytes = 5});
  EXPECT_EQ(call.status(), 413);
  EXPECT_EQ(world.attempts(), 0U);
}

TEST(Outstanding, ABodyThatGrowsTooLargeEndsTheCall) {
  Policy policy;
  policy.limits.body_bytes = 4;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& call = world.call({.method = "PUT", .complete = false});
  call.send("1234");
  EXPECT_EQ(call.status(), 0);
  call.send("5");
  EXPECT_EQ(call.status(), 413);
}

}  // namespace
}  // namespace outrigger
