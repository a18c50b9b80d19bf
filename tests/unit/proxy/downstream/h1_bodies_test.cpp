#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

using http::Linger;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string chunked(std::string_view target, std::string_view chunks) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" +
         "\r\n" + std::string(chunks);
}
std::string expecting(size_t length) {
  return "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " +
         std::to_string(length) + "\r\n\r\n";
}

TEST(H1Bodies, AShortBodyAbortsTheUpstreamAndIsAnswered400Abuse17) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  caller.finish();
  EXPECT_THAT(caller.wait(), StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(server.terminal.last().cancelled);
  EXPECT_FALSE(server.terminal.last().body_ended);
  EXPECT_TRUE(caller.ended);
}

TEST(H1Bodies, BytesBehindABodyAreTheNextRequestAndRefusedAbuse18) {
  Server server;
  Caller caller(server);
  const std::string answer = caller.ask(post("/", "abc") + "garbage\r\n\r\n");
  EXPECT_THAT(answer, StartsWith(ok("POST / abc")));
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 400 "));
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(server.terminal.calls.size(), 1u);
}

TEST(H1Bodies, ABodyOfAGetIsForwardedAbuse19) {
  Server server;
  Caller caller(server);
  for (const std::string method : {"GET", "DELETE"}) {
    EXPECT_EQ(caller.ask(method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
              ok(method + " / abc"));
    EXPECT_EQ(caller.ask(method + " / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n0\r\n\r\n"),
              ok(method + " / abc"));
  }
}

TEST(H1Bodies, AnEndWithinAChunkAbortsTheUpstreamAbuse35) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.send(chunked("/", "5\r\nab"));
  caller.finish();
  caller.wait();
  EXPECT_TRUE(server.terminal.last().cancelled);
  EXPECT_FALSE(server.terminal.last().body_ended) << "never a clean last chunk";
}

TEST(H1Bodies, AMalformedChunkAbortsTheUpstreamAndIsAnswered400) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  const std::string answer = caller.ask(chunked("/", "5\r\nhello\r\n0x5\r\nhello\r\n0\r\n\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(server.terminal.last().cancelled);
  EXPECT_EQ(server.terminal.last().body, "hello");
  EXPECT_TRUE(caller.ended);
}

TEST(H1Bodies, AMalformedChunkAfterTheAnswerBeganResets) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(chunked("/", "5\r\nhello\r\n"));
  server.loop.post([&] { server.terminal.last().head(200, -1); });
  caller.wait();
  caller.ask("zz\r\n");
  EXPECT_TRUE(caller.broken);
  EXPECT_EQ(server.ends.failed, 1);
}

TEST(H1Bodies, ATrailerSectionThatIsTooLongIsRefused) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  std::string answer = caller.ask(chunked("/", "0\r\n"));
  for (int i = 0; i < 100 && answer.empty(); ++i) {
    answer += caller.ask("x-t: " + std::string(1000, 'x') + "\r\n");
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
}

TEST(H1Bodies, AChunkedBodyLargerThanEveryBufferPasses) {
  Server server;
  server.terminal.echoes = false;
  server.network.at(server.address).pipe.random_chunks = true;
  Caller caller(server);
  std::string bytes;
  std::string body;
  for (int i = 0; i < 200; ++i) {
    const std::string piece(5'000, static_cast<char>('a' + i % 26));
    bytes += "1388\r\n" + piece + "\r\n";
    body += piece;
  }
  caller.send(chunked("/", bytes + "0\r\n\r\n") + get("/next"));
  caller.wait(10);
  EXPECT_EQ(server.terminal.last().body, body);
  EXPECT_TRUE(server.terminal.last().body_ended);
}

TEST(H1Bodies, PassesOneContinueFromTheUpstream) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  EXPECT_EQ(caller.ask(expecting(3)), "") << "the upstream decides";
  server.loop.post([&] {
    server.terminal.last().leg->deliver_interim(100, {}, {});
    server.terminal.last().leg->deliver_interim(100, {}, {});
  });
  EXPECT_EQ(caller.wait(), "HTTP/1.1 100 Continue\r\n\r\n");
  caller.ask("abc");
  EXPECT_TRUE(server.terminal.last().body_ended);
  server.loop.post([&] { server.terminal.last().respond(200, "x"); });
  EXPECT_EQ(caller.wait(), ok("x"));
  EXPECT_FALSE(caller.is_over());
}

TEST(H1Bodies, RefusesAnUnknownExpectationAbuse69) {
  for (const std::string expect : {"foo", "y 100-continue", "100-continue, foo"}) {
    Server server;
    Caller caller(server);
    EXPECT_THAT(caller.ask(get("/", "Expect: " + expect + "\r\n")), StartsWith("HTTP/1.1 417 "));
    EXPECT_TRUE(caller.ended);
    EXPECT_TRUE(server.terminal.calls.empty());
  }
}

TEST(H1Bodies, AFinalAnswerInsteadOfAContinueEndsTheConnectionAbuse70) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(expecting(3));
  server.loop.post([&] { server.terminal.last().respond(403, "no"); });
  const std::string answer = caller.wait();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(caller.ended);
  // Whether the body comes or the next request: neither is taken for the other.
  EXPECT_EQ(caller.ask("abc" + get("/smuggled")), "");
  EXPECT_FALSE(caller.broken);
  EXPECT_EQ(server.terminal.calls.size(), 1u);
  EXPECT_TRUE(server.terminal.last().cancelled) << "the upstream's connection is not reused";
  caller.wait(Linger::kSilenceMs + 1);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(H1Bodies, TheRestOfAShortBodyIsReadPastAfterAnEarlyAnswerAbuse71) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(400, 'x'));
  server.loop.post([&] { server.terminal.last().respond(200, "early"); });
  EXPECT_EQ(caller.wait(), ok("early"));
  EXPECT_TRUE(server.terminal.last().cancelled);
  server.terminal.echoes = true;
  EXPECT_EQ(caller.ask(std::string(600, 'x') + get("/next")), ok("GET /next "));
}

TEST(H1Bodies, ARestThatDoesNotComeClosesAfterASilenceAbuse71) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + std::string(400, 'x'));
  server.loop.post([&] { server.terminal.last().respond(200, "early"); });
  caller.wait(Linger::kSilenceMs - 100);
  caller.ask("x");
  caller.wait(Linger::kSilenceMs - 1);
  EXPECT_FALSE(caller.ended);
  caller.wait(1);
  EXPECT_TRUE(caller.ended);
}

TEST(H1Bodies, ARestThatTricklesClosesInTheEndAbuse71) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  server.loop.post([&] { server.terminal.last().respond(200, "early"); });
  caller.wait();
  for (int i = 0; i < 29; ++i) {
    caller.ask("x");
    caller.wait(1'000);
    EXPECT_FALSE(caller.ended) << i;
  }
  caller.wait(1'010);
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(H1Bodies, TheRestOfAChunkedBodyIsReadPastAfterAnEarlyAnswerAbuse71) {
  const std::string bytes = "c\r\n3;x=y\r\ndef\r\n0\r\nx-t: 1\r\n\r\n" + get("/next");
  for (size_t split = 1; split < bytes.size(); ++split) {
    Server server;
    server.terminal.echoes = false;
    Caller caller(server);
    caller.ask(chunked("/", "3\r\nab"));
    server.loop.post([&] { server.terminal.last().respond(200, "early"); });
    EXPECT_EQ(caller.wait(), ok("early"));
    EXPECT_TRUE(server.terminal.last().cancelled);
    server.terminal.echoes = true;
    std::string answer = caller.ask(bytes.substr(0, split));
    answer += caller.ask(bytes.substr(split));
    EXPECT_EQ(answer, ok("GET /next ")) << split;
  }
}

TEST(H1Bodies, AMalformedRestOfAChunkedBodyClosesAbuse71) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(chunked("/", "3\r\nabc\r\n"));
  server.loop.post([&] { server.terminal.last().respond(200, "early"); });
  caller.wait();
  EXPECT_EQ(caller.ask("zz\r\n" + get("/next")), "") << "no answer that could be taken for another";
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(server.terminal.calls.size(), 1u);
}

TEST(H1Bodies, ALongRestOfAChunkedBodyClosesAbuse71) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(chunked("/", "fffffff\r\n"));
  server.loop.post([&] { server.terminal.last().respond(200, "early"); });
  EXPECT_EQ(caller.wait(), ok("early"));
  caller.ask(std::string(60'000, 'x'));
  EXPECT_FALSE(caller.ended);
  caller.ask(std::string(6'000, 'x'));
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(caller.broken);
}

// An answer to the beginning of a long upload, which goes on.
struct EarlyAnswer : ::testing::Test {
  EarlyAnswer() {
    server.terminal.echoes = false;
    caller.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nabc");
    server.loop.post([&] { server.terminal.last().respond(413, "early"); });
    const std::string answer = caller.wait();
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    EXPECT_TRUE(answer.ends_with("early"));
    EXPECT_TRUE(caller.ended);
  }
  Server server;
  Caller caller{server};
};

TEST_F(EarlyAnswer, IsNotTakenFromACallerThatWritesOnAbuse71) {
  for (int i = 0; i < 20; ++i) {
    caller.ask(std::string(500'000, 'x'));
    caller.wait(1'000);
    EXPECT_FALSE(caller.broken) << i;
  }
  caller.finish();
  caller.wait();
  EXPECT_FALSE(caller.broken);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST_F(EarlyAnswer, IsOverAfterASilenceAbuse71) {
  caller.ask("x");
  caller.wait(Linger::kSilenceMs - 1);
  EXPECT_TRUE(server.acceptor->has_connections());
  caller.wait(1);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST_F(EarlyAnswer, IsOverInTheEndHoweverTheCallerTricklesAbuse71) {
  for (int i = 0; i < 29; ++i) {
    caller.ask("x");
    caller.wait(1'000);
    EXPECT_TRUE(server.acceptor->has_connections()) << i;
  }
  caller.wait(1'000);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST_F(EarlyAnswer, IsOverWhenTheCallerHasSentEnoughAbuse71) {
  const uint64_t before = server.series.downstream_bytes_in.value();
  for (size_t sent = 0; sent < 2 * Linger::kBytesMax && !caller.broken; sent += 4'000'000) {
    caller.ask(std::string(4'000'000, 'x'));
  }
  EXPECT_TRUE(caller.broken);
  EXPECT_FALSE(server.acceptor->has_connections());
  EXPECT_LE(server.series.downstream_bytes_in.value() - before, Linger::kBytesMax + 64u * 1024);
}

TEST_F(EarlyAnswer, IsOverWhenTheCallerIsGone) {
  caller.ask("xyz");
  caller.abort();
  caller.wait();
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST_F(EarlyAnswer, HoldsUpNoDrain) {
  caller.ask("xyz");
  server.acceptor->drain_idle();
  caller.ask("xyz");
  EXPECT_FALSE(caller.broken);
  EXPECT_EQ(server.acceptor->close_all(), 0) << "no call runs on it";
  caller.wait();
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(H1Bodies, ACallerThatOwesNothingIsGivenASecondToEnd) {
  Server server;
  Caller caller(server);
  caller.ask(get("/", "Connection: close\r\n"));
  EXPECT_TRUE(caller.ended);
  caller.wait(999);
  EXPECT_TRUE(server.acceptor->has_connections());
  caller.wait(1);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(H1Bodies, WhatFollowsARefusedHeadIsReadPast) {
  Server server;
  Caller caller(server);
  const std::string answer =
      caller.ask("GET / HTTP/1.1\r\nHost: a\r\nx: " + std::string(200'000, 'x'));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
  caller.ask(std::string(200'000, 'x'));
  EXPECT_FALSE(caller.broken);
  caller.wait(Linger::kSilenceMs);
  EXPECT_FALSE(server.acceptor->has_connections());
}

TEST(H1Bodies, AnEarlyHeadDoesNotStopTheRequestBody) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(chunked("/", "3\r\nabc\r\n"));
  server.loop.post([&] {
    server.terminal.last().head(200, -1);
    server.terminal.last().push("one");
  });
  EXPECT_THAT(caller.wait(), HasSubstr("3\r\none\r\n"));
  caller.ask("3\r\ndef\r\n0\r\n\r\n");
  EXPECT_EQ(server.terminal.last().body, "abcdef");
  EXPECT_TRUE(server.terminal.last().body_ended);
  server.loop.post([&] { server.terminal.last().end(); });
  EXPECT_EQ(caller.wait(), "0\r\n\r\n");
  EXPECT_FALSE(caller.is_over());
}

TEST(H1Bodies, AnAnswerLargerThanEveryBufferPasses) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  std::string body;
  for (int i = 0; i < 300'000; ++i) body += static_cast<char>('a' + i % 26);
  server.loop.post([&] { server.terminal.last().respond(200, body); });
  EXPECT_EQ(caller.wait(), ok(body));
  server.terminal.echoes = true;
  EXPECT_EQ(caller.ask(get("/2")), ok("GET /2 "));
}

}  // namespace
}  // namespace outrigger::testing
