// Passthrough. What no service claims goes where it went before, or is refused.
#include <gtest/gtest.h>

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
  town.network.set_name("shop.example", {{*Address::from_ip("10.9.0.1", 0)}, 60});
  Origin& plain = town.origin("10.9.0.1:80");
  Origin& other = town.origin("10.9.0.1:8080");
  EXPECT_EQ(get_from(town, "shop.example").status(), 200);
  EXPECT_EQ(get_from(town, "shop.example:8080").status(), 200);
  EXPECT_EQ(plain.requests.size(), 1u);
  ASSERT_EQ(other.requests.size(), 1u);
  EXPECT_EQ(other.requests[0].field("host"), "shop.example:8080");
  EXPECT_EQ(town.network.lookups(), 1u);  // the answer is kept for its time
}

TEST(Passthrough, AnAddressNeedsNoName) {
  Town town(kNone);
  town.origin("10.9.0.1:81");
  EXPECT_EQ(get_from(town, "10.9.0.1:81").status(), 200);
}

TEST(Passthrough, FailedAndSlowLookupsHaveTheirOwnAnswers) {
  Town town(kNone);
  town.network.fail_name("gone.example", Cause::kDnsError, true);
  town.network.fail_name("slow.example", Cause::kDnsTimeout, false);
  Message answer = get_from(town, "gone.example");
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("error=dns_error"), std::string::npos);
  answer = get_from(town, "slow.example");
  EXPECT_EQ(answer.status(), 504);
  EXPECT_NE(answer.field("proxy-status").find("error=dns_timeout"), std::string::npos);
}

TEST(Passthrough, TheLookupAndTheConnectShareOneBound) {
  Town town(kNone);
  town.network.resolve_ms = 700;
  town.network.set_name("far.example", {{*Address::from_ip("10.9.0.9", 0)}, 60});
  town.network.at(*Address::parse("10.9.0.9:80")).fate = AddressOptions::Fate::kBlackhole;
  const int64_t began_ms = town.now_ms();
  const Message answer = get_from(town, "far.example");
  EXPECT_EQ(answer.status(), 504);
  EXPECT_NE(answer.field("proxy-status").find("connection_timeout"), std::string::npos);
  EXPECT_EQ(answer.at_ms - began_ms, 3 * 1000);  // two more attempts, for the name is known
}

TEST(Passthrough, WhatNeverLeftGoesToAnotherAddressOfTheName) {
  Town town(kNone);
  town.network.set_name("shop.example",
                        {{*Address::from_ip("10.9.0.1", 0), *Address::from_ip("10.9.0.2", 0)}, 60});
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

TEST(Passthrough, UnmatchedRefuseSaysSo) {
  Town town("unmatched: refuse\nservices: {}");
  town.origin("10.9.0.1:80");
  const Message answer = get_from(town, "10.9.0.1");
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("error=destination_not_found"), std::string::npos);
  ASSERT_EQ(town.process.unmatched.list().size(), 1u);
  EXPECT_EQ(town.process.unmatched.list()[0].authority, "10.9.0.1");
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
  EXPECT_EQ(passing.process.unmatched.list().size(), app::UnmatchedHosts::kHostsMax);
}

TEST(Passthrough, DefaultsOfTheFileApplyToItAsWell) {
  Town town("defaults: {timeout: {request: 2s}}\nservices: {}");
  town.origin("10.9.0.1:80").otherwise = stalls();
  EXPECT_EQ(get_from(town, "10.9.0.1").status(), 504);
}

}  // namespace
}  // namespace outrigger::testing
