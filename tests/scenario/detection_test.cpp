// What a redirected connection speaks, told by its first bytes through a whole worker: however they
// are cut, however slowly they come, and where they never come.
#include <algorithm>

#include "tests/support/client_hellos.hpp"
#include "tests/support/neighbour.hpp"

namespace outrigger::testing {
namespace {

const Address kServer = *Address::parse("10.1.0.9:9999");
constexpr const char* kVault = "10.0.0.8:8200";

struct Detection : ::testing::Test {
  const metrics::WorkerSeries& series() { return *town.process.shards.worker(0); }

  Town town{R"(
services:
  vault: {protocol: tls, hosts: [vault.test], endpoints: {static: ['10.0.0.8:8200']}}
)"};
  TestOrigin server{town.network, kServer};
  TestOrigin vault{town.network, *Address::parse(kVault)};
  const std::string hello = openssl_hello({.server_name = "vault.test", .protocols = {"h2"}});
};

TEST_F(Detection, AClientHelloFindsItsServiceWhereverItIsCutInTwo) {
  for (size_t cut = 0; cut < hello.size(); ++cut) {
    Neighbour caller(town, kServer);
    caller.send(hello.substr(0, cut));
    town.run();
    EXPECT_EQ(vault.peers.size(), cut) << "before the rest of it";
    caller.send(hello.substr(cut));
    town.run();
    ASSERT_EQ(vault.peers.size(), cut + 1);
    EXPECT_EQ(vault.last().take(), hello) << cut;
  }
  EXPECT_TRUE(server.peers.empty());
  EXPECT_EQ(series().detect_sni.value(), hello.size());
}

TEST_F(Detection, APrefaceIsHttp2WhereverItIsCutInTwo) {
  const std::string preface =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string("\0\0\0\x04\0\0\0\0\0", 9);
  const std::string acknowledged("\0\0\0\x04\x01\0\0\0\0", 9);
  for (size_t cut = 0; cut < preface.size(); ++cut) {
    Neighbour caller(town, kServer);
    caller.send(preface.substr(0, cut));
    town.run();
    caller.send(preface.substr(cut));
    town.run();
    EXPECT_NE(caller.take().find(acknowledged), std::string::npos) << cut;
  }
  EXPECT_TRUE(server.peers.empty());
  EXPECT_EQ(series().detect_http2.value(), preface.size());
}

// Whoever is slower than `head` is carried to where it was going.
TEST_F(Detection, AByteASecondIsCarriedAndNothingOfItLost) {
  Neighbour caller(town, kServer);
  for (const char byte : hello) {
    caller.send({&byte, 1});
    town.pass_ms(1'000);
  }
  EXPECT_TRUE(vault.peers.empty());
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(server.last().take(), hello);
  EXPECT_EQ(series().detect_opaque.value(), 1u);
}

TEST_F(Detection, GarbageIsCarriedWhole) {
  std::string garbage(64 * 1024, '\0');
  uint32_t state = 1;
  for (char& byte : garbage) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  for (const std::string& begin : {std::string(), std::string("GET "), hello.substr(0, 40)}) {
    Neighbour caller(town, kServer);
    caller.send(begin + garbage);
    town.pass_ms(20'000);
    EXPECT_EQ(server.last().take(), begin + garbage);
  }
}

TEST_F(Detection, ACallerThatEndsItsSideBeforeItSpokeMayListen) {
  Neighbour caller(town, kServer);
  caller.finish();
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_TRUE(server.last().ended);
  server.last().send("the time is 12:00");
  server.last().finish();
  town.run();
  EXPECT_EQ(caller.take(), "the time is 12:00");
  EXPECT_TRUE(caller.ended);
}

TEST_F(Detection, ACallerThatEndsItsSideWithinItsFirstWordsIsCarried) {
  for (const std::string& begin : {std::string("GET / HT"), hello.substr(0, 40)}) {
    Neighbour caller(town, kServer);
    caller.send(begin);
    caller.finish();
    town.run();
    EXPECT_EQ(server.last().take(), begin);
    EXPECT_TRUE(server.last().ended);
  }
}

TEST_F(Detection, ACallerThatLeavesBeforeItSpokeLeavesNothing) {
  for (const int64_t after_ms : {0, 50, 150}) {
    Neighbour caller(town, kServer);
    town.pass_ms(after_ms);
    caller.abort();
    town.pass_ms(1'000);
  }
  EXPECT_EQ(series().downstream_connections.value(), 0);
  EXPECT_EQ(series().downstream_tcp.value(), 0);
  EXPECT_TRUE(std::all_of(server.peers.begin(), server.peers.end(),
                          [](const auto& peer) { return peer->ended || peer->broken; }));
}

}  // namespace
}  // namespace outrigger::testing
