// Passthrough. What no service claims goes where it went before, or is refused.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kNone = "services: {}";

Message get_from(Town& town, const std::string& host, std::string_view method = "GET") {
  Caller caller(town);
  caller.host = host;
  return caller.ask(method, "/");
}

TEST(Passthrough, ANameIsLookedUpAndCalledAtItsPortElseAt80) {
  Town town(kNone);
  town.names.set("shop.example", {"10.9.0.1"});
  Origin& plain = town.origin("10.9.0.1:80");
  Origin& other = town.origin("10.9.0.1:8080");
  EXPECT_EQ(get_from(town, "shop.example").status(), 200);
  EXPECT_EQ(get_from(town, "shop.example:8080").status(), 200);
  EXPECT_EQ(plain.requests.size(), 1u);
  ASSERT_EQ(other.requests.size(), 1u);
  EXPECT_EQ(other.requests[0].field("host"), "shop.example:8080");
  EXPECT_EQ(town.names.lookups(), 1u);  // the answer is kept for its time
}

TEST(Passthrough, AnAddressNeedsNoName) {
  Town town(kNone);
  town.origin("10.9.0.1:81");
  EXPECT_EQ(get_from(town, "10.9.0.1:81").status(), 200);
}

TEST(Passthrough, FailedAndSlowLookupsHaveTheirOwnAnswers) {
  Town town(kNone);
  town.names.set("gone.example", io::Verdict::kNoName);
  town.names.set("slow.example", io::Verdict::kSilence);
  Message answer = get_from(town, "gone.example");
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("error=dns_error"), std::string::npos);
  answer = get_from(town, "slow.example");
  EXPECT_EQ(answer.status(), 504);
  EXPECT_NE(answer.field("proxy-status").find("error=dns_timeout"), std::string::npos);
}

TEST(Passthrough, TheLookupAndTheConnectShareOneBound) {
  Town town(kNone);
  town.names.answer_ms = 700;
  town.names.set("far.example", {"10.9.0.9"});
  town.network.at(*Address::parse("10.9.0.9:80")).fate = AddressOptions::Fate::kBlackhole;
  const int64_t began_ms = town.now_ms();
  const Message answer = get_from(town, "far.example");
  EXPECT_EQ(answer.status(), 504);
  EXPECT_NE(answer.field("proxy-status").find("connection_timeout"), std::string::npos);
  EXPECT_EQ(answer.at_ms - began_ms, 3 * 1000);  // two more attempts, for the name is known
}

TEST(Passthrough, WhatNeverLeftGoesToAnotherAddressOfTheName) {
  Town town(kNone);
  town.names.set("shop.example", {"10.9.0.1", "10.9.0.2"});
  Origin& second = town.origin("10.9.0.2:80");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get_from(town, "shop.example", "POST").status(), 200);
  EXPECT_EQ(second.requests.size(), 4u);
}

TEST(Passthrough, NoCircuitNoRetryNoRequestTimeout) {
  Town town(kNone);
  Origin& origin = town.origin("10.9.0.1:80");
  origin.otherwise = answers(503);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get_from(town, "10.9.0.1").status(), 503);
  EXPECT_EQ(origin.requests.size(), 50u);
  origin.otherwise = after(100'000, answers(200));
  EXPECT_EQ(get_from(town, "10.9.0.1").status(), 200);
}

TEST(Passthrough, ManyMayBeOutstanding) {
  Town town(kNone);
  Origin& origin = town.origin("10.9.0.1:80");
  origin.otherwise = stalls();
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 1'100; ++i) {
    callers.push_back(std::make_unique<Caller>(town));
    callers.back()->host = "10.9.0.1";
    callers.back()->begin("GET", "/");
  }
  town.run();
  EXPECT_EQ(origin.requests.size(), 1'100u);
}

TEST(Passthrough, OurOwnListenersAre508BeforeDialling) {
  Town town(kNone);
  EXPECT_EQ(get_from(town, town.address().to_string()).status(), 508);
  EXPECT_EQ(town.network.connects(), 1u);  // the caller's
}

TEST(Passthrough, OurOwnListenersAre508ByAnySpelling) {
  Town town(kNone);
  const std::string port = ":" + std::to_string(town.address().port());
  for (const char* host : {"[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]",
                           "0.0.0.0", "[::ffff:0.0.0.0]", "[::]", "[64:ff9b::7f00:1]"}) {
    EXPECT_EQ(get_from(town, host + port).status(), 508) << host;
    Caller tunnel(town);
    tunnel.begin_raw("CONNECT", "CONNECT " + (host + port) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(tunnel.next().status(), 508) << host;
  }
  EXPECT_EQ(town.network.connects(), 14u);  // the callers'
}

TEST(Passthrough, ANameThatLeadsToThisHostIsRefusedInAnySpelling) {
  Town town(kNone);
  for (const char* address :
       {"127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::1",
        "64:ff9b::169.254.169.254", "2002:7f00:1::", "fe80::1", "::", "::ffff:0.0.0.0"}) {
    const std::string name = "n" + std::to_string(town.names.lookups()) + ".example";
    town.names.set(name, {address});
    const size_t connects = town.network.connects();
    const Message answer = get_from(town, name + ":9901");
    EXPECT_EQ(answer.status(), 502) << address;
    EXPECT_EQ(town.network.connects(), connects + 1) << address;
  }
}

TEST(Passthrough, UnmatchedRefuseSaysSo) {
  Town town("unmatched: refuse\nservices: {}");
  town.origin("10.9.0.1:80");
  const Message answer = get_from(town, "10.9.0.1");
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("error=destination_not_found"), std::string::npos);
  const auto hosts = app::UnmatchedHosts::list(town.process.unmatched);
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].authority, "10.9.0.1");
}

// ABUSE 120
TEST(Passthrough, AThousandHostsLeaveNoMoreThanTheirBounds) {
  Town town("unmatched: refuse\nservices: {}");
  Caller caller(town);
  for (int i = 0; i < 1'000; ++i) {
    caller.host = "h" + std::to_string(i) + ".example";
    if (caller.is_over()) break;
    caller.get();
  }
  Town passing(kNone);
  for (int i = 0; i < 1'500; ++i) get_from(passing, "h" + std::to_string(i) + ".example");
  EXPECT_EQ(app::UnmatchedHosts::list(passing.process.unmatched).size(),
            app::UnmatchedHosts::kHostsMax);
}

TEST(Passthrough, DefaultsOfTheFileApplyToItAsWell) {
  Town town("defaults: {timeout: {request: 2s}}\nservices: {}");
  town.origin("10.9.0.1:80").otherwise = stalls();
  EXPECT_EQ(get_from(town, "10.9.0.1").status(), 504);
}

// ---- a name with addresses of both families (RFC 8305)

constexpr const char* kSixAt = "[2001:db8::1]:80";
constexpr const char* kFourAt = "10.9.0.1:80";

struct BothFamilies : ::testing::Test {
  using Fate = AddressOptions::Fate;

  explicit BothFamilies(std::string_view yaml = kNone) : town(yaml) {
    name({"2001:db8::1", "10.9.0.1"});
  }

  void name(const std::vector<std::string>& ips) { town.names.set("both.example", ips); }
  AddressOptions& at(std::string_view address) { return town.network.at(*Address::parse(address)); }
  void swallow_six() { at(kSixAt).fate = Fate::kBlackhole; }
  // How long it took to get that answer.
  int64_t time_of_get(int status = 200) {
    const int64_t began_ms = town.now_ms();
    const Message answer = get_from(town, "both.example");
    EXPECT_EQ(answer.status(), status);
    return answer.at_ms - began_ms;
  }

  Town town;
};

TEST_F(BothFamilies, OneThatSwallowsPacketsCostsTheFirstCallAHeadStart) {
  swallow_six();
  Origin& origin = town.origin(kFourAt);
  EXPECT_EQ(time_of_get(), 250);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(time_of_get(), 0);
  EXPECT_EQ(origin.requests.size(), 6u);
  EXPECT_EQ(origin.connections.size(), 1u);
}

TEST_F(BothFamilies, WhatAnswersInTimeIsNotDialledTwiceNorTheOther) {
  at(kSixAt).connect_ms = 200;
  Origin& origin = town.origin(kSixAt);
  Origin& other = town.origin(kFourAt);
  EXPECT_EQ(time_of_get(), 200);
  town.pass_ms(5'000);
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.connections.size(), 1u);
  EXPECT_TRUE(other.connections.empty());
}

TEST_F(BothFamilies, LaterCallsGoStraightToTheOneThatAnswered) {
  swallow_six();
  town.origin(kFourAt).otherwise = stalls();
  Caller first(town);
  first.host = "both.example";
  first.begin("GET", "/");
  town.pass_ms(250);
  // No idle connection helps this one.
  Origin& origin = town.origin(kFourAt);
  ASSERT_EQ(origin.requests.size(), 1u);
  origin.otherwise = answers(200);
  EXPECT_EQ(time_of_get(), 0);
  // At another port the name is as good.
  Origin& elsewhere = town.origin("10.9.0.1:81");
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(get_from(town, "both.example:81").at_ms - began_ms, 0);
  EXPECT_EQ(elsewhere.requests.size(), 1u);
}

TEST_F(BothFamilies, AnotherAnswerOfTheResolverBeginsWithTheFamilyThatAnswered) {
  swallow_six();
  town.origin(kFourAt);
  EXPECT_EQ(time_of_get(), 250);
  town.pass_ms(61'000);  // the name's time and the idle connection's
  EXPECT_EQ(time_of_get(), 0);
  EXPECT_EQ(town.names.lookups(), 2u);
}

TEST_F(BothFamilies, WhenTheRememberedOneDiesThereIsAnotherRace) {
  name({"10.9.0.1", "10.9.0.2", "2001:db8::1"});
  town.origin(kFourAt).otherwise = [](Origin::Connection& connection) {
    connection.answer(200, "", "Connection: close\r\n");
    connection.close_cleanly();
  };
  EXPECT_EQ(time_of_get(), 0);
  at(kFourAt).fate = Fate::kRefuse;
  at("10.9.0.2:80").fate = Fate::kBlackhole;
  Origin& last = town.origin(kSixAt);
  EXPECT_EQ(time_of_get(), 250);
  EXPECT_EQ(last.requests.size(), 1u);
  EXPECT_EQ(time_of_get(), 0);
}

TEST_F(BothFamilies, WhenNoneAnswersTheCallFailsAtOnce) {
  at(kSixAt).fate = Fate::kUnreachable;
  at(kFourAt).fate = Fate::kRefuse;
  EXPECT_EQ(time_of_get(502), 0);
  town.origin(kFourAt);
  at(kFourAt).fate = Fate::kAccept;
  EXPECT_EQ(time_of_get(), 0);
}

TEST_F(BothFamilies, TheRaceKeepsToTheConnectTimeout) {
  swallow_six();
  at(kFourAt).fate = Fate::kBlackhole;
  town.names.answer_ms = 600;
  const int64_t began_ms = town.now_ms();
  const Message answer = get_from(town, "both.example");
  EXPECT_EQ(answer.status(), 504);
  EXPECT_NE(answer.field("proxy-status").find("connection_timeout"), std::string::npos);
  EXPECT_EQ(answer.at_ms - began_ms, 3 * 1000);  // two more attempts, for the name is known
}

TEST_F(BothFamilies, ACallerMayLeaveAtAnyMomentOfTheRace) {
  swallow_six();
  at(kFourAt).connect_ms = 100;
  Origin& origin = town.origin(kFourAt);
  for (int64_t moment_ms = 0; moment_ms < 350; moment_ms += 7) {
    Caller caller(town);
    caller.host = "both.example";
    caller.begin("GET", "/");
    town.pass_ms(moment_ms);
    caller.abort();
    town.pass_ms(1'000);
  }
  EXPECT_TRUE(origin.connections.empty());
  EXPECT_EQ(time_of_get(), 350);
}

TEST_F(BothFamilies, ManyCallersRaceAndKeepWhatTheyWin) {
  swallow_six();
  Origin& origin = town.origin(kFourAt);
  std::vector<std::unique_ptr<Caller>> some;
  for (int i = 0; i < 20; ++i) {
    some.push_back(std::make_unique<Caller>(town));
    some.back()->host = "both.example";
    some.back()->begin("POST", "/", {}, "body");
  }
  for (auto& caller : some) EXPECT_EQ(caller->next().status(), 200);
  EXPECT_EQ(origin.requests.size(), 20u);
  EXPECT_EQ(origin.connections.size(), 20u);
}

struct BothFamiliesOfFew : BothFamilies {
  BothFamiliesOfFew() : BothFamilies("defaults: {pool: {connections: 2}}\nservices: {}") {}
};

TEST_F(BothFamiliesOfFew, ThePoolsBoundHoldsAfterTheRace) {
  swallow_six();
  Origin& origin = town.origin(kFourAt);
  origin.otherwise = after(10, answers(200));
  std::vector<std::unique_ptr<Caller>> some;
  for (int i = 0; i < 10; ++i) {
    some.push_back(std::make_unique<Caller>(town));
    some.back()->host = "both.example";
    some.back()->begin("GET", "/");
  }
  for (auto& caller : some) EXPECT_EQ(caller->next().status(), 200);
  EXPECT_EQ(origin.requests.size(), 10u);
  size_t used = 0;
  for (auto& connection : origin.connections) used += connection->received.empty() ? 0 : 1;
  EXPECT_EQ(used, 2u);
}

TEST_F(BothFamilies, CallsOverHttp2ShareWhatTheFirstWon) {
  swallow_six();
  H2Origin origin(town, kFourAt);
  H2Caller caller(town);
  caller.host = "both.example";
  H2Side& first = caller.begin("GET", "/");
  H2Side& second = caller.begin("GET", "/");
  EXPECT_EQ(caller.finish(first).status(), 200);
  EXPECT_EQ(caller.finish(second).status(), 200);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.heads, 3u);
  EXPECT_EQ(origin.open_connections(), 1u);
}

TEST_F(BothFamilies, ATunnelIsCarriedByTheConnectionThatWon) {
  const Address far_at = *Address::parse("10.9.0.1:443");
  at("[2001:db8::1]:443").fate = Fate::kBlackhole;
  TestOrigin far(town.network, far_at);
  constexpr std::string_view kConnect =
      "CONNECT both.example:443 HTTP/1.1\r\nHost: both.example:443\r\n\r\n\x16\x03";
  for (const int64_t moment_ms : {0, 100, 249}) {
    TestClient gone(town.network, town.address());
    town.run();
    gone.send(kConnect);
    town.pass_ms(moment_ms);
    gone.abort();
    town.pass_ms(1'000);
  }
  EXPECT_TRUE(far.peers.empty());
  for (const int64_t wait_ms : {250, 0}) {
    TestClient caller(town.network, town.address());
    town.run();
    caller.send(kConnect);
    town.pass_ms(wait_ms);
    EXPECT_EQ(caller.take(), "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(far.last().take(), "\x16\x03");
    far.last().send("hello");
    town.run();
    EXPECT_EQ(caller.take(), "hello");
  }
  EXPECT_EQ(far.peers.size(), 2u);
}

TEST_F(BothFamilies, AnAddressThatMustNotBeReachedDoesNotRace) {
  name({"2001:db8::1", "127.0.0.1", "169.254.0.9"});
  at(kSixAt).connect_ms = 900;
  Origin& local = town.origin("127.0.0.1:80");
  town.origin(kSixAt);
  EXPECT_EQ(time_of_get(), 900);
  EXPECT_TRUE(local.connections.empty());
}

struct OnIpv4Alone : BothFamilies {
  OnIpv4Alone()
      : BothFamilies("listeners: [{name: outbound, address: '127.0.0.1:15001'}]\nservices: {}") {}
};

TEST_F(OnIpv4Alone, OurOwnListenerDoesNotRace) {
  town.names.set("localhost", {"::1", "127.0.0.1"});
  at("[::1]:15001").connect_ms = 900;
  Origin& there = town.origin("[::1]:15001");
  EXPECT_EQ(get_from(town, "localhost:15001").status(), 200);
  EXPECT_EQ(there.requests.size(), 1u);
}

TEST_F(BothFamilies, ANameIsKeptWhileACallRaces) {
  swallow_six();
  at(kFourAt).connect_ms = 500;
  town.origin(kFourAt);
  Caller caller(town);
  caller.host = "both.example";
  caller.begin("GET", "/");
  town.pass_ms(10);
  for (size_t i = 0; i <= upstream::PassthroughClient::kNamesMax; ++i) {
    get_from(town, "h" + std::to_string(i) + ".example");
  }
  EXPECT_EQ(caller.next().status(), 200);
}

}  // namespace
}  // namespace outrigger::testing
