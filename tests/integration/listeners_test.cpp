#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string orders_at(const Origin& origin) {
  return "services: {orders: {endpoints: {static: [\"" + origin.address() + "\"]}}}\n";
}

bool has_ipv6() { return !run({"sh", "-c", "test -e /proc/net/if_inet6"}).code; }

TEST(Listeners, SeveralAddressesOfEachKindServeTheSame) {
  const Origin origin;
  const TempFolder folder;
  const std::string unix_path = (folder / "s.sock").string();
  const std::string second = has_ipv6() ? "\"[::1]:0\"" : "\"127.0.0.2:0\"";
  const Sidecar sidecar("listeners:\n  - {name: outbound, address: [\"127.0.0.1:0\", " + second +
                        ", \"unix:" + unix_path + "\"]}\n" + orders_at(origin));
  for (size_t n = 0; n < 3; ++n) {
    const Response response = get(sidecar.address("outbound", n), "orders");
    EXPECT_EQ(response.status, 200) << n;
    EXPECT_EQ(response.body, "ok") << n;
  }
  const Finished curl = run({"curl", "-sS", "-i", "--unix-socket", unix_path, "http://orders/a"});
  EXPECT_EQ(curl.code, 0) << curl.err;
  EXPECT_TRUE(curl.out.starts_with("HTTP/1.1 200 ")) << curl.out;
  EXPECT_EQ(origin.hits(), 4U);
}

TEST(Listeners, AServicePortIsThatServiceWhateverTheHostSays) {
  const Origin origin;
  const Sidecar sidecar(
      "listeners: [{name: outbound, address: \"127.0.0.1:0\", service: orders}]\n" +
      orders_at(origin));
  EXPECT_EQ(sidecar.get("anything.example").status, 200);
  EXPECT_EQ(origin.requests().at(0).field("host"), origin.address());
}

TEST(Listeners, CurlUsesItAsAProxy) {
  const Origin origin;
  const Sidecar sidecar(orders_at(origin));
  const Finished curl =
      run({"curl", "-sS", "-x", "http://" + sidecar.address(), "http://orders/path?q=1"});
  EXPECT_EQ(curl.code, 0) << curl.err;
  EXPECT_EQ(curl.out, "ok");
  const Request seen = origin.requests().at(0);
  EXPECT_EQ(seen.line, "GET /path?q=1 HTTP/1.1");
  EXPECT_EQ(seen.field("host"), "orders");
  EXPECT_EQ(seen.field("proxy-connection"), "");
}

TEST(Listeners, AHostIsMatchedWithAnyPortAndInAnyCase) {
  const Origin origin;
  const Sidecar sidecar(
      "services: {orders: {hosts: [orders, \"*.shop.example\"], endpoints: {static: [\"" +
      origin.address() + "\"]}}}\n");
  for (const char* host : {"orders", "ORDERS:8080", "a.shop.example", "b.c.shop.example:1"}) {
    EXPECT_EQ(sidecar.get(host).status, 200) << host;
  }
  EXPECT_EQ(origin.hits(), 4U);
}

TEST(Listeners, AnUnknownHostPassesThroughByAddressAndByName) {
  const Origin origin;
  const Origin elsewhere(Origin::answer("elsewhere"));
  const Sidecar sidecar(orders_at(origin));
  EXPECT_EQ(sidecar.get(elsewhere.address()).body, "elsewhere");
  EXPECT_EQ(sidecar.get("localhost:" + std::to_string(elsewhere.port())).body, "elsewhere");
  EXPECT_EQ(origin.hits(), 0U);
  const Response unmatched = sidecar.admin("GET", "/api/v1/unmatched");
  EXPECT_NE(unmatched.body.find(elsewhere.address()), std::string::npos) << unmatched.body;
}

TEST(Listeners, ANameThatResolvesToLoopbackIsRefusedUnlessItIsLocalhost) {
  const Origin origin;
  const TempFolder folder;
  const auto hosts = folder / "hosts";
  replace_file(hosts, "127.0.0.1 rebound.example\n");
  const Sidecar sidecar("registries: {dns: {hosts_file: " + hosts.string() + "}}\n" +
                        orders_at(origin));
  const Response refused = sidecar.get("rebound.example:" + std::to_string(origin.port()));
  EXPECT_EQ(refused.status / 100, 5);
  EXPECT_EQ(origin.hits(), 0U);
}

TEST(Listeners, AnUnknownHostCanBeRefused) {
  const Origin origin;
  const Sidecar sidecar("unmatched: refuse\n" + orders_at(origin));
  const Response refused = sidecar.get("order");
  EXPECT_EQ(refused.status, 502);
  EXPECT_NE(refused.field("proxy-status").find("destination_not_found"), std::string::npos);
  EXPECT_EQ(sidecar.get(origin.address()).status, 502);
  EXPECT_EQ(origin.hits(), 0U);
  const Response unmatched = sidecar.admin("GET", "/api/v1/unmatched");
  EXPECT_NE(unmatched.body.find("\"nearest\":\"orders\""), std::string::npos) << unmatched.body;
}

TEST(Listeners, OwnAddressesAreALoopOfAnyName) {
  const Origin origin;
  const Sidecar sidecar(orders_at(origin));
  const std::string port = sidecar.address().substr(sidecar.address().rfind(':') + 1);
  const auto mapped = [](const std::string& address) {
    const size_t colon = address.rfind(':');
    return "[::ffff:" + address.substr(0, colon) + "]" + address.substr(colon);
  };
  for (const std::string& host :
       {sidecar.address(), "localhost:" + port, sidecar.admin_address(), sidecar.metrics_address(),
        mapped(sidecar.address()), mapped(sidecar.admin_address()), "0.0.0.0:" + port}) {
    const Response looped = sidecar.get(host);
    EXPECT_EQ(looped.status, 508) << host;
    EXPECT_NE(looped.field("proxy-status").find("proxy_loop_detected"), std::string::npos) << host;
  }
}

TEST(Listeners, AnEndpointThatIsTheSidecarItselfIsALoop) {
  const std::string own = "127.0.0.1:" + std::to_string(free_port());
  const Sidecar sidecar("listeners: [{name: outbound, address: \"" + own +
                        "\"}]\nservices: {orders: {endpoints: {static: [\"" + own + "\"]}}}\n");
  EXPECT_EQ(sidecar.get("orders").status, 508);
}

TEST(Listeners, ConnectOpensATunnel) {
  const Origin origin;
  const Sidecar sidecar(orders_at(origin));
  for (const std::string& to : {origin.address(), std::string("orders:80")}) {
    const Finished tunnelled =
        run({"curl", "-sS", "-p", "-x", "http://" + sidecar.address(), "-o", "/dev/null", "-w",
             "%{http_connect} %{http_code}", "http://" + to + "/"});
    EXPECT_EQ(tunnelled.out, "200 200") << tunnelled.err;
  }
}

TEST(Listeners, ConnectIsRefusedWhereWeAreNoProxy) {
  const Origin origin;
  const Sidecar sidecar(
      "listeners: [{name: outbound, address: \"127.0.0.1:0\", intercept: authority}]\n" +
      orders_at(origin));
  const Response refused =
      call(sidecar.address(),
           "CONNECT " + origin.address() + " HTTP/1.1\r\nHost: " + origin.address() + "\r\n\r\n");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(origin.connections(), 0);
}

TEST(Listeners, WhatEndsAtThisHopDoesNotTravelOn) {
  const Origin origin;
  const Sidecar sidecar(orders_at(origin));
  const Response response =
      sidecar.get("orders", "/",
                  "Connection: X-Mine\r\nUpgrade: websocket\r\nX-Mine: 1\r\n"
                  "Keep-Alive: timeout=5\r\nTE: gzip\r\nProxy-Authorization: Basic eA==\r\n");
  EXPECT_EQ(response.status, 200);
  const Request seen = origin.requests().at(0);
  for (const char* name : {"upgrade", "x-mine", "keep-alive", "te", "proxy-authorization"}) {
    EXPECT_EQ(seen.field(name), "") << name;
  }
}

TEST(Listeners, ATlsGreetingIsAnsweredAndClosed) {
  const Origin origin;
  const Sidecar sidecar(orders_at(origin));
  Client client(sidecar.address());
  client.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15));
  const auto answer = client.wire().read_to_end();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->empty() || answer->starts_with("HTTP/1.1 400 ")) << *answer;
  EXPECT_NE(run({"curl", "-sSk", "https://" + sidecar.address() + "/"}).code, 0);
  EXPECT_EQ(sidecar.get("orders").status, 200);
}

TEST(Listeners, AListenerForProxiesOnlyWantsTheAbsoluteForm) {
  const Origin origin;
  const Sidecar sidecar(
      "listeners: [{name: outbound, address: \"127.0.0.1:0\", intercept: proxy}]\n" +
      orders_at(origin));
  EXPECT_EQ(sidecar.get("orders").status, 400);
  EXPECT_EQ(sidecar.get("orders", "http://orders/").status, 200);
}

TEST(Listeners, WhatIsAmbiguousInFramingIsRefused) {
  const Origin origin;
  const Sidecar sidecar(orders_at(origin));
  const std::vector<std::string> bad = {
      "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: +1\r\n\r\na",
      "GET / HTTP/1.1\nHost: orders\n\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: orders\r\nHost: orders\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: orders\r\n folded\r\n\r\n",
  };
  for (const std::string& bytes : bad)
    EXPECT_EQ(call(sidecar.address(), bytes).status, 400) << bytes;
  EXPECT_EQ(call(sidecar.address(),
                 "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")
                .status,
            501);
  EXPECT_EQ(origin.hits(), 0U);
}

}  // namespace
}  // namespace outrigger::testing
