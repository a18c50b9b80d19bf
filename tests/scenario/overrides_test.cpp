// What operators change of the running process: on every worker, over restarts, and from the
// overrides file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/control_plane.hpp"
#include "tests/support/fake_files.hpp"
#include "tests/support/fake_kept_files.hpp"
#include "tests/support/pages.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr const char* kOther = "10.0.0.2:80";
constexpr const char* kJson = "Content-Type: application/json\r\n";

std::string two(std::string_view more = "") {
  return "services: {orders: {endpoints: {static: ['10.0.0.1:80', '10.0.0.2:80']}, retry: off}}\n" +
         std::string(more);
}

class Operator {
 public:
  explicit Operator(Town& town) : x_caller(town, kAdmin) { x_caller.host = "127.0.0.1:9901"; }
  Message ask(std::string_view method, const std::string& path, std::string_view body = {}) {
    return x_caller.ask(method, "/api/v1" + path, body.empty() ? "" : kJson, body);
  }

 private:
  Caller x_caller;
};

TEST(Overrides, APolicyChangesOnEveryWorkerAndReturnsByItself) {
  Town town(two(), 2);
  town.origin(kAt).otherwise = stalls();
  town.origin(kOther).otherwise = stalls();
  const auto waited_ms = [&](unsigned worker) {
    const int64_t began_ms = town.now_ms();
    EXPECT_EQ(Caller(town, worker).get().status(), 504);
    return town.now_ms() - began_ms;
  };
  EXPECT_EQ(waited_ms(0), 15'000);
  Operator admin(town);
  const Message done =
      admin.ask("PATCH", "/services/orders/policy?ttl=10m", R"({"timeout": {"request": "2s"}})");
  EXPECT_EQ(done.status(), 200) << done.body;
  EXPECT_EQ(waited_ms(0), 2'000);
  EXPECT_EQ(waited_ms(1), 2'000);
  town.pass_ms(600'000);
  EXPECT_EQ(waited_ms(1), 15'000);
}

TEST(Overrides, ADrainedEndpointGetsNoNewCallOnAnyWorker) {
  Town town(two(), 2);
  Origin& out = town.origin(kAt);
  Origin& in = town.origin(kOther);
  Operator admin(town);
  for (const std::string state : {"drain", "disabled"}) {
    const Message done = admin.ask("PUT", "/services/orders/endpoints/10.0.0.1:80/state",
                                   "{\"state\": \"" + state + "\"}");
    EXPECT_EQ(done.status(), 200) << done.body;
    const size_t before = out.requests.size();
    for (unsigned i = 0; i < 20; ++i) EXPECT_EQ(Caller(town, i % 2).get().status(), 200);
    EXPECT_EQ(out.requests.size(), before);
  }
  EXPECT_GE(in.requests.size(), 40U);
  admin.ask("PUT", "/services/orders/endpoints/10.0.0.1:80/state", R"({"state": "auto"})");
  for (unsigned i = 0; i < 40; ++i) Caller(town, i % 2).get();
  EXPECT_GT(out.requests.size(), 0U);
}

// ---- on disk

TEST(Overrides, ComeBackAfterARestartWithTheTimeTheyHadLeft) {
  const std::string file = two("snapshot: {dir: /state}\n");
  std::map<std::string, std::string> kept;
  int64_t wall_ms = 0;
  {
    Town town(file);
    Operator admin(town);
    const Message done =
        admin.ask("PATCH", "/services/orders/policy?ttl=10m", R"({"timeout": {"request": "2s"}})");
    EXPECT_EQ(done.status(), 200);
    EXPECT_NE(done.body.find("\"persisted\":true"), std::string::npos) << done.body;
    admin.ask("PUT", "/circuits/orders/state?ttl=5m", R"({"state": "forced_closed"})");
    admin.ask("PUT", "/services/orders/endpoints/10.0.0.1:80/state", R"({"state": "drain"})");
    kept = town.disk.texts;
    wall_ms = town.loop.context().clock.wall_ms();
  }
  // Six minutes without a process.
  Town town(loaded_of(file), {{Town::kFile, file}}, 1, 1, wall_ms + 360'000, {}, kept);
  Origin& out = town.origin(kAt);
  town.origin(kOther).otherwise = stalls();
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kClosed);
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(Caller(town).get().status(), 504);
  EXPECT_EQ(town.now_ms() - began_ms, 2'000);
  EXPECT_TRUE(out.requests.empty());
  const Message list = Operator(town).ask("GET", "/overrides");
  EXPECT_EQ(list.body.find("forced_closed"), std::string::npos) << list.body;
  town.pass_ms(240'000);
  EXPECT_EQ(Operator(town).ask("GET", "/overrides").body.find("timeout"), std::string::npos);
}

TEST(Overrides, OfAFileThatSaysSomethingElseByNowDoNotComeBack) {
  std::map<std::string, std::string> kept;
  {
    Town town(two("snapshot: {dir: /state}\n"));
    Operator(town).ask("PATCH", "/services/orders/policy", R"({"timeout": {"connect": "2s"}})");
    kept = town.disk.texts;
  }
  const std::string file =
      "snapshot: {dir: /state}\nservices: {orders: {endpoints: {static: ['10.0.0.1:80']}, timeout: "
      "{connect: 3s}}}\n";
  Town town(loaded_of(file), {{Town::kFile, file}}, 1, 1, std::nullopt, {}, kept);
  EXPECT_EQ(town.plane->loaded().config.services[0].policy.timeout.connect_ms, 3'000);
  EXPECT_NE(Operator(town).ask("GET", "/events").body.find("file_changed"), std::string::npos);
}

TEST(Overrides, ADiskThatFailsIsSaidAndCounted) {
  Town town(two("snapshot: {dir: /state}\n"));
  Operator admin(town);
  town.disk.fails = "No space left on device";
  const Message done = admin.ask("PUT", "/circuits/orders/state", R"({"state": "shadow"})");
  EXPECT_EQ(done.status(), 200);
  EXPECT_NE(done.body.find("\"persisted\":false"), std::string::npos) << done.body;
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kShadow);
  EXPECT_EQ(metric(town, "outrigger_snapshot_failures_total"), 1);
  town.disk.fails.clear();
  const Message next = admin.ask("PUT", "/circuits/orders/state", R"({"state": "forced_closed"})");
  EXPECT_NE(next.body.find("\"persisted\":true"), std::string::npos) << next.body;
}

TEST(Overrides, TheAnswerWaitsForTheDiskButNotForEver) {
  Town town(two("snapshot: {dir: /state}\n"));
  Operator admin(town);
  town.disk.takes_ms = 300;
  int64_t began_ms = town.now_ms();
  EXPECT_EQ(admin.ask("PUT", "/circuits/orders/state", R"({"state": "shadow"})").status(), 200);
  EXPECT_EQ(town.now_ms() - began_ms, 300);
  town.disk.takes_ms = 60'000;
  began_ms = town.now_ms();
  const Message late = admin.ask("PUT", "/circuits/orders/state", R"({"state": "auto"})");
  EXPECT_EQ(late.status(), 202);
  EXPECT_EQ(town.now_ms() - began_ms, 1'000);
  EXPECT_NE(late.body.find("\"persisted\":false"), std::string::npos) << late.body;
}

TEST(Overrides, ACallerThatLeavesWhileTheDiskWritesIsForgotten) {
  Town town(two("snapshot: {dir: /state}\n"));
  town.disk.takes_ms = 500;
  {
    Caller leaver(town, kAdmin);
    leaver.host = "127.0.0.1:9901";
    leaver.begin("PUT", "/api/v1/circuits/orders/state", kJson, R"({"state": "shadow"})");
    town.pass_ms(100);
  }
  town.pass_ms(1'000);
  EXPECT_EQ(town.circuit("orders"), upstream::CircuitState::kShadow);
  EXPECT_EQ(town.disk.texts.size(), 1U);
}

// ---- the overrides file

constexpr const char* kOverrides = "/etc/overrides.yaml";

std::string with_file(std::string_view policy = "") {
  return std::string("overrides: {file: ") + kOverrides +
         "}\nservices: {orders: {endpoints: {static: ['10.0.0.1:80']}" + std::string(policy) +
         "}}\n";
}
int attempts(Town& town) {
  return town.plane->loaded().config.services.at(0).policy.retry->attempts;
}

TEST(OverridesFile, HoldsFromTheFirstCallOn) {
  Town town(with_file(), {{kOverrides, "overrides: [{service: orders, state: forced_open}]"}});
  town.origin(kAt);
  EXPECT_EQ(Caller(town).get().status(), 503);
}

TEST(OverridesFile, IsWatchedAndABadOneChangesNothing) {
  Town town(with_file(),
            {{kOverrides, "overrides: [{service: orders, set: {retry: {attempts: 2}}}]"}});
  EXPECT_EQ(attempts(town), 2);
  const auto become = [&](const std::string& text) {
    town.files.set(kOverrides, text);
    town.run();
  };
  become("overrides: [{service: orders, set: {retry: {attempts: 3}}}]");
  EXPECT_EQ(attempts(town), 3);
  for (const std::string bad :
       {"overrides: [", "overrides: [{service: orders, set: {retry: {attempts: 99}}}]",
        "overrides: [{service: orders, state: sometimes}]", "\x01\x02"}) {
    become(bad);
    EXPECT_EQ(attempts(town), 3) << bad;
    EXPECT_EQ(metric(town, "outrigger_overrides_file_successful"), 0) << bad;
  }
  town.files.remove(kOverrides);
  town.run();
  EXPECT_EQ(attempts(town), 3);
  become("overrides: []");
  EXPECT_EQ(attempts(town), 1);
  EXPECT_EQ(metric(town, "outrigger_overrides_file_successful"), 1);
}

TEST(OverridesFile, ThatIsNoLongerNamedEnds) {
  Town town(with_file(),
            {{kOverrides, "overrides: [{service: orders, set: {retry: {attempts: 2}}}]"}});
  EXPECT_EQ(attempts(town), 2);
  town.take(with_file(", timeout: {connect: 2s}"));
  EXPECT_EQ(attempts(town), 2);
  town.take("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  town.pass_ms(1);
  EXPECT_EQ(attempts(town), 1);
}

}  // namespace
}  // namespace outrigger::testing
