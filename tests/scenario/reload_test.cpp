// Another file while calls run: all of it is in force for what begins from now on, or, where some
// of it cannot be had, none of it.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/control_plane.hpp"
#include "tests/support/asked_tunnel.hpp"
#include "tests/support/h2_caller.hpp"
#include "tests/support/orders.hpp"
#include "tests/support/pages.hpp"
#include "tests/support/tls_town.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;

const Address kOther = *Address::parse("127.0.0.1:15002");

// ---- all of it

TEST(Reload, SwapsUnderCallsLoseNoneAndKeepConnectionsAndCounts) {
  const auto version = [](int round) {
    return "listeners: [{name: outbound, address: '127.0.0.1:15001', via: v" +
           std::to_string(round % 2) +
           "}]\nunmatched: " + (round % 2 == 0 ? "refuse\n" : "passthrough\n") +
           orders(", timeout: {request: " + std::to_string(5 + round % 3) +
                  "s}, protocol: http1, circuit: {window: 1h, min_requests: " +
                  std::to_string(500 + round % 2) + "}");
  };
  Town town(version(0), 2);
  Origin& origin = town.origin(kAt);
  origin.otherwise = after(3, answers(200));
  std::vector<std::unique_ptr<Caller>> callers;
  for (unsigned i = 0; i < 10; ++i) callers.push_back(std::make_unique<Caller>(town, i % 2));
  H2Caller streams(town);
  size_t asked = 0;
  size_t good = 0;
  for (int round = 0; round < 100; ++round) {
    for (auto& caller : callers) caller->begin(round % 3 == 0 ? "POST" : "GET", "/");
    H2Side& stream = streams.begin("GET", "/");
    asked += callers.size();
    town.pass_ms(round % 5);
    town.take(version(round));
    for (auto& caller : callers) good += caller->next().status() == 200 ? 1 : 0;
    EXPECT_EQ(streams.finish(stream).status(), 200);
  }
  EXPECT_EQ(good, asked);
  for (auto& caller : callers) EXPECT_FALSE(caller->is_over());
  EXPECT_LE(origin.accepted(), 12u);
  EXPECT_EQ(town.service("orders").circuit().snapshot(town.now_ms()).counts.total, asked + 100);
}

TEST(Reload, ATunnelLivesOn) {
  Town town(orders());
  TestOrigin server(town.network, *Address::parse(kAt));
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(
      "GET /chat HTTP/1.1\r\nHost: orders\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: x\r\n\r\n");
  town.run();
  server.last().take_head();
  server.last().send(kSwitch);
  town.run();
  caller.take_head();
  for (int round = 0; round < 10; ++round) {
    town.take(orders(", timeout: {connect: " + std::to_string(round + 1) + "s}"));
    town.pass_ms(60'000);
    caller.send("ping");
    town.run();
    EXPECT_EQ(server.last().take(), "ping");
    server.last().send("pong");
    town.run();
    EXPECT_EQ(caller.take(), "pong");
  }
  caller.close();
  town.run();
}

TEST(Reload, AChangedFilterListHoldsForTheNextRequestOfAnOpenConnection) {
  const auto with = [](const std::string& filters) {
    return listening(filters + "}, {name: all, address: '127.0.0.1:15002'", says(1));
  };
  Town town(with(""));
  town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().field("x-version"), "1");
  town.take(with(", filters: {without: [headers]}"));
  EXPECT_EQ(caller.get().field("x-version"), "");
  EXPECT_EQ(Caller(town, 0, "all").get().field("x-version"), "1");
  town.take(with(""));
  EXPECT_EQ(caller.get().field("x-version"), "1");
}

TEST(Reload, SettingsOfAListenerHoldForTheNextRequestOfAnOpenConnection) {
  Town town(listening(""));
  town.origin(kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().field("via"), "");
  town.take(listening(", via: edge, limits: {target_bytes: 64B}"));
  EXPECT_EQ(caller.get().field("via"), "1.1 edge");
  EXPECT_EQ(caller.get("/" + std::string(64, 'a')).status(), 414);
  town.take(listening(""));
  EXPECT_EQ(Caller(town).get("/" + std::string(64, 'a')).status(), 200);
}

TEST(Reload, WhatAnUnknownHostGetsChanges) {
  Town town("unmatched: refuse\n" + orders());
  town.names.set("other.example", {"10.0.0.9"});
  town.origin("10.0.0.9:80");
  const auto status = [&] {
    Caller caller(town);
    caller.host = "other.example";
    return caller.get().status();
  };
  EXPECT_EQ(status(), 502);
  town.take("unmatched: passthrough\n" + orders());
  EXPECT_EQ(status(), 200);
}

TEST(Reload, AServiceThatComesIsServedAndOneThatGoesEndsItsCalls) {
  const std::string stock = "services: {stock: {endpoints: {static: ['10.0.0.2:80']}}}\n";
  Town town("unmatched: refuse\n" + orders());
  town.origin(kAt).otherwise = after(1'000, answers(200));
  town.origin("10.0.0.2:80");
  Caller running(town), fresh(town), other(town);
  running.begin("GET", "/");
  town.run();
  town.take("unmatched: refuse\n" + stock);
  EXPECT_EQ(fresh.get().status(), 502);
  other.host = "stock";
  EXPECT_EQ(other.get().status(), 200);
  EXPECT_EQ(running.next().status(), 200);
  EXPECT_EQ(town.process.services.find("orders"), nullptr);
  EXPECT_EQ(page(town, kMetrics, "/metrics").find("service=\"orders\""), std::string::npos);
  town.pass_ms(5'000);
  EXPECT_EQ(town.origin(kAt).open_connections(), 0u) << "its connections go with it";
}

TEST(Reload, AServiceThatComesBackIsAnother) {
  Town town(orders());
  town.origin(kAt);
  town.service("orders").circuit().force(upstream::CircuitForce::kForcedOpen, town.now_ms());
  EXPECT_EQ(Caller(town).get().status(), 503);
  town.take("services: {}");
  town.take(orders());
  EXPECT_EQ(Caller(town).get().status(), 200);
}

TEST(Reload, SighupReadsTheFileAgainAndABadOneChangesNothing) {
  Town town(version(1));
  town.origin(kAt);
  Caller caller(town);
  town.write(version(2));
  town.plane->on_signal(SIGHUP);
  town.run();
  EXPECT_EQ(caller.get().field("x-version"), "2");
  EXPECT_NE(page(town, kAdmin, "/api/v1/events").find("\"reload\""), std::string::npos);
  for (const char* bad : {"services: {orders: {endpoint: {}}}", "services: [", "\x01\xff"}) {
    town.write(bad);
    town.plane->on_signal(SIGHUP);
    town.run();
    EXPECT_EQ(caller.get().field("x-version"), "2") << bad;
    EXPECT_EQ(metric(town, "outrigger_config_last_reload_successful"), 0);
  }
  town.write(version(3));
  town.plane->on_signal(SIGHUP);
  town.run();
  EXPECT_EQ(caller.get().field("x-version"), "3");
  EXPECT_EQ(metric(town, "outrigger_config_last_reload_successful"), 1);
}

// ---- none of it

TEST(Reload, ATakenPortInAnOtherwiseGoodFileChangesNothing) {
  Town town(listening("", says(1)));
  town.origin(kAt);
  TestOrigin somebody(town.network, kOther);
  const auto problems = town.reload("unmatched: refuse\nadmin: {address: '127.0.0.1:9911'}\n" +
                                    listening("},\n  {name: free, address: '127.0.0.1:15003'},\n"
                                              "  {name: taken, address: '127.0.0.1:15002'",
                                              says(2)));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(config::to_string(problems[0]),
            "town.yaml:5:3: listeners.taken: cannot listen on 127.0.0.1:15002: Address already in "
            "use");
  EXPECT_EQ(Caller(town).get().field("x-version"), "1");
  EXPECT_TRUE(Caller(town, *Address::parse("127.0.0.1:15003")).failed.has_value());
  EXPECT_TRUE(Caller(town, *Address::parse("127.0.0.1:9911")).failed.has_value());
  EXPECT_EQ(page(town, kAdmin, "/healthz"), "ok\n");
  EXPECT_EQ(metric(town, "outrigger_config_last_reload_successful"), 0);
  somebody.close();
  town.take(listening("}, {name: taken, address: '127.0.0.1:15002'"));
  EXPECT_EQ(Caller(town, kOther).get().status(), 200);
  EXPECT_EQ(metric(town, "outrigger_config_last_reload_successful"), 1);
}

TEST(Reload, EveryMistakeIsSaidAtOnce) {
  Town town(orders());
  TestOrigin one(town.network, kOther);
  TestOrigin two(town.network, *Address::parse("127.0.0.1:9911"));
  const auto problems = town.reload("admin: {address: '127.0.0.1:9911'}\n" +
                                    listening("}, {name: other, address: '127.0.0.1:15002'"));
  EXPECT_EQ(problems.size(), 2u);
}

TEST(Reload, AKeyThatCannotBeReadInAnOtherwiseGoodFileChangesNothing) {
  TlsTown town("unmatched: refuse\n" + version(1));
  town.origin(kAt);
  town.authority.write("bad.key", "no key");
  for (const char* key : {"bad.key", "absent.key"}) {
    const auto problems = town.reload(town.with_paths(
        "unmatched: passthrough\n" +
        listening("}, {name: secure, address: '127.0.0.1:15002', tls: {cert_file: '@/server.pem', "
                  "key_file: '@/" +
                      std::string(key) + "'}",
                  says(2))));
    ASSERT_EQ(problems.size(), 1u) << key;
    EXPECT_NE(problems[0].what.find(key), std::string::npos) << problems[0].what;
    EXPECT_EQ(Caller(town).get().field("x-version"), "1") << key;
    EXPECT_TRUE(Caller(town, kOther).failed.has_value()) << key;
    EXPECT_EQ(town.plane->loaded().config.unmatched, config::Unmatched::kRefuse) << key;
  }
}

TEST(Reload, AnAuthorityThatIsNotThereOrIsNoneChangesNothing) {
  TlsTown town("unmatched: refuse\n" + orders());
  town.origin(kAt);
  town.authority.write("torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
  for (const char* ca : {"absent.pem", "torn.pem", "server.key"}) {
    const auto problems = town.reload(town.with_paths(
        "unmatched: passthrough\n" +
        orders(",\n  headers: {response: {set: {x-version: '2'}}},\n  tls: {ca_file: '@/" +
               std::string(ca) + "'}")));
    ASSERT_EQ(problems.size(), 1u) << ca;
    EXPECT_EQ(problems[0].line, 4) << ca;
    EXPECT_NE(problems[0].what.find(ca), std::string::npos) << problems[0].what;
    EXPECT_EQ(Caller(town).get().field("x-version"), "") << ca;
    EXPECT_EQ(town.plane->loaded().config.unmatched, config::Unmatched::kRefuse) << ca;
  }
}

// ---- the control plane's own

TEST(Reload, TheAdminApiMovesAndAnswersWhereItWas) {
  Town town(orders());
  Caller caller(town, kAdmin);
  caller.host = "localhost";
  EXPECT_EQ(caller.get("/healthz").status(), 200);
  town.take("admin: {address: '127.0.0.1:9911'}\n" + orders());
  town.run();
  EXPECT_TRUE(caller.ended);
  EXPECT_TRUE(Caller(town, kAdmin).failed.has_value());
  EXPECT_EQ(page(town, *Address::parse("127.0.0.1:9911"), "/healthz"), "ok\n");
  town.take("admin: off\nmetrics: off\n" + orders());
  town.run();
  EXPECT_TRUE(Caller(town, *Address::parse("127.0.0.1:9911")).failed.has_value());
  EXPECT_TRUE(Caller(town, kMetrics).failed.has_value());
  town.take(orders());
  EXPECT_EQ(page(town, kAdmin, "/healthz"), "ok\n");
}

TEST(Reload, AStreamOfEventsAtAnAddressThatWasLeftEndsAfterAWhile) {
  Town town(orders());
  Caller caller(town, kAdmin);
  caller.host = "localhost";
  caller.begin("GET", "/api/v1/events", "Accept: text/event-stream\r\n");
  town.run();
  town.take("admin: {address: '127.0.0.1:9911'}\n" + orders());
  town.pass_ms(4'900);
  EXPECT_FALSE(caller.is_over());
  town.pass_ms(200);
  EXPECT_TRUE(caller.is_over());
}

TEST(Reload, HistogramsHaveOtherBuckets) {
  Town town("metrics: {histogram_buckets: [10ms, 1s]}\n" + orders());
  town.origin(kAt);
  Caller caller(town);
  caller.get();
  EXPECT_NE(page(town, kMetrics, "/metrics").find("le=\"0.01\""), std::string::npos);
  town.take("metrics: {histogram_buckets: [20ms, 1s]}\n" + orders());
  caller.get();
  const std::string text = page(town, kMetrics, "/metrics");
  EXPECT_EQ(text.find("le=\"0.01\""), std::string::npos);
  EXPECT_NE(text.find("le=\"0.02\""), std::string::npos);
}

TEST(Reload, TheTermsOfADrainThatHasBegunMayChange) {
  const std::string policy = ", timeout: {request: 60s}";
  Town town("drain: {grace: 60s}\n" + orders(policy));
  town.origin(kAt).otherwise = stalls();
  Caller running(town);
  running.begin("GET", "/");
  town.run();
  town.plane->drain();
  const int64_t began_ms = town.now_ms();
  town.pass_ms(10'000);
  town.take("drain: {grace: 20s}\n" + orders(policy));
  town.pass_ms(15'000);
  ASSERT_TRUE(town.end.has_value());
  EXPECT_EQ(town.end->at_ms - began_ms, 20'000);
}

TEST(Reload, WorkersNeedARestartAndAllElseIsInForce) {
  Town town("workers: 1\nunmatched: refuse\n" + orders());
  town.write("workers: 2\nunmatched: passthrough\n" + orders());
  Caller admin(town, kAdmin);
  admin.host = "localhost";
  const Message answer = admin.ask("POST", "/api/v1/config/reload?reason=more");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_THAT(answer.body,
              HasSubstr("\"changed\":[],\"added\":[],\"removed\":[],\"untouched\":1,"));
  EXPECT_THAT(answer.body, HasSubstr("\"awaits_restart\":[\"workers\"]"));
  EXPECT_EQ(town.plane->loaded().config.unmatched, config::Unmatched::kPassthrough);
  town.write("workers: 1\n" + orders());
  EXPECT_THAT(admin.ask("POST", "/api/v1/config/reload").body, HasSubstr("\"awaits_restart\":[]"));
  town.write("worker: 1\n" + orders());
  EXPECT_EQ(admin.ask("POST", "/api/v1/config/reload").status(), 422);
}

TEST(Reload, AnOverrideHoldsOverAnotherFileUntilItsOwnKeyChanges) {
  Town town(orders(", circuit: {open_for: 5s}"));
  Caller admin(town, kAdmin);
  admin.host = "localhost";
  const auto patch = [&](std::string_view body) {
    return admin.ask("PATCH", "/api/v1/circuits/orders",
                     "Content-Type: application/merge-patch+json\r\n", body);
  };
  EXPECT_EQ(patch(R"({"open_for": "1s"})").status(), 200);
  const auto open_for_ms = [&] {
    return town.service("orders").circuit().snapshot(town.now_ms()).settings->open_for_ms;
  };
  town.take("unmatched: refuse\n" + orders(", circuit: {open_for: 5s}"));
  EXPECT_EQ(open_for_ms(), 1'000);
  town.take(orders(", circuit: {open_for: 7s}"));
  EXPECT_EQ(open_for_ms(), 7'000);
  EXPECT_NE(page(town, kAdmin, "/api/v1/events").find("override_ended"), std::string::npos);
}

// ---- towards the instances

TEST(Reload, ConnectionsThatWereVerifiedByOtherRulesTakeNoNewCall) {
  const auto with = [](std::string_view tls) {
    return "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off, protocol: http1, "
           "tls: {ca_file: '@/ca.pem'" +
           std::string(tls) + "}}}\n";
  };
  TlsTown town(with(""));
  Origin& origin = town.origin_over(town.server({"http/1.1"}), kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  town.take(town.with_paths("unmatched: refuse\n" + with("")));
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
  town.take(town.with_paths(with(", server_name: stock")));
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 2u);
  town.take(town.with_paths(with(", server_name: nobody")));
  EXPECT_EQ(caller.get().status(), 502);
}

// ---- metrics.endpoint_label

TEST(Reload, AttemptsAreCountedByEndpointWhileThatIsOnAndForgottenWithTheEndpoint) {
  const auto config = [](const char* label, const char* list) {
    return "metrics: {endpoint_label: " + std::string(label) + "}\n" +
           "services: {orders: {balance: round_robin, retry: off, endpoints: {static: [" + list +
           "]}}}\n";
  };
  constexpr const char* kBoth = "'10.0.0.1:80', '10.0.0.2:80'";
  Town town(config("off", kBoth));
  Origin& good = town.origin(kAt);
  Origin& bad = town.origin("10.0.0.2:80");
  good.otherwise = answers(200);
  bad.otherwise = answers(503);
  Caller caller(town);
  const auto four_calls = [&] {
    for (int i = 0; i < 4; ++i) caller.get();
  };
  const auto count = [&](const std::string& endpoint, const std::string& outcome) {
    return metric(town, R"(outrigger_endpoint_attempts_total{service="orders",endpoint=")" +
                            endpoint + R"(",outcome=")" + outcome + "\"}");
  };
  four_calls();
  EXPECT_EQ(count("10.0.0.1:80", "success"), -1);
  town.take(config("on", kBoth));
  four_calls();
  EXPECT_EQ(count("10.0.0.1:80", "success"), 2);
  EXPECT_EQ(count("10.0.0.1:80", "failure"), 0);
  EXPECT_EQ(count("10.0.0.2:80", "failure"), 2);
  town.take(config("on", "'10.0.0.1:80'"));
  town.pass_ms(299'000);
  EXPECT_EQ(count("10.0.0.2:80", "failure"), 2);
  town.pass_ms(1'000);
  EXPECT_EQ(count("10.0.0.2:80", "failure"), -1);
  EXPECT_EQ(count("10.0.0.1:80", "success"), 2);
  town.take(config("off", kBoth));
  EXPECT_EQ(count("10.0.0.1:80", "success"), -1);
}

}  // namespace
}  // namespace outrigger::testing
