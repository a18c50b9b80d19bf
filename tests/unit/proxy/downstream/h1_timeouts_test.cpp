#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(H1Timeouts, AHeadGetsItsTimeFromTheFirstByteAbuse113) {
  Server server;
  Caller caller(server);
  caller.wait(60'000);
  EXPECT_FALSE(caller.is_over()) << "a connection may wait before its first request";
  std::string answer;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(answer, "") << i;
    answer += caller.ask("G");
    answer += caller.wait(1'000);
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(server.series.slow_heads.value(), 1u);
  EXPECT_TRUE(caller.ended);
}

TEST(H1Timeouts, ALaterHeadGetsTheSameTime) {
  Server server;
  Caller caller(server);
  caller.ask(get("/"));
  caller.wait(5'000);
  caller.ask("GET / HT");
  EXPECT_EQ(caller.wait(9'999), "");
  EXPECT_THAT(caller.wait(2), StartsWith("HTTP/1.1 408 "));
}

TEST(H1Timeouts, ABodyThatStallsIsAnswered408Abuse114) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(caller.wait(59'000), "") << "each byte starts the time again";
    caller.ask("x");
  }
  EXPECT_EQ(caller.wait(59'999), "");
  EXPECT_THAT(caller.wait(2), StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(server.terminal.last().cancelled);
  EXPECT_EQ(server.series.slow_bodies.value(), 1u);
}

TEST(H1Timeouts, ABodyThatStallsAfterTheAnswerBeganResetsAbuse114) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  server.loop.post([&] { server.terminal.last().head(200, -1); });
  caller.wait(60'001);
  EXPECT_TRUE(caller.broken);
}

TEST(H1Timeouts, TakingTheAnswerDoesNotProlongTheTimeOfTheBodyAbuse114) {
  Server server;
  server.terminal.echoes = false;
  server.network.at(server.address).pipe.kernel_bytes = 1000;
  Caller caller(server);
  caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  server.loop.post([&] { server.terminal.last().head(200, -1); });
  for (int i = 0; i < 5; ++i) {
    server.loop.post([&] { server.terminal.last().push(std::string(40'000, 'x')); });
    caller.wait(11'000);
  }
  EXPECT_FALSE(caller.broken);
  EXPECT_GT(server.terminal.last().congestions, 0);
  caller.wait(5'001);
  EXPECT_TRUE(caller.broken);
}

TEST(H1Timeouts, ABodyThatWeHoldBackDoesNotCountAsStalled) {
  Server server;
  server.terminal.echoes = server.terminal.pulls = false;
  Caller caller(server);
  caller.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" +
              std::string(300'000, 'x'));
  EXPECT_EQ(caller.wait(200'000), "");
  EXPECT_FALSE(caller.is_over());
  for (int i = 0; i < 10; ++i) {
    server.loop.post([&] { server.terminal.last().pull(); });
    caller.wait();
  }
  EXPECT_EQ(server.terminal.last().body.size(), 300'000u);
  EXPECT_TRUE(server.terminal.last().body_ended);
}

TEST(H1Timeouts, AnIdleConnectionIsClosedAfterKeepalive) {
  Server server;
  Caller caller(server);
  caller.ask(get("/"));
  caller.wait(3'599'000);
  EXPECT_FALSE(caller.is_over());
  caller.wait(2'000);
  EXPECT_TRUE(caller.ended);
  caller.wait(1'000);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(H1Timeouts, EachAnswerStartsKeepaliveAgain) {
  Server server;
  Caller caller(server);
  for (int i = 0; i < 3; ++i) {
    caller.wait(3'000'000);
    EXPECT_EQ(caller.ask(get("/")), ok("GET / "));
  }
  EXPECT_FALSE(caller.is_over());
}

TEST(H1Timeouts, KeepaliveDoesNotRunWhileAnAnswerIsPending) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  caller.wait(4'000'000);
  server.loop.post([&] { server.terminal.last().respond(200, "x"); });
  EXPECT_EQ(caller.wait(), ok("x"));
}

// A caller that does not read: the upstream is told to wait, what is held is bounded, and after
// write_stall without a byte taken the connection is reset.
TEST(H1Timeouts, ACallerThatDoesNotReadIsResetAbuse115) {
  Server server;
  server.terminal.echoes = false;
  server.network.at(server.address).pipe.kernel_bytes = 4096;
  Caller caller(server);
  caller.pause();
  caller.ask(get("/"));
  server.loop.post([&] { server.terminal.last().head(200, 1'000'000); });
  const std::string piece(16'384, 'x');
  for (int i = 0; i < 50; ++i) {
    server.loop.post([&] {
      if (!server.terminal.last().congested) server.terminal.last().push(piece);
    });
    server.loop.run_until_idle();
  }
  EXPECT_TRUE(server.terminal.last().congested);
  EXPECT_LE(server.terminal.last().leg->exchange().facts().bytes_out, 3 * 16'384);
  server.loop.advance_ms(29'000);
  EXPECT_EQ(server.series.write_stalls.value(), 0u);
  server.loop.advance_ms(9'000);
  EXPECT_EQ(server.series.write_stalls.value(), 1u);
  EXPECT_TRUE(server.terminal.last().cancelled || !server.terminal.last().leg);
  EXPECT_EQ(server.ends.gone, 1);
  caller.resume();
  caller.wait();
  EXPECT_TRUE(caller.broken);
}

TEST(H1Timeouts, TheUpstreamWaitsAfterTheFirstPieceThatDoesNotFitAbuse115) {
  Server server;
  server.terminal.echoes = false;
  server.network.at(server.address).pipe.kernel_bytes = 4096;
  Caller caller(server);
  caller.pause();
  caller.ask(get("/"));
  server.loop.post([&] {
    server.terminal.last().head(200, -1);
    server.terminal.last().push(std::string(64 * 1024, 'x'));
    EXPECT_TRUE(server.terminal.last().congested) << "within the callback that brought the piece";
  });
  server.loop.run_until_idle();
  caller.resume();
  caller.wait();
  EXPECT_FALSE(server.terminal.last().congested);
}

TEST(H1Timeouts, ASlowButSteadyReaderIsServedToTheEnd) {
  Server server;
  server.terminal.echoes = false;
  server.network.at(server.address).pipe.kernel_bytes = 1000;
  Caller caller(server);
  caller.pause();
  caller.ask(get("/"));
  server.loop.post([&] { server.terminal.last().respond(200, std::string(9'000, 'x')); });
  std::string answer;
  for (int i = 0; i < 20; ++i) {
    answer += caller.wait(20'000);
    caller.resume();
    server.loop.step();
    server.loop.step();
    caller.pause();
  }
  caller.resume();
  answer += caller.wait();
  EXPECT_EQ(answer, ok(std::string(9'000, 'x')));
  EXPECT_EQ(server.series.write_stalls.value(), 0u);
}

TEST(H1Timeouts, ALargeAnswerOnItsWayOutOutlivesTheLingerTime) {
  Server server;
  server.terminal.echoes = false;
  server.network.at(server.address).pipe.kernel_bytes = 1000;
  Caller caller(server);
  caller.pause();
  caller.ask(get("/", "Connection: close\r\n"));
  server.loop.post([&] { server.terminal.last().respond(200, std::string(9'000, 'x')); });
  caller.wait(20'000);
  caller.resume();
  EXPECT_EQ(caller.wait().size(), 9'000 + std::string("HTTP/1.1 200 OK\r\nContent-Length: "
                                                      "9000\r\nConnection: close\r\n\r\n")
                                              .size());
  EXPECT_TRUE(caller.ended);
}

}  // namespace
}  // namespace outrigger::testing
