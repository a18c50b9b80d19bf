#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Sends `bytes` on a new connection; it must be answered with `status`, closed, and leave nothing.
void expect_refused(std::string_view bytes, int status) {
  Server server;
  Caller caller(server);
  const std::string answer = caller.ask(bytes);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::to_string(status) + " "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("proxy-status: outrigger; error="));
  EXPECT_TRUE(caller.ended) << "no hang";
  EXPECT_FALSE(caller.broken);
  EXPECT_TRUE(server.terminal.calls.empty()) << "nothing is forwarded";
  server.loop.run_until_idle();
  EXPECT_EQ(server.exchanges.in_use(), 0u) << "memory is released at once";
  server.loop.advance_ms(1'001);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(H1Abuse, TooManyFieldsAbuse54) {
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "x" + std::to_string(i) + ": 1\r\n";
  expect_refused(get("/", fields), 431);
}

TEST(H1Abuse, AHeadThatIsTooLongAbuse54) {
  std::string fields;
  for (int i = 0; i < 70; ++i)
    fields += "x" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n";
  expect_refused(get("/", fields), 431);
}

TEST(H1Abuse, AHeadThatNeverEndsAbuse54) {
  Server server;
  Caller caller(server);
  std::string answer = caller.ask("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 100 && answer.empty(); ++i) {
    answer += caller.ask("x: " + std::string(1000, 'x') + "\r\n");
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
  EXPECT_LE(server.series.downstream_bytes_in.value(), 66u * 1024);
}

TEST(H1Abuse, ATargetThatIsTooLongAbuse54) {
  expect_refused(get("/" + std::string(9'000, 'x')), 414);
}

// A whole preface begins HTTP/2; what only looks like one is no HTTP/1 either.
TEST(H1Abuse, AnHttp2PrefaceThatIsNoneAbuse56) {
  expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\rx", 400);
  expect_refused("PRI * HTTP/2.0\r\nHost: orders\r\n\r\n", 400);
}

TEST(H1Abuse, TwoEmptyLinesAreIgnoredAbuse57) {
  Server server;
  Caller caller(server);
  EXPECT_EQ(caller.ask("\r\n\r\n" + get("/")), ok("GET / "));
  EXPECT_EQ(caller.ask("\r\n"), "");
  EXPECT_EQ(caller.ask(get("/2")), ok("GET /2 "));
}

TEST(H1Abuse, ManyEmptyLinesAbuse57) {
  std::string lines;
  for (int i = 0; i < 1'000; ++i) lines += "\r\n";
  expect_refused(lines, 400);
}

TEST(H1Abuse, ATlsClientHelloOrAProxyHeaderAbuse58) {
  expect_refused(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400);
  expect_refused("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", 400);
  expect_refused(std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11", 14), 400);
}

TEST(H1Abuse, BytesThatAreNotHttpAreCountedAbuse58) {
  Server server;
  Caller caller(server);
  caller.ask(std::string("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_EQ(server.series.detect_refused.value(), 1u);
  EXPECT_EQ(server.series.detect_http1.value(), 0u);
}

TEST(H1Abuse, ConnectAbuse68) {
  expect_refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405);
  expect_refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01hello", 405);
  expect_refused("CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400);
}

TEST(H1Abuse, TraceAbuse75) {
  expect_refused("TRACE / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", 405);
}

TEST(H1Abuse, OptionsThatMayGoNoFurtherIsAnsweredHereAbuse75) {
  Server server;
  Caller caller(server);
  EXPECT_EQ(caller.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nAllow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"
            "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(server.terminal.calls.empty());
  EXPECT_EQ(caller.ask(get("/")), ok("GET / "));
}

TEST(H1Abuse, MaxForwardsIsCountedDownForOptionsOnlyAbuse75) {
  Server server;
  Caller caller(server);
  caller.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 10\r\n\r\n");
  EXPECT_THAT(server.resolver.fields, ElementsAre("Max-Forwards: 9"));
  caller.ask(get("/", "Max-Forwards: 0\r\n"));
  EXPECT_THAT(server.resolver.fields, ElementsAre("Max-Forwards: 0"));
  EXPECT_EQ(server.terminal.calls.size(), 2u);
}

TEST(H1Abuse, OurOwnPseudonymInViaIsALoopAbuse76) {
  for (const std::string via : {"1.1 reef", "1.0 other, HTTP/1.1  Reef (x)"}) {
    Server server;
    server.context.config.via = "reef";
    Caller caller(server);
    const std::string answer = caller.ask(get("/", "Via: " + via + "\r\n"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 508 "));
    EXPECT_THAT(answer, HasSubstr("proxy_loop_detected"));
    EXPECT_TRUE(server.terminal.calls.empty());
  }
}

TEST(H1Abuse, AnotherPseudonymIsNoLoopAbuse76) {
  Server server;
  server.context.config.via = "reef";
  Caller caller(server);
  EXPECT_THAT(caller.ask(get("/", "Via: 1.1 reefs, 1.1 a (reef)\r\n")),
              StartsWith("HTTP/1.1 200 "));
}

TEST(H1Abuse, ThousandsOfSlowHeadsHarmNobodyAbuse113) {
  Server server;
  std::vector<std::unique_ptr<Caller>> slow;
  for (int i = 0; i < 2'000; ++i) {
    slow.push_back(std::make_unique<Caller>(server));
    slow.back()->send("G");
  }
  Caller healthy(server);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(healthy.ask(get("/")), ok("GET / "));
    healthy.wait(1'000);
    for (auto& caller : slow) caller->send("G");
  }
  healthy.wait(1'000);
  EXPECT_EQ(server.series.slow_heads.value(), 2'000u);
  EXPECT_EQ(healthy.ask(get("/")), ok("GET / "));
}

TEST(H1Abuse, AMalformedRequestBehindAGoodOneIsAnsweredInOrder) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  EXPECT_EQ(caller.ask(get("/") + "GET / HTTP/1.1\nHost: a\n\n"), "");
  server.loop.post([&] { server.terminal.last().respond(200, "x"); });
  const std::string answer = caller.wait();
  EXPECT_THAT(answer, StartsWith(ok("x") + "HTTP/1.1 400 "));
  EXPECT_TRUE(caller.ended);
}

TEST(H1Abuse, OverloadIsRefusedAndCountedAbuse118) {
  Server server;
  server.resolver.cause = Cause::kOverload;
  Caller caller(server);
  EXPECT_THAT(caller.ask(get("/")), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server.series.overload_memory.value(), 1u);
  EXPECT_TRUE(caller.ended);
}

}  // namespace
}  // namespace outrigger::testing
