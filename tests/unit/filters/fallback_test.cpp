#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"
#include "tests/unit/filters/policies.hpp"

namespace outrigger {
namespace {

using config::Fallback;
using config::Methods;
using config::Policy;
using testing::on_any;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;
using testing::service;
using testing::with;

Fallback on_token(Token token, const std::string& body) {
  Fallback entry;
  entry.on = config::Matcher{};
  entry.on.add(token);
  entry.action = config::FallbackRespond{200, {}, body, {}};
  return entry;
}

Fallback respond(const std::string& body) {
  return on_any(config::FallbackRespond{200, {}, body, {}});
}

// ---- which one

TEST(Fallback, LeavesAGoodAnswerAlone) {
  PolicyWorld world(with({respond("[]")}));
  EXPECT_EQ(world.call().sink.body, "ok");
  EXPECT_EQ(world.series().fallbacks[2].value(), 0U);
}

TEST(Fallback, AnswersInPlaceOfAnError) {
  PolicyWorld world(with({respond("[]")}));
  world.script({Script::failing()});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(call.sink.body, "[]");
  EXPECT_EQ(call.proxy_status(),
            "outrigger; error=connection_terminated; details=\"reset orders\"");
  EXPECT_EQ(call.facts().fallback, "respond");
  EXPECT_EQ(call.facts().upstream_reason, "reset");
  EXPECT_EQ(world.series().fallbacks[2].value(), 1U);
}

TEST(Fallback, AnswersInPlaceOfAServerError) {
  PolicyWorld world(with({respond("[]")}));
  world.script({Script::answering(500, "oops")});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.sink.body, "[]");
  EXPECT_NE(call.proxy_status().find("received-status=500"), std::string::npos);
  EXPECT_EQ(call.facts().upstream_reason, "500");
}

TEST(Fallback, AnyIsAllBut429AndOther4xx) {
  for (const auto& [status, body] :
       {std::pair{400, "own"}, {404, "own"}, {429, "own"}, {500, "[]"}, {501, "[]"}, {505, "[]"}}) {
    PolicyWorld world(with({respond("[]")}));
    world.script({Script::answering(status, "own")});
    EXPECT_EQ(world.call().sink.body, body) << status;
  }
}

TEST(Fallback, OnListsTokensAndStatuses) {
  Fallback teapot = respond("tea");
  teapot.on = {};
  teapot.on.statuses = {418};
  const Policy policy =
      with({on_token(Token::kConnect, "connect"), on_token(Token::kTimeout, "timeout"), teapot});
  const std::pair<Script, const char*> cases[] = {
      {Script::failing(Cause::kConnectRefused), "connect"},
      {Script::failing(Cause::kDnsError), "connect"},
      {Script::failing(Cause::kTimeout), "timeout"},
      {Script::answering(418), "tea"},
  };
  for (const auto& [script, body] : cases) {
    PolicyWorld world(policy);
    world.script({script});
    EXPECT_EQ(world.call().sink.body, body);
  }
  PolicyWorld world(policy);
  world.script({Script::failing(Cause::kReset)});
  EXPECT_EQ(world.call().status(), 502);
}

TEST(Fallback, IsTriedInOrder) {
  PolicyWorld world(with({on_token(Token::kTimeout, "not this"), on_any(config::FallbackStale{}),
                          respond("first that can"), respond("later")}));
  world.script({Script::failing()});
  EXPECT_EQ(world.call().sink.body, "first that can");
}

TEST(Fallback, StandsInForSafeMethodsOnlyByDefault) {
  for (const auto& [method, status] : {std::pair{"GET", 200},
                                       {"HEAD", 200},
                                       {"OPTIONS", 200},
                                       {"PUT", 502},
                                       {"POST", 502},
                                       {"DELETE", 502}}) {
    PolicyWorld world(with({respond("[]")}));
    world.script({Script::failing()});
    EXPECT_EQ(world.call({.method = method}).status(), status) << method;
  }
}

TEST(Fallback, MethodsMayBeAnyOrAList) {
  Fallback listed = respond("listed");
  listed.methods = {Methods::Kind::kList, {"POST"}};
  Fallback any = respond("any");
  any.methods.kind = Methods::Kind::kAny;
  PolicyWorld world(with({listed, any}));
  world.script({Script::failing()});
  EXPECT_EQ(world.call({.method = "POST"}).sink.body, "listed");
  EXPECT_EQ(world.call({.method = "PATCH"}).sink.body, "any");
}

TEST(Fallback, SeesOurOwnRefusalsByTheirToken) {
  Policy policy = with({on_token(Token::kCircuitOpen, "open"), on_token(Token::kLimit, "full")});
  policy.limits.outstanding = 1;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& first = world.call();
  EXPECT_EQ(world.call().sink.body, "full");
  first.leave();
  world.circuit().force(upstream::CircuitForce::kForcedOpen, world.now_ms());
  EXPECT_EQ(world.call().sink.body, "open");
}

TEST(Fallback, WhatHasNoTokenIsNeverReplaced) {
  PolicyWorld world(with({respond("[]")}));
  for (const Cause cause : {Cause::kDraining, Cause::kOverload, Cause::kLoop}) {
    world.script({Script::failing(cause)});
    EXPECT_EQ(world.call().status(), row_of(cause).status);
  }
}

TEST(Fallback, AStatusMatchesAlsoWhenOurOwnSideRefusedTheRetry) {
  Fallback busy = respond("busy");
  busy.on = {};
  busy.on.statuses = {503};
  Policy policy = with({busy});
  policy.retry->attempts = 2;
  policy.retry->backoff = {1'000'000, 100};
  PolicyWorld world(policy, 3);
  world.script({Script::answering(503)});
  PolicyCall& call = world.call();
  ASSERT_EQ(call.status(), 0);
  world.circuit().force(upstream::CircuitForce::kForcedOpen, world.now_ms());
  world.pass_ms(101);
  EXPECT_EQ(call.sink.body, "busy");
}

TEST(Fallback, IsPossibleOnlyWhileNothingWasSentToTheCaller) {
  PolicyWorld world(with({respond("[]")}));
  world.script({{.body = {"half", "rest"}, .gap_ms = 10, .break_after = 1}});
  PolicyCall& call = world.call();
  world.pass_ms(20);
  EXPECT_TRUE(call.sink.aborted);
  EXPECT_EQ(call.sink.body, "half");
}

// ---- respond, omit

// Of a file that the policy names.
config::FileBytes content(std::string_view bytes) {
  return std::make_shared<const std::string>(bytes);
}

TEST(Fallback, RespondGivesStatusFieldsAndBody) {
  config::FallbackRespond answer{203, {}, "{}", {}};
  answer.headers = {{"content-type", "application/json", {}, {}},
                    {"x-token", {}, "token", "Bearer ", content("s3cret\n")}};
  PolicyWorld world(with({on_any(answer)}));
  world.script({Script::failing()});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.status(), 203);
  EXPECT_EQ(call.sink.field("content-type"), "application/json");
  EXPECT_EQ(call.sink.field("x-token"), "Bearer s3cret");
  EXPECT_EQ(call.sink.body, "{}");
}

TEST(Fallback, RespondTakesItsBodyFromAFile) {
  config::FallbackRespond answer{200, {}, {}, "body"};
  answer.content = content("from file");
  PolicyWorld world(with({on_any(answer)}));
  world.script({Script::failing()});
  EXPECT_EQ(world.call().sink.body, "from file");
  PolicyCall& head = world.call({.method = "HEAD"});
  EXPECT_EQ(head.sink.body, "");
  EXPECT_EQ(head.sink.head.content_length, 9);
}

TEST(Fallback, OmitGivesNoContentOrAnEmptyList) {
  PolicyWorld nothing(with({on_any(config::FallbackOmit::kNoContent)}));
  nothing.script({Script::failing()});
  PolicyCall& none = nothing.call();
  EXPECT_EQ(none.status(), 204);
  EXPECT_EQ(none.sink.body, "");
  PolicyWorld list(with({on_any(config::FallbackOmit::kEmptyList)}));
  list.script({Script::failing()});
  PolicyCall& empty = list.call();
  EXPECT_EQ(empty.sink.body, "[]");
  EXPECT_EQ(empty.sink.field("content-type"), "application/json");
  EXPECT_EQ(empty.facts().fallback, "omit");
}

// ---- another service

TEST(Fallback, AnotherServiceAnswers) {
  PolicyWorld world(with({service("replica")}));
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::ok("from replica")});
  world.script({Script::failing()});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.sink.body, "from replica");
  EXPECT_TRUE(replica.terminal.call(0).alternate);
  EXPECT_NE(call.proxy_status().find("reset orders"), std::string::npos);
  EXPECT_EQ(call.facts().fallback, "service");
}

TEST(Fallback, AnAlternateServiceGetsTheWholeBody) {
  Fallback any = service("replica");
  any.methods.kind = Methods::Kind::kAny;
  PolicyWorld world(with({any}));
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::ok().after(10)});
  world.script({Script::answering(500).after(10)});
  PolicyCall& call = world.call({.method = "POST", .body = "order"});
  world.pass_ms(20);
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(replica.terminal.call(0).body, "order");
}

TEST(Fallback, ABodyThatIsNoLongerHeldWholeGoesToNoOtherService) {
  Fallback any = service("replica");
  any.methods.kind = Methods::Kind::kAny;
  Policy policy = with({any});
  policy.retry->body_max_bytes = 4;
  PolicyWorld world(policy);
  auto& replica = world.add_service("replica");
  world.script({Script::answering(500).after(10)});
  PolicyCall& call = world.call({.method = "POST", .body = "order"});
  world.pass_ms(10);
  EXPECT_EQ(call.status(), 500);
  EXPECT_EQ(replica.terminal.calls(), 0U);
}

TEST(Fallback, AnAlternateServiceKeepsItsOwnCircuitAndLimits) {
  PolicyWorld world(with({service("replica")}));
  Policy small;
  small.limits.outstanding = 1;
  auto& replica = world.add_service("replica", small);
  replica.terminal.set_scripts({Script::answering(500).after(10)});
  world.script({Script::failing()});
  world.call();
  EXPECT_EQ(world.call().status(), 502);
  EXPECT_EQ(replica.service.limit().outstanding(), 1);
  world.pass_ms(10);
  EXPECT_EQ(replica.service.circuit().snapshot(world.now_ms()).counts.failed, 1U);
  EXPECT_EQ(world.snapshot().counts.failed, 2U);
}

TEST(Fallback, DepthOneAnAlternateServiceHasNoFallbacksOfItsOwn) {
  PolicyWorld world(with({service("replica")}));
  auto& replica = world.add_service("replica", with({respond("too deep"), service("orders")}));
  replica.terminal.set_scripts({Script::failing()});
  world.script({Script::failing(Cause::kResponseIncomplete)});
  PolicyCall& call = world.call();
  EXPECT_EQ(call.status(), 502);
  EXPECT_EQ(world.attempts(), 1U);
}

TEST(Fallback, ToItselfEndsAfterOneRound) {
  PolicyWorld world(with({service("orders")}));
  world.script({Script::failing()});
  EXPECT_EQ(world.call().status(), 502);
  EXPECT_EQ(world.attempts(), 2U);
}

TEST(Fallback, TheOriginalErrorIsReportedWhenItFailsToo) {
  PolicyWorld world(with({service("replica")}));
  auto& replica = world.add_service("replica");
  for (const Script& script : {Script::failing(Cause::kTimeout), Script::answering(503, "mine")}) {
    replica.terminal.set_scripts({script});
    world.script({Script::answering(500, "the original")});
    PolicyCall& call = world.call();
    EXPECT_EQ(call.status(), 500);
    EXPECT_EQ(call.sink.body, "the original");
    EXPECT_TRUE(call.facts().fallback.empty());
  }
}

TEST(Fallback, TheNextOneIsTriedWhenAnAlternateServiceFails) {
  PolicyWorld world(with({service("replica"), service("spare"), respond("[]")}));
  world.add_service("replica").terminal.set_scripts({Script::failing()});
  world.add_service("spare").terminal.set_scripts({Script::ok("spare")});
  world.script({Script::failing()});
  EXPECT_EQ(world.call().sink.body, "spare");
}

TEST(Fallback, AServiceThatIsNotThereIsPassedOver) {
  PolicyWorld world(with({service("nobody"), respond("[]")}));
  world.script({Script::failing()});
  EXPECT_EQ(world.call().sink.body, "[]");
}

TEST(Fallback, TheFirstAnswerBreakingOffWhileTheAlternateRunsDoesNotMatter) {
  PolicyWorld world(with({service("replica")}));
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::ok("saved").after(20), Script::failing(Cause::kTimeout)});
  world.script({{.after_ms = 5, .status = 500, .break_after = 0, .runs_driver = true}});
  PolicyCall& saved = world.call();
  world.pass_ms(25);
  EXPECT_EQ(saved.sink.body, "saved");
}

}  // namespace
}  // namespace outrigger
