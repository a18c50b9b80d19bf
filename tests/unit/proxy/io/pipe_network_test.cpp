#include "tests/support/pipe_network.hpp"

#include <gtest/gtest.h>

#include "tests/support/test_peer.hpp"

namespace outrigger::testing {
namespace {

const Address kPort = *Address::parse("10.0.0.1:80");

struct PipeNetworkTest : ::testing::Test {
  VirtualLoop loop{7};
  PipeNetwork network{loop};

  // A client and an origin that are connected.
  struct Pair {
    explicit Pair(PipeNetworkTest& test)
        : origin(test.network, kPort), client(test.network, kPort) {
      test.loop.run_until([&] { return client.connected && !origin.peers.empty(); });
    }
    TestOrigin origin;
    TestClient client;
  };
};

TEST_F(PipeNetworkTest, CarriesBytesAndEndsBothWays) {
  Pair pair(*this);
  pair.client.send("ping");
  EXPECT_EQ(pair.origin.last().received, "");  // never inside a write
  pair.client.finish();
  loop.run_until_idle();
  EXPECT_EQ(pair.origin.last().received, "ping");
  EXPECT_TRUE(pair.origin.last().ended);
  EXPECT_EQ(pair.client.stream().bytes_acked(), 4u);

  pair.origin.last().send("pong");
  pair.origin.last().close();
  loop.run_until_idle();
  EXPECT_EQ(pair.client.received, "pong");
  EXPECT_TRUE(pair.client.ended);
  EXPECT_FALSE(pair.client.broken);
}

TEST_F(PipeNetworkTest, LeavesATailWhenTheKernelBufferIsFullAndDrainsIt) {
  network.at(kPort).pipe.kernel_bytes = 1000;
  Pair pair(*this);
  pair.origin.last().pause();
  pair.client.send(std::string(2500, 'x'));
  EXPECT_EQ(pair.client.stream().unsent(), 1500u);
  loop.run_until_idle();
  EXPECT_EQ(pair.client.stream().unsent(), 1500u);
  EXPECT_EQ(pair.client.drained, 0);
  pair.origin.last().resume();
  loop.run_until_idle();
  EXPECT_EQ(pair.client.drained, 1);
  EXPECT_EQ(pair.origin.last().received.size(), 2500u);
}

TEST_F(PipeNetworkTest, TakesTheLatencyInVirtualTime) {
  network.at(kPort).connect_ms = 20;
  network.at(kPort).pipe.latency_ms = 15;
  TestOrigin origin(network, kPort);
  TestClient client(network, kPort);
  loop.advance_ms(19);
  EXPECT_FALSE(client.connected);
  loop.advance_ms(1);
  ASSERT_TRUE(client.connected);
  client.send("a");
  loop.advance_ms(14);
  EXPECT_EQ(origin.last().received, "");
  loop.advance_ms(1);
  EXPECT_EQ(origin.last().received, "a");
}

TEST_F(PipeNetworkTest, ReportsAnAbortAsAReset) {
  Pair pair(*this);
  pair.origin.last().send("half");
  loop.run_until_idle();
  pair.origin.last().abort();
  loop.run_until_idle();
  EXPECT_EQ(pair.client.received, "half");
  EXPECT_TRUE(pair.client.broken);
  EXPECT_FALSE(pair.client.ended);
}

TEST_F(PipeNetworkTest, LetsAPausedStreamAskWhetherItIsBroken) {
  Pair pair(*this);
  pair.client.pause();
  EXPECT_FALSE(pair.client.stream().is_broken());
  pair.origin.last().abort();
  loop.run_until_idle();
  EXPECT_FALSE(pair.client.broken);
  EXPECT_TRUE(pair.client.stream().is_broken());
  pair.client.resume();
  loop.run_until_idle();
  EXPECT_TRUE(pair.client.broken);
}

TEST_F(PipeNetworkTest, ResetsWhoWritesToAClosedEnd) {
  Pair pair(*this);
  pair.origin.last().close();
  loop.run_until_idle();
  EXPECT_TRUE(pair.client.ended);
  pair.client.send("too late");
  loop.run_until_idle();
  EXPECT_TRUE(pair.client.broken);
  EXPECT_EQ(pair.client.stream().bytes_acked(), 0u);
}

TEST_F(PipeNetworkTest, FailsConnectsAsTold) {
  TestClient nobody(network, *Address::parse("10.0.0.9:1"));
  network.at(kPort).fate = AddressOptions::Fate::kUnreachable;
  TestClient unreachable(network, kPort);
  loop.run_until_idle();
  EXPECT_EQ(nobody.failed, Cause::kConnectRefused);
  EXPECT_EQ(unreachable.failed, Cause::kConnectUnreachable);

  network.at(kPort).fate = AddressOptions::Fate::kBlackhole;
  TestClient nowhere(network, kPort);
  loop.advance_ms(3'600'000);
  EXPECT_FALSE(nowhere.connected);
  EXPECT_FALSE(nowhere.failed.has_value());
  nowhere.cancel();
  EXPECT_TRUE(loop.is_empty());
}

TEST_F(PipeNetworkTest, DripsAndChopsButLosesNothing) {
  network.at(kPort).pipe.drip_bytes = 10;
  network.at(kPort).pipe.random_chunks = true;
  Pair pair(*this);
  std::string sent;
  for (int i = 0; i < 100; ++i) sent += std::to_string(i);
  pair.client.send(sent);
  ASSERT_TRUE(loop.run_until([&] { return pair.origin.last().received == sent; }));
  EXPECT_GE(pair.origin.last().reads, sent.size() / 10);
}

TEST_F(PipeNetworkTest, ResetsAfterSoManyBytes) {
  network.at(kPort).pipe.reset_after_bytes = 10;
  Pair pair(*this);
  pair.origin.last().send("123456789");
  loop.run_until_idle();
  EXPECT_FALSE(pair.client.broken);
  pair.origin.last().send("0123");
  loop.run_until_idle();
  EXPECT_EQ(pair.client.received, "1234567890123");
  EXPECT_TRUE(pair.client.broken);
  EXPECT_TRUE(pair.origin.last().broken);
}

TEST_F(PipeNetworkTest, RefusesAcceptsWithoutDescriptors) {
  network.at(kPort).out_of_descriptors = true;
  TestOrigin origin(network, kPort);
  TestClient client(network, kPort);
  loop.run_until_idle();
  EXPECT_EQ(origin.refused, 1);
  EXPECT_TRUE(client.broken);
}

// The same seed gives the same order of everything.
TEST(VirtualLoop, RepeatsARunBySeed) {
  const auto run = [](uint64_t seed) {
    VirtualLoop loop(seed);
    loop.shuffle();
    PipeNetwork network(loop);
    network.defaults.pipe.random_chunks = true;
    TestOrigin origin(network, kPort);
    std::vector<std::unique_ptr<TestClient>> clients;
    std::string trace;
    for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<TestClient>(network, kPort));
    while (loop.step()) {
      for (auto& client : clients) {
        if (client->connected && client->drained == 0) {
          client->drained = 1;
          client->send(std::string(100, 'x'));
        }
      }
      for (auto& peer : origin.peers) trace += std::to_string(peer->received.size()) + ",";
    }
    return trace;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(VirtualLoop, FiresTimersAndEventsInTheOrderOfTheirTimes) {
  VirtualLoop loop;
  std::string order;
  VirtualLoop::Event late(loop, [&] { order += "late "; });
  struct Owner {
    std::string& order;
    void fire() { order += "timer "; }
  } owner{order};
  Timer timer = Timer::of<&Owner::fire>(owner);
  late.arm_at(loop.now_ms() + 20);
  loop.context().timers.arm(timer, loop.now_ms() + 10);
  loop.post([&] { order += "now "; });
  loop.advance_ms(19);
  EXPECT_EQ(order, "now timer ");
  loop.advance_ms(1);
  EXPECT_EQ(order, "now timer late ");
}

}  // namespace
}  // namespace outrigger::testing
