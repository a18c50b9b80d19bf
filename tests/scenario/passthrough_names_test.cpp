// Passthrough. Name servers that fail or fall silent, wholly or for one family.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kAllPass = "services: {}";

Message get(Town& town, const std::string& host) {
  Caller caller(town);
  caller.host = host;
  return caller.get("/");
}

TEST(PassthroughNames, ANameWhoseTimeIsOverServesOnAtOnceWhileItIsAskedForAgain) {
  for (const io::Verdict verdict : {io::Verdict::kError, io::Verdict::kSilence}) {
    Town town(kAllPass);
    town.names.set("shop.example", {"10.9.0.1"}, 1);
    Origin& old_one = town.origin("10.9.0.1:80");
    EXPECT_EQ(get(town, "shop.example").status(), 200);
    town.names.set("shop.example", verdict);
    for (int i = 0; i < 30; ++i) {
      town.pass_ms(2'000);
      const int64_t began_ms = town.now_ms();
      const Message answer = get(town, "shop.example");
      EXPECT_EQ(answer.status(), 200);
      EXPECT_EQ(answer.at_ms, began_ms);
    }
    EXPECT_EQ(old_one.requests.size(), 31u);
    EXPECT_GT(town.names.lookups(), 5u);
    // What the servers say then is used, be it slow to come.
    town.names.set("shop.example", {"10.9.0.2"}, 1);
    town.names.answer_ms = 400;
    Origin& new_one = town.origin("10.9.0.2:80");
    town.pass_ms(10'000);
    EXPECT_EQ(get(town, "shop.example").status(), 200);
    town.pass_ms(500);
    EXPECT_EQ(get(town, "shop.example").status(), 200);
    EXPECT_EQ(new_one.requests.size(), 1u);
  }
}

TEST(PassthroughNames, OneFamilyThatIsNeverAnsweredHoldsTheFirstCallForTheResolutionDelay) {
  Town town(kAllPass);
  town.names.set("shop.example", {"10.9.0.1"}, 1);
  town.names.at("shop.example", io::RecordType::kAaaa).verdict = io::Verdict::kSilence;
  town.origin("10.9.0.1:80");
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(get(town, "shop.example").at_ms - began_ms, 50);
  // Nor does it keep the other from being asked again.
  town.names.at("shop.example", io::RecordType::kA).ips = {"10.9.0.2"};
  Origin& moved = town.origin("10.9.0.2:80");
  town.pass_ms(2'000);
  EXPECT_EQ(get(town, "shop.example").status(), 200);
  town.pass_ms(100);
  EXPECT_EQ(get(town, "shop.example").status(), 200);
  EXPECT_EQ(moved.requests.size(), 1u);
}

TEST(PassthroughNames, AFailureOfOneFamilyTakesNothingFromIt) {
  for (const io::Verdict verdict : {io::Verdict::kError, io::Verdict::kSilence}) {
    Town town(kAllPass);
    town.names.set("shop.example", {"10.9.0.1"}, 1);
    town.origin("10.9.0.1:80");
    EXPECT_EQ(get(town, "shop.example").status(), 200);
    town.names.at("shop.example", io::RecordType::kA) = {.verdict = verdict};
    for (int i = 0; i < 10; ++i) {
      town.pass_ms(3'000);
      EXPECT_EQ(get(town, "shop.example").status(), 200);
    }
  }
}

TEST(PassthroughNames, ManyNamesThatAreSilentDoNotKeepAnotherWaiting) {
  Town town(kAllPass);
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 150; ++i) {
    const std::string host = "n" + std::to_string(i) + ".dead.example";
    town.names.set(host, io::Verdict::kSilence);
    callers.push_back(std::make_unique<Caller>(town));
    callers.back()->host = host;
    callers.back()->begin("GET", "/");
  }
  town.names.set("shop.example", {"10.9.0.1"});
  town.origin("10.9.0.1:80");
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(get(town, "shop.example").at_ms, began_ms);
  for (const auto& caller : callers) EXPECT_EQ(caller->next().status(), 504);
}

TEST(PassthroughNames, ACorrectedConfigurationOfTheSystemIsUsedAtOnce) {
  Town town(kAllPass);
  town.names.set("shop.wrong.example", io::Verdict::kSilence);
  town.names.set("shop.right.example", {"10.9.0.1"});
  town.names.set_search_list({.domains = {"wrong.example"}, .ndots = 1});
  town.origin("10.9.0.1:80");
  EXPECT_EQ(get(town, "shop").status(), 504);
  town.names.set_search_list({.domains = {"right.example"}, .ndots = 1});
  const int64_t began_ms = town.now_ms();
  const Message answer = get(town, "shop");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.at_ms, began_ms);
}

TEST(PassthroughNames, ACallerMayLeaveAtAnyMomentOfALookup) {
  Town town(kAllPass);
  town.names.answer_ms = 30;
  town.names.set("shop.example", {"10.9.0.1", "2001:db8::1"}, 1);
  town.names.at("shop.example", io::RecordType::kAaaa).after_ms = 200;
  Origin& origin = town.origin("10.9.0.1:80");
  for (int64_t moment_ms = 0; moment_ms < 300; moment_ms += 7) {
    Caller caller(town);
    caller.host = "shop.example";
    caller.begin("GET", "/");
    town.pass_ms(moment_ms);
    caller.abort();
    town.pass_ms(3'000);
  }
  EXPECT_EQ(get(town, "shop.example").status(), 200);
  EXPECT_GE(origin.requests.size(), 1u);
}

}  // namespace
}  // namespace outrigger::testing
