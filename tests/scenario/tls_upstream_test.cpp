// TLS towards endpoints, wired into a whole worker: what an endpoint is found to speak, by whom,
// and what becomes of those who wait for it.
#include <gtest/gtest.h>

#include "tests/support/tls_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:443";
constexpr const char* kOther = "10.0.0.2:443";
constexpr std::string_view kUpgrade =
    "GET /chat HTTP/1.1\r\nHost: orders\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: x\r\n\r\n";
const std::vector<std::string> kH1{"http/1.1"};
const std::vector<std::string> kH2{"h2"};
const std::vector<std::string> kBoth{"h2", "http/1.1"};

std::string orders(std::string_view policy = {}, std::string_view tls = {}) {
  return "services: {orders: {hosts: [orders, stock, nobody], "
         "endpoints: {static: ['10.0.0.1:443']}, tls: {ca_file: @/ca.pem" +
         std::string(tls) + "}" + std::string(policy) + "}}";
}
const upstream::EndpointConnections& open_to(TlsTown& town) {
  return *town.service("orders").endpoints()->entries.at(0).endpoint->connections();
}

TEST(TlsUpstream, AnEndpointIsSpokenToAsItAgrees) {
  for (const auto& alpn : {kH1, std::vector<std::string>{}}) {
    TlsTown town(orders());
    Origin& origin = town.origin_over(town.server(alpn), kAt);
    EXPECT_EQ(Caller(town).get("/1").status(), 200);
    EXPECT_EQ(Caller(town).get("/2").status(), 200);
    EXPECT_EQ(origin.accepted(), 1u) << "the first connection is the pool's";
    EXPECT_EQ(open_to(town).agreed.load(), upstream::Agreed::kHttp1);
    EXPECT_EQ(open_to(town).http1.load(), 1);
    EXPECT_EQ(open_to(town).http2.load(), 0);
  }
  for (const auto& alpn : {kH2, kBoth}) {
    TlsTown town(orders());
    H2Origin origin(town, town.server(alpn), kAt);
    EXPECT_EQ(Caller(town).get("/1").status(), 200);
    EXPECT_EQ(Caller(town).get("/2").status(), 200);
    EXPECT_EQ(origin.accepted(), 1u);
    EXPECT_EQ(open_to(town).agreed.load(), upstream::Agreed::kHttp2);
    EXPECT_EQ(open_to(town).http2.load(), 1);
    EXPECT_EQ(town.series().upstream_http2.value(), 1);
  }
}

TEST(TlsUpstream, AProtocolThatIsSaidIsAllThatIsOffered) {
  {
    TlsTown town(orders(", protocol: http1"));
    Origin& origin = town.origin_over(town.server(kBoth), kAt);
    EXPECT_EQ(Caller(town).get().status(), 200);
    EXPECT_EQ(origin.requests.size(), 1u);
  }
  TlsTown town(orders(", protocol: http2"));
  H2Origin origin(town, town.server(kBoth), kAt);
  EXPECT_EQ(Caller(town).get().status(), 200);
  EXPECT_EQ(origin.requests.size(), 1u);
}

// Also of an endpoint that is known to speak HTTP/2, few of which know tunnels over it.
TEST(TlsUpstream, AnUpgradeIsOfHttp1WhateverElseIsOffered) {
  TlsTown town(orders());
  TlsNetwork& tls = town.server(kBoth);
  TestOrigin server(tls, *Address::parse(kAt));
  for (const bool known : {false, true}) {
    TestClient caller(town.network, town.address());
    town.run();
    caller.send(kUpgrade);
    town.run();
    EXPECT_EQ(tls.agreed.back().alpn, "http/1.1") << known;
    EXPECT_TRUE(server.last().take_head().starts_with("GET /chat HTTP/1.1\r\n")) << known;
    server.last().send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi");
    town.run();
    EXPECT_TRUE(caller.take_head().starts_with("HTTP/1.1 101 ")) << known;
    EXPECT_EQ(caller.take(), "hi") << known;
    Caller other(town);
    other.begin("GET", "/");
    town.run();
    EXPECT_EQ(open_to(town).agreed.load(), upstream::Agreed::kHttp2);
  }
}

TEST(TlsUpstream, AnUpgradeIsOfHttp2WhereNothingElseIsOffered) {
  TlsTown town(orders({}, ", alpn: [h2]"));
  TlsNetwork& tls = town.server(kBoth);
  TestOrigin server(tls, *Address::parse(kAt));
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(kUpgrade);
  town.run();
  EXPECT_EQ(tls.agreed.back().alpn, "h2");
  EXPECT_TRUE(server.last().received.starts_with("PRI * HTTP/2.0\r\n"));
}

TEST(TlsUpstream, Http2IsNotSpokenToWhoDoesNotAgree) {
  TlsTown town(orders(", protocol: http2, retry: off"));
  Origin& origin = town.origin_over(town.server(std::vector<std::string>{}), kAt);
  const Message answer = Caller(town).get();
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("tls_protocol_error"), std::string::npos);
  town.run();
  EXPECT_EQ(origin.bytes_received, 0u);
  EXPECT_EQ(town.series().upstream_connections.value(), 0);
}

TEST(TlsUpstream, CallsThatComeBeforeItIsKnownWaitForOneHandshake) {
  TlsTown town(orders());
  town.network.at(*Address::parse(kAt)).connect_ms = 20;
  H2Origin origin(town, town.server(kBoth), kAt);
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 20; ++i) {
    callers.push_back(std::make_unique<Caller>(town));
    callers.back()->begin("GET", "/");
  }
  for (auto& caller : callers) EXPECT_EQ(caller->next().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
  EXPECT_EQ(origin.requests.size(), 20u);
}

TEST(TlsUpstream, CallsThatWaitedEachGetAConnectionOfHttp1) {
  TlsTown town(orders());
  town.network.at(*Address::parse(kAt)).connect_ms = 20;
  Origin& origin = town.origin_over(town.server(kH1), kAt);
  origin.otherwise = after(10, answers(200));
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < 5; ++i) {
    callers.push_back(std::make_unique<Caller>(town));
    callers.back()->begin("GET", "/");
  }
  for (auto& caller : callers) EXPECT_EQ(caller->next().status(), 200);
  EXPECT_EQ(origin.accepted(), 5u);
}

TEST(TlsUpstream, ACallerThatLeavesFirstDoesNotTakeTheHandshakeWithIt) {
  TlsTown town(orders());
  town.network.at(*Address::parse(kAt)).connect_ms = 20;
  Origin& origin = town.origin_over(town.server(kH1), kAt);
  Caller stays(town);
  {
    Caller leaves(town);
    leaves.begin("GET", "/leaves");
    town.run();
    stays.begin("GET", "/stays");
    town.run();
  }
  EXPECT_EQ(stays.next().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
  EXPECT_EQ(origin.requests.size(), 1u);
}

TEST(TlsUpstream, NobodyDialsForNobody) {
  TlsTown town(orders());
  TestOrigin mute(town.network, *Address::parse(kAt));
  {
    Caller leaves(town);
    leaves.begin("GET", "/");
    town.run();
    ASSERT_EQ(mute.peers.size(), 1u);
    EXPECT_FALSE(mute.last().ended);
  }
  town.run();
  EXPECT_TRUE(mute.last().ended || mute.last().broken);
  EXPECT_EQ(town.service("orders").endpoints()->entries[0].endpoint->outstanding(), 0);
}

TEST(TlsUpstream, AHandshakeThatHangsIsAConnectTimeout) {
  for (const char* protocol : {"auto", "http1", "http2"}) {
    TlsTown town(
        orders(", retry: off, timeout: {connect: 300ms}, protocol: " + std::string(protocol)));
    TestOrigin mute(town.network, *Address::parse(kAt));
    Caller caller(town);
    const int64_t begun_ms = town.now_ms();
    const Message answer = caller.get();
    EXPECT_EQ(answer.status(), 504) << protocol;
    EXPECT_NE(answer.field("proxy-status").find("connection_timeout"), std::string::npos);
    EXPECT_EQ(town.now_ms() - begun_ms, 300) << protocol;
    town.run();
    EXPECT_EQ(mute.peers.size(), 1u) << protocol;
    EXPECT_TRUE(mute.last().ended || mute.last().broken) << protocol;
  }
}

TEST(TlsUpstream, WhoComesWhileAHandshakeHangsGetsANewOneInTime) {
  TlsTown town(orders(", retry: off, timeout: {connect: 1s}"));
  Address at = *Address::parse(kAt);
  town.network.at(at).fate = AddressOptions::Fate::kBlackhole;
  H2Origin origin(town, town.server(kBoth), kAt);
  Caller first(town);
  first.begin("GET", "/first");
  town.pass_ms(600);
  town.network.at(at).fate = AddressOptions::Fate::kAccept;
  Caller second(town);
  second.begin("GET", "/second");
  EXPECT_EQ(first.next().status(), 504);
  EXPECT_EQ(second.next().status(), 200);
}

TEST(TlsUpstream, AnEndpointThatDiesWithinTheHandshakeIsDialledOnceForEachAttempt) {
  for (const char* protocol : {"auto", "http1", "http2"}) {
    TlsTown town(orders(", retry: {unsent: 2}, protocol: " + std::string(protocol)));
    struct Dying final : TestOrigin {
      using TestOrigin::TestOrigin;
      void on_accepted(io::StreamPtr stream) override {
        TestOrigin::on_accepted(std::move(stream));
        last().abort();
      }
    } dying(town.network, *Address::parse(kAt));
    const Message answer = Caller(town).post("/", "pay");
    EXPECT_EQ(answer.status(), 502) << protocol;
    EXPECT_NE(answer.field("proxy-status").find("tls_protocol_error"), std::string::npos);
    EXPECT_EQ(dying.peers.size(), 3u) << protocol;
  }
}

TEST(TlsUpstream, AFirstHandshakeThatFailsSaysNothingOfWhatIsSpoken) {
  TlsTown town(orders(", retry: {unsent: 1}"));
  TlsNetwork& tls = town.server(kBoth);
  Caller caller(town);
  {
    TestOrigin passing(town.network, *Address::parse(kAt));
    caller.begin("GET", "/");
    town.run();
    ASSERT_EQ(passing.peers.size(), 1u);
    passing.close();
    passing.last().abort();
    // What comes next is the true one.
  }
  H2Origin origin(town, tls, kAt);
  EXPECT_EQ(caller.next().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
  EXPECT_EQ(town.network.connects(), 3u) << "the caller's, the one that failed, and the good one";
}

TEST(TlsUpstream, AnEndpointMaySpeakSomethingElseLater) {
  TlsTown town(orders());
  TlsNetwork& h1 = town.server(kH1);
  TlsNetwork& h2 = town.server(kH2);
  Caller caller(town);
  {
    Origin& before = town.origin_over(h1, kAt);
    EXPECT_EQ(caller.get().status(), 200);
    before.last().close_cleanly();
    town.run();
    town.origins.clear();
  }
  {
    H2Origin after(town, h2, kAt);
    EXPECT_EQ(caller.get().status(), 200);
    EXPECT_EQ(open_to(town).agreed.load(), upstream::Agreed::kHttp2);
    after.last().close_cleanly();
    town.run();
  }
  town.origin_over(h1, kAt);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(open_to(town).agreed.load(), upstream::Agreed::kHttp1);
}

TEST(TlsUpstream, AnEndpointThatLeftTheListWithinTheHandshakeLeavesNothing) {
  TlsTown town(orders(", retry: off, timeout: {connect: 300ms}"));
  TestOrigin mute(town.network, *Address::parse(kAt));
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  town.set_endpoints("orders", {kOther});
  town.set_endpoints("orders", {});
  EXPECT_EQ(caller.next().status(), 504);
  town.set_endpoints("orders", {kOther});
  town.run();
  EXPECT_TRUE(mute.last().ended || mute.last().broken);
}

}  // namespace
}  // namespace outrigger::testing
