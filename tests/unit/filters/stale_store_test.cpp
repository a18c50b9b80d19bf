#include "filters/stale_store.hpp"

#include <gtest/gtest.h>

#include "tests/support/policy_world.hpp"

namespace outrigger::filters {
namespace {

using config::Policy;
using outrigger::testing::CallRequest;
using outrigger::testing::PolicyCall;
using outrigger::testing::PolicyWorld;
using outrigger::testing::Script;

Policy with_stale(int64_t max_age_ms = 600'000) {
  Policy policy;
  config::Fallback stale;
  stale.action = config::FallbackStale{max_age_ms};
  policy.fallback = {stale};
  policy.circuit.reset();
  return policy;
}

// Whether the answer of `good` is served to `request` once the service fails.
bool is_served(const Policy& policy, Script good, const CallRequest& asked,
               const CallRequest& request) {
  PolicyWorld world(policy);
  world.config.request_id.header = "x-correlation";
  world.script({std::move(good)});
  world.call(asked);
  world.script({Script::failing()});
  return world.call(request).status() != 502;
}

bool is_stored(Script good, const CallRequest& asked = {}) {
  return is_served(with_stale(), std::move(good), asked, asked);
}

bool is_stored_by_rfc9111(Script good, const CallRequest& asked = {}) {
  Policy policy = with_stale();
  policy.cache->store = config::CacheStore::kRfc9111;
  return is_served(policy, std::move(good), asked, asked);
}

CallRequest with_field(const std::string& name, const std::string& value) {
  return {.fields = {{name, value}}};
}

uint64_t skipped(PolicyWorld& world, metrics::CacheSkip why) {
  return world.series().cache_skipped[static_cast<size_t>(why)].value();
}

// ---- what is served

TEST(Stale, TheLastGoodAnswerToTheSameRequestIsServedAndMarked) {
  PolicyWorld world(with_stale());
  world.script({Script::ok("old").with("X-From", "upstream"),
                Script::ok("last good").with("X-From", "upstream"), Script::answering(500)});
  world.call();
  world.call();
  world.pass_ms(90'000);
  PolicyCall& call = world.call();
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(call.sink.body, "last good");
  EXPECT_EQ(call.sink.field("X-From"), "upstream");
  EXPECT_EQ(call.sink.field("age"), "90");
  EXPECT_NE(call.sink.field("cache-status").find("outrigger; hit"), std::string::npos);
  EXPECT_NE(call.proxy_status().find("received-status=500"), std::string::npos);
  EXPECT_EQ(call.facts().fallback, "stale");
}

TEST(Stale, TheAgeThatAnAnswerCameWithIsAddedTo) {
  PolicyWorld world(with_stale());
  world.script({Script::ok().with("Age", "30"), Script::failing()});
  world.call();
  world.pass_ms(5'000);
  EXPECT_EQ(world.call().sink.field("age"), "35");
}

TEST(Stale, AnAnswerOlderThanMaxAgeIsNotServed) {
  PolicyWorld world(with_stale(1'000));
  world.script({Script::ok(), Script::failing()});
  world.call();
  world.pass_ms(1'000);
  EXPECT_EQ(world.call().status(), 200);
  world.pass_ms(1);
  EXPECT_EQ(world.call().status(), 502);
}

TEST(Stale, AStoredHeadKeepsItsLength) {
  PolicyWorld world(with_stale());
  Script head = Script::ok("");
  head.declared_bytes = 42;
  world.script({head, Script::failing()});
  world.call({.method = "HEAD"});
  PolicyCall& call = world.call({.method = "HEAD"});
  EXPECT_EQ(call.status(), 200);
  EXPECT_EQ(call.sink.head.content_length, 42);
}

TEST(Stale, ClearEmptiesTheStoreOfOneService) {
  PolicyWorld world(with_stale());
  world.script({Script::ok()});
  world.call();
  world.call({.target = "/other"});
  EXPECT_EQ(world.stale.clear("elsewhere"), 0U);
  EXPECT_EQ(world.stale.clear("orders"), 2U);
  EXPECT_EQ(world.stale.bytes(), 0);
  world.script({Script::failing()});
  EXPECT_EQ(world.call().status(), 502);
}

// ---- the key

TEST(Stale, MethodHostPathAndEveryFieldButNoiseMakeTheKey) {
  const CallRequest plain;
  const Policy policy = with_stale();
  for (const CallRequest& other :
       {CallRequest{.method = "HEAD"}, CallRequest{.target = "/things?page=2"},
        CallRequest{.authority = "orders.example"}, with_field("accept", "text/html"),
        with_field("authorization", "Bearer a"), with_field("cookie", "a=b")}) {
    EXPECT_FALSE(is_served(policy, Script::ok(), plain, other));
    EXPECT_FALSE(is_served(policy, Script::ok(), other, plain));
    EXPECT_TRUE(is_served(policy, Script::ok(), other, other));
  }
}

TEST(Stale, NoiseIsNotPartOfTheKey) {
  Policy policy = with_stale();
  policy.deadline_header = "x-deadline-ms";
  for (const char* name : {"traceparent", "tracestate", "baggage", "x-request-id", "user-agent",
                           "date", "grpc-timeout", "X-Deadline-Ms", "x-correlation"}) {
    EXPECT_TRUE(is_served(policy, Script::ok(), with_field(name, "111"), with_field(name, "222")))
        << name;
  }
}

TEST(Stale, TheOrderOfFieldsAndTheCaseOfNamesAndHostMeanNothing) {
  CallRequest one{.fields = {{"accept", "a"}, {"x-user", "b"}}};
  CallRequest other{.fields = {{"X-User", "b"}, {"Accept", "a"}}, .authority = "ORDERS"};
  EXPECT_TRUE(is_served(with_stale(), Script::ok(), one, other));
}

TEST(Stale, TheKeyMayBeAListOfFields) {
  Policy policy = with_stale();
  policy.cache->key_fields = {"x-user"};
  EXPECT_TRUE(
      is_served(policy, Script::ok(), with_field("accept", "a"), with_field("accept", "b")));
  EXPECT_FALSE(
      is_served(policy, Script::ok(), with_field("x-user", "a"), with_field("x-user", "b")));
}

TEST(Stale, VaryIsHonoured) {
  Policy policy = with_stale();
  policy.cache->key_fields = std::vector<std::string>{};
  const Script varies = Script::ok().with("Vary", "accept").with("Vary", "x-user");
  EXPECT_TRUE(is_served(policy, varies, with_field("accept", "a"), with_field("accept", "a")));
  EXPECT_FALSE(is_served(policy, varies, with_field("accept", "a"), with_field("accept", "b")));
  EXPECT_FALSE(is_served(policy, varies, with_field("x-user", "a"), with_field("x-user", "b")));
  EXPECT_TRUE(is_served(policy, varies, with_field("other", "a"), with_field("other", "b")));
  EXPECT_FALSE(is_stored(Script::ok().with("Vary", "*")));
}

// ---- what is stored

TEST(Stale, GetAndHeadAreStoredAndNothingElse) {
  Policy policy = with_stale();
  policy.fallback[0].methods.kind = config::Methods::Kind::kAny;
  for (const auto& [method, stored] : {std::pair{"GET", true},
                                       {"HEAD", true},
                                       {"OPTIONS", false},
                                       {"POST", false},
                                       {"PUT", false},
                                       {"DELETE", false}}) {
    const CallRequest asked{.method = method};
    EXPECT_EQ(is_served(policy, Script::ok(), asked, asked), stored) << method;
  }
}

TEST(Stale, OnlyStatusesThatMayBeReusedAreStored) {
  for (const int status : {200, 203, 204, 300, 301, 404, 410}) {
    EXPECT_TRUE(is_stored(Script::answering(status))) << status;
  }
  for (const int status : {201, 206, 302, 304, 400, 401, 403, 429}) {
    EXPECT_FALSE(is_stored(Script::answering(status))) << status;
  }
}

TEST(Stale, NoStorePrivateAndSetCookieForbidIt) {
  EXPECT_TRUE(is_stored(Script::ok().with("Cache-Control", "max-age=1, no-cache")));
  EXPECT_FALSE(is_stored(Script::ok().with("Cache-Control", "no-store")));
  EXPECT_FALSE(is_stored(Script::ok().with("Cache-Control", "max-age=1, No-Store")));
  EXPECT_FALSE(is_stored(Script::ok().with("Cache-Control", "private=\"x\"")));
  EXPECT_FALSE(
      is_stored(Script::ok().with("Cache-Control", "max-age=1").with("Cache-Control", "private")));
  EXPECT_FALSE(is_stored(Script::ok().with("Set-Cookie", "a=b")));
}

TEST(Stale, AnAnswerToAuthorizationMayBeStoredBecauseItIsInTheKey) {
  EXPECT_TRUE(is_stored(Script::ok(), with_field("authorization", "Bearer a")));
  EXPECT_FALSE(is_served(with_stale(), Script::ok(), with_field("authorization", "Bearer a"),
                         with_field("authorization", "Bearer b")));
}

TEST(Stale, WhatSaysWhoAsksIsInTheKeyOrTheAnswerIsNotStored) {
  Policy policy = with_stale();
  policy.cache->key_fields = {"accept"};
  for (const char* name : {"authorization", "Cookie", "proxy-authorization"}) {
    const CallRequest alice = with_field(name, "alice");
    policy.cache->key_fields = {"accept"};
    EXPECT_FALSE(is_served(policy, Script::ok("for alice"), alice, alice)) << name;
    EXPECT_FALSE(is_served(policy, Script::ok("for alice"), alice, {})) << name;
    policy.cache->key_fields = {"accept", name};
    EXPECT_TRUE(is_served(policy, Script::ok("for alice"), alice, alice)) << name;
    EXPECT_FALSE(is_served(policy, Script::ok("for alice"), alice, with_field(name, "mallory")));
  }
}

TEST(Stale, OneFieldOfTwoThatSayWhoAsksIsNotEnough) {
  Policy policy = with_stale();
  policy.cache->key_fields = {"authorization"};
  PolicyWorld world(policy);
  world.script({Script::ok()});
  world.call({.fields = {{"authorization", "alice"}, {"cookie", "session=1"}}});
  EXPECT_EQ(world.stale.bytes(), 0);
  EXPECT_EQ(skipped(world, metrics::CacheSkip::kCredentials), 1U);
}

TEST(Stale, TheAnswerToABodyIsNotStoredAndNoOtherStandsInForIt) {
  const CallRequest plain;
  const CallRequest alice{.body = "user=alice", .declared_bytes = 10};
  const CallRequest unknown_length{.body = "user=alice"};
  const CallRequest empty{.body = "", .declared_bytes = 0};
  for (const CallRequest& asked : {alice, unknown_length}) {
    EXPECT_FALSE(is_served(with_stale(), Script::ok(), asked, asked));
    EXPECT_FALSE(is_served(with_stale(), Script::ok(), plain, asked));
    EXPECT_FALSE(is_served(with_stale(), Script::ok(), asked, plain));
  }
  EXPECT_TRUE(is_served(with_stale(), Script::ok(), empty, empty));
  PolicyWorld world(with_stale());
  world.script({Script::ok()});
  world.call(alice);
  EXPECT_EQ(skipped(world, metrics::CacheSkip::kBody), 1U);
}

TEST(Stale, Rfc9111IsTheLetterOfIt) {
  const CallRequest authorized = with_field("authorization", "Bearer a");
  EXPECT_TRUE(is_stored_by_rfc9111(Script::ok()));
  EXPECT_FALSE(is_stored_by_rfc9111(Script::ok(), authorized));
  EXPECT_TRUE(is_stored_by_rfc9111(Script::ok().with("Cache-Control", "public"), authorized));
  EXPECT_FALSE(is_stored_by_rfc9111(Script::ok(), with_field("cache-control", "no-store")));
  for (const char* never_stale :
       {"no-cache", "must-revalidate", "proxy-revalidate", "s-maxage=9"}) {
    EXPECT_FALSE(is_stored_by_rfc9111(Script::ok().with("Cache-Control", never_stale)))
        << never_stale;
  }
}

TEST(Stale, OnlyACompleteAnswerIsStored) {
  PolicyWorld world(with_stale());
  world.script({{.body = {"a", "b"}, .gap_ms = 10, .break_after = 1}, Script::failing()});
  world.call();
  world.pass_ms(20);
  EXPECT_EQ(world.call().status(), 502);
}

TEST(Stale, TheAnswerOfAFallbackIsNotStored) {
  Policy policy = with_stale();
  config::Fallback other;
  other.action = config::FallbackService{"other", {}};
  policy.fallback.push_back(other);
  PolicyWorld world(policy);
  world.add_service("other").terminal.set_scripts({Script::ok("other"), Script::failing()});
  world.script({Script::failing()});
  EXPECT_EQ(world.call().sink.body, "other");
  EXPECT_EQ(world.stale.bytes(), 0);
}

TEST(Stale, AnAnswerLargerThanEntryBytesIsPassedOnAndNotStored) {
  Policy policy = with_stale();
  policy.cache->entry_bytes = 8;
  PolicyWorld world(policy);
  world.script({{.body = {"1234", "56789"}, .gap_ms = 1}});
  PolicyCall& call = world.call();
  world.pass_ms(5);
  EXPECT_EQ(call.sink.body, "123456789");
  EXPECT_EQ(world.stale.bytes(), 0);
  EXPECT_EQ(world.series().cache_skipped[3].value(), 1U);
}

TEST(Stale, CacheOffStoresAndServesNothing) {
  Policy policy = with_stale();
  policy.cache.reset();
  EXPECT_FALSE(is_served(policy, Script::ok(), {}, {}));
}

// ---- the store

StoredAnswer answer_of_bytes(size_t bytes) {
  StoredAnswer answer;
  answer.body.assign(bytes, 'x');
  return answer;
}

TEST(StaleStore, StaysWithinItsBudgetAndDropsTheLeastRecentlyUsed) {
  StaleStore store(100'000);
  const http::RequestHead request;
  ASSERT_TRUE(store.put("orders", "kept", answer_of_bytes(1'000)));
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(store.put("orders", "key" + std::to_string(i), answer_of_bytes(1'000)));
    EXPECT_LE(store.bytes(), 100'000);
    EXPECT_NE(store.find("kept", request, 0, 0), nullptr) << i;
  }
  EXPECT_EQ(store.find("key0", request, 0, 0), nullptr);
  EXPECT_NE(store.find("key999", request, 0, 0), nullptr);
  EXPECT_GT(store.bytes(), 80'000);
}

TEST(StaleStore, WhatDoesNotFitAtAllThrowsNothingOut) {
  StaleStore store(10'000);
  ASSERT_TRUE(store.put("orders", "small", answer_of_bytes(100)));
  EXPECT_FALSE(store.put("orders", "large", answer_of_bytes(20'000)));
  EXPECT_NE(store.find("small", {}, 0, 0), nullptr);
}

TEST(StaleStore, ANewAnswerTakesThePlaceOfTheOldOne) {
  StaleStore store(10'000);
  ASSERT_TRUE(store.put("orders", "key", answer_of_bytes(100)));
  const int64_t before = store.bytes();
  ASSERT_TRUE(store.put("orders", "key", answer_of_bytes(100)));
  EXPECT_EQ(store.bytes(), before);
  EXPECT_EQ(store.clear("orders"), 1U);
  EXPECT_EQ(store.bytes(), 0);
}

TEST(StaleStore, ALowerLimitHoldsAtOnce) {
  StaleStore store(100'000);
  for (int i = 0; i < 50; ++i) store.put("orders", std::to_string(i), answer_of_bytes(1'000));
  store.set_limit(20'000);
  EXPECT_LE(store.bytes(), 20'000);
  EXPECT_GT(store.bytes(), 0);
  store.shrink_to(0);
  EXPECT_EQ(store.bytes(), 0);
}

}  // namespace
}  // namespace outrigger::filters
