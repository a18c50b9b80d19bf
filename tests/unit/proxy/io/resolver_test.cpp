#include "proxy/io/resolver.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/test_resolve.hpp"
#include "tests/support/virtual_names.hpp"

namespace outrigger::testing {
namespace {

using io::RecordType;
using io::Verdict;
using ::testing::ElementsAre;

struct ResolverTest : ::testing::Test {
  std::string resolve(const std::string& name, const std::string& known_as = {}) {
    TestResolve lookup(names, name, known_as);
    EXPECT_TRUE(loop.run_until([&] { return lookup.done(); }));
    found = lookup.told.back().name;
    return lookup.text();
  }
  int64_t time_of(const std::string& name) {
    const int64_t began_ms = loop.now_ms();
    resolve(name);
    return loop.now_ms() - began_ms;
  }
  void search(std::vector<std::string> domains, int ndots) {
    names.set_search_list({.domains = std::move(domains), .ndots = ndots});
  }
  void say(const std::string& name, RecordType type, VirtualNames::Script script) {
    names.at(name, type) = std::move(script);
  }

  VirtualLoop loop;
  VirtualNames names{loop};
  std::string found;
};

TEST_F(ResolverTest, AnswersLiteralsWithoutAQuestionAndNeverFromInside) {
  TestResolve lookup(names, "192.0.2.1");
  EXPECT_TRUE(lookup.told.empty());
  loop.advance_ms(1);
  EXPECT_EQ(lookup.text(), "192.0.2.1 nothing");
  EXPECT_EQ(resolve("fd00::9"), "nothing fd00::9");
  EXPECT_TRUE(names.asked.empty());
}

TEST_F(ResolverTest, LooksIntoTheHostsFileOnlyWhenTold) {
  const std::string path = ::testing::TempDir() + "outrigger_hosts_" + std::to_string(getpid());
  std::ofstream(path)
      << "# comment\n10.9.9.9 other Orders.test # tail\nnonsense\nfd00::7\torders.test\n";
  VirtualNames with_hosts(loop, path);
  TestResolve lookup(with_hosts, "orders.test");
  loop.advance_ms(1);
  EXPECT_EQ(lookup.text(), "10.9.9.9 fd00::7");
  EXPECT_TRUE(with_hosts.asked.empty());
  EXPECT_EQ(resolve("orders.test"), "nothing nothing");
  std::remove(path.c_str());
}

// ---- each family by itself

TEST_F(ResolverTest, OneFamilyThatIsNeverAnsweredHoldsTheOtherForTheResolutionDelay) {
  for (const RecordType silent : io::kAddressTypes) {
    names.set("half.test", {"10.0.0.1", "fd00::1"});
    say("half.test", silent, {.verdict = Verdict::kSilence});
    const int64_t began_ms = loop.now_ms();
    TestResolve lookup(names, "half.test.");
    ASSERT_TRUE(loop.run_until([&] { return !lookup.told.empty(); }));
    EXPECT_EQ(loop.now_ms() - began_ms, 50);
    EXPECT_EQ(lookup.text(), silent == RecordType::kA ? "fd00::1" : "10.0.0.1");
    EXPECT_FALSE(lookup.done());
    ASSERT_TRUE(loop.run_until([&] { return lookup.done(); }));
    EXPECT_EQ(lookup.told.size(), 2u);
    EXPECT_EQ(lookup.told.back().answers.back().verdict, Verdict::kSilence);
  }
}

TEST_F(ResolverTest, AFamilyWithinTheResolutionDelayIsToldTogetherWithTheOther) {
  names.set("both.test", {"10.0.0.1", "fd00::1"});
  names.at("both.test", RecordType::kAaaa).after_ms = 49;
  EXPECT_EQ(time_of("both.test."), 49);
  TestResolve lookup(names, "both.test.");
  loop.advance_ms(60);
  EXPECT_EQ(lookup.told.size(), 1u);
}

TEST_F(ResolverTest, AFamilyThatComesLateIsToldThen) {
  names.set("both.test", {"10.0.0.1", "fd00::1"});
  names.at("both.test", RecordType::kAaaa).after_ms = 2'000;
  TestResolve lookup(names, "both.test.");
  loop.advance_ms(1'999);
  EXPECT_EQ(lookup.text(), "10.0.0.1");
  loop.advance_ms(1);
  EXPECT_EQ(lookup.text(), "10.0.0.1 fd00::1");
  EXPECT_TRUE(lookup.done());
}

TEST_F(ResolverTest, AnErrorAndSilenceStayApartFromNothing) {
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence}) {
    const std::string word = verdict == Verdict::kError ? "error" : "silence";
    names.set("half.test", verdict);
    EXPECT_EQ(resolve("half.test."), word + " " + word);
    for (const Verdict none : {Verdict::kNoName, Verdict::kNoRecords}) {
      say("half.test", RecordType::kA, {.verdict = none});
      EXPECT_THAT(resolve("half.test."), ::testing::EndsWith(word));
      names.set("half.test", verdict);
    }
  }
}

TEST_F(ResolverTest, ASilentNameHasItsOwnBound) {
  names.set("silent.test", Verdict::kSilence);
  EXPECT_EQ(time_of("silent.test."), 7'000);
  names.set("late.test", {"10.0.0.1"});
  names.at("late.test", RecordType::kA).after_ms = 6'999;
  EXPECT_EQ(resolve("late.test."), "nothing 10.0.0.1");
}

// ---- one name of the search list for both

TEST_F(ResolverTest, ANameWithOneFamilyIsNotCompletedByADomainThatHasTheOther) {
  search({"corp.test"}, 1);
  names.set("api.example.test", {"10.0.0.1"});
  names.set("api.example.test.corp.test", {"fd99::1"});
  EXPECT_EQ(resolve("api.example.test"), "10.0.0.1 nothing");
  search({"ns.test", "corp.test"}, 5);
  names.set("web.ns.test", {"10.0.0.2"});
  names.set("web.corp.test", {"fd99::1", "10.9.9.9"});
  EXPECT_EQ(resolve("web"), "10.0.0.2 nothing");
  EXPECT_EQ(found, "web.ns.test.");
}

TEST_F(ResolverTest, ANameWithOneFamilyIsNotCompletedWhileTheOtherIsSilent) {
  search({"ns.test", "corp.test"}, 5);
  names.set("web.corp.test", {"fd99::1"});
  for (const Verdict verdict : {Verdict::kSilence, Verdict::kError}) {
    names.set("web.ns.test", {"10.0.0.2"});
    say("web.ns.test", RecordType::kAaaa, {.verdict = verdict});
    EXPECT_THAT(resolve("web"), ::testing::StartsWith("10.0.0.2 "));
    // The name is there, so the others are not meant.
    say("web.ns.test", RecordType::kA, {.verdict = Verdict::kNoRecords});
    EXPECT_THAT(resolve("web"), ::testing::StartsWith("nothing "));
    EXPECT_EQ(found, "web.ns.test.");
  }
}

TEST_F(ResolverTest, NamesThatAreNotThereArePassedOver) {
  search({"ns.svc.test", "svc.test", "test"}, 5);
  names.set("api.example.org", {"10.0.0.1"});
  EXPECT_EQ(resolve("api.example.org"), "10.0.0.1 nothing");
  EXPECT_EQ(names.asked.size(), 8u);
  names.set("api.example.org.ns.svc.test", Verdict::kNoRecords);
  EXPECT_EQ(resolve("api.example.org"), "10.0.0.1 nothing");
  EXPECT_EQ(resolve("nobody.example.org"), "nothing nothing");
}

TEST_F(ResolverTest, WhereAaaaIsNeverAnsweredTheSearchListIsWalkedAllTheSame) {
  search({"ns.svc.test", "svc.test", "test"}, 5);
  const std::vector<std::string> absent = {"api.ns.svc.test", "api.svc.test", "api.test"};
  for (const std::string& name : absent) {
    say(name, RecordType::kAaaa, {.verdict = Verdict::kSilence});
  }
  names.set("api", {"10.0.0.1"});
  say("api", RecordType::kAaaa, {.verdict = Verdict::kSilence});
  TestResolve lookup(names, "api");
  loop.advance_ms(200);
  EXPECT_EQ(lookup.text(), "10.0.0.1");
}

TEST_F(ResolverTest, ThatAHasNoNameIsBelievedAndThatAaaaHasNoneIsNot) {
  search({"ns.test", "corp.test"}, 5);
  names.set("web.ns.test", {"10.0.0.1"});
  say("web.ns.test", RecordType::kAaaa, {.verdict = Verdict::kNoName});
  names.at("web.ns.test", RecordType::kA).after_ms = 3'000;
  names.set("web.corp.test", {"10.9.9.9"});
  EXPECT_EQ(resolve("web"), "nothing 10.0.0.1");
}

TEST_F(ResolverTest, AnErroneousNameIsPassedOverAsTheSystemDoes) {
  search({"dead.test", "ns.test"}, 1);
  names.set("web.dead.test", Verdict::kError);
  names.set("web.ns.test", {"10.0.0.1"});
  EXPECT_EQ(resolve("web"), "10.0.0.1 nothing");
  // But that there is nothing is not said then.
  EXPECT_EQ(resolve("other"), "nothing nothing");
  names.set("other.dead.test", Verdict::kError);
  EXPECT_EQ(resolve("other"), "error error");
}

TEST_F(ResolverTest, ASilentNameIsNotPassedOver) {
  search({"ns.test", "corp.test"}, 1);
  names.set("web.ns.test", Verdict::kSilence);
  names.set("web.corp.test", {"10.9.9.9"});
  EXPECT_EQ(resolve("web"), "silence silence");
}

TEST_F(ResolverTest, AnErrorOfTheNameThatWasRightBeforeDoesNotLeadToAnother) {
  search({"ns.test", "corp.test"}, 1);
  names.set("web.corp.test", {"10.9.9.9"});
  for (const Verdict verdict : {Verdict::kError, Verdict::kSilence}) {
    names.set("web.ns.test", verdict);
    EXPECT_THAT(resolve("web", "web.ns.test."), ::testing::Not(::testing::HasSubstr("10.9.9.9")));
    say("web.ns.test", RecordType::kA, {.verdict = Verdict::kNoName});
    EXPECT_THAT(resolve("web", "web.ns.test."), ::testing::Not(::testing::HasSubstr("10.9.9.9")));
  }
  names.set("web.ns.test", Verdict::kNoName);
  EXPECT_EQ(resolve("web", "web.ns.test."), "10.9.9.9 nothing");
}

TEST_F(ResolverTest, TheRootAsADomainIsTheNameAsItIsWritten) {
  search({"."}, 1);
  names.set("api", {"10.0.0.1"});
  EXPECT_EQ(resolve("api"), "10.0.0.1 nothing");
  EXPECT_THAT(names.asked, ElementsAre("api.", "api."));
}

TEST_F(ResolverTest, AWalkOfManySilentStepsHasABoundAsAWhole) {
  search({"a.test", "b.test", "c.test"}, 1);
  for (const char* name : {"web.a.test", "web.b.test", "web.c.test", "web"}) {
    say(name, RecordType::kAaaa, {.verdict = Verdict::kNoName});
    say(name, RecordType::kA, {.verdict = Verdict::kSilence});
  }
  EXPECT_EQ(time_of("web"), 10'000);
}

TEST_F(ResolverTest, AnotherConfigurationIsUsedAtOnceAlsoByLookupsUnderWay) {
  names.set("web.wrong.test", Verdict::kSilence);
  names.set("web.right.test", {"10.0.0.1"});
  search({"wrong.test"}, 1);
  TestResolve lookup(names, "web");
  loop.advance_ms(100);
  search({"right.test"}, 1);
  loop.advance_ms(1'000);
  EXPECT_EQ(lookup.text(), "10.0.0.1 nothing");
  EXPECT_EQ(resolve("web"), "10.0.0.1 nothing");
}

// ---- places

struct PlacesTest : ResolverTest {
  using Lookups = std::vector<std::unique_ptr<TestResolve>>;

  // That many names of a silent zone.
  Lookups silent(int count, const std::string& zone = "dead.test") {
    Lookups lookups;
    for (int i = 0; i < count; ++i) {
      const std::string name = "n" + std::to_string(i) + "." + zone;
      names.set(name, Verdict::kSilence);
      lookups.push_back(std::make_unique<TestResolve>(names, name + "."));
    }
    return lookups;
  }
  static bool all_done(const Lookups& lookups) {
    return std::ranges::all_of(lookups, [](const auto& lookup) { return lookup->done(); });
  }
};

TEST_F(PlacesTest, ManyNamesOfASilentZoneDoNotKeepAnotherWaiting) {
  names.set("good.test", {"10.0.0.1"});
  const Lookups few = silent(150);
  EXPECT_EQ(time_of("good.test."), 0);
  const Lookups many = silent(3'000);
  EXPECT_LE(time_of("good.test."), io::Resolver::kPromptMs);
  EXPECT_EQ(time_of("good.test."), 0);
}

TEST_F(PlacesTest, AZoneThatIsKnownToBeSilentStandsBehindEveryOtherName) {
  names.set("good.test", {"10.0.0.1"});
  const Lookups first = silent(20);
  loop.advance_ms(io::Resolver::kPromptMs);
  const Lookups more = silent(5'000);
  EXPECT_LE(time_of("good.test."), io::Resolver::kPromptMs);
}

TEST_F(PlacesTest, LookupsBeyondThePlacesWaitAndAreAnsweredInTurn) {
  names.answer_ms = 100;
  Lookups lookups;
  for (int i = 0; i < 600; ++i) {
    names.set("n" + std::to_string(i) + ".test", {"10.0.0.1"});
    lookups.push_back(std::make_unique<TestResolve>(names, "n" + std::to_string(i) + ".test."));
  }
  loop.advance_ms(99);
  EXPECT_EQ(names.asked.size(), 2 * io::Resolver::kPlaces);
  loop.advance_ms(201);
  EXPECT_TRUE(all_done(lookups));
}

TEST_F(PlacesTest, ACancelledLookupGivesItsPlaceBackAtOnce) {
  names.set("good.test", {"10.0.0.1"});
  Lookups lookups = silent(io::Resolver::kPlaces);
  Lookups waiting = silent(10, "other.test");
  TestResolve good(names, "good.test.");
  loop.run_until_idle();
  EXPECT_FALSE(good.done());
  waiting.clear();
  lookups.pop_back();
  loop.run_until_idle();
  EXPECT_TRUE(good.done());
}

TEST_F(PlacesTest, AFamilyThatIsNeverAnsweredHoldsNoPlaceForLong) {
  Lookups lookups;
  for (size_t i = 0; i < io::Resolver::kPlaces; ++i) {
    const std::string name = "n" + std::to_string(i) + ".half.test";
    names.set(name, {"10.0.0.1"});
    say(name, RecordType::kAaaa, {.verdict = Verdict::kSilence});
    lookups.push_back(std::make_unique<TestResolve>(names, name + "."));
  }
  names.set("good.test", {"10.0.0.1"});
  EXPECT_EQ(time_of("good.test."), io::Resolver::kPromptMs);
}

TEST_F(PlacesTest, OfTooManySilentLookupsTheOldestIsGivenUp) {
  const Lookups lookups = silent(3'000);
  loop.advance_ms(6'000);
  const auto done = std::ranges::count_if(lookups, [](const auto& each) { return each->done(); });
  EXPECT_GT(done, 0);
  EXPECT_TRUE(lookups.front()->done());
  EXPECT_EQ(lookups.front()->text(), "silence silence");
  EXPECT_TRUE(loop.run_until([&] { return all_done(lookups); }, 120'000));
}

TEST_F(PlacesTest, CancellingAtAnyMomentLeavesNothingBehind) {
  names.answer_ms = 30;
  search({"ns.test", "corp.test"}, 5);
  names.set("web.corp.test", {"10.0.0.1", "fd00::1"});
  names.at("web.corp.test", RecordType::kAaaa).after_ms = 400;
  for (int64_t moment_ms = 0; moment_ms < 600; moment_ms += 7) {
    TestResolve lookup(names, "web");
    loop.advance_ms(moment_ms);
    lookup.cancel();
    const size_t told = lookup.told.size();
    loop.advance_ms(20'000);
    EXPECT_EQ(lookup.told.size(), told);
    EXPECT_TRUE(loop.is_empty());
  }
}

}  // namespace
}  // namespace outrigger::testing
