// Tunnels that are asked for in HTTP/1.1: CONNECT and Upgrade.
#include "tests/support/asked_tunnel.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kAsk =
    "GET /chat HTTP/1.1\r\nHost: orders\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: x\r\n\r\n";

struct Upgrade : Asked {};

TEST_F(Upgrade, IsPassedOnAndBecomesATunnel) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(kAsk);
  town.run();
  const std::string asked = head();
  EXPECT_NE(asked.find("Upgrade: websocket\r\n"), std::string::npos) << asked;
  EXPECT_NE(asked.find("Connection: Upgrade\r\n"), std::string::npos) << asked;
  server.last().send(std::string(kSwitch) + "first");
  town.run();
  const std::string answered = caller.take_head();
  EXPECT_TRUE(answered.starts_with("HTTP/1.1 101 ")) << answered;
  EXPECT_NE(answered.find("Upgrade: websocket\r\n"), std::string::npos) << answered;
  EXPECT_NE(answered.find("Sec-WebSocket-Accept: y\r\n"), std::string::npos) << answered;
  EXPECT_EQ(caller.take(), "first");
  caller.send("GET / HTTP/1.1\r\n\r\n");
  town.run();
  EXPECT_EQ(server.last().take(), "GET / HTTP/1.1\r\n\r\n");
  server.last().send("HTTP/1.1 200");
  server.last().finish();
  town.run();
  EXPECT_EQ(caller.take(), "HTTP/1.1 200");
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(server.last().ended);
  caller.finish();
  town.run();
  EXPECT_TRUE(server.last().ended);
}

TEST_F(Upgrade, BytesAreHeldBackUntilThe101Abuse64) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(std::string(kAsk) + "too early");
  town.pass_ms(1000);
  head();
  EXPECT_EQ(server.last().received, "");
  server.last().send(kSwitch);
  town.run();
  EXPECT_EQ(server.last().take(), "too early");
}

TEST_F(Upgrade, OneThatIsRefusedIsAnAnswerAndTheEndAbuse65) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(std::string(kAsk) + "GET /smuggled HTTP/1.1\r\nHost: orders\r\n\r\n");
  town.run();
  head();
  server.last().send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
  town.run();
  EXPECT_TRUE(caller.take().ends_with("\r\n\r\nno"));
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(server.last().received, "");
  EXPECT_TRUE(server.last().ended || server.last().broken);
}

TEST_F(Upgrade, WhatWasNotAskedForIs502Abuse66) {
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  server.last().send(kSwitch);
  EXPECT_EQ(caller.next().status(), 502);
}

TEST_F(Upgrade, AnotherProtocolThanAskedIs502) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(kAsk);
  town.run();
  server.last().send("HTTP/1.1 101 X\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n");
  town.run();
  EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 502 "));
}

TEST_F(Upgrade, ItsConnectionNeverServesAnotherCallAbuse67) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(kAsk);
  town.run();
  head();
  server.last().send(kSwitch);
  town.run();
  caller.finish();
  server.last().finish();
  town.run();
  EXPECT_TRUE(caller.ended);
  Caller next(town);
  next.begin("GET", "/");
  town.run();
  EXPECT_EQ(server.peers.size(), 2u);
  server.last().send("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(next.next().status(), 204);
}

TEST_F(Upgrade, IsIdleForStreamIdleAndEnds) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(kAsk);
  town.run();
  head();
  server.last().send(kSwitch);
  town.pass_ms(3'599'000);
  caller.send("alive");
  town.pass_ms(3'599'000);
  EXPECT_FALSE(caller.broken);
  town.pass_ms(2'000);
  EXPECT_TRUE(caller.broken);
  EXPECT_TRUE(server.last().broken);
}

// Saying `close` it may, as with any last request.
TEST_F(Upgrade, ACallerMayHaveSaidItAllBeforeTheAnswer) {
  TestClient caller(town.network, town.address());
  town.run();
  std::string asks(kAsk);
  asks.replace(asks.find("Connection: Upgrade"), 19, "Connection: Upgrade, close");
  caller.send(asks + "all I say");
  caller.finish();
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
  head();
  EXPECT_FALSE(server.last().ended);
  server.last().send(kSwitch);
  town.run();
  EXPECT_EQ(server.last().take(), "all I say");
  EXPECT_TRUE(server.last().ended);
  server.last().send("fine");
  server.last().finish();
  town.run();
  EXPECT_TRUE(caller.take().ends_with("\r\n\r\nfine"));
  EXPECT_TRUE(caller.ended);
}

TEST_F(Upgrade, ACallerThatLeavesBeforeTheAnswerEndsTheAttempt) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(kAsk);
  town.run();
  caller.finish();
  town.run();
  EXPECT_TRUE(server.last().ended || server.last().broken);
}

TEST_F(Upgrade, AResetPassesInEitherDirection) {
  for (const bool by_server : {true, false}) {
    TestClient caller(town.network, town.address());
    town.run();
    caller.send(kAsk);
    town.run();
    server.last().send(kSwitch);
    town.run();
    TestPeer& one = by_server ? server.last() : static_cast<TestPeer&>(caller);
    TestPeer& other = by_server ? static_cast<TestPeer&>(caller) : server.last();
    one.abort();
    town.run();
    EXPECT_TRUE(other.broken) << by_server;
  }
}

struct Connect : Asked {};

constexpr std::string_view kConnect = "CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\n\r\n";

TEST_F(Connect, OpensATunnelToAnEndpointOfTheService) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(std::string(kConnect) + "early");
  town.run();
  EXPECT_EQ(caller.take(), "HTTP/1.1 200 OK\r\n\r\n");
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(server.last().take(), "early");
  server.last().send("220 hello\r\n");
  town.run();
  EXPECT_EQ(caller.take(), "220 hello\r\n");
  caller.finish();
  town.run();
  EXPECT_TRUE(server.last().ended);
  server.last().send("bye");
  server.last().finish();
  town.run();
  EXPECT_EQ(caller.take(), "bye");
  EXPECT_TRUE(caller.ended);
}

TEST_F(Connect, ToANameThatNobodyConfiguredGoesThere) {
  town.names.set("far.test", {"10.7.7.7"}, 10);
  TestOrigin far(town.network, *Address::parse("10.7.7.7:443"));
  TestClient caller(town.network, town.address());
  town.run();
  caller.send("CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n\x16\x03");
  town.run();
  EXPECT_EQ(caller.take(), "HTTP/1.1 200 OK\r\n\r\n");
  ASSERT_EQ(far.peers.size(), 1u);
  EXPECT_EQ(far.last().take(), "\x16\x03");
}

TEST_F(Connect, FailuresAreAnsweredInHttpAndEndTheConnection) {
  server.close();
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(std::string(kConnect) + "GET / HTTP/1.1\r\n");
  town.run();
  EXPECT_TRUE(caller.received.starts_with("HTTP/1.1 502 ")) << caller.received;
  EXPECT_NE(caller.received.find("connection_refused"), std::string::npos);
  EXPECT_TRUE(caller.ended);
}

TEST_F(Connect, ToOurselvesIsALoop) {
  TestClient caller(town.network, town.address());
  town.run();
  const std::string own = town.address().to_string();
  caller.send("CONNECT " + own + " HTTP/1.1\r\nHost: " + own + "\r\n\r\n");
  town.run();
  EXPECT_TRUE(caller.received.starts_with("HTTP/1.1 508 ")) << caller.received;
}

TEST_F(Connect, WithABodyOrWithoutAPortIsMalformedAbuse68) {
  for (const std::string_view wrong :
       {"CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\nContent-Length: 3\r\n\r\nabc",
        "CONNECT orders HTTP/1.1\r\nHost: orders\r\n\r\n",
        "CONNECT /orders:80 HTTP/1.1\r\nHost: orders\r\n\r\n",
        "CONNECT http://orders:80/ HTTP/1.1\r\nHost: orders\r\n\r\n"}) {
    TestClient caller(town.network, town.address());
    town.run();
    caller.send(wrong);
    town.run();
    EXPECT_TRUE(caller.received.starts_with("HTTP/1.1 400 ")) << wrong << caller.received;
  }
  EXPECT_TRUE(server.peers.empty());
}

struct NoProxy : Asked {
  NoProxy()
      : Asked(R"(
listeners: [{name: outbound, address: '127.0.0.1:15001', intercept: authority}]
services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}
)") {}
};

TEST_F(NoProxy, ConnectIs405Abuse68) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(kConnect);
  town.run();
  EXPECT_TRUE(caller.received.starts_with("HTTP/1.1 405 ")) << caller.received;
}

}  // namespace
}  // namespace outrigger::testing
