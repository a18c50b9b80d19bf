// Outages: what is sent to those that are left, and which calls are lost.
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kFirst = "10.0.0.1:80";
constexpr const char* kSecond = "10.0.0.2:80";

// Two instances; `circuit: off`, so that nothing but the budget bounds the calls.
struct Pair : Town {
  explicit Pair(std::string_view policy)
      : Town(
            "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, "
            "balance: round_robin, endpoint_circuit: off, circuit: off, "
            "limits: {outstanding: off}, " +
            std::string(policy) + "}}") {}

  size_t requests() const { return first.requests.size() + second.requests.size(); }
  void both_do(const Origin::Behaviour& what) {
    first.otherwise = what;
    second.otherwise = what;
  }
  // Of an instance that takes no connection each attempt is a connect.
  uint64_t attempts() {
    uint64_t sum = 0;
    const auto series = process.shards.service(0, {"orders", {}});
    for (const auto& counter : series->attempts) sum += counter.value();
    return sum;
  }
  void both_are(AddressOptions::Fate fate) {
    for (const char* at : {kFirst, kSecond}) network.at(*Address::parse(at)).fate = fate;
  }
  // So many calls in each second, for so many seconds. Says how long it took until all had been
  // answered, in seconds: those of one connection wait for each other.
  double load(int per_second, int seconds) {
    const int64_t began_ms = now_ms();
    Caller caller(*this);
    const int count = per_second * seconds;
    for (int i = 0; i < count; ++i) {
      caller.begin("GET", "/");
      pass_ms(1000 / per_second);
    }
    while (caller.answers.size() < static_cast<size_t>(count)) pass_ms(100);
    return static_cast<double>(now_ms() - began_ms) / 1'000;
  }

  Origin& first = origin(kFirst);
  Origin& second = origin(kSecond);
};

double budgeted(int calls, double seconds) { return 1.2 * calls + 3 * (seconds + 1); }

TEST(Outage, TheBudgetBoundsTheAttemptsAbuse141) {
  Pair town("retry: {attempts: 3, budget: 20%}");
  town.both_do(answers(503));
  town.load(50, 20);
  EXPECT_LE(static_cast<double>(town.requests()), budgeted(1'000, 20));
  EXPECT_GE(static_cast<double>(town.requests()), 1.1 * 1'000);
}

// What was earned while all was well is not spent beyond its share.
TEST(Outage, TheBudgetBoundsTheAttemptsOfItsFirstSecondsAbuse141) {
  for (const int well_s : {0, 1, 10}) {
    Pair town("retry: {attempts: 3, budget: 20%}");
    town.load(100, well_s);
    const size_t before = town.requests();
    town.both_do(answers(503));
    town.load(100, 2);
    const auto sent = static_cast<double>(town.requests() - before);
    EXPECT_LE(sent, 200 + 0.2 * 100 * (well_s + 2) + 3 * 3) << well_s;
  }
}

TEST(Outage, UnsentBoundsTheConnectsThatAreRefusedAbuse141) {
  for (const auto fate : {AddressOptions::Fate::kRefuse, AddressOptions::Fate::kBlackhole}) {
    Pair town("retry: {attempts: 3, unsent: 2, budget: 20%}, timeout: {connect: 100ms}");
    town.both_are(fate);
    const double seconds = town.load(50, 4);
    EXPECT_LE(static_cast<double>(town.attempts()), (1 + 2 + 0.2) * 200 + 3 * (seconds + 1));
    EXPECT_GE(town.attempts(), 200u);
    EXPECT_EQ(town.requests(), 0u);
  }
}

TEST(Outage, ConnectsThatTimeOutAreWithinTheBudget) {
  Pair town("retry: {attempts: 1, unsent: 2, budget: 20%}, timeout: {connect: 100ms}");
  town.both_are(AddressOptions::Fate::kBlackhole);
  const double seconds = town.load(50, 4);
  EXPECT_LE(static_cast<double>(town.attempts()), budgeted(200, seconds));
}

TEST(Outage, ABurstLosesNoCallWhileOneInstanceRefusesConnections) {
  for (const size_t count : {10u, 40u, 200u}) {
    Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}}}");
    town.network.at(*Address::parse(kFirst)).fate = AddressOptions::Fate::kRefuse;
    Origin& well = town.origin(kSecond);
    well.otherwise = after(5, answers(200));
    std::vector<std::unique_ptr<Caller>> burst;
    for (size_t i = 0; i < count; ++i) {
      burst.push_back(std::make_unique<Caller>(town));
      burst.back()->begin(i % 2 == 0 ? "GET" : "POST", "/");
    }
    size_t good = 0;
    for (const auto& caller : burst) good += caller->next().status() == 200 ? 1 : 0;
    EXPECT_EQ(good, count);
    EXPECT_EQ(well.requests.size(), count);
  }
}

}  // namespace
}  // namespace outrigger::testing
