#include "proxy/app/listeners.hpp"

#include <gtest/gtest.h>

#include "tests/support/pipe_network.hpp"

namespace outrigger::app {
namespace {

// Over a network in memory; notes what was asked for.
struct NotingBinder final : io::Binder {
  explicit NotingBinder(testing::PipeNetwork& of) : network(of) {}

  Result<std::vector<io::BoundSocketPtr>> bind(const Address& at, size_t count,
                                               bool is_port_ours) override {
    asked.push_back(at.to_string() + (is_port_ours ? " ours" : ""));
    auto socket = network.bind(at);
    if (!socket) return failure(socket.error());
    std::vector<io::BoundSocketPtr> sockets;
    sockets.push_back(std::move(*socket));
    while (sockets.size() < count)
      sockets.push_back(std::move(*network.bind(Address::from_bytes(at.ip(), 0))));
    return sockets;
  }

  testing::PipeNetwork& network;
  std::vector<std::string> asked;
};

struct ListenersTest : ::testing::Test {
  static config::Loaded at(const std::string& listeners) {
    config::Loaded loaded =
        config::load_text("f", "listeners: [" + listeners + "]\nservices: {}", {});
    EXPECT_TRUE(loaded.ok());
    return loaded;
  }
  size_t prepare(const config::Loaded& loaded) {
    Proposal proposal(loaded);
    listeners.prepare(proposal);
    return proposal.problems().size();
  }
  Snapshot install(const std::string& text) {
    const config::Loaded loaded = at(text);
    EXPECT_EQ(prepare(loaded), 0u);
    Snapshot snapshot;
    snapshot.config = loaded.config;
    listeners.commit(snapshot);
    return snapshot;
  }

  testing::VirtualLoop loop;
  testing::PipeNetwork network{loop};
  NotingBinder binder{network};
  Process process{upstream::UpstreamContext{}};
  Listeners listeners{loop.context(), binder, 2, [] { return std::vector<Address>(); }, process};
};

TEST_F(ListenersTest, EachWorkerHasASocketOfEachNewAddress) {
  const Snapshot first = install("{name: a, address: ['127.0.0.1:1', '127.0.0.1:2']}");
  ASSERT_EQ(first.ports.size(), 2u);
  for (unsigned worker = 0; worker < 2; ++worker) {
    const PortSockets sockets = listeners.take_sockets(worker);
    ASSERT_EQ(sockets.size(), 2u);
    EXPECT_EQ(sockets[0].port, first.ports[0].id);
    EXPECT_TRUE(listeners.take_sockets(worker).empty());
  }
  EXPECT_TRUE(first.own_listeners.contains(*Address::parse("127.0.0.1:2")));
}

TEST_F(ListenersTest, AnAddressThatStaysIsTheSamePortWhicheverListenerItIsOf) {
  const Snapshot first = install("{name: a, address: '127.0.0.1:1'}");
  const Snapshot second =
      install("{name: b, address: '127.0.0.1:2'}, {name: c, address: '127.0.0.1:1'}");
  ASSERT_EQ(second.ports.size(), 2u);
  EXPECT_EQ(second.ports[1].id, first.ports[0].id);
  EXPECT_EQ(second.ports[1].listener, 1u);
  EXPECT_EQ(binder.asked, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.1:2"}));
}

TEST_F(ListenersTest, OfAnyPortEachListenerHasOneOfItsOwnAndKeepsIt) {
  const std::string both = "{name: a, address: '127.0.0.1:0'}, {name: b, address: '127.0.0.1:0'}";
  const Snapshot first = install(both);
  EXPECT_NE(first.ports[0].id, first.ports[1].id);
  const Snapshot second = install(both);
  EXPECT_EQ(second.ports[0].id, first.ports[0].id);
  EXPECT_EQ(second.ports[1].id, first.ports[1].id);
}

TEST_F(ListenersTest, WhatIsAbandonedIsFreeAgain) {
  const auto taken = network.bind(*Address::parse("127.0.0.1:2"));
  const config::Loaded both = at("{name: a, address: ['127.0.0.1:1', '127.0.0.1:2']}");
  EXPECT_EQ(prepare(both), 1u);
  listeners.abandon();
  EXPECT_TRUE(network.bind(*Address::parse("127.0.0.1:1")));
}

TEST_F(ListenersTest, AnAddressThatCoversOneOfOursIsNoStrangers) {
  install("{name: a, address: '0.0.0.0:1'}");
  install("{name: a, address: '127.0.0.1:1'}");
  EXPECT_EQ(binder.asked.back(), "127.0.0.1:1 ours");
}

// Workers close it some time after the commit.
TEST_F(ListenersTest, AnAddressThatWasLeftIsOursUntilEveryWorkerHasLeftIt) {
  install("{name: a, address: '127.0.0.1:1'}");
  for (unsigned worker = 0; worker < 2; ++worker) listeners.take_sockets(worker);
  install("{name: a, address: '127.0.0.1:2'}");
  prepare(at("{name: a, address: '127.0.0.1:1'}"));
  EXPECT_EQ(binder.asked.back(), "127.0.0.1:1 ours");
  listeners.abandon();
  listeners.on_taken();
  prepare(at("{name: a, address: '127.0.0.1:1'}"));
  EXPECT_EQ(binder.asked.back(), "127.0.0.1:1");
}

}  // namespace
}  // namespace outrigger::app
