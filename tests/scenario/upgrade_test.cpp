// Tunnels that are asked for in HTTP/1.1 by an Upgrade.
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
  EXPECT_FALSE(server.last().ended) << "of the tunnel it has seen nothing";
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

// A call with an Upgrade, answered as any other; what the server was asked.
std::string ask_and_answer(
    Asked& asked, TestClient& caller, std::string_view request,
    std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {
  caller.send(request);
  asked.town.run();
  std::string seen = asked.server.last().take();
  asked.server.last().send(answer);
  asked.town.run();
  EXPECT_TRUE(caller.take().ends_with("\r\n\r\nok"));
  EXPECT_FALSE(caller.ended);
  return seen;
}

constexpr std::string_view kRefused = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nok";

TEST_F(Upgrade, UntilA101BothConnectionsServeOn) {
  TestClient caller(town.network, town.address());
  town.run();
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(ask_and_answer(*this, caller, kAsk, kRefused).find("Upgrade: websocket\r\n"),
              std::string::npos);
    ask_and_answer(*this, caller, "GET /next HTTP/1.1\r\nHost: orders\r\n\r\n");
  }
  EXPECT_EQ(server.peers.size(), 1u);
  caller.send(kAsk);
  town.run();
  server.last().send(kSwitch);
  town.run();
  caller.take_head();
  caller.send("tunnelled");
  town.run();
  head();
  EXPECT_EQ(server.last().take(), "tunnelled");
}

TEST_F(Upgrade, OfAProtocolThatIsNotListedIsAnOrdinaryCall) {
  TestClient caller(town.network, town.address());
  town.run();
  for (const std::string protocol : {"TLS/1.2", "foo/1", "tcp, SPDY/3.1"}) {
    const std::string seen = ask_and_answer(
        *this, caller,
        "GET / HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: " + protocol +
            "\r\n\r\n");
    EXPECT_EQ(seen, "GET / HTTP/1.1\r\nHost: orders\r\n\r\n") << protocol;
  }
  EXPECT_EQ(server.peers.size(), 1u);
}

TEST_F(Upgrade, OfAProtocolThatIsNotListedMayBePipelined) {
  TestClient caller(town.network, town.address());
  town.run();
  const std::string one =
      "GET / HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n";
  caller.send(one + one);
  town.run();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(head().starts_with("GET / "));
    server.last().send("HTTP/1.1 204 No Content\r\n\r\n");
    town.run();
    EXPECT_EQ(caller.take(), "HTTP/1.1 204 No Content\r\n\r\n");
  }
}

TEST_F(Upgrade, KeepsOfSeveralProtocolsTheListedOnes) {
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(
      "GET / HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: foo, websocket\r\n"
      "Sec-WebSocket-Key: x\r\n\r\n");
  town.run();
  EXPECT_NE(head().find("Upgrade: websocket\r\n"), std::string::npos);
}

// As `docker exec` asks: the body is the request's, and what comes behind it is the tunnel's.
constexpr std::string_view kExec =
    "POST /exec/1/start HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    "Content-Length: 14\r\n\r\n";
constexpr std::string_view kSwitchToTcp =
    "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

struct UpgradeWithBody : Asked {
  UpgradeWithBody()
      : Asked(R"(
listeners: [{name: outbound, address: '127.0.0.1:15001', upgrades: [tcp]}]
services: {orders: {retry: {attempts: 2, methods: any}, limits: {body_bytes: 20B},
                    endpoints: {static: ['10.0.0.1:80']}}}
)") {
    town.run();
  }
  TestClient caller{town.network, town.address()};
};

TEST_F(UpgradeWithBody, SendsTheBodyFirstAndTunnelsWhatFollows) {
  caller.send(std::string(kExec) + "{\"Detach\":");
  town.run();
  const std::string asked = head();
  EXPECT_TRUE(asked.starts_with("POST /exec/1/start ")) << asked;
  EXPECT_NE(asked.find("Content-Length: 14\r\n"), std::string::npos) << asked;
  EXPECT_NE(asked.find("Upgrade: tcp\r\n"), std::string::npos) << asked;
  caller.send("no }behind");
  town.run();
  EXPECT_EQ(server.last().take(), "{\"Detach\":no }");
  server.last().send(std::string(kSwitchToTcp) + "$ ");
  town.run();
  EXPECT_TRUE(caller.take_head().starts_with("HTTP/1.1 101 "));
  EXPECT_EQ(caller.take(), "$ ");
  EXPECT_EQ(server.last().take(), "behind");
  const std::string much(100'000, 'x');
  caller.send(much);
  town.run();
  EXPECT_EQ(server.last().take(), much);
  caller.finish();
  town.run();
  EXPECT_TRUE(server.last().ended);
  server.last().finish();
  town.run();
  EXPECT_TRUE(caller.ended);
}

TEST_F(UpgradeWithBody, MayBeAcceptedBeforeTheBodyIsThere) {
  caller.send(std::string(kExec) + "{\"Det");
  town.run();
  head();
  server.last().send(kSwitchToTcp);
  town.run();
  EXPECT_TRUE(caller.take_head().starts_with("HTTP/1.1 101 "));
  caller.send("ach\":no}behind");
  town.run();
  EXPECT_EQ(server.last().take(), "{\"Detach\":no}behind");
  server.last().finish();
  caller.finish();
  town.run();
  EXPECT_TRUE(caller.ended);
}

TEST_F(UpgradeWithBody, ThatIsRefusedLeavesBothConnectionsInUse) {
  for (int i = 0; i < 2; ++i) {
    caller.send(std::string(kExec) + "{\"Detach\":no }");
    town.run();
    head();
    EXPECT_EQ(server.last().take(), "{\"Detach\":no }");
    server.last().send("HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n");
    town.run();
    EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 409 "));
    EXPECT_FALSE(caller.ended);
  }
  EXPECT_EQ(server.peers.size(), 1u);
}

TEST_F(UpgradeWithBody, ACallerThatEndsWithinTheBodyIsRefused) {
  caller.send(std::string(kExec) + "{\"Det");
  caller.finish();
  town.run();
  EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(server.last().ended || server.last().broken);
}

TEST_F(UpgradeWithBody, OfUnknownLengthIsAnOrdinaryCall) {
  caller.send(
      "POST / HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  town.run();
  EXPECT_EQ(head().find("Upgrade"), std::string::npos);
  EXPECT_EQ(server.last().take(), "2\r\nhi\r\n0\r\n\r\n");
}

// No service claims 10.0.0.1.
struct PassedUpgrade : Asked {
  PassedUpgrade() : Asked("services: {}") { town.run(); }
  std::string asks(std::string_view protocol) {
    return "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nConnection: Upgrade\r\nUpgrade: " +
           std::string(protocol) + "\r\n\r\n";
  }
  TestClient caller{town.network, town.address()};
};

TEST_F(PassedUpgrade, OfAnyProtocolGoesOnAndOnlyA101IsATunnel) {
  for (const std::string protocol : {"foo/1", "websocket", "tcp, SPDY/3.1"}) {
    EXPECT_NE(ask_and_answer(*this, caller, asks(protocol)).find("Upgrade: " + protocol + "\r\n"),
              std::string::npos);
  }
  EXPECT_EQ(server.peers.size(), 1u);
  caller.send(asks("foo/1"));
  town.run();
  head();
  server.last().send("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: foo/1\r\n\r\nfirst");
  town.run();
  EXPECT_TRUE(caller.take().ends_with("\r\n\r\nfirst"));
  caller.send("second");
  town.run();
  EXPECT_EQ(server.last().take(), "second");
}

TEST_F(PassedUpgrade, OfOneHopEndsHere) {
  for (const char* protocol : {"TLS/1.2", "tls", "h2c", "TLS/1.0, h2c"}) {
    EXPECT_EQ(ask_and_answer(*this, caller, asks(protocol)).find("Upgrade"), std::string::npos)
        << protocol;
  }
  EXPECT_EQ(server.peers.size(), 1u);
}

}  // namespace
}  // namespace outrigger::testing
