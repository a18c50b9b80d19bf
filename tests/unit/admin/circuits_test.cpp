#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::json;
using testing::Caller;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CircuitsApi : public testing::AdminTest {
 protected:
  // Trips the circuit of orders: a run of failures over its time.
  void fail_calls(int count) {
    Random random(1);
    for (int i = 0; i < count; ++i) {
      auto admission = circuit("orders").admit(x_loop.now_ms(), random);
      admission.token.settle(upstream::Verdict::kFailure, x_loop.now_ms());
    }
  }
};

TEST_F(CircuitsApi, ShowsSettingsStateAndCounts) {
  fail_calls(3);
  const Caller& got = call("GET", "/api/v1/circuits/orders");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.field("content-type"), "application/json");
  EXPECT_EQ(got.field("cache-control"), "no-store");
  const Json json = got.as<Json>();
  EXPECT_EQ(json["service"], "orders");
  EXPECT_EQ(json["settings"]["open_for"], "5s");
  EXPECT_EQ(json["overridden"], nullptr);
  EXPECT_EQ(json["state"], "closed");
  EXPECT_EQ(json["counts"]["failed"], 3);
  EXPECT_EQ(json["run"]["failures"], 3);
}

TEST_F(CircuitsApi, ShowsWhyAndWhenItLastChangedAndTheNextProbe) {
  fail_calls(4);
  x_loop.advance_ms(1500);
  const Json json = call("GET", "/api/v1/circuits/orders").as<Json>();
  EXPECT_EQ(json["state"], "open");
  EXPECT_EQ(json["reason"], "failure_rate");
  EXPECT_EQ(json["changed_ms_ago"], 1500);
  EXPECT_GT(json["next_probe_ms"].get<int64_t>(), 1000);
  EXPECT_THAT(json["changed_at"].get<std::string>(), HasSubstr("T"));
}

TEST_F(CircuitsApi, ListsServicesAndRoutesWithTheirOwn) {
  const Json json = call("GET", "/api/v1/circuits").as<Json>();
  std::vector<std::string> names;
  for (const Json& one : json["circuits"]) {
    names.push_back(one["service"].get<std::string>() + "/" + one.value("route", ""));
  }
  EXPECT_THAT(names, ElementsAre("orders/", "orders/reads", "stock/"));
  EXPECT_EQ(call("GET", "/api/v1/circuits/orders/reads").as<Json>()["settings"]["open_for"], "1s");
}

TEST_F(CircuitsApi, SaysWhichServiceWasMeant) {
  const Caller& got = call("GET", "/api/v1/circuits/order");
  EXPECT_EQ(got.status, 404);
  EXPECT_EQ(got.field("content-type"), "application/problem+json");
  EXPECT_THAT(got.as<Json>()["detail"].get<std::string>(), HasSubstr("\"orders\" meant?"));
  EXPECT_EQ(call("GET", "/api/v1/circuits/orders/nothing").status, 404);
  EXPECT_THAT(call("GET", "/api/v1/circuits/orders/plain").as<Json>()["detail"].get<std::string>(),
              HasSubstr("no circuit of its own"));
}

TEST_F(CircuitsApi, PatchesSettingsAndKeepsStateAndCounts) {
  fail_calls(3);
  const Caller& got =
      patch("/api/v1/circuits/orders?reason=slow+partner", R"({"open_for": "2s", "probes": 3})");
  EXPECT_EQ(got.status, 200);
  const Json json = got.as<Json>();
  EXPECT_EQ(json["settings"]["open_for"], "2s");
  EXPECT_EQ(json["settings"]["min_requests"], 4);
  EXPECT_EQ(json["overridden"], (Json{{"open_for", "2s"}, {"probes", 3}}));
  EXPECT_EQ(json["counts"]["failed"], 3);
  EXPECT_EQ(circuit("orders").snapshot(x_loop.now_ms()).settings->open_for_ms, 2000);
  const auto events = events_of("settings");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].actor, "local");
  EXPECT_EQ(events[0].reason, "slow partner");
  EXPECT_THAT(events[0].before, HasSubstr(R"("open_for":"5s")"));
  EXPECT_THAT(events[0].after, HasSubstr(R"("open_for":"2s")"));
}

TEST_F(CircuitsApi, PatchesARoutesOwnCircuitOnly) {
  EXPECT_EQ(patch("/api/v1/circuits/orders/reads", R"({"open_for": "9s"})").status, 200);
  EXPECT_EQ(circuit("orders", "reads").snapshot(x_loop.now_ms()).settings->open_for_ms, 9000);
  EXPECT_EQ(circuit("orders").snapshot(x_loop.now_ms()).settings->open_for_ms, 5000);
}

TEST_F(CircuitsApi, ReturnsAKeyToTheFileWithNull) {
  patch("/api/v1/circuits/orders", R"({"open_for": "2s", "probes": 3})");
  const Json json = patch("/api/v1/circuits/orders", R"({"open_for": null})").as<Json>();
  EXPECT_EQ(json["settings"]["open_for"], "5s");
  EXPECT_EQ(json["overridden"], (Json{{"probes", 3}}));
  ASSERT_EQ(x_changes.overrides().all().size(), 1U);
  EXPECT_EQ(x_changes.overrides().all()[0].key, "circuit.probes");
}

TEST_F(CircuitsApi, RefusesWhatTheFileWouldRefuse) {
  const Caller& got = patch("/api/v1/circuits/orders", R"({"opn_for": "2s", "probes": "many"})");
  EXPECT_EQ(got.status, 422);
  EXPECT_EQ(got.as<Json>()["errors"].size(), 2U);
  EXPECT_THAT(got.as<Json>()["errors"][0]["path"].get<std::string>(), HasSubstr("circuit"));
  EXPECT_EQ(x_control.installs, 0);
  EXPECT_THAT(x_changes.overrides().all(), IsEmpty());
  EXPECT_EQ(patch("/api/v1/circuits/orders", "{").status, 400);
  EXPECT_EQ(patch("/api/v1/circuits/orders", "[1]").status, 400);
  EXPECT_EQ(patch("/api/v1/circuits/orders", std::string(60'000, '[')).status, 400);
  EXPECT_EQ(patch("/api/v1/circuits/nobody", "{}").status, 404);
}

TEST_F(CircuitsApi, NeedsAJsonContentType) {
  const Caller& got = call("PATCH", "/api/v1/circuits/orders", {{"content-type", "text/plain"}},
                           R"({"probes": 2})");
  EXPECT_EQ(got.status, 415);
  EXPECT_EQ(got.field("accept-patch"), "application/merge-patch+json");
  EXPECT_EQ(call("PATCH", "/api/v1/circuits/orders", {}, R"({"probes": 2})").status, 415);
  EXPECT_EQ(call("PATCH", "/api/v1/circuits/orders",
                 {{"content-type", "Application/JSON; charset=utf-8"}}, R"({"probes": 2})")
                .status,
            200);
  EXPECT_EQ(call("PUT", "/api/v1/circuits/orders/state",
                 {{"content-type", "application/merge-patch+json"}}, R"({"state": "auto"})")
                .status,
            415);
}

TEST_F(CircuitsApi, AsksForABodyThatIsHeldBack) {
  const testing::Headers expect{{"expect", "100-continue"}};
  EXPECT_EQ(patch("/api/v1/circuits/orders", "{}", expect).interim, 100);
  // Not when the head alone is refused.
  const Caller& refused = patch("/api/v1/circuits/orders?x=1", "{}", expect);
  EXPECT_EQ(refused.interim, 0);
  EXPECT_EQ(refused.status, 400);
}

TEST_F(CircuitsApi, BoundsTheBody) {
  const std::string large = R"({"probes": 2, "x": ")" + std::string(70'000, 'x') + "\"}";
  EXPECT_EQ(patch("/api/v1/circuits/orders", large).status, 413);
  EXPECT_EQ(x_control.installs, 0);
}

TEST_F(CircuitsApi, BoundsABodyOfUnknownLength) {
  Caller& caller = *x_callers.emplace_back(std::make_unique<Caller>());
  chain::Exchange& exchange = *chain::Exchange::create(x_runtime, caller);
  caller.exchange = &exchange;
  http::RequestHead& head = exchange.request();
  head.method = http::Method::kPatch;
  head.target = "/api/v1/circuits/orders";
  head.authority = "localhost";
  head.framing = http::Framing::kChunked;
  head.fields.add(exchange.arena(), http::Name::kContentType, "application/json");
  const chain::Chain chain({}, x_api);
  exchange.begin(x_route, chain);
  x_driver.run();
  const std::string piece(20'000, ' ');
  for (int i = 0; i < 4 && !caller.ended; ++i) {
    exchange.append_request_body(piece);
    x_driver.run();
  }
  EXPECT_EQ(caller.status, 413);
  end(caller);
}

// ---- If-Match

TEST_F(CircuitsApi, KeepsTheEtagWhileOnlyCountsChange) {
  const std::string etag = call("GET", "/api/v1/circuits/orders").field("etag");
  EXPECT_FALSE(etag.empty());
  fail_calls(4);
  EXPECT_EQ(call("GET", "/api/v1/circuits/orders").field("etag"), etag);
  const std::string after = patch("/api/v1/circuits/orders", R"({"probes": 2})").field("etag");
  EXPECT_NE(after, etag);
  EXPECT_EQ(call("GET", "/api/v1/circuits/orders").field("etag"), after);
  EXPECT_EQ(patch("/api/v1/circuits/orders", R"({"probes": null})").field("etag"), etag);
}

TEST_F(CircuitsApi, LetsOneOfTwoRacingWritersWin) {
  const std::string etag = call("GET", "/api/v1/circuits/orders").field("etag");
  x_control.hold = true;
  const testing::Headers headers{{"content-type", "application/json"}, {"if-match", etag}};
  Caller& first = begin("PATCH", "/api/v1/circuits/orders", headers, R"({"probes": 2})");
  Caller& second = begin("PATCH", "/api/v1/circuits/orders", headers, R"({"probes": 3})");
  // The second is refused although no worker has taken the first yet.
  EXPECT_EQ(second.status, 412);
  EXPECT_NE(second.field("etag"), etag);
  EXPECT_EQ(first.status, 0);
  x_control.let_workers_take();
  x_driver.run();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.field("etag"), second.field("etag"));
  EXPECT_EQ(circuit("orders").snapshot(x_loop.now_ms()).settings->probes, 2);
}

TEST_F(CircuitsApi, ComparesEtagsStrongly) {
  const std::string etag = call("GET", "/api/v1/circuits/orders").field("etag");
  const auto status = [&](const std::string& if_match) {
    return patch("/api/v1/circuits/orders", "{}", {{"if-match", if_match}}).status;
  };
  EXPECT_EQ(status("W/" + etag), 412);
  EXPECT_EQ(status("\"other\""), 412);
  EXPECT_EQ(status("\"other\", " + etag), 200);
  EXPECT_EQ(status("*"), 200);
}

// ---- waiting for the workers

TEST_F(CircuitsApi, AnswersWhenEveryWorkerHasTakenIt) {
  x_control.hold = true;
  Caller& got = begin("PATCH", "/api/v1/circuits/orders", {{"content-type", "application/json"}},
                      R"({"probes": 2})");
  x_loop.advance_ms(900);
  EXPECT_FALSE(got.ended);
  EXPECT_THAT(events_of("settings"), IsEmpty());
  x_control.let_workers_take();
  x_driver.run();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(events_of("settings").size(), 1U);
}

TEST_F(CircuitsApi, AnswersAcceptedAfterASecondAndTheEventFollows) {
  x_control.hold = true;
  Caller& got = begin("PATCH", "/api/v1/circuits/orders", {{"content-type", "application/json"}},
                      R"({"probes": 2})");
  x_loop.advance_ms(999);
  EXPECT_FALSE(got.ended);
  x_loop.advance_ms(1);
  EXPECT_EQ(got.status, 202);
  EXPECT_THAT(events_of("settings"), IsEmpty());
  x_control.let_workers_take();
  EXPECT_EQ(events_of("settings").size(), 1U);
}

TEST_F(CircuitsApi, ChangesAlsoWhenTheCallerLeaves) {
  x_control.hold = true;
  Caller& got = begin("PATCH", "/api/v1/circuits/orders", {{"content-type", "application/json"}},
                      R"({"probes": 2})");
  end(got);
  x_loop.advance_ms(10);
  x_control.let_workers_take();
  EXPECT_EQ(events_of("settings").size(), 1U);
}

// ---- dry run

TEST_F(CircuitsApi, TellsWhatTheWindowWouldDecideWithoutChangingAnything) {
  fail_calls(3);
  const Caller& got = patch("/api/v1/circuits/orders?dry_run=true",
                            R"({"min_requests": 2, "failure_rate": "20%"})");
  EXPECT_EQ(got.status, 200);
  const Json json = got.as<Json>();
  EXPECT_EQ(json["dry_run"], true);
  EXPECT_EQ(json["would_open"], true);
  EXPECT_EQ(json["reason"], "failure_rate");
  EXPECT_EQ(json["settings"]["min_requests"], 2);
  EXPECT_EQ(json["counts"]["failed"], 3);
  EXPECT_EQ(x_control.installs, 0);
  EXPECT_THAT(x_changes.overrides().all(), IsEmpty());
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kClosed);
  EXPECT_EQ(patch("/api/v1/circuits/orders?dry_run=true", "{}").as<Json>()["would_open"], false);
  EXPECT_EQ(patch("/api/v1/circuits/orders?dry_run=perhaps", "{}").status, 400);
}

// ---- forced states

TEST_F(CircuitsApi, ForcesAStateAndReturnsItToTheMachine) {
  const Caller& got =
      put("/api/v1/circuits/orders/state?reason=migration", R"({"state": "forced_open"})");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.as<Json>()["state"], "forced_open");
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kForcedOpen);
  ASSERT_EQ(x_changes.overrides().all().size(), 1U);
  EXPECT_EQ(x_changes.overrides().all()[0].value, "\"forced_open\"");
  EXPECT_EQ(put("/api/v1/circuits/orders/state", R"({"state": "auto"})").as<Json>()["state"],
            "closed");
  EXPECT_THAT(x_changes.overrides().all(), IsEmpty());
  const auto events = events_of("state");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].from, "auto");
  EXPECT_EQ(events[0].to, "forced_open");
  EXPECT_EQ(events[0].reason, "migration");
}

TEST_F(CircuitsApi, KnowsEveryForcedState) {
  for (const std::string state : {"forced_open", "forced_closed", "shadow"}) {
    EXPECT_EQ(put("/api/v1/circuits/orders/reads/state", "{\"state\":\"" + state + "\"}")
                  .as<Json>()["state"],
              state);
  }
  for (const std::string body :
       {R"({"state": "open"})", R"({"state": 1})", R"({})", R"({"state": "auto", "x": 1})"}) {
    EXPECT_EQ(put("/api/v1/circuits/orders/state", body).status, 422) << body;
  }
  EXPECT_EQ(put("/api/v1/circuits/orders/state", "x").status, 400);
  EXPECT_EQ(put("/api/v1/circuits/orders/plain/state", R"({"state": "auto"})").status, 404);
}

TEST_F(CircuitsApi, HoldsAForcedStateAgainstIfMatchToo) {
  const std::string etag = call("GET", "/api/v1/circuits/orders").field("etag");
  put("/api/v1/circuits/orders/state", R"({"state": "forced_open"})");
  EXPECT_EQ(
      put("/api/v1/circuits/orders/state", R"({"state": "auto"})", {{"if-match", etag}}).status,
      412);
  EXPECT_EQ(circuit("orders").state(), upstream::CircuitState::kForcedOpen);
}

}  // namespace
}  // namespace outrigger::admin
