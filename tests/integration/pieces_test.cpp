#include <atomic>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string orders_at(const std::string& address, const std::string& more = "") {
  return "services: {orders: {endpoints: {static: [\"" + address + "\"]}" + more + "}}\n";
}

// Messages that arrive in two pieces, parted at each byte, mean the same.
TEST(Pieces, AnAnswerMayBePartedAnywhere) {
  static constexpr std::string_view kAnswers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A: 1\r\n\r\nbody",
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2;x=\"y\"\r\nbo\r\n2\r\ndy\r\n0\r\nT: 1\r\n\r\n",
  };
  std::atomic<size_t> which{0};
  std::atomic<size_t> parted_at{0};
  const Origin origin([&](const Request&, Wire& wire) {
    const std::string_view answer = kAnswers[which];
    wire.send(answer.substr(0, parted_at));
    idle_ms(1);  // so that the pieces do not meet again in the kernel
    return wire.send(answer.substr(parted_at));
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  for (which = 0; which < std::size(kAnswers); ++which) {
    for (parted_at = 0; parted_at < kAnswers[which].size(); ++parted_at) {
      const Response response = client.get("orders");
      ASSERT_EQ(response.status, 200) << which << " parted at " << parted_at;
      ASSERT_EQ(response.body, "body") << which << " parted at " << parted_at;
    }
  }
  EXPECT_EQ(origin.connections(), 1);
  EXPECT_EQ(client.interim(), static_cast<int>(kAnswers[1].size()));
}

TEST(Pieces, ARequestMayBePartedAnywhere) {
  const Origin origin([](const Request& request, Wire& wire) {
    return wire.send(Origin::response(request.body + request.field("x-a")));
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  for (const std::string request :
       {"POST / HTTP/1.1\r\nHost: orders\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nbody",
        "POST / HTTP/1.1\r\nHost: orders\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n"
        "2\r\ndy\r\n0\r\nT: 1\r\n\r\n"}) {
    for (size_t at = 1; at < request.size(); ++at) {
      client.send(request.substr(0, at));
      idle_ms(1);
      const Response response = client.call(request.substr(at));
      ASSERT_EQ(response.status, 200) << at;
      ASSERT_EQ(response.body, "body1") << at;
    }
  }
}

TEST(Pieces, AnswersWithoutABodyLeaveTheConnectionUsable) {
  const Origin origin([](const Request& request, Wire& wire) {
    if (request.line.starts_with("HEAD")) {
      return wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    }
    if (request.line.find("/204") != std::string::npos) {
      return wire.send("HTTP/1.1 204 No Content\r\n\r\n");
    }
    if (request.line.find("/304") != std::string::npos) {
      return wire.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n");
    }
    return wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client.call("HEAD / HTTP/1.1\r\nHost: orders\r\n\r\n", true).status, 200);
    EXPECT_EQ(client.get("orders", "/204").status, 204);
    EXPECT_EQ(client.get("orders", "/304").status, 304);
    EXPECT_EQ(client.get("orders").status, 200);
  }
  EXPECT_EQ(origin.connections(), 1);
}

TEST(Pieces, TrailersTravelBothWays) {
  const Origin origin = Origin([](const Request&, Wire& wire) {
    return wire.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        "4\r\nbody\r\n0\r\nX-Sum: 9\r\n\r\n");
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  client.send("GET / HTTP/1.1\r\nHost: orders\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n");
  const auto all = client.wire().read_to_end();
  ASSERT_TRUE(all.has_value());
  EXPECT_NE(all->find("0\r\nX-Sum: 9\r\n\r\n"), std::string::npos) << *all;
}

TEST(Pieces, AnAnswerUntilTheEndOfTheConnectionIsPassedOnWhole) {
  const Origin origin([](const Request&, Wire& wire) {
    wire.send("HTTP/1.1 200 OK\r\n\r\n" + std::string(300'000, 'x'));
    return false;
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  for (int i = 0; i < 3; ++i) {
    const Response response = client.get("orders");
    EXPECT_TRUE(response.complete);
    EXPECT_EQ(response.body.size(), 300'000U);
  }
}

// An answer before the request's body was sent whole: the caller gets it, and nothing of the rest
// of that body is taken for a call.
TEST(Pieces, AnEarlyAnswerReachesACallerThatStillSends) {
  const auto origin = Origin::talking([](Wire& wire) {
    std::string line;
    while (wire.read_line(line) && !line.empty()) {
    }
    wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    wire.finish();
    wire.read_to_end();
  });
  const Sidecar sidecar(orders_at(origin->address()));
  Client client(sidecar.address());
  client.send("POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 10000000\r\n\r\n");
  const std::string piece(100'000, 'x');
  for (int i = 0; i < 100 && client.send(piece); ++i) {
  }
  EXPECT_EQ(client.receive().status, 413);
}

TEST(Pieces, AMalformedAnswerIsOurs502) {
  static constexpr std::string_view kAnswers[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
  };
  std::atomic<size_t> which{0};
  const Origin origin([&](const Request&, Wire& wire) {
    wire.send(kAnswers[which]);
    return false;
  });
  const Sidecar sidecar(orders_at(origin.address(), ", circuit: off, endpoint_circuit: off"));
  for (which = 0; which < std::size(kAnswers); ++which) {
    const Response response = sidecar.get("orders");
    EXPECT_EQ(response.status, 502) << kAnswers[which];
    EXPECT_NE(response.field("proxy-status").find("http_protocol_error"), std::string::npos)
        << kAnswers[which] << response.field("proxy-status");
  }
}

}  // namespace
}  // namespace outrigger::testing
