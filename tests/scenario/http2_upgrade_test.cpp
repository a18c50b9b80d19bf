// Upgrades whose upstream speaks HTTP/2: extended CONNECT (RFC 8441), for callers of either
// version.
#include "proxy/http/websocket.hpp"
#include "tests/support/h2_caller.hpp"
#include "tests/support/h2_origin.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kOrders =
    "services: {orders: {protocol: http2, endpoints: {static: ['10.0.0.1:80']}}}";
constexpr std::string_view kAsk =
    "GET /chat?a=1 HTTP/1.1\r\nHost: orders\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

http::H2Limits with_tunnels(bool tunnels = true) {
  http::H2Limits limits;
  limits.tunnels = tunnels;
  return limits;
}

void answer_ok(H2Side& side) { side.answer(200, "ok"); }

struct Http2Upgrade : ::testing::Test {
  explicit Http2Upgrade(bool tunnels = true, std::string_view yaml = kOrders)
      : town(yaml), server(town, "10.0.0.1:80", with_tunnels(tunnels)) {
    // The end of what the caller sends into a tunnel is no request that is complete.
    if (tunnels) server.otherwise = [](H2Side&) {};
  }

  // A tunnel whose both ways are over ends in the turn after.
  void TearDown() override { town.pass_ms(5); }

  // What the server gets, answered with 200.
  H2Side& accept() {
    H2Side& side = server.last_side();
    http::ResponseHead head;
    head.status = 101;
    head.tunnel = true;
    side.peer().session().submit_response(side, head, {}, true);
    town.run();
    return side;
  }
  void ask(TestClient& caller, std::string_view behind = {}) {
    town.run();
    caller.send(std::string(kAsk) + std::string(behind));
    town.run();
  }

  Town town;
  H2Origin server;
};

TEST_F(Http2Upgrade, AnUpgradeBecomesAnExtendedConnect) {
  TestClient caller(town.network, town.address());
  ask(caller, "too early");
  ASSERT_EQ(server.heads, 1u);
  EXPECT_EQ(server.last_side().message.start, "GET /chat?a=1 HTTP/2");
  EXPECT_EQ(server.last_side().message.field("sec-websocket-key"), "");
  EXPECT_EQ(server.last_side().message.field("sec-websocket-version"), "13");
  town.pass_ms(500);
  EXPECT_EQ(server.last_side().message.body, "");  // waits for the answer
  H2Side& side = accept();
  const std::string answered = caller.take_head();
  EXPECT_TRUE(answered.starts_with("HTTP/1.1 101 ")) << answered;
  EXPECT_NE(answered.find("Upgrade: websocket\r\n"), std::string::npos) << answered;
  EXPECT_NE(answered.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            std::string::npos)
      << answered;
  EXPECT_EQ(side.message.body, "too early");
  side.send_data("hello");
  town.run();
  EXPECT_EQ(caller.take(), "hello");
}

TEST_F(Http2Upgrade, TheCallerMayEndFirst) {
  TestClient caller(town.network, town.address());
  ask(caller);
  H2Side& side = accept();
  caller.send("bye");
  caller.finish();
  town.run();
  EXPECT_EQ(side.message.body, "bye");
  EXPECT_TRUE(side.message.complete);
  EXPECT_FALSE(caller.ended);
  side.send_data("last words", true);
  town.run();
  EXPECT_TRUE(caller.take().ends_with("last words"));
  EXPECT_TRUE(caller.ended);
  EXPECT_TRUE(side.done);
}

TEST_F(Http2Upgrade, TheServerMayEndFirst) {
  TestClient caller(town.network, town.address());
  ask(caller);
  H2Side& side = accept();
  side.send_data("bye", true);
  town.run();
  EXPECT_TRUE(caller.take().ends_with("bye"));
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(side.is_over());
  caller.send("last words");
  town.run();
  EXPECT_EQ(side.message.body, "last words");
  EXPECT_FALSE(caller.broken);
  caller.finish();
  town.run();
  EXPECT_TRUE(side.done);
}

TEST_F(Http2Upgrade, AResetPassesInEitherDirection) {
  for (const bool half_closed : {false, true}) {
    TestClient first(town.network, town.address());
    ask(first);
    H2Side& by_server = accept();
    if (half_closed) by_server.send_data("x", true);
    town.run();
    by_server.reset();
    town.run();
    EXPECT_TRUE(first.broken) << half_closed;
    TestClient second(town.network, town.address());
    ask(second);
    H2Side& by_caller = accept();
    second.abort();
    town.run();
    ASSERT_TRUE(by_caller.closed) << half_closed;
    EXPECT_EQ(by_caller.closed->code, http::H2Code::kCancel);
  }
  EXPECT_EQ(server.accepted(), 1u);
}

TEST_F(Http2Upgrade, OneThatIsRefusedIsAnAnswerAndTheEndAbuse65) {
  TestClient caller(town.network, town.address());
  ask(caller, "GET /smuggled HTTP/1.1\r\nHost: orders\r\n\r\n");
  server.last_side().answer(403, "no");
  town.run();
  const std::string answered = caller.take();
  EXPECT_TRUE(answered.starts_with("HTTP/1.1 403 ")) << answered;
  EXPECT_NE(answered.find("\r\nno\r\n"), std::string::npos) << answered;
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(server.last_side().message.body, "");
  EXPECT_EQ(server.heads, 1u);
}

TEST_F(Http2Upgrade, OneThatIsRefusedLeavesTheCallersConnectionInUse) {
  TestClient caller(town.network, town.address());
  for (size_t i = 0; i < 2; ++i) {
    ask(caller);
    server.last_side().answer(403, "no");
    town.run();
    EXPECT_NE(caller.take().find("\r\nno\r\n"), std::string::npos);
    EXPECT_FALSE(caller.ended);
    EXPECT_EQ(server.heads, i + 1);
  }
}

TEST_F(Http2Upgrade, OfAProtocolThatIsNotListedIsAnOrdinaryCall) {
  server.otherwise = answer_ok;
  Caller caller(town);
  EXPECT_EQ(caller.get("/", "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n").status(), 200);
  EXPECT_EQ(caller.get("/", "Connection: Upgrade\r\nUpgrade: foo\r\n").status(), 200);
  EXPECT_FALSE(caller.is_over());
  EXPECT_EQ(server.heads, 2u);
}

// An extended CONNECT has no room for either.
TEST_F(Http2Upgrade, WithABodyOrAnotherMethodIsAnOrdinaryCall) {
  server.otherwise = answer_ok;
  Caller caller(town);
  constexpr std::string_view kFields = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  EXPECT_EQ(caller.post("/", "abc", kFields).status(), 200);
  EXPECT_EQ(server.last_side().message.body, "abc");
  EXPECT_EQ(caller.post("/", "", kFields).status(), 200);
  EXPECT_FALSE(caller.is_over());
}

TEST_F(Http2Upgrade, ACallerThatLeavesBeforeTheAnswerEndsTheAttempt) {
  TestClient caller(town.network, town.address());
  ask(caller);
  caller.finish();
  town.run();
  ASSERT_TRUE(server.last_side().closed);
  EXPECT_EQ(server.last_side().closed->code, http::H2Code::kCancel);
}

TEST_F(Http2Upgrade, ATunnelOutlivesGoawayAndALongSilence) {
  TestClient caller(town.network, town.address());
  ask(caller);
  H2Side& side = accept();
  caller.take_head();
  server.last().session().submit_goaway(http::H2Code::kNoError);
  town.pass_ms(600'000);
  EXPECT_FALSE(caller.broken);
  side.send_data("still here");
  town.run();
  EXPECT_EQ(caller.take(), "still here");
}

TEST_F(Http2Upgrade, StalledWindowsHoldBackTheOtherSide) {
  const std::string much(1 << 20, 'x');
  TestClient caller(town.network, town.address());
  ask(caller);
  H2Side& side = accept();
  side.takes = false;
  caller.send(much);
  town.pass_ms(600'000);
  EXPECT_FALSE(caller.broken);
  EXPECT_LT(side.message.body.size(), much.size() / 2);
  side.take_all();
  town.run();
  EXPECT_EQ(side.message.body, much);
}

TEST_F(Http2Upgrade, AnHttp2CallerMayAskToo) {
  H2Caller caller(town);
  H2Side& asked = caller.begin_open("GET", "/chat", {{":protocol", "websocket"}});
  asked.send_data("early");
  town.run();
  H2Side& side = accept();
  EXPECT_EQ(asked.status(), 101);
  EXPECT_EQ(side.message.body, "early");
  side.send_data("hello", true);
  town.run();
  EXPECT_EQ(asked.message.body, "hello");
  EXPECT_FALSE(asked.done);
  asked.send_data("bye", true);
  town.run();
  EXPECT_EQ(side.message.body, "earlybye");
  EXPECT_TRUE(asked.done);
  EXPECT_TRUE(side.done);
}

TEST_F(Http2Upgrade, SettingsThatNeverComeAreAConnectTimeout) {
  server.mute = true;
  TestClient caller(town.network, town.address());
  ask(caller);
  town.pass_ms(30'000);
  EXPECT_TRUE(caller.received.starts_with("HTTP/1.1 504 ") ||
              caller.received.starts_with("HTTP/1.1 502 "))
      << caller.received;
  EXPECT_NE(caller.received.find("connect"), std::string::npos) << caller.received;
  EXPECT_EQ(server.accepted(), 1u);
}

struct Http2NotKept : Http2Upgrade {
  Http2NotKept()
      : Http2Upgrade(true,
                     "services: {orders: {protocol: http2, pool: {idle: off}, endpoints: {static: "
                     "['10.0.0.1:80']}}}") {}
};

TEST_F(Http2NotKept, AConnectionIsNotIdleWhileAnUpgradeWaitsForItsSettings) {
  town.network.at(*Address::parse("10.0.0.1:80")).pipe.latency_ms = 20;
  TestClient caller(town.network, town.address());
  ask(caller);
  town.pass_ms(100);
  ASSERT_EQ(server.heads, 1u) << caller.received;
  H2Side& side = accept();
  side.send_data("hello", true);
  town.pass_ms(100);
  EXPECT_TRUE(caller.take().ends_with("hello"));
  caller.finish();
  town.pass_ms(100);
  EXPECT_EQ(town.workers[0]->running(), 0u);
  EXPECT_EQ(server.accepted(), 1u);
}

TEST_F(Http2NotKept, TheLastBytesOfATunnelGoBeforeItsConnectionDoes) {
  testing::PipeOptions& pipe = town.network.at(*Address::parse("10.0.0.1:80")).pipe;
  pipe.latency_ms = 5;
  pipe.kernel_bytes = 1'000;
  TestClient caller(town.network, town.address());
  ask(caller);
  town.pass_ms(100);
  ASSERT_EQ(server.heads, 1u) << caller.received;
  H2Side& side = accept();
  side.send_data("bye", true);
  town.pass_ms(100);
  const std::string last_words(20'000, 'x');
  caller.send(last_words);
  caller.finish();
  town.pass_ms(1'000);
  EXPECT_TRUE(side.message.complete);
  EXPECT_EQ(side.message.body.size(), last_words.size());
  EXPECT_EQ(server.last().ended, true);
}

TEST_F(Http2NotKept, APeerThatDoesNotTakeTheLastBytesIsNotWaitedForForEver) {
  testing::PipeOptions& pipe = town.network.at(*Address::parse("10.0.0.1:80")).pipe;
  pipe.kernel_bytes = 1'000;
  TestClient caller(town.network, town.address());
  ask(caller);
  H2Side& side = accept();
  side.send_data("bye", true);
  town.run();
  server.last().pause();
  caller.send(std::string(20'000, 'x'));
  caller.finish();
  town.pass_ms(60'000);
  server.last().resume();
  town.run();
  EXPECT_FALSE(side.message.complete);
}

struct Http2WithoutTunnels : Http2Upgrade {
  Http2WithoutTunnels() : Http2Upgrade(false) {}
};

TEST_F(Http2WithoutTunnels, AnUpgradeIs502AtOnceAndOtherCallsGoOn) {
  Caller other(town);
  other.begin("GET", "/");
  TestClient caller(town.network, town.address());
  ask(caller);
  const int64_t since_ms = town.now_ms();
  town.loop.run_until([&] { return caller.ended; }, 900);
  EXPECT_LT(town.now_ms() - since_ms, 900);
  EXPECT_TRUE(caller.received.starts_with("HTTP/1.1 502 ")) << caller.received;
  EXPECT_EQ(other.next().status(), 200);
  EXPECT_EQ(server.heads, 1u);
  EXPECT_EQ(server.accepted(), 1u);
}

}  // namespace
}  // namespace outrigger::testing
