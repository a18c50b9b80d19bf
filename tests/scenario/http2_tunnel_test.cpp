// Tunnels that are asked for over HTTP/2: CONNECT, and extended CONNECT (RFC 8441).
#include "proxy/http/websocket.hpp"
#include "tests/support/asked_tunnel.hpp"
#include "tests/support/h2_caller.hpp"

namespace outrigger::testing {
namespace {

struct Http2Tunnel : Asked {
  std::string key_of(const std::string& asked) {
    const size_t begin = asked.find("Sec-WebSocket-Key: ");
    if (begin == std::string::npos) return {};
    const size_t value = begin + std::string_view("Sec-WebSocket-Key: ").size();
    return asked.substr(value, asked.find("\r\n", value) - value);
  }
  std::string switch_for(const std::string& key) {
    Arena arena({});
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           std::string(http::websocket_accept_of(key, arena)) + "\r\n\r\n";
  }
};

TEST_F(Http2Tunnel, AnExtendedConnectBecomesAnUpgrade) {
  H2Caller caller(town);
  H2Side& side = caller.begin_open("GET", "/chat?a=1", {{":protocol", "websocket"}});
  side.send_data("early");
  town.run();
  const std::string asked = head();
  EXPECT_TRUE(asked.starts_with("GET /chat?a=1 HTTP/1.1\r\n")) << asked;
  EXPECT_NE(asked.find("Upgrade: websocket\r\n"), std::string::npos) << asked;
  EXPECT_EQ(key_of(asked).size(), 24u) << asked;
  EXPECT_EQ(server.last().received, "");
  server.last().send(switch_for(key_of(asked)) + "hello");
  town.run();
  EXPECT_EQ(side.status(), 101);  // a 200, as the reader of the other end has it
  EXPECT_EQ(side.message.body, "hello");
  EXPECT_EQ(side.message.field("Sec-WebSocket-Accept"), "");
  EXPECT_EQ(server.last().take(), "early");
  side.send_data("more", true);
  town.run();
  EXPECT_EQ(server.last().take(), "more");
  EXPECT_TRUE(server.last().ended);
  EXPECT_FALSE(side.is_over());
  server.last().send("bye");
  server.last().finish();
  town.run();
  EXPECT_EQ(side.message.body, "hellobye");
  EXPECT_TRUE(side.done);
}

TEST_F(Http2Tunnel, TheServerMayEndFirst) {
  H2Caller caller(town);
  H2Side& side = caller.begin_open("GET", "/chat", {{":protocol", "websocket"}});
  town.run();
  server.last().send(switch_for(key_of(head())) + "bye");
  server.last().finish();
  town.run();
  EXPECT_TRUE(side.message.complete);
  EXPECT_FALSE(side.done);
  EXPECT_FALSE(side.closed);
  side.send_data("last words", true);
  town.run();
  EXPECT_EQ(server.last().take(), "last words");
  EXPECT_TRUE(server.last().ended);
  EXPECT_TRUE(side.done);
}

TEST_F(Http2Tunnel, AWrongProofIs502) {
  H2Caller caller(town);
  H2Side& side = caller.begin_open("GET", "/chat", {{":protocol", "websocket"}});
  town.run();
  server.last().send(kSwitch);
  EXPECT_EQ(caller.finish(side).status(), 502);
}

// A 2xx to CONNECT would be a tunnel.
TEST_F(Http2Tunnel, AnAnswerInsteadOfATunnelNeverLooksLikeOne) {
  H2Caller caller(town);
  H2Side& fine = caller.begin_open("GET", "/chat", {{":protocol", "websocket"}});
  town.run();
  server.last().send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(caller.finish(fine).status(), 502);
  EXPECT_NE(fine.message.field("proxy-status").find("http_protocol_error"), std::string::npos);
  EXPECT_EQ(fine.message.body, "");
  int counted_as = 0;
  town.process.shards.service(0, {"orders", {}})
      ->requests.for_each([&](int status, auto, uint64_t, int) { counted_as = status; });
  EXPECT_EQ(counted_as, 502);
  H2Side& other = caller.begin_open("GET", "/chat", {{":protocol", "websocket"}});
  town.run();
  server.last().send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(caller.finish(other).status(), 403);
  EXPECT_EQ(other.message.body, "no");
}

TEST_F(Http2Tunnel, AnUpgradeToH2cIsMalformed) {
  H2Caller caller(town);
  H2Side& side = caller.begin_open("GET", "/", {{":protocol", "h2c"}});
  caller.finish(side);
  ASSERT_TRUE(side.closed);
  EXPECT_EQ(side.closed->code, http::H2Code::kProtocolError);
}

TEST_F(Http2Tunnel, AProtocolThatIsNotListedIsRefused) {
  H2Caller caller(town);
  H2Side& side = caller.begin_open("GET", "/", {{":protocol", "connect-udp"}});
  EXPECT_EQ(caller.finish(side).status(), 405);
  EXPECT_TRUE(server.peers.empty());
}

TEST_F(Http2Tunnel, ConnectCarriesBytesBothWays) {
  H2Caller caller(town);
  caller.host = "orders:80";
  H2Side& side = caller.begin_open("CONNECT", "");
  side.send_data("early");
  town.run();
  ASSERT_EQ(server.peers.size(), 1u);
  EXPECT_EQ(server.last().take(), "early");
  server.last().send("220 hi");
  town.run();
  EXPECT_EQ(side.message.body, "220 hi");
  server.last().abort();
  town.run();
  ASSERT_TRUE(side.closed);
  EXPECT_EQ(side.closed->code, http::H2Code::kConnectError);  // RFC 9113 section 8.5
}

TEST_F(Http2Tunnel, AResetOfTheServerIsACancelToWhoAskedForAWebSocket) {
  H2Caller caller(town);
  H2Side& side = caller.begin_open("GET", "/chat", {{":protocol", "websocket"}});
  town.run();
  server.last().send(switch_for(key_of(head())));
  town.run();
  server.last().abort();
  town.run();
  ASSERT_TRUE(side.closed);
  EXPECT_EQ(side.closed->code, http::H2Code::kCancel);  // RFC 8441 section 5
}

// A tunnel that is over for the caller outlives its connection; one that is not ends with it.
TEST_F(Http2Tunnel, TheLastBytesArriveThoughTheirCallerHasGone) {
  PipeOptions& pipe = town.network.at(*Address::parse("10.0.0.1:80")).pipe;
  pipe.latency_ms = 5;
  pipe.kernel_bytes = 1'000;
  for (const bool by_reset : {false, true}) {
    H2Caller caller(town);
    caller.host = "orders:80";
    H2Side& whole = caller.begin_open("CONNECT", "");
    caller.begin_open("CONNECT", "");
    town.pass_ms(50);
    ASSERT_GE(server.peers.size(), 2u);
    TestPeer& served = *server.peers[server.peers.size() - 2];
    served.finish();
    town.pass_ms(50);
    ASSERT_TRUE(whole.message.complete);
    const std::string last_words(20'000, 'x');
    whole.send_data(last_words, true);
    town.run();
    by_reset ? caller.break_off() : caller.close_cleanly();
    town.pass_ms(1'000);
    EXPECT_EQ(served.received.size(), last_words.size()) << by_reset;
    EXPECT_TRUE(served.ended) << by_reset;
    EXPECT_FALSE(served.broken) << by_reset;
    EXPECT_TRUE(server.last().broken || server.last().ended) << by_reset;
    town.pass_ms(2'000);
    EXPECT_EQ(town.process.shards.worker(0)->downstream_connections.value(), 0);
  }
}

TEST_F(Http2Tunnel, AResetOfTheStreamResetsTheOtherSide) {
  H2Caller caller(town);
  caller.host = "orders:80";
  H2Side& side = caller.begin_open("CONNECT", "");
  side.send_data("early");
  town.run();
  side.reset();
  town.run();
  EXPECT_TRUE(server.last().broken);
}

TEST_F(Http2Tunnel, AStalledWindowHoldsBackTheServerForAsLongAsItLikes) {
  H2Caller caller(town);
  caller.host = "orders:80";
  H2Side& side = caller.begin_open("CONNECT", "");
  side.takes = false;
  side.send_data("q");
  town.run();
  const std::string much(1 << 20, 'x');
  server.last().send(much);
  town.pass_ms(600'000);
  EXPECT_FALSE(side.closed);
  EXPECT_GT(server.last().stream().unsent(), 0u);
  side.take_all();
  side.takes = true;
  town.run();
  EXPECT_EQ(side.message.body, much);
}

}  // namespace
}  // namespace outrigger::testing
