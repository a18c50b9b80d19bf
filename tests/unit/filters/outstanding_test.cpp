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
  EXPECT_EQ(third.proxy_status(),
            "outrigger; error=connection_limit_reached; details=\"limit orders\"");
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
  EXPECT_NE(second.proxy_status().find("limit orders queue_wait"), std::string::npos);
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
