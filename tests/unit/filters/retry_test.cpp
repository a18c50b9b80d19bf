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
using testing::with_attempts;

const CallRequest kPost{.method = "POST", .body = "pay"};
const CallRequest kPut{.method = "PUT", .body = "set"};

Script never_sent(Cause cause = Cause::kConnectTimeout) {
  return Script::failing(cause, Sent::kNever);
}
Script dead_connection() { return Script::failing(Cause::kReset, Sent::kNeverFree); }
Script reused_died() { return Script::failing(Cause::kReset, Sent::kReusedDied); }

void use_up_budget(PolicyWorld& world) {
  while (world.orders->service.retry_budget().try_withdraw(world.now_ms())) {
  }
}

// As Attempt says it.
Script short_of_ports() {
  Script script = Script::failing(Cause::kOverload, Sent::kNever);
  script.error.ours = true;
  return script;
}

// ---- attempts

TEST(Retry, AttemptsCountsTheFirstTryOneMeansNoneMore) {
  PolicyWorld world(with_attempts(1));
  world.script({Script::answering(503)});
  EXPECT_EQ(world.call().status(), 503);
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, TriesAgainUpToAttempts) {
  PolicyWorld world(with_attempts(3));
  world.script({Script::answering(503)});
  EXPECT_EQ(world.call().status(), 503);
  EXPECT_EQ(world.attempts(), 3U);
  EXPECT_EQ(world.series().retries.back().value(), 2U);
}

TEST(Retry, GivesTheFirstGoodAnswer) {
  PolicyWorld world(with_attempts(3));
  world.script({Script::failing(), Script::ok("at last"), Script::failing()});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.sink.body, "at last");
  EXPECT_EQ(world.attempts(), 2U);
  EXPECT_EQ(call.facts().retry_reasons, static_cast<uint8_t>(Token::kReset));
}

TEST(Retry, RepeatsIdempotentMethodsOnlyByDefault) {
  for (const auto& [method, tries] : {std::pair{"GET", 2U},
                                      {"HEAD", 2U},
                                      {"PUT", 2U},
                                      {"DELETE", 2U},
                                      {"OPTIONS", 2U},
                                      {"POST", 1U},
                                      {"PATCH", 1U},
                                      {"FROB", 1U}}) {
    PolicyWorld world(with_attempts(2));
    world.script({Script::answering(503)});
    world.call({.method = method});
    EXPECT_EQ(world.attempts(), tries) << method;
  }
}

TEST(Retry, MethodsMayBeAListOrAny) {
  Policy listed = with_attempts(2);
  listed.retry->methods = {config::Methods::Kind::kList, {"POST"}};
  PolicyWorld one(listed);
  one.script({Script::answering(503)});
  one.call(kPost);
  EXPECT_EQ(one.attempts(), 2U);
  one.call();
  EXPECT_EQ(one.attempts(), 3U);

  Policy any = with_attempts(2);
  any.retry->methods = {config::Methods::Kind::kAny, {}};
  PolicyWorld other(any);
  other.script({Script::answering(503)});
  other.call({.method = "PATCH"});
  EXPECT_EQ(other.attempts(), 2U);
}

TEST(Retry, OnMatchesWhatTheUpstreamDidByStatusAndToken) {
  for (const int status : {502, 503, 504}) {
    PolicyWorld world(with_attempts(2));
    world.script({Script::answering(status), Script::ok()});
    EXPECT_EQ(world.call().status(), 200) << status;
  }
  for (const int status : {200, 400, 404, 429, 500, 501}) {
    PolicyWorld world(with_attempts(2));
    world.script({Script::answering(status), Script::ok()});
    EXPECT_EQ(world.call().status(), status);
  }
  for (const Cause cause : {Cause::kReset, Cause::kConnectTimeout, Cause::kRefusedStream}) {
    PolicyWorld world(with_attempts(2));
    world.script({Script::failing(cause), Script::ok()});
    EXPECT_EQ(world.call().status(), 200);
  }
}

TEST(Retry, NeverRepeatsOurOwnRefusals) {
  Policy policy = with_attempts(3);
  policy.retry->on.any = true;
  policy.retry->methods = {config::Methods::Kind::kAny, {}};
  for (const Cause cause : {Cause::kNoEndpoint, Cause::kLimit, Cause::kDraining, Cause::kLoop}) {
    PolicyWorld world(policy);
    Script refusal = Script::failing(cause);
    refusal.error.ours = true;
    world.script({refusal});
    EXPECT_EQ(world.call().status(), row_of(cause).status);
    EXPECT_EQ(world.attempts(), 1U);
  }
}

TEST(Retry, WhatHasNoTokenIsNeverRepeated) {
  Policy policy = with_attempts(3);
  policy.retry->on.any = true;
  PolicyWorld world(policy);
  world.script({Script::failing(Cause::kUnsupportedVersion)});
  EXPECT_EQ(world.call().status(), 505);
  EXPECT_EQ(world.attempts(), 1U);
}

// ---- what never left

TEST(Retry, WhatNeverLeftGoesElsewhereUpToUnsentTimesWhateverTheMethod) {
  PolicyWorld world(with_attempts(1));
  world.script({never_sent(), never_sent(), Script::ok().after(1)});
  PolicyCall& lucky = world.call(kPost);
  world.pass_ms(1'000);
  EXPECT_EQ(lucky.status(), 200);
  EXPECT_EQ(world.attempts(), 3U);
  EXPECT_EQ(world.upstream().call(2).body, "pay");

  world.script({never_sent()});
  EXPECT_EQ(world.call(kPost).status(), 504);
  EXPECT_EQ(world.attempts(), 6U);
}

TEST(Retry, WhatNeverLeftIsWithinTheBudgetWhereItsPeerIsThereOrWasWaitedFor) {
  for (const Cause cause : {Cause::kConnectTimeout, Cause::kTlsError, Cause::kCertificateRefused,
                            Cause::kRefusedStream}) {
    PolicyWorld world(with_attempts(1));
    world.call();
    use_up_budget(world);
    world.script({never_sent(cause), Script::ok()});
    EXPECT_EQ(world.call().status(), row_of(cause).status);
    EXPECT_EQ(world.attempts(), 2U);
  }
}

TEST(Retry, ARefusedOrUnreachableConnectIsFreeOfTheBudget) {
  for (const Cause cause : {Cause::kConnectRefused, Cause::kConnectUnreachable}) {
    PolicyWorld world(with_attempts(1));
    use_up_budget(world);
    world.script({never_sent(cause), never_sent(cause), Script::ok()});
    EXPECT_EQ(world.call(kPost).status(), 200);
    EXPECT_EQ(world.attempts(), 3U);
  }
}

TEST(Retry, WhatDiedUnseenIsFreeOfTheBudget) {
  PolicyWorld world(with_attempts(1));
  use_up_budget(world);
  world.script({dead_connection(), dead_connection(), Script::ok()});
  EXPECT_EQ(world.call(kPost).status(), 200);
  EXPECT_EQ(world.attempts(), 3U);
}

TEST(Retry, AReusedConnectionThatDiesIsReplayedOnceForFreeOnAFreshConnection) {
  PolicyWorld world(with_attempts(1));
  use_up_budget(world);
  world.script({reused_died().after(1), Script::ok().after(1)});
  PolicyCall& lucky = world.call(kPut);
  world.pass_ms(2);
  EXPECT_EQ(lucky.status(), 200);
  EXPECT_FALSE(world.upstream().call(0).replay);
  EXPECT_TRUE(world.upstream().call(1).replay);
  EXPECT_EQ(world.upstream().call(1).body, "set");

  world.script({reused_died()});
  EXPECT_EQ(world.call(kPut).status(), 502);
  EXPECT_EQ(world.attempts(), 4U);
}

TEST(Retry, OnlyARequestThatMayBeRepeatedIsReplayed) {
  PolicyWorld world(with_attempts(3));
  world.script({reused_died(), Script::ok()});
  EXPECT_EQ(world.call(kPost).status(), 502);
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, OnlyARequestThatIsStillHeldWholeIsReplayed) {
  Policy policy = with_attempts(3);
  policy.retry->body_max_bytes = 4;
  PolicyWorld world(policy);
  world.script({reused_died().after(5)});
  PolicyCall& call = world.call({.method = "PUT", .body = "longer than four"});
  world.pass_ms(5);
  EXPECT_EQ(call.status(), 502);
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, ABodyLargerThanTheReplayBufferIsNotRetriedAndTheErrorIsVisible) {
  Policy policy = with_attempts(3);
  policy.retry->body_max_bytes = 4;
  PolicyWorld world(policy);
  world.script({Script::answering(503, "busy").after(5)});
  PolicyCall& call = world.call({.method = "PUT", .body = "longer than four"});
  world.pass_ms(5);
  EXPECT_EQ(call.status(), 503);
  EXPECT_EQ(call.sink.body, "busy");
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, AfterAnyByteOfARequestThatMayNotBeRepeatedThereIsNoSecondAttempt) {
  Policy policy = with_attempts(5);
  for (const Script& script : {Script::failing(), Script::answering(503),
                               Script::failing(Cause::kResponseIncomplete), reused_died()}) {
    PolicyWorld world(policy);
    world.script({script});
    world.call(kPost);
    EXPECT_EQ(world.attempts(), 1U);
  }
}

TEST(Retry, NeverAfterResponseBytesWentToTheCaller) {
  PolicyWorld world(with_attempts(3));
  world.script({{.body = {"half", "rest"}, .gap_ms = 10, .break_after = 1}});
  PolicyCall& call = world.call();
  world.pass_ms(50);
  EXPECT_EQ(call.status(), 200);
  EXPECT_TRUE(call.sink.aborted);
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Retry, AnInterimResponseIsNoResponseByte) {
  PolicyWorld world(with_attempts(2));
  world.script({{.answer = Script::Answer::kError, .interims = {100}}, Script::ok()});
  PolicyCall& call = world.call(kPut);
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(call.sink.interims, std::vector<int>{100});
}

TEST(Retry, EveryAttemptCarriesTheWholeBody) {
  PolicyWorld world(with_attempts(2));
  world.script({Script::answering(503).after(10), Script::ok().after(10)});
  PolicyCall& call = world.call({.method = "PUT", .body = "first ", .complete = false});
  world.pass_ms(11);
  EXPECT_EQ(world.attempts(), 2U);
  call.send("second");
  call.finish();
  world.pass_ms(10);
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(world.upstream().call(1).body, "first second");
}

// Each instance has ports of its own towards it, and perhaps a connection that is open.
TEST(Retry, WhatWeWereShortOfAnotherInstanceMayNotNeed) {
  PolicyWorld world(with_attempts(1));
  use_up_budget(world);
  world.script({short_of_ports(), short_of_ports(), Script::ok()});
  EXPECT_EQ(world.call(kPost).status(), 200);
  EXPECT_EQ(world.attempts(), 3U);
}

TEST(Retry, AShortageEverywhereIsOurs) {
  PolicyWorld world(with_attempts(1));
  world.script({short_of_ports(), short_of_ports(), short_of_ports(), Script::ok()});
  PolicyCall& call = world.call(kPost);
  EXPECT_EQ(call.status(), 503);
  EXPECT_NE(call.proxy_status().find("overload"), std::string::npos) << call.proxy_status();
  EXPECT_EQ(world.attempts(), 3U);
}

}  // namespace
}  // namespace outrigger
