// Tunnels that are asked for in HTTP/1.1 by CONNECT.
#include "tests/support/asked_tunnel.hpp"

namespace outrigger::testing {
namespace {

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
