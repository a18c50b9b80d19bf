#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(H1Connection, AnswersARequestWithinTheReadCallback) {
  Server server;
  Caller caller(server);
  EXPECT_EQ(caller.ask(get("/x")), ok("GET /x "));
  EXPECT_EQ(caller.reads, 1u) << "head and body go in one send";
  EXPECT_EQ(server.ends.done, 1);
  EXPECT_EQ(server.series.detect_http1.value(), 1u);
  EXPECT_FALSE(caller.is_over());
}

TEST(H1Connection, IsSmallWhenIdle) { EXPECT_LE(sizeof(downstream::H1Connection), 304u); }

TEST(H1Connection, KeepsTheConnectionForTheNextRequest) {
  Server server;
  Caller caller(server);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(caller.ask(post("/" + std::to_string(i), "abc")),
              ok("POST /" + std::to_string(i) + " abc"));
  }
  EXPECT_EQ(server.network.connects(), 1u);
}

TEST(H1Connection, AddsNeitherDateNorServer) {
  Server server;
  Caller caller(server);
  const std::string answer = caller.ask(get("/"));
  EXPECT_THAT(answer, Not(HasSubstr("Date")));
  EXPECT_THAT(answer, Not(HasSubstr("Server")));
}

// The same bytes come out however the bytes that go in are cut.
TEST(H1Connection, AnswersTwoPipelinedRequestsAtEverySplit) {
  const std::string bytes = post("/one", "first body") +
                            "PUT /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nx-t: 1\r\n\r\n" +
                            get("/three");
  const std::string expected =
      ok("POST /one first body") + ok("PUT /two hello world") + ok("GET /three ");
  for (size_t split = 1; split < bytes.size(); ++split) {
    Server server;
    Caller caller(server);
    std::string answer = caller.ask(bytes.substr(0, split));
    answer += caller.ask(bytes.substr(split));
    answer += caller.wait(10);
    ASSERT_EQ(answer, expected) << "split at " << split;
    ASSERT_EQ(server.ends.done, 3) << "split at " << split;
  }
}

TEST(H1Connection, AnswersPipelinedRequestsThatComeByteByByte) {
  Server server;
  server.network.at(server.address).pipe.drip_bytes = 1;
  Caller caller(server);
  caller.send(post("/one", "abc") + post("/two", "def") + get("/three"));
  EXPECT_EQ(caller.wait(1000), ok("POST /one abc") + ok("POST /two def") + ok("GET /three "));
}

TEST(H1Connection, AnswersPipelinedRequestsInOrderThoughTheUpstreamIsSlow) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  EXPECT_EQ(caller.ask(get("/1") + post("/2", "abc") + get("/3")), "");
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(server.terminal.calls.size(), i + 1) << "one exchange at a time";
    server.loop.post([&] { server.terminal.last().respond(200, server.terminal.last().target); });
    EXPECT_EQ(caller.wait(2), ok("/" + std::to_string(i + 1)));
  }
  EXPECT_EQ(server.terminal.calls[1]->body, "abc");
}

TEST(H1Connection, SendsNoBodyForHead) {
  Server server;
  Caller caller(server);
  EXPECT_EQ(caller.ask("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
  EXPECT_EQ(caller.ask(get("/y")), ok("GET /y "));
}

TEST(H1Connection, SendsNoBodyWith204And304) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  for (const int status : {204, 304}) {
    caller.ask(get("/"));
    server.loop.post([&] {
      server.terminal.last().head(status, -1);
      server.terminal.last().end();
    });
    const std::string answer = caller.wait();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::to_string(status)));
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
    EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding")));
  }
}

TEST(H1Connection, ChunksAnAnswerOfUnknownLengthAndPassesItsTrailers) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  server.loop.post([&] {
    CallRecord& call = server.terminal.last();
    call.head(200, -1);
    call.push("hello");
    http::Fields trailers;
    trailers.add(call.leg->exchange().arena(), "x-sum", "42");
    call.end(&trailers);
  });
  EXPECT_EQ(caller.wait(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "5\r\nhello\r\n0\r\nx-sum: 42\r\n\r\n");
  EXPECT_FALSE(caller.is_over());
}

TEST(H1Connection, PassesChunkTrailersOfTheRequest) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n");
  const http::Fields* trailers = server.terminal.last().leg->exchange().body().trailers();
  ASSERT_NE(trailers, nullptr);
  EXPECT_EQ(trailers->find("x-t")->value, "1");
}

TEST(H1Connection, EndsAnHttp10AnswerOfUnknownLengthWithTheConnection) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  server.loop.post([&] {
    server.terminal.last().head(200, -1);
    server.terminal.last().push("hello");
    server.terminal.last().end();
  });
  EXPECT_EQ(caller.wait(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
  EXPECT_TRUE(caller.ended);
}

TEST(H1Connection, KeepsAnHttp10ConnectionOnlyWhenAsked) {
  Server server;
  Caller keeping(server);
  EXPECT_THAT(keeping.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
              HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_FALSE(keeping.is_over());
  Caller closing(server);
  EXPECT_THAT(closing.ask("GET / HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closing.ended);
}

TEST(H1Connection, SendsNoInterimAnswerToHttp10) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask("GET / HTTP/1.0\r\n\r\n");
  server.loop.post([&] {
    server.terminal.last().leg->deliver_interim(103, {}, {});
    server.terminal.last().respond(200, "x");
  });
  EXPECT_THAT(caller.wait(), StartsWith("HTTP/1.1 200 OK"));
}

TEST(H1Connection, ForwardsInterimAnswers) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/"));
  server.loop.post([&] { server.terminal.last().leg->deliver_interim(103, {}, {}); });
  EXPECT_EQ(caller.wait(), "HTTP/1.1 103 Early Hints\r\n\r\n");
  server.loop.post([&] { server.terminal.last().respond(200, "x"); });
  EXPECT_EQ(caller.wait(), ok("x"));
}

TEST(H1Connection, IgnoresAnUpgrade) {
  Server server;
  Caller caller(server);
  EXPECT_EQ(caller.ask(get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")), ok("GET / "));
  EXPECT_TRUE(server.resolver.fields.empty());
}

TEST(H1Connection, RefusesAnUnknownHostAndCloses) {
  Server server;
  Caller caller(server);
  const std::string answer = caller.ask("GET / HTTP/1.1\r\nHost: unknown\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(answer, HasSubstr("error=destination_not_found"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(caller.ended);
}

TEST(H1Connection, TakesAbsoluteFormOnlyWhereTheListenerAllows) {
  Server server;
  Caller proxying(server);
  EXPECT_EQ(proxying.ask("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"), ok("GET /x "));
  server.context.config.intercept = config::Intercept::kAuthority;
  Caller refused(server);
  EXPECT_THAT(refused.ask("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
}

TEST(H1Connection, AddsViaToRequestAndAnswerWhereAPseudonymIsSet) {
  Server server;
  server.context.config.via = "reef";
  Caller caller(server);
  EXPECT_THAT(caller.ask(get("/")), HasSubstr("Via: 1.1 reef\r\n"));
  EXPECT_EQ(server.resolver.fields, std::vector<std::string>{"via: 1.1 reef"});
}

TEST(H1Connection, ClosesAfterConnectionClose) {
  Server server;
  Caller caller(server);
  EXPECT_THAT(caller.ask(get("/", "Connection: close\r\n")), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(caller.ended);
}

}  // namespace
}  // namespace outrigger::testing
