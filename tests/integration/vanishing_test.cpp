#include <atomic>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string orders_at(const std::string& address, const std::string& more = "") {
  return "services: {orders: {endpoints: {static: [\"" + address + "\"]}" + more + "}}\n";
}

bool nothing_is_left(const Sidecar& sidecar) {
  return eventually([&] {
    return sidecar.metric("outrigger_connections", {"side=\"downstream\""}) == 0 &&
           sidecar.metric("outrigger_outstanding") == 0;
  });
}

constexpr std::string_view kPost =
    "POST /x HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";

TEST(Vanishing, ACallerMayGoAtAnyByte) {
  const Origin origin;
  const Sidecar sidecar("workers: 2\n" + orders_at(origin.address()));
  for (size_t bytes = 0; bytes <= kPost.size(); ++bytes) {
    for (const bool reset : {true, false}) {
      Client client(sidecar.address());
      ASSERT_TRUE(client.send(kPost.substr(0, bytes))) << bytes;
      if (reset) {
        client.wire().reset();
      } else {
        client.wire().close();
      }
    }
    ASSERT_EQ(sidecar.get("orders").status, 200) << bytes;
  }
  EXPECT_TRUE(nothing_is_left(sidecar));
}

// The reset that says so comes behind the last byte, and not over those that are on their way.
TEST(Vanishing, WhatCameOfAnAnswerThatBreaksOffReachesItsCaller) {
  const std::string body(8'000'000, 'x');
  const Origin origin([&](const Request&, Wire& wire) {
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + body);
    return false;
  });
  const Sidecar sidecar(orders_at(origin.address(), ", endpoint_circuit: off, circuit: off"));
  for (int i = 0; i < 5; ++i) {
    const Response answer = sidecar.get("orders");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), body.size());
    EXPECT_FALSE(answer.complete);
  }
  EXPECT_TRUE(nothing_is_left(sidecar));
}

// An upstream that sends the first bytes of its answer and is gone. The caller sees a whole answer,
// our own, or one that is visibly cut short; never one that passes for whole.
TEST(Vanishing, AnUpstreamMayGoAtAnyByte) {
  static constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
  std::atomic<size_t> bytes{0};
  std::atomic<bool> reset{true};
  const Origin origin([&](const Request&, Wire& wire) {
    wire.send(kAnswer.substr(0, bytes));
    if (reset) wire.reset();
    return false;
  });
  const Sidecar sidecar(orders_at(origin.address(), ", endpoint_circuit: off, circuit: off"));
  const size_t head = kAnswer.find("\r\n\r\n") + 4;
  for (bytes = 0; bytes <= kAnswer.size(); ++bytes) {
    for (const bool how : {true, false}) {
      reset = how;
      const int64_t began_ms = ticks_ms();
      const Response response = sidecar.get("orders");
      EXPECT_LT(ticks_ms() - began_ms, 5'000) << bytes << " of " << kAnswer.size();
      if (bytes == kAnswer.size() && !how) {
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, "body");
        EXPECT_TRUE(response.complete);
      } else if (bytes < head) {
        EXPECT_EQ(response.status, 502) << bytes;
        EXPECT_TRUE(response.complete) << bytes;
      } else if (bytes < kAnswer.size()) {
        EXPECT_FALSE(response.complete && response.status == 200) << bytes;
      }
    }
  }
  EXPECT_TRUE(nothing_is_left(sidecar));
}

// Between two calls on a kept connection: the next call is carried by another one.
TEST(Vanishing, AnIdleUpstreamConnectionMayGoAtAnyTime) {
  std::atomic<int> calls{0};
  const Origin origin([&](const Request&, Wire& wire) {
    wire.send(Origin::response("ok"));
    if (++calls % 3 == 0) wire.reset();
    return calls % 3 != 0;
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  for (int i = 0; i < 60; ++i) ASSERT_EQ(client.get("orders").status, 200) << i;
}

TEST(Vanishing, ACallerWhoLeavesWhileTheUpstreamThinksEndsThatCall) {
  std::atomic<int> ended{0};
  const auto origin = Origin::talking([&](Wire& wire) {
    std::string line;
    while (wire.read_line(line) && !line.empty()) {
    }
    if (wire.read_to_end()) ++ended;
  });
  const Sidecar sidecar(orders_at(origin->address()));
  for (const bool reset : {true, false}) {
    Client client(sidecar.address());
    client.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return sidecar.metric("outrigger_outstanding") == 1; }));
    const int before = ended;
    if (reset) {
      client.wire().reset();
    } else {
      client.wire().close();
    }
    EXPECT_TRUE(eventually([&] { return ended == before + 1; })) << reset;
    EXPECT_TRUE(nothing_is_left(sidecar));
  }
  EXPECT_EQ(sidecar.metric("outrigger_requests_total", {"outcome=\"cancelled\""}), 2);
}

// An end of the sending side is a caller who left, unless the call said that none would follow.
TEST(Vanishing, AHalfCloseEndsTheCallUnlessItWasAnnounced) {
  std::atomic<bool> over{false};
  const Origin origin([&](const Request&, Wire& wire) {
    eventually([&] { return over.load(); });
    return wire.send(Origin::response("ok"));
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client left(sidecar.address());
  left.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  Client said(sidecar.address());
  said.send("GET / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n");
  Client old(sidecar.address());
  old.send("GET / HTTP/1.0\r\nHost: orders\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return origin.hits() == 3; }));
  for (Client* client : {&left, &said, &old}) client->wire().finish();
  EXPECT_TRUE(left.sees_end());
  over = true;
  EXPECT_EQ(said.receive().status, 200);
  EXPECT_EQ(old.receive().status, 200);
  EXPECT_EQ(sidecar.metric("outrigger_requests_total", {"outcome=\"cancelled\""}), 1);
}

// A caller that does not read what it asked for holds up the upstream, and nothing grows. It holds
// no place that others wait for, and may read on when it likes.
TEST(Vanishing, ACallerThatPausesHoldsLittleAndGetsEverything) {
  constexpr size_t kPieces = 800;
  const std::string piece(1 << 16, 'x');
  std::atomic<size_t> taken{0};
  const auto origin = Origin::talking([&](Wire& wire) {
    std::string line;
    while (wire.read_line(line) && !line.empty()) {
    }
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kPieces << 16) + "\r\n\r\n");
    for (size_t i = 0; i < kPieces && wire.send(piece); ++i) taken += piece.size();
  });
  const Sidecar sidecar(
      "listeners: [{name: outbound, address: \"127.0.0.1:0\", timeout: {write_stall: 500ms}}]\n" +
      orders_at(origin->address()));
  Client client(sidecar.address());
  client.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  // It has stalled for longer than write_stall.
  EXPECT_TRUE(eventually([&] { return sidecar.metric("outrigger_streams") == 1; }));
  EXPECT_EQ(sidecar.metric("outrigger_outstanding"), 0);
  EXPECT_GT(sidecar.metric("outrigger_memory_bytes", {"kind=\"answers\""}), 0);
  // What the kernel holds in four socket buffers, and little more.
  EXPECT_LT(taken, kPieces << 16);
  EXPECT_EQ(client.receive().body.size(), kPieces << 16);
  EXPECT_EQ(sidecar.metric("outrigger_downstream_timeouts_total", {"kind=\"write\""}), 0);
  EXPECT_EQ(sidecar.metric("outrigger_memory_bytes", {"kind=\"answers\""}), 0);
}

TEST(Vanishing, ACallerThatIsTooSlowIsToldSo) {
  const Origin origin;
  const Sidecar sidecar(
      "listeners: [{name: outbound, address: \"127.0.0.1:0\", "
      "timeout: {head: 200ms, body_idle: 200ms, keepalive: 300ms}}]\n" +
      orders_at(origin.address()));
  Client head(sidecar.address());
  head.send("GET / HTTP/1.1\r\nHost: ord");
  EXPECT_EQ(head.receive().status, 408);
  EXPECT_TRUE(head.sees_end());
  Client body(sidecar.address());
  body.send("POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_EQ(body.receive().status, 408);
  Client idle(sidecar.address());
  EXPECT_EQ(idle.get("orders").status, 200);
  EXPECT_TRUE(idle.sees_end());
  Client silent(sidecar.address());
  EXPECT_TRUE(silent.sees_end());
  EXPECT_TRUE(nothing_is_left(sidecar));
}

}  // namespace
}  // namespace outrigger::testing
