// What a fallback keeps back of the deadline, and how long another service may take.
#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"
#include "tests/unit/filters/policies.hpp"

namespace outrigger {
namespace {

using config::Fallback;
using config::Methods;
using config::Policy;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;
using testing::service;
using testing::with;

TEST(Fallback, WithinIsKeptBackFromTheDeadline) {
  Policy policy = with({service("replica", 300)});
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::ok("in time").after(299)});
  world.script({Script::hanging()});
  PolicyCall& call = world.call();
  world.pass_ms(699);
  EXPECT_EQ(replica.terminal.calls(), 0U);
  world.pass_ms(1);
  EXPECT_EQ(replica.terminal.calls(), 1U);
  world.pass_ms(299);
  EXPECT_EQ(call.sink.body, "in time");
}

TEST(Fallback, WithinIsAtMostHalfOfTheDeadline) {
  Policy policy = with({service("replica", 900)});
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  auto& replica = world.add_service("replica");
  world.script({Script::hanging()});
  world.call();
  world.pass_ms(499);
  EXPECT_EQ(replica.terminal.calls(), 0U);
  world.pass_ms(1);
  EXPECT_EQ(replica.terminal.calls(), 1U);
}

TEST(Fallback, WithinIsAQuarterOfRequestByDefaultWhereOnHasTimeout) {
  Policy policy = with({service("replica")});
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  auto& replica = world.add_service("replica");
  world.script({Script::hanging()});
  world.call();
  world.pass_ms(750);
  EXPECT_EQ(replica.terminal.calls(), 1U);
}

TEST(Fallback, NothingIsKeptBackWhereOnHasNoTimeout) {
  Fallback entry = service("replica");
  entry.on = {};
  entry.on.add(Token::kReset);
  Policy policy = with({entry});
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  world.add_service("replica");
  world.script({Script::ok().after(999)});
  PolicyCall& call = world.call();
  world.pass_ms(999);
  EXPECT_EQ(call.sink.body, "ok");
}

TEST(Fallback, NothingIsKeptBackForAMethodThatItDoesNotServe) {
  Policy policy = with({service("replica")});
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  world.add_service("replica");
  world.script({Script::ok().after(999)});
  PolicyCall& call = world.call({.method = "PUT"});
  world.pass_ms(999);
  EXPECT_EQ(call.sink.body, "ok");
}

TEST(Fallback, AnAlternateServiceEndsWithTheDeadlineAndTheOriginalErrorIsReported) {
  Policy policy = with({service("replica", 300)});
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::hanging()});
  world.script({Script::answering(500, "the original").after(600)});
  PolicyCall& call = world.call();
  world.pass_ms(899);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.sink.body, "the original");
  EXPECT_EQ(replica.service.circuit().snapshot(world.now_ms()).counts.failed, 1U);
}

TEST(Fallback, TheDeadlineOfAnAlternateRunsFromTheLastRequestByteToo) {
  Fallback any = service("replica", 300);
  any.methods.kind = Methods::Kind::kAny;
  Policy policy = with({any});
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::ok("in time").after(200)});
  world.script({Script::hanging()});
  PolicyCall& call = world.call({.method = "POST", .body = "slow", .complete = false});
  world.pass_ms(5'000);
  call.finish();
  world.pass_ms(900);
  EXPECT_EQ(call.sink.body, "in time");
}

}  // namespace
}  // namespace outrigger
