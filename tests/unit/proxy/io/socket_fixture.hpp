// Two ends of a connection over real sockets and a real loop: what the tests of sockets begin with.
// One thread; each test waits by run_until().
#pragma once

#include <gtest/gtest.h>

#include "proxy/io/loop_network.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/test_peer.hpp"

namespace outrigger::io {

using testing::run_until;
using testing::TestClient;
using testing::TestOrigin;
using testing::TestPeer;

inline const Address kAnyPort = *Address::parse("127.0.0.1:0");

struct SocketTest : ::testing::Test {
  Loop loop{1};
  LoopNetwork network{loop};

  struct Pair {
    explicit Pair(SocketTest& test, const Address& at = kAnyPort)
        : origin(test.network, at), client(test.network, origin.address()) {
      EXPECT_TRUE(run_until(test.loop, [&] { return client.connected && !origin.peers.empty(); }));
    }
    TestPeer& server() { return origin.last(); }
    TestOrigin origin;
    TestClient client;
  };
};

}  // namespace outrigger::io
