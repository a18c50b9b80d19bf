#include <atomic>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

class Admin : public ::testing::Test {
 protected:
  static constexpr const char* kCircuit = "/api/v1/circuits/orders";

  const Origin x_origin;
  const Sidecar x_sidecar{"services: {orders: {endpoints: {static: [\"" + x_origin.address() +
                          "\"]}, circuit: {min_requests: 5}}}\n"};

  Response patch(std::string_view body, std::string_view query = "", std::string_view fields = "") {
    return x_sidecar.admin("PATCH", kCircuit + std::string(query), body, fields);
  }
  std::string circuit() { return x_sidecar.admin("GET", kCircuit).body; }
};

TEST_F(Admin, CurlReadsServicesAndTheirEndpoints) {
  const Finished all =
      run({"curl", "-sS", "-f", "http://" + x_sidecar.admin_address() + "/api/v1/services"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_TRUE(has(all.out, "\"name\":\"orders\"")) << all.out;
  const Response one = x_sidecar.admin("GET", "/api/v1/services/orders");
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.field("content-type"), "application/json");
  EXPECT_TRUE(has(one.body, "\"address\":\"" + x_origin.address() + "\"")) << one.body;
  const Response none = x_sidecar.admin("GET", "/api/v1/services/nobody");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.field("content-type"), "application/problem+json");
}

TEST_F(Admin, APatchChangesTheNextCallAndNullTakesItBack) {
  const Response changed =
      patch("{\"failure_rate\":\"30%\",\"open_for\":\"7s\"}", "?reason=incident%2042");
  EXPECT_EQ(changed.status, 200);
  EXPECT_TRUE(has(changed.body, "\"failure_rate\":\"30%\"")) << changed.body;
  const Response overrides = x_sidecar.admin("GET", "/api/v1/overrides");
  EXPECT_TRUE(has(overrides.body, "\"reason\":\"incident 42\"")) << overrides.body;
  EXPECT_TRUE(has(overrides.body, "\"file_value\":\"50%\"")) << overrides.body;
  EXPECT_EQ(x_sidecar.metric("outrigger_overrides", {"service=\"orders\""}), 2);
  EXPECT_EQ(patch("{\"open_for\":null}").status, 200);
  EXPECT_TRUE(has(circuit(), "\"open_for\":\"5s\"")) << circuit();
  EXPECT_TRUE(has(circuit(), "\"failure_rate\":\"30%\"")) << circuit();
  const Response yaml = x_sidecar.admin("GET", "/api/v1/overrides?format=yaml");
  EXPECT_TRUE(has(yaml.body, "failure_rate: \"30%\"")) << yaml.body;
  EXPECT_EQ(x_sidecar.admin("DELETE", "/api/v1/overrides").status, 200);
  EXPECT_TRUE(has(circuit(), "\"overridden\":null")) << circuit();
}

TEST_F(Admin, CurlChangesAnySettingAndTakesAnEndpointOut) {
  const std::string at = "http://" + x_sidecar.admin_address() + "/api/v1/services/orders";
  const Finished changed =
      run({"curl", "-sS", "-f", "-X", "PATCH", "-H", "content-type: application/json", "-d",
           "{\"timeout\":{\"request\":\"3s\"}}", at + "/policy?ttl=10m&reason=slow"});
  EXPECT_EQ(changed.code, 0) << changed.err;
  EXPECT_TRUE(has(changed.out, "\"request\":\"3s\"")) << changed.out;
  const std::string endpoint = at + "/endpoints/" + x_origin.address() + "/state";
  const Finished out =
      run({"curl", "-sS", "-f", "-X", "PUT", "-H", "content-type: application/json", "-d",
           "{\"state\":\"disabled\"}", endpoint});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_EQ(x_sidecar.get("orders").status, 503);
  EXPECT_EQ(x_sidecar.admin("DELETE", "/api/v1/overrides/orders").status, 200);
  EXPECT_EQ(x_sidecar.get("orders").status, 200);
}

// ---- on disk

class KeptOverrides : public ::testing::Test {
 protected:
  // Answered with 200, and on disk by then.
  static void keep(const Sidecar& sidecar, std::string_view method, const std::string& path,
                   std::string_view body) {
    const Response done = sidecar.admin(method, "/api/v1" + path, body);
    EXPECT_EQ(done.status, 200) << path << done.body;
    EXPECT_TRUE(has(done.body, "\"persisted\":true")) << path << done.body;
  }
  static std::string all(const Sidecar& sidecar) {
    return sidecar.admin("GET", "/api/v1/overrides").body;
  }
  static std::string circuit(const Sidecar& sidecar) {
    return sidecar.admin("GET", "/api/v1/circuits/orders").body;
  }

  const TempFolder x_folder;
  const std::string x_yaml = "snapshot: {dir: '" + (x_folder / "state").string() +
                             "'}\nlisteners: [{name: outbound, address: '127.0.0.1:0'}]\n"
                             "services: {orders: {endpoints: {static: ['127.0.0.1:9']}}}\n";
};

TEST_F(KeptOverrides, SurviveTheProcess) {
  {
    const Sidecar sidecar(x_yaml);
    keep(sidecar, "PUT", "/circuits/orders/state?ttl=1h", "{\"state\":\"forced_open\"}");
  }
  const Sidecar sidecar(x_yaml);
  EXPECT_TRUE(has(circuit(sidecar), "\"state\":\"forced_open\"")) << circuit(sidecar);
  EXPECT_TRUE(has(all(sidecar), "\"until\":"));
}

// Who, why, since and until when are the same: what is left of each ttl is what would be left.
TEST_F(KeptOverrides, SurviveAKillEachWithItsTimeAndReason) {
  std::string before;
  {
    Sidecar sidecar(x_yaml);
    keep(sidecar, "PATCH", "/services/orders/policy?ttl=1h&reason=slow",
         "{\"timeout\":{\"request\":\"2s\"}}");
    keep(sidecar, "PATCH", "/circuits/orders?ttl=30m", "{\"open_for\":\"9s\"}");
    keep(sidecar, "PUT", "/circuits/orders/state?ttl=10m", "{\"state\":\"forced_open\"}");
    keep(sidecar, "PUT", "/services/orders/endpoints/127.0.0.1:9/state", "{\"state\":\"drain\"}");
    keep(sidecar, "PUT", "/log?ttl=20m", "{\"level\":\"debug\"}");
    before = all(sidecar);
    sidecar.kill();
  }
  const Sidecar sidecar(x_yaml);
  EXPECT_EQ(all(sidecar), before);
  for (const char* what : {"timeout.request", "circuit.open_for", "\"value\":\"forced_open\"",
                           "endpoint_state", "log.level", "\"until\":", "\"reason\":\"slow\""}) {
    EXPECT_TRUE(has(before, what)) << before;
  }
  EXPECT_TRUE(has(sidecar.get("orders").field("proxy-status"), "circuit_open"));
  EXPECT_TRUE(has(circuit(sidecar), "\"open_for\":\"9s\"")) << circuit(sidecar);
  EXPECT_TRUE(
      has(sidecar.admin("GET", "/api/v1/services/orders/policy").body, "\"request\":\"2s\""));
}

TEST_F(KeptOverrides, NoneThatWasAnsweredIsLostByAKillWhileTheNextIsWritten) {
  int first = 1;
  for (int round = 0; round < 3; ++round) {
    Sidecar sidecar(x_yaml);
    std::atomic<int> kept{0};
    std::thread asks([&] {
      for (int n = first;; ++n) {
        const Response done = sidecar.admin("PATCH", "/api/v1/circuits/orders",
                                            "{\"min_requests\":" + std::to_string(n) + "}");
        if (!done.complete || !has(done.body, "\"persisted\":true")) return;
        kept = n;
      }
    });
    EXPECT_TRUE(eventually([&] { return kept >= first + 5; }));
    sidecar.kill();
    asks.join();
    const Sidecar again(x_yaml);
    const auto is = [&](int n) {
      return has(circuit(again), "\"min_requests\":" + std::to_string(n) + ",");
    };
    EXPECT_TRUE(is(kept) || is(kept + 1)) << kept << circuit(again);
    first = kept + 2;
  }
}

TEST_F(Admin, AStaleETagChangesNothing) {
  const std::string etag = x_sidecar.admin("GET", kCircuit).field("etag");
  ASSERT_FALSE(etag.empty());
  EXPECT_EQ(patch("{\"open_for\":\"6s\"}", "", "If-Match: " + etag + "\r\n").status, 200);
  EXPECT_EQ(patch("{\"open_for\":\"7s\"}", "", "If-Match: " + etag + "\r\n").status, 412);
  EXPECT_TRUE(has(circuit(), "\"open_for\":\"6s\"")) << circuit();
}

TEST_F(Admin, ATtlTakesTheChangeBackByItself) {
  EXPECT_EQ(patch("{\"open_for\":\"6s\"}", "?ttl=200ms").status, 200);
  EXPECT_TRUE(eventually([&] { return has(circuit(), "\"open_for\":\"5s\""); })) << circuit();
  EXPECT_TRUE(has(x_sidecar.admin("GET", "/api/v1/overrides").body, "\"overrides\":[]"));
}

TEST_F(Admin, ADryRunTellsAndChangesNothing) {
  const Response told = patch("{\"min_requests\":1}", "?dry_run=true");
  EXPECT_EQ(told.status, 200);
  EXPECT_TRUE(has(told.body, "\"would_open\":false")) << told.body;
  EXPECT_TRUE(has(circuit(), "\"min_requests\":5"));
}

TEST_F(Admin, AMistakeInAPatchIsNamedAndChangesNothing) {
  const Response refused = patch("{\"failure_rat\":\"30%\",\"open_for\":\"soon\"}");
  EXPECT_EQ(refused.status / 100, 4);
  EXPECT_TRUE(has(refused.body, "failure_rate")) << refused.body;
  EXPECT_TRUE(has(refused.body, "open_for")) << refused.body;
  EXPECT_EQ(patch("{").status / 100, 4);
  EXPECT_EQ(patch("{}", "?reson=x").status, 400);
  EXPECT_TRUE(has(circuit(), "\"overridden\":null")) << circuit();
}

TEST_F(Admin, AForcedCircuitRefusesTheNextCallAndAutoLetsItPass) {
  EXPECT_EQ(x_sidecar.get("orders").status, 200);
  const Response forced = x_sidecar.admin("PUT", std::string(kCircuit) + "/state?reason=drill",
                                          "{\"state\":\"forced_open\"}");
  EXPECT_EQ(forced.status, 200);
  const Response refused = x_sidecar.get("orders");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(has(refused.field("proxy-status"), "circuit_open orders"))
      << refused.field("proxy-status");
  x_sidecar.admin("PUT", std::string(kCircuit) + "/state", "{\"state\":\"auto\"}");
  EXPECT_EQ(x_sidecar.get("orders").status, 200);
  EXPECT_EQ(x_origin.hits(), 2U);
  const std::string events = x_sidecar.admin("GET", "/api/v1/events").body;
  EXPECT_TRUE(has(events, "\"to\":\"forced_open\"")) << events;
  EXPECT_TRUE(has(events, "\"reason\":\"drill\"")) << events;
  EXPECT_TRUE(x_sidecar.logs("\"reason\":\"drill\""));
  EXPECT_EQ(x_sidecar.metric("outrigger_circuit_transitions_total", {"to=\"forced_open\""}), 1);
}

TEST_F(Admin, EventsAreStreamedAndResumed) {
  Process curl({"curl", "-sSN", "-H", "Accept: text/event-stream",
                "http://" + x_sidecar.admin_address() + "/api/v1/events"});
  patch("{\"open_for\":\"6s\"}", "?reason=first");
  EXPECT_TRUE(eventually([&] {
    patch("{\"open_for\":null}");
    patch("{\"open_for\":\"6s\"}", "?reason=streamed");
    return has(curl.out(), "\"reason\":\"streamed\"");
  })) << curl.out()
      << curl.err();
  EXPECT_TRUE(has(curl.out(), "\nid: ") || curl.out().starts_with("id: ")) << curl.out();
  Process resumed({"curl", "-sSN", "-H", "Accept: text/event-stream", "-H", "Last-Event-ID: 0",
                   "http://" + x_sidecar.admin_address() + "/api/v1/events"});
  EXPECT_TRUE(eventually([&] { return has(resumed.out(), "\"reason\":\"first\""); }))
      << resumed.out();
}

TEST_F(Admin, AnotherHostIsRefusedAsIsAnotherOrigin) {
  const std::string head = "GET /api/v1/services HTTP/1.1\r\nHost: ";
  EXPECT_EQ(call(x_sidecar.admin_address(), head + "rebound.example\r\n\r\n").status, 421);
  const Response evil =
      call(x_sidecar.admin_address(), head + "localhost\r\nOrigin: http://evil.example\r\n\r\n");
  EXPECT_EQ(evil.status, 403);
  EXPECT_EQ(evil.field("access-control-allow-origin"), "");
  EXPECT_EQ(call(x_sidecar.admin_address(), head + "127.0.0.1:9\r\n\r\n").status, 200);
}

TEST_F(Admin, AWriteNeedsItsContentTypeAndItsMethod) {
  EXPECT_EQ(patch("{\"open_for\":\"6s\"}", "", "Content-Type: text/plain\r\n").status, 415);
  const Response wrong = x_sidecar.admin("PUT", kCircuit, "{}");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("allow"), "GET, HEAD, PATCH");
  EXPECT_EQ(x_sidecar.admin("GET", "/api/v1/drain").status, 405);
  EXPECT_EQ(patch(std::string(2 << 20, ' ')).status, 413);
  EXPECT_TRUE(has(circuit(), "\"overridden\":null"));
}

TEST_F(Admin, TheMetricsListenerOnlyReads) {
  const std::string metrics = x_sidecar.metrics_address();
  for (const char* path : {"/metrics", "/healthz", "/startupz", "/readyz"}) {
    EXPECT_EQ(get(metrics, "10.1.2.3:9902", path).status, 200) << path;
  }
  EXPECT_EQ(get(metrics, "localhost", "/api/v1/services").status, 404);
  EXPECT_EQ(get(metrics, "localhost", "/openapi.yaml").status, 404);
  EXPECT_EQ(call(metrics,
                 "POST /api/v1/drain HTTP/1.1\r\nHost: localhost\r\n"
                 "Content-Length: 0\r\n\r\n")
                .status,
            404);
}

TEST(AdminAccess, TokensAndRolesDecide) {
  const TempFolder folder;
  replace_file(folder / "viewer", "see-me-only\n");
  replace_file(folder / "operator", "change-me-too\n");
  const Sidecar sidecar(
      "admin: {address: \"127.0.0.1:0\", tokens: [{name: watch, role: viewer, file: " +
          (folder / "viewer").string() +
          "}, {name: oncall, role: operator, file: " + (folder / "operator").string() +
          "}]}\nmetrics: off\nservices: {orders: {endpoints: {static: [\"127.0.0.1:1\"]}}}\n",
      {.own_admin = true});
  const auto with = [](std::string token) { return "Authorization: Bearer " + token + "\r\n"; };
  const std::string path = "/api/v1/circuits/orders";
  EXPECT_EQ(sidecar.admin("GET", path).status, 401);
  EXPECT_EQ(sidecar.admin("GET", path, "", with("see-me")).status, 401);
  EXPECT_EQ(sidecar.admin("GET", path, "", with("see-me-only")).status, 200);
  const std::string body = "{\"open_for\":\"6s\"}";
  EXPECT_EQ(sidecar.admin("PATCH", path, body, with("see-me-only")).status, 403);
  EXPECT_EQ(sidecar.admin("PATCH", path, body).status, 401);
  EXPECT_EQ(sidecar.admin("PATCH", path, body, with("change-me-too")).status, 200);
  EXPECT_TRUE(has(sidecar.admin("GET", "/api/v1/overrides", "", with("see-me-only")).body,
                  "\"actor\":\"oncall\""));
  EXPECT_EQ(sidecar.admin("GET", "/healthz").status, 200);
  replace_file(folder / "viewer", "rotated\n");
  EXPECT_TRUE(
      eventually([&] { return sidecar.admin("GET", path, "", with("rotated")).status == 200; }));
  EXPECT_EQ(sidecar.admin("GET", path, "", with("see-me-only")).status, 401);
  EXPECT_FALSE(has(sidecar.log(), "change-me-too"));
}

TEST(AdminAccess, ItServesOnAUnixSocket) {
  const TempFolder folder;
  const std::string path = (folder / "admin.sock").string();
  const Sidecar sidecar("admin: {address: \"unix:" + path +
                            "\"}\nmetrics: off\nservices: {orders: {endpoints: "
                            "{static: [\"127.0.0.1:1\"]}}}\n",
                        {.own_admin = true});
  const Finished curl =
      run({"curl", "-sS", "-f", "--unix-socket", path, "http://localhost/api/v1/circuits"});
  EXPECT_EQ(curl.code, 0) << curl.err;
  EXPECT_TRUE(has(curl.out, "\"service\":\"orders\"")) << curl.out;
  // Who may not write to it may not connect.
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path).permissions() & perms::others_write, perms::none);
}

TEST(AdminAccess, SecretsAreRedactedInTheConfiguration) {
  const TempFolder folder;
  replace_file(folder / "token", "do-not-tell\n");
  const Sidecar sidecar(
      "services: {orders: {endpoints: {static: [\"127.0.0.1:1\"]}, headers: {request: {set: "
      "{authorization: {file: " +
      (folder / "token").string() + ", prefix: \"Bearer \"}, x-api-key: \"plain-secret\"}}}}}\n");
  const Response config = sidecar.admin("GET", "/api/v1/config");
  EXPECT_EQ(config.status, 200);
  EXPECT_TRUE(has(config.body, "orders:")) << config.body;
  EXPECT_FALSE(has(config.body, "do-not-tell")) << config.body;
  EXPECT_FALSE(has(config.body, "plain-secret")) << config.body;
}

TEST(AdminAccess, TheCacheOfAServiceIsEmptied) {
  const Origin origin([n = std::make_shared<std::atomic<int>>(0)](const Request&, Wire& wire) {
    if ((*n)++ == 0) return wire.send(Origin::response("kept"));
    return wire.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  });
  const Sidecar sidecar("services: {orders: {endpoints: {static: [\"" + origin.address() +
                        "\"]}, fallback: [{on: [5xx], stale: {max_age: 10m}}]}}\n");
  EXPECT_EQ(sidecar.get("orders").body, "kept");
  const Response stale = sidecar.get("orders");
  EXPECT_EQ(stale.body, "kept");
  EXPECT_NE(stale.field("cache-status"), "");
  EXPECT_TRUE(has(sidecar.admin("DELETE", "/api/v1/cache/orders").body, "\"removed\":1"));
  EXPECT_EQ(sidecar.get("orders").status, 503);
}

TEST(AdminAccess, ADrainBeginsByRequest) {
  Sidecar sidecar(
      "drain: {grace: 10s, quiet: 100ms}\nservices: {orders: {endpoints: {static: "
      "[\"127.0.0.1:1\"]}}}\n");
  EXPECT_EQ(sidecar.admin("GET", "/readyz").status, 200);
  EXPECT_EQ(sidecar.admin("POST", "/api/v1/drain").status, 202);
  EXPECT_EQ(sidecar.process().wait(), 0);
}

}  // namespace
}  // namespace outrigger::testing
