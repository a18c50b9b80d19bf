#include <tuple>

#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"

namespace outrigger {
namespace {

using config::Policy;
using testing::CallRequest;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;

Policy with_request_ms(int64_t ms) {
  Policy policy;
  policy.timeout.request_ms = ms;
  return policy;
}

Policy with_deadline_header() {
  Policy policy;
  policy.deadline_header = "x-deadline-ms";
  return policy;
}

CallRequest granting(const std::string& ms) { return {.fields = {{"x-deadline-ms", ms}}}; }

config::Fallback from_other() {
  config::Fallback other;
  other.on.any = true;
  other.methods.kind = config::Methods::Kind::kAny;
  other.action = config::FallbackService{"other", 5'000};
  return other;
}

// ---- request

TEST(Deadline, EndsACallWhoseHeadDoesNotComeWithinRequest) {
  PolicyWorld world(with_request_ms(1'000));
  world.script({Script::hanging()});
  PolicyCall& call = world.call();
  world.pass_ms(999);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.status(), 504);
  EXPECT_EQ(call.proxy_status(),
            "outrigger; error=http_response_timeout; details=\"timeout orders request\"");
  EXPECT_TRUE(world.upstream().call(0).cancelled);
}

TEST(Deadline, RequestStartsAtTheLastRequestByte) {
  PolicyWorld world(with_request_ms(1'000));
  world.script({Script::hanging()});
  PolicyCall& call = world.call({.method = "POST", .complete = false});
  world.pass_ms(5'000);
  call.send("more");
  world.pass_ms(5'000);
  EXPECT_EQ(call.status(), 0);
  call.finish();
  world.pass_ms(999);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.status(), 504);
}

TEST(Deadline, RequestCoversQueueing) {
  Policy policy = with_request_ms(1'000);
  policy.limits.outstanding = 1;
  policy.limits.queue = 1;
  policy.limits.queue_wait_ms = 60'000;
  PolicyWorld world(policy);
  world.script({Script::ok().after(900), Script::hanging()});
  PolicyCall& first = world.call();
  PolicyCall& second = world.call();
  world.pass_ms(900);
  EXPECT_EQ(first.status(), 200);
  EXPECT_EQ(world.attempts(), 2U);
  world.pass_ms(100);
  EXPECT_EQ(second.status(), 504);
}

TEST(Deadline, RequestCoversRetries) {
  Policy policy = with_request_ms(1'000);
  policy.timeout.attempt_ms.reset();
  policy.retry->attempts = 3;
  policy.retry->backoff = {1, 1};
  PolicyWorld world(policy);
  world.script({Script::answering(503).after(600), Script::hanging()});
  PolicyCall& call = world.call();
  world.pass_ms(999);
  EXPECT_EQ(world.attempts(), 2U);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.status(), 504);
}

TEST(Deadline, RequestDoesNotBoundTheBody) {
  PolicyWorld world(with_request_ms(1'000));
  world.script({{.body = {"a", "b", "c"}, .gap_ms = 900}});
  PolicyCall& call = world.call();
  world.pass_ms(2'700);
  EXPECT_EQ(call.sink.body, "abc");
  EXPECT_TRUE(call.sink.complete);
}

TEST(Deadline, NoRequestTimeoutIsArmedAgainForACallThatHasFailedBeforeItsBodyEnded) {
  Policy policy = with_request_ms(100);
  policy.fallback = {from_other()};
  PolicyWorld world(policy);
  auto& alternate = world.add_service("other", with_request_ms(10'000));
  alternate.terminal.set_scripts({Script::ok("from other").after(80)});
  world.script({Script::failing()});
  PolicyCall& call = world.call({.method = "POST", .complete = false});
  call.finish();
  world.pass_ms(80);
  EXPECT_EQ(call.sink.body, "from other");
}

TEST(Deadline, WhatHasFailedStaysWhatItWasWhileTheUploadToWhatStandsInGoesOn) {
  Policy policy = with_request_ms(2'000);
  policy.timeout.idle_ms = 200;
  policy.fallback = {from_other()};
  PolicyWorld world(policy);
  auto& alternate = world.add_service("other", with_request_ms(10'000));
  alternate.terminal.set_scripts({Script::failing().after(500)});
  world.script({Script::failing()});
  PolicyCall& call = world.call({.method = "POST", .complete = false});
  world.pass_ms(20);
  call.send("more");
  call.finish();
  world.pass_ms(500);
  EXPECT_EQ(call.status(), 502) << call.proxy_status();
}

// ---- the caller's own deadline

TEST(Deadline, TheCallersDeadlineWinsWhenItIsShorter) {
  PolicyWorld world(with_deadline_header());
  world.script({Script::hanging()});
  PolicyCall& call = world.call(granting("300"));
  world.pass_ms(299);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.status(), 504);
  EXPECT_NE(call.proxy_status().find("caller's deadline"), std::string::npos);
}

TEST(Deadline, TheCallersDeadlineDoesNotWinWhenItIsLonger) {
  Policy policy = with_deadline_header();
  policy.timeout.request_ms = 200;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& call = world.call(granting("300"));
  world.pass_ms(200);
  EXPECT_EQ(call.status(), 504);
  EXPECT_EQ(call.proxy_status().find("caller's"), std::string::npos);
}

TEST(Deadline, TheCallersDeadlineRunsFromTheFirstByte) {
  PolicyWorld world(with_deadline_header());
  world.script({Script::hanging()});
  CallRequest slow = granting("300");
  slow.method = "POST";
  slow.complete = false;
  PolicyCall& call = world.call(slow);
  world.pass_ms(200);
  call.finish();
  world.pass_ms(99);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.status(), 504);
}

TEST(Deadline, ADeadlineThatHasPassedNeverReachesTheUpstream) {
  PolicyWorld world(with_deadline_header());
  for (const char* passed : {"0", "-7"}) {
    PolicyCall& call = world.call(granting(passed));
    EXPECT_EQ(call.status(), 504);
  }
  EXPECT_EQ(world.attempts(), 0U);
}

TEST(Deadline, AnUnreadableDeadlineIsNone) {
  PolicyWorld world(with_deadline_header());
  for (const char* odd : {"", "soon", "5s", "1.5", "99999999999999999999999"}) {
    EXPECT_EQ(world.call(granting(odd)).status(), 200) << odd;
  }
}

TEST(Deadline, AVeryLongDeadlineDoesNotOverflow) {
  PolicyWorld world(with_deadline_header());
  EXPECT_EQ(world.call(granting("9223372036854775807")).status(), 200);
}

TEST(Deadline, EachAttemptCarriesWhatIsReallyLeft) {
  Policy policy = with_deadline_header();
  policy.retry->attempts = 2;
  policy.retry->backoff = {0, 0};
  PolicyWorld world(policy);
  world.script({Script::answering(503).after(100), Script::ok()});
  PolicyCall& call = world.call(granting("1000"));
  world.pass_ms(100);
  EXPECT_EQ(call.status(), 200);
  EXPECT_NE(world.upstream().call(0).fields.find("x-deadline-ms=1000;"), std::string::npos);
  EXPECT_NE(world.upstream().call(1).fields.find("x-deadline-ms=900;"), std::string::npos);
}

TEST(Deadline, OurOwnDeadlineIsPassedOnWhereTheCallerSetNone) {
  PolicyWorld world(with_deadline_header());
  world.call();
  EXPECT_NE(world.upstream().call(0).fields.find("x-deadline-ms=15000;"), std::string::npos);
}

// ---- after the head

TEST(Deadline, IdleGuardsAPlainResponse) {
  Policy policy;
  policy.timeout.idle_ms = 500;
  PolicyWorld world(policy);
  world.script({{.body = {"a", "b", "c"}, .gap_ms = 400}, {.body = {"a", "b"}, .gap_ms = 501}});
  PolicyCall& moving = world.call();
  world.pass_ms(1'200);
  EXPECT_TRUE(moving.sink.complete);
  PolicyCall& stalled = world.call();
  world.pass_ms(499);
  EXPECT_FALSE(stalled.sink.aborted);
  world.pass_ms(1);
  EXPECT_TRUE(stalled.sink.aborted);
  EXPECT_EQ(stalled.sink.abort_cause, Cause::kTimeout);
}

TEST(Deadline, StreamIdleGuardsAStream) {
  Policy policy;
  policy.timeout.idle_ms = 500;
  policy.timeout.stream_idle_ms = 2'000;
  PolicyWorld world(policy);
  Script events{.body = {"a", "b"}, .gap_ms = 1'900};
  events.fields = {{"content-type", "text/event-stream"}};
  Script silent = events;
  silent.gap_ms = 2'001;
  world.script({events, silent});
  PolicyCall& stream = world.call();
  world.pass_ms(3'800);
  EXPECT_TRUE(stream.sink.complete);
  PolicyCall& stalled = world.call();
  world.pass_ms(2'000);
  EXPECT_TRUE(stalled.sink.aborted);
}

TEST(Deadline, BytesOfTheRequestKeepAStreamAlive) {
  Policy policy;
  policy.timeout.stream_idle_ms = 2'000;
  PolicyWorld world(policy);
  Script events{.body = {"a"}, .gap_ms = 3'000};
  events.fields = {{"content-type", "text/event-stream"}};
  world.script({events});
  PolicyCall& call = world.call({.method = "POST", .complete = false});
  world.pass_ms(1'500);
  call.send("ping");
  world.pass_ms(1'500);
  EXPECT_EQ(call.sink.body, "a");
}

TEST(Deadline, TotalBoundsEverything) {
  Policy policy;
  policy.timeout.total_ms = 1'000;
  PolicyWorld world(policy);
  world.script({{.body = {"a", "b", "c", "d"}, .gap_ms = 300}, Script::hanging()});
  PolicyCall& body = world.call();
  world.pass_ms(999);
  EXPECT_FALSE(body.sink.has_answer());
  world.pass_ms(1);
  EXPECT_TRUE(body.sink.aborted);
  PolicyCall& head = world.call({.method = "POST", .complete = false});
  world.pass_ms(1'000);
  EXPECT_EQ(head.status(), 504);
}

// ---- attempts

// 900 ms for three attempts.
Policy auto_of_three() {
  Policy policy = with_request_ms(900);
  policy.retry->attempts = 3;
  policy.retry->backoff = {0, 0};
  return policy;
}

TEST(AttemptTimeout, AutoCutsNoCallThatCannotBeTriedAgain) {
  Policy no_body_held = auto_of_three();
  no_body_held.retry->body_max_bytes = 1;
  Policy not_on_timeout = auto_of_three();
  not_on_timeout.retry->on = {};
  Policy no_budget = auto_of_three();
  no_budget.retry->budget_share = 0;
  const std::vector<std::tuple<Policy, CallRequest>> cases = {
      {auto_of_three(), {.method = "POST"}},
      {no_body_held, {.method = "PUT", .body = "long"}},
      {not_on_timeout, {}},
      {no_budget, {}},
  };
  for (const auto& [policy, request] : cases) {
    PolicyWorld world(policy);
    while (policy.retry->budget_share == 0 &&
           world.orders->service.retry_budget().try_withdraw(world.now_ms())) {
    }
    world.script({Script::ok().after(899)});
    PolicyCall& call = world.call(request);
    world.pass_ms(899);
    EXPECT_EQ(call.status(), 200);
    EXPECT_EQ(world.attempts(), 1U);
  }
}

TEST(AttemptTimeout, TheLastAttemptHasAllThatIsLeftUnderAuto) {
  PolicyWorld world(auto_of_three());
  world.script({Script::failing(), Script::failing(), Script::ok().after(899)});
  PolicyCall& call = world.call();
  world.pass_ms(899);
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(world.attempts(), 3U);
}

TEST(AttemptTimeout, EndsAnAttemptThatIsTooSlowAndTheNextOneAnswers) {
  PolicyWorld world(auto_of_three());
  world.script({Script::hanging(), Script::ok()});
  PolicyCall& call = world.call();
  world.pass_ms(299);
  EXPECT_EQ(world.attempts(), 1U);
  world.pass_ms(2);
  EXPECT_EQ(world.attempts(), 2U);
  EXPECT_EQ(call.status(), 200);
}

TEST(AttemptTimeout, StartsAtTheLastRequestByteToo) {
  Policy policy;
  policy.timeout.attempt_ms = 200;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& call = world.call({.method = "POST", .complete = false});
  world.pass_ms(1'000);
  EXPECT_EQ(call.status(), 0);
  call.finish();
  world.pass_ms(200);
  EXPECT_EQ(call.status(), 504);
}

TEST(AttemptTimeout, OfALaterAttemptRunsFromItsOwnStart) {
  Policy policy;
  policy.timeout.attempt_ms = 200;
  policy.retry->attempts = 2;
  policy.retry->backoff = {0, 0};
  PolicyWorld world(policy);
  world.script({Script::answering(503).after(150), Script::ok().after(199)});
  PolicyCall& call = world.call();
  world.pass_ms(349);
  EXPECT_EQ(call.status(), 200);
}

TEST(AttemptTimeout, OfTwoTimersDueAtOnceTheInnerOneFiresFirst) {
  Policy policy = with_request_ms(500);
  policy.timeout.attempt_ms = 500;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& call = world.call();
  world.pass_ms(500);
  EXPECT_EQ(call.status(), 504);
  EXPECT_NE(call.proxy_status().find("orders attempt"), std::string::npos);
}

TEST(AttemptTimeout, DoesNotBoundTheBody) {
  Policy policy;
  policy.timeout.attempt_ms = 200;
  PolicyWorld world(policy);
  world.script({{.body = {"a", "b"}, .gap_ms = 300}});
  PolicyCall& call = world.call();
  world.pass_ms(600);
  EXPECT_TRUE(call.sink.complete);
}

}  // namespace
}  // namespace outrigger
