// Connections that are carried unread: redirected ones, and those to a port that is one service.
#include "tests/support/client_hellos.hpp"
#include "tests/support/neighbour.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kNothing = "services: {}";
const Address kServer = *Address::parse("10.1.0.9:9999");

// A server that says what it is told to, byte for byte.
struct Server : TestOrigin {
  explicit Server(Town& town, const Address& at = kServer) : TestOrigin(town.network, at) {}
};

TEST(Tunnel, CarriesWhatIsNotHttpToWhereItWasGoing) {
  Town town(kNothing);
  Server server(town);
  Neighbour caller(town, kServer);
  caller.send("\x01\x02hello");
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(server.last().take(), "\x01\x02hello");
  server.last().send("and back");
  town.run();
  EXPECT_EQ(caller.take(), "and back");
}

TEST(Tunnel, EachSideEndsByItself) {
  Town town(kNothing);
  Server server(town);
  Neighbour caller(town, kServer);
  caller.send("\x01q");
  caller.finish();
  town.run();
  EXPECT_TRUE(server.last().ended);
  EXPECT_FALSE(caller.ended);
  server.last().send("late answer");
  town.run();
  EXPECT_EQ(caller.take(), "late answer");
  server.last().finish();
  town.run();
  EXPECT_TRUE(caller.ended);
}

TEST(Tunnel, TheServerMayEndFirst) {
  Town town(kNothing);
  Server server(town);
  Neighbour caller(town, kServer);
  caller.send("\x01q");
  town.run();
  server.last().send("bye");
  server.last().finish();
  town.run();
  EXPECT_EQ(caller.take(), "bye");
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(server.last().ended);
  caller.send("still here");
  town.run();
  EXPECT_EQ(server.last().take(), "\x01qstill here");
  caller.finish();
  town.run();
  EXPECT_TRUE(server.last().ended);
}

TEST(Tunnel, TheServerMaySpeakFirst) {
  Town town(kNothing);
  Server server(town);
  Neighbour caller(town, kServer);
  town.pass_ms(99);
  EXPECT_TRUE(server.peers.empty());
  town.pass_ms(3);
  ASSERT_EQ(server.peers.size(), 1u);
  server.last().send("220 mail.test ready\r\n");
  town.run();
  EXPECT_EQ(caller.take(), "220 mail.test ready\r\n");
  caller.send("GET me a sandwich HTTP/1.1\r\n");
  town.run();
  EXPECT_EQ(server.last().take(), "GET me a sandwich HTTP/1.1\r\n");
}

TEST(Tunnel, SilenceIsNoVerdictForACallerThatSpeaksHttpLater) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  Origin& origin = town.origin("10.0.0.1:80");
  Server there(town);
  Neighbour caller(town, kServer);
  town.pass_ms(500);
  ASSERT_EQ(there.peers.size(), 1u);
  caller.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  town.run();
  EXPECT_TRUE(caller.take().starts_with("HTTP/1.1 200"));
  EXPECT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(there.last().take(), "");
  EXPECT_TRUE(there.last().ended);
}

TEST(Tunnel, AResetPassesInEitherDirection) {
  Town town(kNothing);
  Server server(town);
  Neighbour first(town, kServer);
  first.send("\x01q");
  town.run();
  server.last().abort();
  town.run();
  EXPECT_TRUE(first.broken);

  Neighbour second(town, kServer);
  second.send("\x01q");
  town.run();
  second.abort();
  town.run();
  EXPECT_TRUE(server.last().broken);
}

TEST(Tunnel, WhoCannotBeReachedIsAReset) {
  Town town(kNothing);
  Neighbour caller(town, kServer);
  caller.send("\x01q");
  town.run();
  EXPECT_TRUE(caller.broken);
}

TEST(Tunnel, ASlowReaderHoldsBackTheOtherSide) {
  Town town(kNothing);
  Server server(town);
  Neighbour caller(town, kServer);
  caller.send("\x01q");
  town.run();
  caller.pause();
  const std::string much(1 << 20, 'x');
  server.last().send(much);
  town.pass_ms(3'600'000);
  EXPECT_GT(server.last().stream().unsent(), much.size() / 2);
  caller.resume();
  town.run();
  EXPECT_EQ(caller.take(), much);
}

TEST(Tunnel, APortThatIsOneOpaqueServiceIsConnectedAtOnce) {
  Town town(R"(
listeners: [{name: outbound, address: '127.0.0.1:15001', service: db}]
services: {db: {protocol: tcp, endpoints: {static: ['10.0.0.5:5432']}}}
)");
  Server server(town, *Address::parse("10.0.0.5:5432"));
  TestClient caller(town.network, town.address());
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
  server.last().send("hello");
  town.run();
  EXPECT_EQ(caller.take(), "hello");
}

TEST(Tunnel, AnAddressThatIsClaimedGoesToItsService) {
  Town town(R"(
services:
  db:
    protocol: tcp
    addresses: ['10.9.0.0/16:5432']
    endpoints: {static: ['10.0.0.5:5432']}
)");
  Server server(town, *Address::parse("10.0.0.5:5432"));
  Neighbour caller(town, "10.9.1.1:5432");
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
}

// What passes through a tunnel is no body of a request.
TEST(Tunnel, CarriesMoreThanABodyMayBe) {
  Town town("{defaults: {limits: {body_bytes: 1KiB}}, services: {}}");
  Server server(town);
  Neighbour caller(town, kServer);
  const std::string much(4096, 'x');
  caller.send("\x01" + much);
  town.run();
  caller.send(much);
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(server.last().take(), "\x01" + much + much);
  EXPECT_FALSE(caller.broken);
}

TEST(Tunnel, WhatCannotBeConnectedIsTriedElsewhere) {
  Town town(R"(
listeners: [{name: outbound, address: '127.0.0.1:15001', service: db}]
services:
  db:
    protocol: tcp
    balance: round_robin
    endpoints: {static: ['10.0.0.5:5432', '10.0.0.6:5432']}
)");
  Server server(town, *Address::parse("10.0.0.6:5432"));
  for (int i = 0; i < 4; ++i) {
    TestClient caller(town.network, town.address());
    town.run();
    EXPECT_FALSE(caller.broken);
  }
  EXPECT_EQ(server.peers.size(), 4u);
}

constexpr std::string_view kDb = R"(
listeners: [{name: outbound, address: '127.0.0.1:15001', service: db}]
services:
  db:
    protocol: tcp
    endpoints: {static: ['10.0.0.5:5432']}
    circuit: {consecutive_failures: 2, ramp: off}
    timeout: {stream_idle: 10s}
    retry: {unsent: 0}
)";
const Address kDbServer = *Address::parse("10.0.0.5:5432");

TEST(Tunnel, ConnectsThatFailOpenTheCircuitAndTheNextIsResetAtOnce) {
  Town town(kDb);
  for (int i = 0; i < 2; ++i) {
    TestClient caller(town.network, town.address());
    town.run();
    EXPECT_TRUE(caller.broken);
  }
  EXPECT_EQ(town.circuit("db"), upstream::CircuitState::kOpen);
  Server server(town, kDbServer);
  TestClient refused(town.network, town.address());
  town.run();
  EXPECT_TRUE(refused.broken);
  EXPECT_TRUE(server.peers.empty());
  town.pass_ms(8'000);
  TestClient probe(town.network, town.address());
  town.pass_ms(2'000);
  EXPECT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(town.circuit("db"), upstream::CircuitState::kClosed);
}

TEST(Tunnel, AServerThatDoesNotAnswerTheConnectIsGivenUp) {
  Town town(kDb);
  town.network.at(kDbServer).fate = AddressOptions::Fate::kBlackhole;
  TestClient caller(town.network, town.address());
  town.pass_ms(999);
  EXPECT_FALSE(caller.broken);
  town.pass_ms(3);
  EXPECT_TRUE(caller.broken);
}

TEST(Tunnel, IsIdleForStreamIdleWhereThatIsSet) {
  Town town(kDb);
  Server server(town, kDbServer);
  TestClient caller(town.network, town.address());
  town.pass_ms(9'000);
  server.last().send("still here");
  town.pass_ms(9'000);
  caller.send("me too");
  town.pass_ms(9'000);
  EXPECT_FALSE(caller.broken);
  town.pass_ms(2'000);
  EXPECT_TRUE(caller.broken);
  EXPECT_TRUE(server.last().broken);
}

TEST(Tunnel, ACallerThatLeavesWhileWeConnectLeavesNothing) {
  Town town(kDb);
  town.network.at(kDbServer).connect_ms = 500;
  Server server(town, kDbServer);
  TestClient caller(town.network, town.address());
  town.pass_ms(100);
  caller.abort();
  town.pass_ms(1'000);
  EXPECT_TRUE(server.peers.empty());
}

TEST(Tunnel, ACallerThatOnlySaidItsPartWhileWeConnectIsServed) {
  Town town(kDb);
  town.network.at(kDbServer).connect_ms = 500;
  Server server(town, kDbServer);
  TestClient caller(town.network, town.address());
  town.pass_ms(100);
  caller.send("all I have to say");
  caller.finish();
  town.pass_ms(1'000);
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(server.last().take(), "all I have to say");
  EXPECT_TRUE(server.last().ended);
  server.last().send("fine");
  server.last().finish();
  town.run();
  EXPECT_EQ(caller.take(), "fine");
  EXPECT_TRUE(caller.ended);
}

TEST(Tunnel, LivesThroughAChangeOfTheConfiguration) {
  Town town(kDb);
  Server server(town, kDbServer);
  TestClient caller(town.network, town.address());
  town.run();
  std::string changed(kDb);
  changed.replace(changed.find("10s"), 3, "20s");
  town.take(changed);
  town.set_endpoints("db", {"10.0.0.6:5432"});
  caller.send("still the same");
  town.run();
  EXPECT_EQ(server.last().take(), "still the same");
}

TEST(Tunnel, TheEndOfADrainResetsItAndNewOnesAreNotTaken) {
  Town town(kDb);
  Server server(town, kDbServer);
  TestClient caller(town.network, town.address());
  town.run();
  caller.send("hello");
  town.run();
  town.workers[0]->begin_last_phase();
  town.run();
  EXPECT_FALSE(caller.broken);
  EXPECT_EQ(town.workers[0]->end(), 1);
  town.run();
  EXPECT_TRUE(caller.broken);
  EXPECT_TRUE(server.last().broken);
  const auto series = town.process.shards.service(0, {"db", {}});
  const auto counted = [&](metrics::RequestOutcome how) {
    return series->tcp_connections[static_cast<size_t>(how)].value();
  };
  EXPECT_EQ(counted(metrics::RequestOutcome::kSuccess), 0U) << "it was cut";
  EXPECT_EQ(counted(metrics::RequestOutcome::kCancelled), 1U);
}

TEST(Tunnel, OursIsNoDestination) {
  Town town("listeners: [{name: outbound, address: '10.1.0.9:15001'}]\n" + std::string(kNothing));
  Neighbour caller(town, "10.1.0.9:15001");
  caller.send("\x01q");
  town.run();
  EXPECT_TRUE(caller.broken);
  EXPECT_EQ(town.network.connects(), 1u);  // the neighbour's own
}

TEST(Tunnel, WhereUnmatchedIsRefusedItIsReset) {
  Town town("{unmatched: refuse, services: {}}");
  Server server(town);
  Neighbour caller(town, kServer);
  caller.send("\x01q");
  town.run();
  EXPECT_TRUE(caller.broken);
  EXPECT_TRUE(server.peers.empty());
}

TEST(Tunnel, TlsGoesByItsNameWhereverItWasGoing) {
  Town town(R"(
services:
  vault: {protocol: tls, hosts: [vault.test], endpoints: {static: ['10.0.0.8:8200']}}
)");
  Server vault(town, *Address::parse("10.0.0.8:8200"));
  Server there(town, *Address::parse("10.1.0.9:443"));
  const std::string hello = openssl_hello({.server_name = "vault.test", .protocols = {}});
  Neighbour named(town, "10.1.0.9:443");
  for (const char byte : hello) {
    named.send({&byte, 1});
    town.run();
  }
  ASSERT_EQ(vault.peers.size(), 1u);
  EXPECT_EQ(vault.last().take(), hello);

  const std::string other_hello = openssl_hello({.server_name = "other.test", .protocols = {}});
  Neighbour other(town, "10.1.0.9:443");
  other.send(other_hello);
  town.run();
  ASSERT_EQ(there.peers.size(), 1u);
  EXPECT_EQ(there.last().take(), other_hello);

  TestClient unredirected(town.network, town.address());
  town.run();
  unredirected.send(hello);
  town.run();
  EXPECT_EQ(vault.peers.size(), 2u);
}

TEST(Tunnel, AHeadThatNeverEndsIsTakenForOpaque) {
  Town town(kNothing);
  Server server(town);
  Neighbour caller(town, kServer);
  caller.send("GET /");
  town.pass_ms(9'999);
  EXPECT_TRUE(server.peers.empty());
  town.pass_ms(10);
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(server.last().take(), "GET /");
}

}  // namespace
}  // namespace outrigger::testing
