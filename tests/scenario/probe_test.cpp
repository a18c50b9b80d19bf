// Probes of a half-open circuit: what is silent holds no place that others wait for.
#include <gtest/gtest.h>

#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

using upstream::CircuitState;

constexpr const char* kAt = "10.0.0.1:80";
constexpr const char* kOther = "10.0.0.2:80";
// `connect` and three seconds.
constexpr int64_t kHoldMs = 4'000;
// Whatever the jitter was.
constexpr int64_t kPeriodMs = 6'300;
const H2Fields kGrpc = {{"content-type", "application/grpc"}, {"te", "trailers"}};
const std::string kMessage("\0\0\0\0\3abc", 8);

constexpr const char* kOneInstance =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, endpoint_circuit: off, "
    "circuit: {consecutive_failures: 3, failure_rate: off, open_for: 5s, ramp: off}}}";
constexpr const char* kTwoInstances =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, retry: off, "
    "circuit: off, balance: round_robin, "
    "endpoint_circuit: {consecutive_failures: 3, open_for: 5s}}}";

void begin_stalled_post(Caller& caller) {
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 10\r\n\r\n");
}

struct OneInstance : Town {
  OneInstance() : Town(kOneInstance), instance(origin(kAt)) {
    instance.otherwise = answers(500);
    Caller caller(*this);
    for (int i = 0; i < 3; ++i) caller.get();
    instance.otherwise = answers(200);
    pass_ms(kPeriodMs);
  }

  Origin& instance;
};

TEST(Probe, AnUploadThatStallsHoldsItForConnectAndThreeSecondsOnly) {
  OneInstance town;
  Caller stalled(town), other(town);
  begin_stalled_post(stalled);
  town.run();
  ASSERT_EQ(town.circuit("orders"), CircuitState::kHalfOpen);
  town.pass_ms(kHoldMs - 1);
  EXPECT_EQ(other.get().status(), 503);
  town.pass_ms(1);
  EXPECT_EQ(other.get().status(), 200);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Probe, OneThatIsAnsweredLateStillDecides) {
  OneInstance town;
  town.instance.script = {after(10'000, answers(200))};
  Caller slow(town);
  slow.begin("GET", "/");
  EXPECT_EQ(slow.next().status(), 200);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Probe, OneThatFailsLateChangesNothingThatAnotherHasDecided) {
  OneInstance town;
  town.instance.script = {after(10'000, answers(500)), answers(200)};
  Caller slow(town), other(town);
  slow.begin("GET", "/");
  town.pass_ms(kHoldMs);
  EXPECT_EQ(other.get().status(), 200);
  ASSERT_EQ(town.circuit("orders"), CircuitState::kClosed);
  EXPECT_EQ(slow.next().status(), 500);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Probe, ACrowdGetsOneMoreEachTimeThatOneLapses) {
  OneInstance town;
  town.instance.otherwise = stalls();
  std::vector<std::unique_ptr<Caller>> crowd;
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      crowd.push_back(std::make_unique<Caller>(town));
      crowd.back()->begin("GET", "/");
    }
    town.pass_ms(kHoldMs);
    EXPECT_EQ(town.instance.requests.size(), 3u + static_cast<size_t>(round));
  }
}

struct SilentWatch : Town {
  explicit SilentWatch(const char* yaml) : Town(yaml), instance(*this, kAt), caller(*this) {}

  // Answers with a head and nothing behind it.
  static void say_head(H2Side& on) { on.answer_head(200, {{"content-type", "application/grpc"}}); }
  static void fail(H2Side& on) {
    on.answer_head(200, {{"content-type", "application/grpc"}, {"grpc-status", "14"}}, false);
  }
  H2Side& watch() { return caller.begin("POST", "/shop.Stock/Watch", kGrpc, kMessage); }

  H2Origin instance;
  H2Caller caller;
};

TEST(Probe, AGrpcWatchOnWhichNothingComesIsSettledByItsHead) {
  SilentWatch town(kOneInstance);
  town.instance.otherwise = SilentWatch::fail;
  for (int i = 0; i < 3; ++i) town.caller.ask("POST", "/shop.Stock/Get", kGrpc, kMessage);
  ASSERT_EQ(town.circuit("orders"), CircuitState::kOpen);
  town.pass_ms(kPeriodMs);
  town.instance.otherwise = SilentWatch::say_head;
  town.watch();
  town.run();
  EXPECT_EQ(town.circuit("orders"), CircuitState::kHalfOpen);
  town.pass_ms(1'000);
  EXPECT_EQ(town.circuit("orders"), CircuitState::kClosed);
}

TEST(Probe, AnInstanceIsTriedAgainWhileTheUploadThatProbesItStalls) {
  Town town(kTwoInstances);
  Origin& bad = town.origin(kAt);
  town.origin(kOther);
  bad.otherwise = answers(500);
  Caller caller(town);
  while (bad.requests.size() < 3) caller.get();
  bad.otherwise = answers(200);
  town.pass_ms(kPeriodMs);
  std::vector<std::unique_ptr<Caller>> stalled;
  while (bad.heads < 4) {
    stalled.push_back(std::make_unique<Caller>(town));
    begin_stalled_post(*stalled.back());
    town.run();
  }
  for (int i = 0; i < 10; ++i) caller.get();
  ASSERT_EQ(bad.heads, 4u);
  town.pass_ms(kHoldMs);
  for (int i = 0; i < 10; ++i) caller.get();
  EXPECT_GT(bad.heads, 6u);
}

TEST(Probe, AnInstanceIsTrustedAgainBySilentWatchesThatItAnswered) {
  SilentWatch town(kTwoInstances);
  H2Origin other(town, kOther);
  other.otherwise = SilentWatch::say_head;
  town.instance.otherwise = SilentWatch::fail;
  const auto watch_until = [&](size_t requests) {
    while (town.instance.requests.size() < requests) {
      town.watch();
      town.run();
    }
  };
  watch_until(3);
  town.instance.otherwise = SilentWatch::say_head;
  town.pass_ms(kPeriodMs);
  watch_until(4);
  town.pass_ms(1'000);
  const size_t before = town.instance.requests.size();
  for (int i = 0; i < 10; ++i) town.watch();
  town.run();
  EXPECT_EQ(town.instance.requests.size(), before + 5);
}

}  // namespace
}  // namespace outrigger::testing
