#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CallerLeaves, AResetWhileTheAnswerIsPendingCancelsTheCall) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  caller.abort();
  server.loop.run_until_idle();
  EXPECT_TRUE(server.terminal.last().cancelled);
  EXPECT_EQ(server.ends.gone, 1);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(CallerLeaves, AnEndWhileTheAnswerIsPendingCancelsTheCall) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  caller.finish();
  EXPECT_EQ(caller.wait(), "");
  EXPECT_TRUE(server.terminal.last().cancelled);
  EXPECT_EQ(server.ends.gone, 1);
}

TEST(CallerLeaves, AnEndWithinTheAnswerCancelsTheCall) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  server.loop.post([&] {
    server.terminal.last().head(200, -1);
    server.terminal.last().push("abc");
  });
  EXPECT_THAT(caller.wait(), HasSubstr("abc"));
  caller.finish();
  caller.wait();
  EXPECT_EQ(server.ends.gone, 1);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(CallerLeaves, AnEndAfterConnectionCloseIsAHalfClose) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.send(get("/", "Connection: close\r\n"));
  caller.finish();
  caller.wait();
  EXPECT_EQ(server.ends.gone, 0);
  server.loop.post([&] { server.terminal.last().respond(200, "late"); });
  EXPECT_TRUE(caller.wait().ends_with("late"));
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(server.ends.done, 1);
}

TEST(CallerLeaves, AnEndAfterAnHttp10RequestIsAHalfClose) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  caller.finish();
  caller.wait();
  server.loop.post([&] { server.terminal.last().respond(200, "late"); });
  EXPECT_TRUE(caller.wait().ends_with("late"));
  EXPECT_TRUE(caller.ended);
}

TEST(CallerLeaves, AnEndWithAPipelinedRequestWaitingCancelsBoth) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.send(get("/1") + get("/2"));
  caller.finish();
  caller.wait();
  EXPECT_EQ(server.terminal.calls.size(), 1u);
  EXPECT_EQ(server.ends.gone, 1);
}

TEST(CallerLeaves, AnEndBetweenRequestsClosesQuietly) {
  Server server;
  Caller caller(server);
  caller.ask(get("/"));
  caller.finish();
  caller.wait();
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(server.acceptor->has_connections());
  EXPECT_EQ(server.ends.gone, 0);
}

TEST(CallerLeaves, AnEndWithinAHeadClosesQuietly) {
  Server server;
  Caller caller(server);
  caller.send("GET / HTTP/1.1\r\nHos");
  caller.finish();
  EXPECT_EQ(caller.wait(), "");
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(server.ends.done, 0);
}

// Whatever the point at which it goes, by an end or by a reset, nothing is left behind.
TEST(CallerLeaves, AtEveryPointOfItsBytes) {
  const std::string bytes =
      post("/one", "abc") +
      "PUT /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const size_t head = bytes.find("\r\n\r\n") + 4;
  for (const bool reset : {false, true}) {
    for (const bool echoes : {false, true}) {
      for (size_t sent = 0; sent <= bytes.size(); ++sent) {
        Server server;
        server.terminal.echoes = echoes;
        Caller caller(server);
        caller.ask(bytes.substr(0, sent));
        reset ? caller.abort() : caller.finish();
        caller.wait();
        ASSERT_FALSE(server.acceptor->has_connections()) << sent << reset << echoes;
        server.loop.run_until_idle();
        ASSERT_EQ(server.exchanges.in_use(), 0u) << sent << reset << echoes;
        const EndCounter& ends = server.ends;
        ASSERT_LE(ends.done + ends.gone + ends.failed, 2);
        if (!echoes) {
          ASSERT_EQ(ends.done + ends.gone + ends.failed, sent < head ? 0 : 1) << sent;
        }
      }
    }
  }
}

TEST(CallerLeaves, AResetIsSeenWithinASecondWhileItsBodyIsHeldBack) {
  Server server;
  server.terminal.echoes = server.terminal.pulls = false;
  Caller caller(server);
  caller.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(500'000, 'x'));
  caller.wait();
  const auto& body = server.terminal.last().leg->exchange().body();
  EXPECT_FALSE(body.has_room());
  EXPECT_LE(body.unread(), 2 * chain::RequestBody::kUnreadMax);
  caller.abort();
  server.loop.run_until_idle();
  EXPECT_EQ(server.ends.gone, 0);
  server.loop.advance_ms(1001);
  EXPECT_EQ(server.ends.gone, 1);
}

TEST(CallerLeaves, AResetIsSeenWithinASecondWhilePipelinedBytesAreHeldBack) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  std::string many;
  for (int i = 0; i < 100; ++i) many += get("/");
  caller.ask(many);
  caller.abort();
  server.loop.advance_ms(1001);
  EXPECT_EQ(server.ends.gone, 1);
}

TEST(CallerLeaves, ATruncatedAnswerEndsInAReset) {
  for (const std::string version : {"1.1", "1.0"}) {
    Server server;
    server.terminal.echoes = false;
    Caller caller(server);
    caller.ask("GET / HTTP/" + version + "\r\nHost: a\r\n\r\n");
    server.loop.post([&] {
      server.terminal.last().head(200, -1);
      server.terminal.last().push("abc");
    });
    caller.wait();
    server.loop.post([&] {
      Error error;
      error.cause = Cause::kResponseIncomplete;
      server.terminal.last().leg->deliver_error(error);
    });
    caller.wait();
    EXPECT_TRUE(caller.broken) << version;
    EXPECT_FALSE(caller.ended) << version;
    EXPECT_EQ(server.ends.failed, 1);
  }
}

TEST(CallerLeaves, AnErrorBeforeTheHeadIsAnswered) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  server.loop.post([&] {
    Error error;
    error.cause = Cause::kConnectRefused;
    server.terminal.last().leg->deliver_error(error);
  });
  const std::string answer = caller.wait();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(answer, HasSubstr("error=connection_refused"));
  EXPECT_FALSE(caller.is_over()) << "an upstream's failure does not cost the caller its connection";
}

}  // namespace
}  // namespace outrigger::testing
