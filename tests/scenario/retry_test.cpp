// Retry. What is tried again, where, how often, and what is not.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kFirst = "10.0.0.1:80";
constexpr const char* kSecond = "10.0.0.2:80";

std::string two(std::string_view policy) {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, "
         "balance: round_robin, circuit: off, " +
         std::string(policy) + "}}";
}

// Both origins, and what they got together.
struct Pair : Town {
  explicit Pair(std::string_view policy) : Town(two(policy)) {}
  Origin& first = origin(kFirst);
  Origin& second = origin(kSecond);
  size_t requests() const { return first.requests.size() + second.requests.size(); }
  void both_do(const Origin::Behaviour& what) {
    first.otherwise = what;
    second.otherwise = what;
  }
};

TEST(Retry, AttemptsCountsTheFirstTry) {
  Pair town("retry: {attempts: 1}");
  town.both_do(answers(503));
  EXPECT_EQ(Caller(town).get().status(), 503);
  EXPECT_EQ(town.requests(), 1u);
}

TEST(Retry, AFailureIsTriedAgainElsewhereAndOnlyTheGoodAnswerIsSeen) {
  Pair town("retry: {attempts: 2}");
  town.first.otherwise = answers(503, "bad");
  town.second.otherwise = answers(200, "good");
  Caller caller(town);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(caller.get().body, "good");
  EXPECT_EQ(caller.received.find("bad"), std::string::npos);
}

TEST(Retry, WhatIsNotListedIsNotTriedAgain) {
  Pair town("retry: {attempts: 3}");
  town.both_do(answers(500));
  EXPECT_EQ(Caller(town).get().status(), 500);
  EXPECT_EQ(town.requests(), 1u);
}

TEST(Retry, APostIsNotTriedAgainUnlessMethodsSaySo) {
  {
    Pair town("retry: {attempts: 3}");
    town.both_do(answers(503));
    EXPECT_EQ(Caller(town).post("/", "x").status(), 503);
    EXPECT_EQ(town.requests(), 1u);
  }
  Pair town("retry: {attempts: 3, methods: any}");
  town.both_do(answers(503));
  EXPECT_EQ(Caller(town).post("/", "x").status(), 503);
  EXPECT_EQ(town.requests(), 3u);
}

TEST(Retry, WhatProvablyNeverLeftGoesElsewhereWhateverTheMethod) {
  Pair town("retry: {attempts: 1}");
  town.first.close();  // refuses connections from now on
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Caller(town).post("/", "x").status(), 200);
  EXPECT_EQ(town.second.requests.size(), 2u);
}

TEST(Retry, UnsentBoundsThePlacesForWhatNeverLeft) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80', "
      "'10.0.0.4:80']}, retry: {unsent: 2}, timeout: {connect: 100ms}, circuit: off}}");
  town.network.defaults.fate = AddressOptions::Fate::kBlackhole;
  town.network.at(town.address()).fate = AddressOptions::Fate::kAccept;
  Caller caller(town);
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(caller.post("/", "x").status(), 504);
  EXPECT_EQ(caller.answers[0].at_ms - began_ms, 300);
}

TEST(Retry, TheBodyIsSentAgainWholeAsItWas) {
  Pair town("retry: {attempts: 2}");
  town.first.otherwise = answers(503);
  town.second.otherwise = answers(503);
  const std::string body(60'000, 'b');
  Caller caller(town);
  EXPECT_EQ(caller.ask("PUT", "/", {}, body).status(), 503);
  ASSERT_EQ(town.requests(), 2u);
  EXPECT_EQ(town.first.requests[0].body, body);
  EXPECT_EQ(town.second.requests[0].body, body);
}

TEST(Retry, AChunkedBodyIsSentAgainToo) {
  Pair town("retry: {attempts: 2}");
  town.both_do(answers(503));
  Caller caller(town);
  caller.begin_raw(
      "PUT", "PUT / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  town.run();
  caller.send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(caller.next().status(), 503);
  ASSERT_EQ(town.requests(), 2u);
  EXPECT_EQ(town.first.requests[0].body, "abcde");
  EXPECT_EQ(town.second.requests[0].body, "abcde");
}

// ABUSE 140
TEST(Retry, ABodyAboveBodyMaxIsNotTriedAgainAndTheFailureIsSeen) {
  Pair town("retry: {attempts: 3, body_max: 10KiB}");
  town.both_do(answers(503));
  const std::string body(11'000, 'b');
  EXPECT_EQ(Caller(town).ask("PUT", "/", {}, body).status(), 503);
  EXPECT_EQ(town.requests(), 1u);
}

// ABUSE 140
TEST(Retry, NothingIsTriedAgainAfterResponseBytesWentToTheCaller) {
  Pair town("retry: {attempts: 3}");
  town.both_do(both(sends("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"), after(10, closes())));
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.body, "abc");
  EXPECT_TRUE(caller.broken);
  EXPECT_EQ(town.requests(), 1u);
}

TEST(Retry, ARetryAfterLongerThanTheBackoffMeansNone) {
  for (const char* wait : {"1", "3600", "Wed, 21 Oct 2065 07:28:00 GMT"}) {
    Pair town("retry: {attempts: 3}");
    town.both_do(answers(503, "later", "Retry-After: " + std::string(wait) + "\r\n"));
    const Message answer = Caller(town).get();
    EXPECT_EQ(answer.status(), 503);
    EXPECT_EQ(answer.field("retry-after"), wait);
    EXPECT_EQ(town.requests(), 1u) << wait;
  }
}

TEST(Retry, ARetryAfterWithinTheBackoffIsWaitedFor) {
  Pair town("retry: {attempts: 2, backoff: {base: 25ms, max: 3s}}");
  town.both_do(answers(503, "later", "Retry-After: 2\r\n"));
  Caller(town).get();
  ASSERT_EQ(town.requests(), 2u);
  const int64_t gap_ms = town.first.requests[0].at_ms - town.second.requests[0].at_ms;
  EXPECT_GE(std::abs(gap_ms), 2000);
}

TEST(Retry, NoneBeginsWhenTheTimeIsUp) {
  Pair town("retry: {attempts: 3}, timeout: {request: 1s, attempt: 5s}");
  town.both_do(stalls());
  EXPECT_EQ(Caller(town).get().status(), 504);
  EXPECT_EQ(town.requests(), 1u);
}

TEST(Retry, TheFloorOfTheBudgetIsThreeASecond) {
  Pair town("retry: {attempts: 2, budget: 0%}");
  town.both_do(answers(503));
  Caller caller(town);
  for (int i = 0; i < 10; ++i) caller.get();
  EXPECT_GE(town.requests(), 13u);
  EXPECT_LE(town.requests(), 14u);
}

// "On matches what the upstream did, never our own refusals."
TEST(Retry, OurOwnRefusalsAreNotTriedAgain) {
  Pair town("retry: {attempts: 5}, limits: {outstanding: 1}");
  town.both_do(after(100, answers(200)));
  Caller busy(town), other(town);
  busy.begin("GET", "/");
  town.run();
  EXPECT_EQ(other.get().status(), 503);
  EXPECT_EQ(town.requests(), 1u);
  EXPECT_EQ(busy.next().status(), 200);
}

// "A retry that our own side then refuses gives the caller the first attempt's status."
TEST(Retry, ARetryThatOurOwnCircuitRefusesAnswersWithTheFirstStatus) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: {attempts: 2, "
      "backoff: {base: 200ms, max: 200ms}}}}");
  Origin& origin = town.origin(kFirst);
  origin.otherwise = answers(502, "theirs");
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  ASSERT_EQ(origin.requests.size(), 1u);
  town.service("orders").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("received-status=502"), std::string::npos);
  EXPECT_EQ(origin.requests.size(), 1u);
}

TEST(Retry, BackoffIsJitteredAndBounded) {
  Pair town("retry: {attempts: 2, backoff: {base: 100ms, max: 100ms}, budget: 100%}");
  town.both_do(answers(503));
  Caller caller(town);
  std::vector<int64_t> gaps;
  for (int i = 0; i < 20; ++i) {
    const int64_t began_ms = town.now_ms();
    gaps.push_back(caller.get().at_ms - began_ms);
  }
  const auto [least, most] = std::minmax_element(gaps.begin(), gaps.end());
  EXPECT_LE(*most, 101);
  EXPECT_LT(*least, *most);
}

TEST(Retry, A100GoesToTheCallerOncePerExchange) {
  Pair town("retry: {attempts: 2}");
  for (Origin* origin : {&town.first, &town.second}) {
    origin->on_head = [](Origin::Connection& on) { on.send("HTTP/1.1 100 Continue\r\n\r\n"); };
    origin->otherwise = answers(503);
  }
  Caller caller(town);
  caller.begin_raw("PUT",
                   "PUT / HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\n"
                   "Content-Length: 3\r\n\r\n");
  town.run();
  ASSERT_EQ(caller.interims.size(), 1u);
  caller.send("abc");
  EXPECT_EQ(caller.next().status(), 503);
  EXPECT_EQ(caller.interims.size(), 1u);
  ASSERT_EQ(town.requests(), 2u);
  // The first attempt carries Expect on, a later one drops it: the body is at hand.
  EXPECT_NE(town.first.requests[0].has("expect"), town.second.requests[0].has("expect"));
}

TEST(Retry, A103ComesOnlyFromTheAttemptWhoseAnswerIsTaken) {
  Pair town("retry: {attempts: 2}");
  town.first.otherwise =
      both(sends("HTTP/1.1 103 Early Hints\r\nLink: first\r\n\r\n"), answers(503));
  town.second.otherwise = both(sends("HTTP/1.1 103 Soon\r\nLink: second\r\n\r\n"), answers(200));
  Caller caller(town);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(caller.get().status(), 200);
  ASSERT_EQ(caller.interims.size(), 2u);
  for (const Message& interim : caller.interims) {
    EXPECT_EQ(interim.start, "HTTP/1.1 103 Soon");
    EXPECT_EQ(interim.field("link"), "second");
  }
}

TEST(Retry, RetainedBodiesCountInTheMemoryOfTheProcess) {
  Town town("memory: {retry_bodies: 100KiB}\n" + two("retry: {attempts: 2}"));
  for (const char* at : {kFirst, kSecond}) town.origin(at).otherwise = after(50, answers(503));
  const std::string body(60'000, 'b');
  Caller kept(town), not_kept(town);
  kept.begin("PUT", "/", {}, body);
  town.run();
  not_kept.begin("PUT", "/", {}, body);
  town.run();
  EXPECT_LE(town.process.retry_bodies.used(), 100 * 1024);
  EXPECT_EQ(kept.next().status(), 503);
  EXPECT_EQ(not_kept.next().status(), 503);
  EXPECT_EQ(town.origin(kFirst).requests.size() + town.origin(kSecond).requests.size(), 3u);
}

}  // namespace
}  // namespace outrigger::testing
