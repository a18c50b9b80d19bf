// What each policy makes of a gRPC call: statuses in heads and trailers, methods by their path,
// deadlines, answers that stand in.

#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"
#include "tests/unit/filters/policies.hpp"

namespace outrigger {
namespace {

using config::Policy;
using testing::CallRequest;
using testing::on_any;
using testing::PolicyCall;
using testing::PolicyWorld;
using testing::Script;
using testing::with;
using testing::with_attempts;

const std::string kGet = "/shop.Stock/GetItem";

CallRequest grpc_call(std::vector<std::pair<std::string, std::string>> fields = {}) {
  fields.emplace_back("content-type", "application/grpc");
  return {.method = "POST", .target = kGet, .fields = std::move(fields)};
}

Script trailers_only(int code) {
  return {.fields = {{"content-type", "application/grpc"}, {"grpc-status", std::to_string(code)}}};
}

// ---- circuit

void expect_counts(PolicyWorld& world, uint64_t total, uint64_t failed) {
  const upstream::Counts counts = world.snapshot().counts;
  EXPECT_EQ(counts.total, total);
  EXPECT_EQ(counts.failed, failed);
}

Policy no_retry() {
  Policy policy;
  policy.retry.reset();
  return policy;
}

TEST(GrpcCircuit, SettlesAtAStatusInTheHead) {
  PolicyWorld world;
  world.script({trailers_only(14)});
  world.call(grpc_call());
  expect_counts(world, 1, 1);
}

TEST(GrpcCircuit, SettlesAtAStatusInTheTrailers) {
  PolicyWorld world(no_retry());
  world.script({Script::grpc(13, {"message"})});
  world.call(grpc_call());
  expect_counts(world, 1, 1);
  world.script({Script::grpc(5, {"message"})});  // says nothing against the server
  world.call(grpc_call());
  expect_counts(world, 2, 1);
}

TEST(GrpcCircuit, AnAnswerThatNeverSaysItsStatusIsAFailure) {
  PolicyWorld world(no_retry());
  Script script = Script::grpc(0, {"message"});
  script.trailers.clear();
  world.script({script});
  world.call(grpc_call());
  expect_counts(world, 1, 1);
}

TEST(GrpcCircuit, SettlesASecondAfterAGoodHeadThoughNoMessageComes) {
  PolicyWorld world(no_retry());
  Script script = Script::grpc(14, {"message"});
  script.gap_ms = 5'000;
  script.end_after_ms = 5'000;
  world.script({script});
  world.call(grpc_call());
  world.pass_ms(999);
  expect_counts(world, 0, 0);
  world.pass_ms(1);
  expect_counts(world, 1, 0);
  world.pass_ms(9'000);  // a failure after settling is a metric only
  expect_counts(world, 1, 0);
}

TEST(GrpcCircuit, AFailureWithinASecondOfTheHeadCounts) {
  PolicyWorld world(no_retry());
  Script script = Script::grpc(14, {"message"});
  script.end_after_ms = 999;
  world.script({script});
  world.call(grpc_call());
  world.pass_ms(999);
  expect_counts(world, 1, 1);
}

TEST(GrpcCircuit, TheSameTrailersOfAPlainCallSayNothing) {
  PolicyWorld world(no_retry());
  world.script({Script::grpc(14, {"message"})});
  world.call({.method = "POST"});
  expect_counts(world, 1, 0);
}

// ---- retry

Policy repeating(int attempts) {
  Policy policy = with_attempts(attempts);
  policy.retry->grpc = {"/shop.Stock/Get*"};
  return policy;
}

TEST(GrpcRetry, RepeatsNamedMethodsOnUnavailable) {
  PolicyWorld world(repeating(2));
  world.script({Script::grpc(14), Script::grpc(0, {"message"})});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(world.attempts(), 2U);
  EXPECT_EQ(call.sink.body, "message");
  EXPECT_EQ(call.sink.trailers, "grpc-status=0");
}

TEST(GrpcRetry, RepeatsNoOtherMethod) {
  PolicyWorld world(repeating(2));
  world.script({Script::grpc(14)});
  CallRequest request = grpc_call();
  request.target = "/shop.Stock/Put";
  PolicyCall& call = world.call(request);
  EXPECT_EQ(world.attempts(), 1U);
  EXPECT_EQ(call.sink.trailers, "grpc-status=14");
}

TEST(GrpcRetry, MethodsAnyRepeatsEveryMethod) {
  Policy policy = with_attempts(2);
  policy.retry->methods.kind = config::Methods::Kind::kAny;
  PolicyWorld world(policy);
  world.script({trailers_only(14), Script::grpc(0, {"message"})});
  EXPECT_EQ(world.call(grpc_call()).sink.body, "message");
}

TEST(GrpcRetry, AStatusThatIsNotListedIsNotTriedAgain) {
  PolicyWorld world(repeating(2));
  world.script({Script::grpc(13)});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(world.attempts(), 1U);
  EXPECT_EQ(call.sink.field("grpc-status"), "13");
}

TEST(GrpcRetry, AFailureBehindAMessageIsTheCallers) {
  PolicyWorld world(repeating(2));
  world.script({Script::grpc(14, {"message"})});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(world.attempts(), 1U);
  EXPECT_EQ(call.sink.body, "message");
  EXPECT_EQ(call.sink.trailers, "grpc-status=14");
}

TEST(GrpcRetry, WhatAnHttpStatusComesToIsTriedAgain) {
  Policy policy = repeating(2);
  policy.retry->on = config::Matcher{}.add_grpc(14);
  PolicyWorld world(policy);
  world.script({Script::answering(503), Script::grpc(0, {"message"})});
  EXPECT_EQ(world.call(grpc_call()).sink.body, "message");
}

TEST(GrpcRetry, ARefusalOfOursGivesTheStatusOfTheFirstAttempt) {
  Policy policy = repeating(2);
  policy.retry->unsent = 0;
  PolicyWorld world(policy);
  world.script(
      {Script::grpc(14),
       {.answer = Script::Answer::kError, .error = {.cause = Cause::kNoEndpoint, .ours = true}}});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(call.sink.field("grpc-status"), "14");
  EXPECT_EQ(call.sink.body, "");
}

// ---- fallback

config::Fallback answering(int status, std::string_view message = {}) {
  config::FallbackRespond reply;
  reply.grpc_status = status;
  if (!message.empty()) {
    reply.message_file = "message";
    reply.content = std::make_shared<const std::string>(message);
  }
  config::Fallback entry = on_any(std::move(reply));
  entry.grpc = {"/shop.Stock/Get*"};
  return entry;
}

TEST(GrpcFallback, AnswersAMessageWithTheStatusInTrailers) {
  PolicyWorld world(with({answering(0, "abc")}));
  world.script({Script::grpc(14)});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(call.sink.field("content-type"), "application/grpc");
  EXPECT_EQ(call.sink.field("grpc-status"), "");
  EXPECT_EQ(call.sink.body, std::string("\0\0\0\0\3abc", 8));
  EXPECT_EQ(call.sink.trailers, "grpc-status=0");
  EXPECT_EQ(call.proxy_status(),
            "outrigger; received-status=200; details=\"fallback orders grpc-status 14\"");
  EXPECT_EQ(call.sink.facts.grpc_status, 0);
}

TEST(GrpcFallback, AnswersAStatusAlone) {
  PolicyWorld world(with({answering(5)}));
  world.script({Script::failing()});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(call.sink.field("grpc-status"), "5");
  EXPECT_EQ(call.sink.body, "");
  EXPECT_EQ(call.sink.trailers, "");
}

TEST(GrpcFallback, OmitsByAnEmptyMessage) {
  config::Fallback entry = on_any(config::FallbackOmit::kEmptyMessage);
  entry.methods.kind = config::Methods::Kind::kAny;
  PolicyWorld world(with({entry}));
  world.script({Script::grpc(13)});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(call.sink.body, std::string(5, '\0'));
  EXPECT_EQ(call.sink.trailers, "grpc-status=0");
}

TEST(GrpcFallback, AnAnswerIsGivenOnlyToWhomCanReadIt) {
  config::Fallback list = on_any(config::FallbackOmit::kEmptyList);
  config::Fallback message = on_any(config::FallbackOmit::kEmptyMessage);
  list.methods.kind = message.methods.kind = config::Methods::Kind::kAny;
  PolicyWorld world(with({list, message}));
  world.script({Script::failing()});
  EXPECT_EQ(world.call(grpc_call()).sink.body, std::string(5, '\0'));
  EXPECT_EQ(world.call({.method = "POST"}).sink.body, "[]");
}

TEST(GrpcFallback, MethodsThatAreNotNamedKeepTheirFailure) {
  PolicyWorld world(with({answering(0)}));
  world.script({Script::grpc(14)});
  CallRequest request = grpc_call();
  request.target = "/shop.Stock/Put";
  EXPECT_EQ(world.call(request).sink.trailers, "grpc-status=14");
}

TEST(GrpcFallback, SpeaksOfTheCodesThatItLists) {
  config::Fallback entry = answering(0);
  entry.on = config::Matcher{}.add_grpc(8);
  PolicyWorld world(with({entry}));
  world.script({Script::grpc(14), Script::grpc(8)});
  EXPECT_EQ(world.call(grpc_call()).sink.field("grpc-status"), "14");
  EXPECT_EQ(world.call(grpc_call()).sink.field("grpc-status"), "0");
}

TEST(GrpcFallback, AnotherServiceAnswersAFailureWithoutAMessage) {
  config::Fallback entry = testing::service("replica");
  entry.grpc = {"/shop.Stock/*"};
  PolicyWorld world(with({entry}));
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::grpc(0, {"replica's"})});
  world.script({Script::grpc(14)});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(call.sink.body, "replica's");
  EXPECT_EQ(call.sink.trailers, "grpc-status=0");
}

TEST(GrpcFallback, AnAlternateThatFailsByItsTrailersStandsInForNothing) {
  config::Fallback entry = testing::service("replica");
  entry.grpc = {"/shop.Stock/*"};
  PolicyWorld world(with({entry, answering(0)}));
  auto& replica = world.add_service("replica");
  replica.terminal.set_scripts({Script::grpc(14)});
  world.script({Script::grpc(13)});
  PolicyCall& call = world.call(grpc_call());
  EXPECT_EQ(call.sink.field("grpc-status"), "0");
  EXPECT_EQ(replica.terminal.calls(), 1U);
}

// ---- time

TEST(GrpcDeadline, TheCallersTimeoutRunsFromTheFirstByteAndWinsWhenShorter) {
  Policy policy;
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  CallRequest request = grpc_call({{"grpc-timeout", "300m"}});
  request.complete = false;
  PolicyCall& call = world.call(request);
  world.pass_ms(299);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.sink.field("grpc-status"), "4");
  EXPECT_EQ(call.proxy_status(),
            "outrigger; error=http_response_timeout; details=\"timeout orders caller's deadline\"");
}

TEST(GrpcDeadline, RequestWinsWhenItIsShorter) {
  Policy policy;
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  PolicyCall& call = world.call(grpc_call({{"grpc-timeout", "5S"}}));
  world.pass_ms(1'000);
  EXPECT_EQ(call.proxy_status(),
            "outrigger; error=http_response_timeout; details=\"timeout orders request\"");
  // What bounds the head is not what bounds the call.
  EXPECT_NE(world.upstream().call(0).fields.find("grpc-timeout=5000m;"), std::string::npos);
}

TEST(GrpcDeadline, OneThatHasPassedReachesNoUpstream) {
  PolicyWorld world;
  PolicyCall& call = world.call(grpc_call({{"grpc-timeout", "0n"}}));
  EXPECT_EQ(world.attempts(), 0U);
  EXPECT_EQ(call.sink.field("grpc-status"), "4");
}

TEST(GrpcDeadline, WhatIsNoTimeoutIsIgnored) {
  PolicyWorld world;
  world.script({Script::grpc(0, {"message"})});
  EXPECT_EQ(world.call(grpc_call({{"grpc-timeout", "soon"}})).sink.body, "message");
  EXPECT_NE(world.upstream().call(0).fields.find("grpc-timeout=soon;"), std::string::npos);
}

TEST(GrpcDeadline, EachAttemptCarriesWhatIsLeft) {
  PolicyWorld world(repeating(2));
  world.script({Script::grpc(14).after(40), Script::grpc(0, {"message"})});
  world.call(grpc_call({{"grpc-timeout", "1S"}}));
  world.pass_ms(40);
  EXPECT_NE(world.upstream().call(0).fields.find("grpc-timeout=1000m;"), std::string::npos);
  EXPECT_NE(world.upstream().call(1).fields.find("grpc-timeout=960m;"), std::string::npos);
}

TEST(GrpcDeadline, StreamIdleGuardsInsteadOfRequestWhileTheCallerMaySayMore) {
  Policy policy;
  policy.timeout.request_ms = 1'000;
  policy.timeout.stream_idle_ms = 3'000;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  CallRequest request = grpc_call();
  request.complete = false;
  PolicyCall& call = world.call(request);
  world.pass_ms(2'999);
  call.send("more");
  world.pass_ms(2'999);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.sink.field("grpc-status"), "4");
  EXPECT_EQ(call.proxy_status(),
            "outrigger; error=http_response_timeout; details=\"timeout orders idle\"");
}

TEST(GrpcDeadline, RequestGuardsOnceTheCallerHasSaidAll) {
  Policy policy;
  policy.timeout.request_ms = 5'000;
  policy.timeout.stream_idle_ms = 1'000;
  PolicyWorld world(policy);
  world.script({Script::hanging()});
  CallRequest request = grpc_call();
  request.complete = false;
  PolicyCall& call = world.call(request);
  world.pass_ms(900);
  call.finish();
  world.pass_ms(4'999);
  EXPECT_EQ(call.status(), 0);
  world.pass_ms(1);
  EXPECT_EQ(call.proxy_status(),
            "outrigger; error=http_response_timeout; details=\"timeout orders request\"");
}

TEST(GrpcDeadline, RequestNeverCutsAStreamWhoseHeadIsOut) {
  Policy policy;
  policy.timeout.request_ms = 1'000;
  PolicyWorld world(policy);
  Script script = Script::grpc(0, {"first", "second"});
  script.gap_ms = 3'000;
  world.script({script});
  CallRequest request = grpc_call({{"grpc-timeout", "1S"}});
  request.complete = false;
  PolicyCall& call = world.call(request);
  call.finish();
  world.pass_ms(6'000);
  EXPECT_EQ(call.sink.body, "firstsecond");
  EXPECT_TRUE(call.sink.complete);
}

// ---- outstanding, log

TEST(GrpcOutstanding, AStreamLeavesAtItsHead) {
  PolicyWorld world(no_retry());
  Script script = Script::grpc(0, {"message"});
  script.gap_ms = 1'000;
  world.script({script});
  world.call(grpc_call());
  EXPECT_EQ(world.limit().outstanding(), 0);
}

}  // namespace
}  // namespace outrigger
