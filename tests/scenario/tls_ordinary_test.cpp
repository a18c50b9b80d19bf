// What ordinary programs do over TLS, and rely on.
#include <tuple>

#include <gtest/gtest.h>

#include "tests/support/tls_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr std::string_view kTls = "tls: {cert_file: @/server.pem, key_file: @/server.key}";

std::string behind(std::string_view listener = {}, std::string_view policy = {}) {
  return "listeners: [{name: outbound, address: '127.0.0.1:15001', " + std::string(kTls) +
         std::string(listener) +
         "}]\n"
         "services: {orders: {hosts: [orders, stock], endpoints: {static: ['10.0.0.1:80']}" +
         std::string(policy) + "}}";
}

// ---- what is spoken with an endpoint that nobody can ask

// It was we who offered HTTP/2 to the caller.
TEST(TlsOrdinary, ACallOverHttp2ByAlpnGoesToTheServiceAsHttp1) {
  TlsTown town(behind());
  Origin& origin = town.origin(kAt);
  H2Caller caller(town, town.client({"h2", "http/1.1"}));
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(caller.ask("POST", "/", {}, "x").status(), 200);
  EXPECT_EQ(origin.requests.size(), 2u);
}

TEST(TlsOrdinary, AGrpcCallOverTlsGoesToTheServiceAsHttp2) {
  TlsTown town(behind());
  H2Origin origin(town, kAt);
  H2Caller caller(town, town.client({"h2"}));
  caller.ask("POST", "/shop.Stock/Get", {{"content-type", "application/grpc"}, {"te", "trailers"}},
             std::string("\0\0\0\0\0", 5));
  EXPECT_EQ(origin.requests.size(), 1u);
}

TEST(TlsOrdinary, AnEndpointThatSpokeHttp2IsSpokenToInIt) {
  TlsTown town("listeners: [{name: outbound, address: '127.0.0.1:15001', " + std::string(kTls) +
               "}, {name: clear, address: '127.0.0.1:15002'}]\n"
               "services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  H2Origin origin(town, kAt);
  H2Caller plain(town, http::H2Limits{}, "clear");  // by prior knowledge
  EXPECT_EQ(plain.get().status(), 200);
  H2Caller caller(town, town.client({"h2"}));
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.requests.size(), 2u);
}

TEST(TlsOrdinary, AnEndpointThatSpeaksHttp2NoMoreIsFoundOut) {
  TlsTown town("listeners: [{name: outbound, address: '127.0.0.1:15001', " + std::string(kTls) +
               "}, {name: clear, address: '127.0.0.1:15002'}]\n"
               "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, "
               "endpoint_circuit: off}}");
  {
    H2Origin origin(town, kAt);
    H2Caller plain(town, http::H2Limits{}, "clear");
    EXPECT_EQ(plain.get().status(), 200);
  }
  town.run();
  town.origin(kAt).otherwise = closes();
  H2Caller caller(town, town.client({"h2"}));
  EXPECT_EQ(caller.get().status(), 502);
  town.origin(kAt).otherwise = answers(200);
  EXPECT_EQ(caller.get().status(), 200);
}

// ---- whom a request is for

TEST(TlsOrdinary, ADotAtTheEndOfAHostIsNoDifference) {
  TlsTown town(behind());
  town.origin(kAt);
  Caller caller(town, town.client({"http/1.1"}));
  H2Caller h2(town, town.client({"h2"}));
  for (const char* host : {"orders.", "Orders.:443"}) {
    caller.host = host;
    EXPECT_EQ(caller.get().status(), 200) << host;
    h2.host = host;
    EXPECT_EQ(h2.get().status(), 200) << host;
  }
  caller.host = "elsewhere.";
  EXPECT_EQ(caller.get().status(), 421);
}

// Chromium speaks so with `--proxy-server=https://...`: ":scheme http" is of a proxy request.
TEST(TlsOrdinary, AnHttp2ProxyRequestNamesAnotherHostThanItsProxy) {
  TlsTown town(behind());
  Origin& origin = town.origin(kAt);
  H2Caller caller(town, town.client({"h2"}));
  caller.scheme = "http";
  caller.host = "stock";
  EXPECT_EQ(caller.get().status(), 200);
  ASSERT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0].field("host"), "stock");
  caller.scheme = "https";
  EXPECT_EQ(caller.get().status(), 421);
}

TEST(TlsOrdinary, AListenerThatIsNoProxyKnowsNoProxyRequests) {
  TlsTown town(behind(", intercept: authority"));
  town.origin(kAt);
  H2Caller caller(town, town.client({"h2"}));
  caller.scheme = "http";
  caller.host = "stock";
  EXPECT_EQ(caller.get().status(), 421);
  caller.host = "orders";
  EXPECT_EQ(caller.get().status(), 200) << "sloppy, and harmless";
}

// ---- what is no HTTP

TEST(TlsOrdinary, ATcpServiceBehindTlsTakesWhateverProtocolItsCallerWants) {
  const std::vector<std::string> kOffers[] = {
      {"mqtt"}, {"postgresql"}, {"amqp", "mqtt"}, {"h2", "http/1.1"}, {}};
  for (const auto& offer : kOffers) {
    TlsTown town(behind(", service: orders", ", protocol: tcp"));
    TestOrigin server(town.network, *Address::parse(kAt));
    TlsNetwork& tls = town.client(offer);
    TestClient caller(tls, town.address());
    town.run();
    ASSERT_EQ(tls.agreed.size(), 1u);
    EXPECT_EQ(tls.agreed[0].alpn, offer.empty() ? "" : offer[0]);
    ASSERT_FALSE(server.peers.empty());
    caller.send("GET / is no HTTP here");
    town.run();
    EXPECT_EQ(server.last().received, "GET / is no HTTP here");
    server.last().send("answer");
    town.run();
    EXPECT_EQ(caller.received, "answer");
  }
}

// ---- answers that last until the close

// Much of it is still on its way to the caller when the upstream's connection breaks.
std::string slow_caller_of(std::string_view more = {}) {
  return "listeners: [{name: outbound, address: '127.0.0.1:15001'" + std::string(more) +
         "}]\n"
         "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, tls: {ca_file: @/ca.pem}}}";
}

TEST(TlsOrdinary, WhatCameOfAnAnswerWithoutCloseNotifyGoesOnAndThenTheConnectionBreaks) {
  TlsTown town(slow_caller_of());
  const std::string body(300'000, 'x');
  town.origin_over(town.server({"http/1.1"}), kAt).otherwise = [&](Origin::Connection& on) {
    on.send_if_open("HTTP/1.0 200 OK\r\n\r\n" + body);
    on.after(2'000, [&on] { on.reset(); });
  };
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  caller.pause();
  town.pass_ms(10'000);
  EXPECT_FALSE(caller.broken);
  caller.resume();
  const Message answer = caller.next();
  EXPECT_EQ(answer.body.size(), body.size());
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(caller.broken);
  EXPECT_EQ(town.series().downstream_connections.value(), 0);
}

TEST(TlsOrdinary, WhoNeverTakesTheRestOfABrokenAnswerIsLeft) {
  TlsTown town(slow_caller_of(", timeout: {write_stall: 3s}"));
  town.process.answers.set_much(-1);  // memory is short
  town.origin_over(town.server({"http/1.1"}), kAt).otherwise = [&](Origin::Connection& on) {
    on.send_if_open("HTTP/1.0 200 OK\r\n\r\n" + std::string(150'000, 'x'));
    on.after(500, [&on] { on.reset(); });
  };
  Caller caller(town);
  caller.pause();
  caller.begin("GET", "/");
  town.pass_ms(10'000);
  EXPECT_EQ(town.series().downstream_connections.value(), 0);
  caller.resume();
  town.run();
  EXPECT_TRUE(caller.broken);
}

}  // namespace
}  // namespace outrigger::testing
