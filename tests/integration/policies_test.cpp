#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string service(const std::string& name, const std::string& address, const std::string& more) {
  return "  " + name + ": {endpoints: {static: [\"" + address + "\"]}" + more + "}\n";
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Policies, ADeadInstanceIsLeftForALivingOne) {
  const Origin origin;
  const Sidecar sidecar("services: {orders: {endpoints: {static: [\"127.0.0.1:1\", \"" +
                        origin.address() + "\"]}}}\n");
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(
        call(sidecar.address(), "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 2\r\n\r\nhi")
            .status,
        200);
  }
  EXPECT_EQ(origin.hits(), 30U);
}

TEST(Policies, ARetryGoesAgainOnAFailureThatMayBeRepeated) {
  std::atomic<int> calls{0};
  const Origin origin([&](const Request&, Wire& wire) {
    if (++calls % 2 == 1) {
      return wire.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    }
    return wire.send(Origin::response("ok"));
  });
  const Sidecar sidecar("services:\n" + service("orders", origin.address(),
                                                ", retry: {attempts: 2, backoff: {base: 1ms}}"));
  const Response put =
      call(sidecar.address(), "PUT / HTTP/1.1\r\nHost: orders\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(origin.requests().at(1).body, "hi");
  const Response post =
      call(sidecar.address(), "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(post.status, 503);
  EXPECT_EQ(origin.hits(), 3U);
  EXPECT_EQ(sidecar.metric("outrigger_retries_total", {"service=\"orders\""}), 1);
}

TEST(Policies, ACallThatTakesTooLongIsA504InTime) {
  std::atomic<bool> over{false};
  const Origin origin([&](const Request&, Wire& wire) {
    eventually([&] { return over.load(); });
    return wire.send(Origin::response("late"));
  });
  const Sidecar sidecar("services:\n" +
                        service("orders", origin.address(), ", timeout: {request: 200ms}"));
  const int64_t began_ms = ticks_ms();
  const Response response = sidecar.get("orders");
  const int64_t took_ms = ticks_ms() - began_ms;
  over = true;
  EXPECT_EQ(response.status, 504);
  EXPECT_TRUE(has(response.field("proxy-status"), "http_response_timeout"));
  EXPECT_GE(took_ms, 199);
  EXPECT_LT(took_ms, 2'000);
}

// Calls that are held until all have come, over two workers: the limit is exact for the process.
TEST(Policies, TheOutstandingLimitIsExactOverAllWorkers) {
  std::atomic<bool> over{false};
  const Origin origin([&](const Request&, Wire& wire) {
    eventually([&] { return over.load(); });
    return wire.send(Origin::response("ok"));
  });
  const Sidecar sidecar(
      "workers: 2\nservices:\n" +
      service("orders", origin.address(), ", limits: {outstanding: 5, queue: 3, queue_wait: 10s}"));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(sidecar.address()));
    clients.back()->send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  }
  EXPECT_TRUE(eventually(
      [&] { return sidecar.metric("outrigger_replies_total", {"service=\"orders\""}) == 12; }));
  EXPECT_EQ(sidecar.metric("outrigger_outstanding"), 5);
  EXPECT_EQ(sidecar.metric("outrigger_queued"), 3);
  EXPECT_EQ(origin.hits(), 5U);
  over = true;
  int good = 0;
  for (const auto& client : clients) {
    const Response response = client->receive();
    good += response.status == 200 ? 1 : 0;
    if (response.status != 200) {
      EXPECT_EQ(response.status, 503);
      EXPECT_TRUE(has(response.field("proxy-status"), "connection_limit_reached"));
    }
  }
  EXPECT_EQ(good, 8);
  EXPECT_EQ(sidecar.metric("outrigger_outstanding"), 0);
  EXPECT_EQ(sidecar.metric("outrigger_queued"), 0);
}

// Ten thousand calls through a limit of two with a queue: no permit is lost between the workers.
TEST(Policies, NoPermitIsLostUnderContention) {
  const Origin origin;
  const Sidecar sidecar("workers: 2\nservices:\n" +
                        service("orders", origin.address(),
                                ", limits: {outstanding: 2, queue: 100, queue_wait: 30s}"));
  std::atomic<int> lost{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      Client client(sidecar.address());
      for (int n = 0; n < 300; ++n) {
        if (client.get("orders").status != 200) ++lost;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(sidecar.metric("outrigger_outstanding"), 0);
  EXPECT_EQ(sidecar.metric("outrigger_queued"), 0);
}

TEST(Policies, ACircuitOpensRefusesAndComesBack) {
  std::atomic<bool> ill{true};
  const Origin origin([&](const Request&, Wire& wire) {
    if (ill) return wire.send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    return wire.send(Origin::response("ok"));
  });
  const Sidecar sidecar(
      "workers: 2\nservices:\n" +
      service("orders", origin.address(),
              ", circuit: {min_requests: 10, open_for: 300ms, ramp: {steps: [50%], each: 100ms}}, "
              "endpoint_circuit: off"));
  EXPECT_TRUE(eventually([&] { return sidecar.get("orders").status == 503; }));
  const Response refused = sidecar.get("orders");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("retry-after"), "1");
  EXPECT_TRUE(has(refused.field("proxy-status"), "circuit_open orders"));
  EXPECT_GE(origin.hits(), 10U);
  EXPECT_LE(origin.hits(), 12U);
  EXPECT_TRUE(sidecar.logs("\"to\":\"open\""));
  ill = false;
  EXPECT_TRUE(eventually([&] {
    sidecar.get("orders");
    return sidecar.metric("outrigger_circuit_state", {"state=\"closed\""}) == 1;
  }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(sidecar.get("orders").status, 200);
  const std::string events = sidecar.admin("GET", "/api/v1/events").body;
  for (const char* to : {"open", "half_open", "ramping", "closed"}) {
    EXPECT_TRUE(has(events, "\"to\":\"" + std::string(to) + "\"")) << to << events;
  }
}

TEST(Policies, AFallbackAnswersForAServiceThatCannot) {
  const Origin spare(Origin::answer("spare"));
  const Sidecar sidecar(
      "services:\n" + service("replica", spare.address(), "") +
      service("alternate", "127.0.0.1:1", ", fallback: [{on: [any], service: replica}]") +
      service("fixed", "127.0.0.1:1",
              ", fallback: [{on: [connect], respond: {status: 200, headers: {content-type: "
              "application/json}, body: \"[]\"}}]") +
      service("omitted", "127.0.0.1:1", ", fallback: [{on: [any], omit: no_content}]"));
  const Response alternate = sidecar.get("alternate");
  EXPECT_EQ(alternate.body, "spare");
  EXPECT_TRUE(has(alternate.field("proxy-status"), "outrigger"));
  const Response fixed = sidecar.get("fixed");
  EXPECT_EQ(fixed.status, 200);
  EXPECT_EQ(fixed.body, "[]");
  EXPECT_EQ(fixed.field("content-type"), "application/json");
  EXPECT_EQ(sidecar.get("omitted").status, 204);
  EXPECT_EQ(
      call(sidecar.address(), "POST / HTTP/1.1\r\nHost: fixed\r\nContent-Length: 0\r\n\r\n").status,
      502);
  EXPECT_EQ(sidecar.metric("outrigger_fallbacks_total"), 3);
}

// Settings that change all the time under load, over two workers.
TEST(Policies, ChangesWhileCallsRunLoseNone) {
  const Origin origin;
  const Sidecar sidecar("workers: 2\nservices:\n" + service("orders", origin.address(), ""));
  std::atomic<bool> over{false};
  std::atomic<int> sent{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      Client client(sidecar.address());
      for (; !over; ++sent) {
        if (client.get("orders").status != 200) ++lost;
      }
    });
  }
  for (int i = 0; i < 60; ++i) {
    const Response changed = sidecar.admin("PATCH", "/api/v1/circuits/orders",
                                           "{\"open_for\":\"" + std::to_string(1 + i) + "s\"}");
    EXPECT_TRUE(changed.status == 200 || changed.status == 202) << changed.status;
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(lost, 0);
  EXPECT_GT(sent, 100);
  EXPECT_EQ(origin.hits(), static_cast<size_t>(sent));
}

TEST(Policies, RoutesHaveTheirOwnPoliciesAndHeaders) {
  const Origin origin;
  const Sidecar sidecar(
      "services:\n" +
      service("orders", origin.address(),
              ", headers: {request: {set: {x-from: billing}, remove: [x-secret]}, response: {add: "
              "{x-via: sidecar}}}, routes: [{name: reads, match: {path: /v2/*, method: [GET]}, "
              "limits: {outstanding: 7}}]"));
  const Response response = sidecar.get("orders", "/v2/a", "X-Secret: s\r\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("x-via"), "sidecar");
  const Request seen = origin.requests().at(0);
  EXPECT_EQ(seen.field("x-from"), "billing");
  EXPECT_EQ(seen.field("x-secret"), "");
  EXPECT_EQ(sidecar.metric("outrigger_requests_total", {"route=\"reads\""}), 1);
  EXPECT_EQ(sidecar.metric("outrigger_outstanding_limit", {"route=\"reads\""}), 7);
}

}  // namespace
}  // namespace outrigger::testing
