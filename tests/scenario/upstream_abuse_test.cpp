// What an upstream may send, and what of it a caller sees. (ABUSE, section on responses.)
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr std::string_view kOrders =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, retry: off}}";

// The answer to a request that the upstream answers with these bytes.
Message answer_of(std::string_view raw, bool reused_afterwards = false) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.script = {sends(std::string(raw))};
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_EQ(Caller(town).get("/next").body, "ok") << raw;
  EXPECT_EQ(origin.accepted(), reused_afterwards ? 1u : 2u) << raw;
  return answer;
}

// ABUSE 121
TEST(UpstreamAbuse, AnAmbiguousResponseIs502AndItsConnectionIsDropped) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const char* fields : {
           "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
           "Content-Length: 2, 2\r\n\r\nok",
           "Content-Length: +2\r\n\r\nok",
           "Content-Length: -2\r\n\r\nok",
           "Content-Length: 99999999999999999999\r\n\r\nok",
           "Content-Length: \r\n\r\nok",
           "Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked, identity\r\n\r\n2\r\nok\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
       }) {
    const Message answer = answer_of(ok + fields);
    EXPECT_EQ(answer.status(), 502) << fields;
    EXPECT_NE(answer.field("proxy-status").find("http_protocol_error"), std::string::npos);
  }
}

// ABUSE 121
TEST(UpstreamAbuse, ABadChunkAfterTheHeadIsSeenAsATruncation) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  for (const char* chunk : {"0x3\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n0\r\n\r\n", "zz\r\n",
                            "fffffffffffffffff\r\nabc", "3\r\nabcdef\r\n0\r\n\r\n"}) {
    origin.script = {
        sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunk))};
    Caller caller(town);
    const Message answer = caller.get();
    EXPECT_FALSE(answer.complete) << chunk;
    EXPECT_TRUE(caller.broken || answer.status() == 502) << chunk;
    EXPECT_EQ(caller.received.find("0\r\n\r\n"), std::string::npos) << chunk;
    town.run();
    EXPECT_EQ(origin.open_connections(), 0u) << chunk;
  }
}

// ABUSE 122
TEST(UpstreamAbuse, SplittingCharactersInAResponseHeadAre502) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& fields : {
           std::string("X: a\rb\r\nContent-Length: 2\r\n\r\nok"),
           std::string("X: a\0b\r\nContent-Length: 2\r\n\r\nok", 31),
           std::string("X: a\nY: b\r\nContent-Length: 2\r\n\r\nok"),
           std::string("X: a\r\n folded\r\nContent-Length: 2\r\n\r\nok"),
           std::string("X y: a\r\nContent-Length: 2\r\n\r\nok"),
           std::string("Content-Length: 2\n\nok"),
       }) {
    const Message answer = answer_of(ok + fields);
    EXPECT_EQ(answer.status(), 502) << fields;
  }
  for (const char* start :
       {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/3.0 200 OK\r\n\r\n", "FTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "garbage\r\n\r\n", "\r\n\r\n\r\n\r\n"}) {
    EXPECT_EQ(answer_of(start).status(), 502) << start;
  }
}

// ABUSE 125
TEST(UpstreamAbuse, AFloodOfInterimAnswersEndsIn502) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  std::string flood;
  for (int i = 0; i < 1'000; ++i) flood += "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  origin.script = {sends(flood)};
  Caller caller(town);
  EXPECT_EQ(caller.get().status(), 502);
  EXPECT_LE(caller.interims.size(), 100u);
  EXPECT_GT(caller.interims.size(), 0u);
}

// ABUSE 125
TEST(UpstreamAbuse, AnUnaskedSwitchOfProtocolsIs502) {
  const Message answer = answer_of(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
  EXPECT_EQ(answer.status(), 502);
}

// ABUSE 125
TEST(UpstreamAbuse, AnInterimAnswerWithinABodyIsBodyAndOneBehindItIsNobodys) {
  const Message answer =
      answer_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 103 Early Hints\r\n\r\n");
  EXPECT_EQ(answer.body, "ok");
}

// ABUSE 126
TEST(UpstreamAbuse, ATruncatedBodyIsNeverACleanEnd) {
  struct Case {
    const char* head;
    const char* part;
  };
  for (const Case& one : {Case{"Content-Length: 10\r\n", "abc"},
                          Case{"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"},
                          Case{"Transfer-Encoding: chunked\r\n", "9\r\nabc"},
                          Case{"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n"}}) {
    for (const bool by_reset : {false, true}) {
      Town town(kOrders);
      town.origin(kAt).otherwise =
          both(sends("HTTP/1.1 200 OK\r\n" + std::string(one.head) + "\r\n" + one.part),
               after(5, by_reset ? resets() : closes()));
      Caller caller(town);
      const Message answer = caller.get();
      EXPECT_FALSE(answer.complete) << one.part;
      EXPECT_EQ(answer.status(), 200);
      EXPECT_EQ(answer.body, "abc");
      EXPECT_TRUE(caller.broken) << one.part;
    }
  }
}

TEST(UpstreamAbuse, ABodyUntilCloseIsCompleteAtACleanEndAndTruncatedByAReset) {
  for (const bool by_reset : {false, true}) {
    Town town(kOrders);
    town.origin(kAt).otherwise =
        both(sends("HTTP/1.1 200 OK\r\n\r\nabc"), after(5, by_reset ? resets() : closes()));
    Caller caller(town);
    const Message answer = caller.get();
    EXPECT_EQ(answer.complete, !by_reset);
    EXPECT_EQ(answer.body, "abc");
    EXPECT_EQ(caller.broken, by_reset);
  }
}

TEST(UpstreamAbuse, ABodyUntilCloseToAnOldCallerEndsWithTheConnectionOrAReset) {
  for (const bool by_reset : {false, true}) {
    Town town(kOrders);
    town.origin(kAt).otherwise =
        both(sends("HTTP/1.1 200 OK\r\n\r\nabc"), after(5, by_reset ? resets() : closes()));
    Caller caller(town);
    caller.begin_raw("GET", "GET / HTTP/1.0\r\nHost: orders\r\n\r\n");
    caller.next();
    EXPECT_EQ(caller.ended, !by_reset);
    EXPECT_EQ(caller.broken, by_reset);
  }
}

// ABUSE 127
TEST(UpstreamAbuse, AnEndlessHeadIs502) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.script = {[](Origin::Connection& on) {
    on.send("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 5'000; ++i) {
      on.after(i / 10, [&on] { on.send_if_open("X-Field: " + std::string(2'000, 'x') + "\r\n"); });
    }
  }};
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("http_response_header_section_size"),
            std::string::npos);
}

// ABUSE 128
TEST(UpstreamAbuse, ForbiddenTrailersAreDroppedAndOthersPass) {
  Town town(kOrders);
  town.origin(kAt).otherwise = sends(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
      "2\r\nok\r\n0\r\nX-Sum: 7\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
      "Host: x\r\n\r\n");
  Caller caller(town);
  caller.begin("GET", "/", "TE: trailers\r\nConnection: te\r\n");
  const Message answer = caller.next();
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.field("x-sum"), "7");
  EXPECT_FALSE(answer.has("content-length"));
  EXPECT_FALSE(answer.has("host"));
  EXPECT_EQ(answer.count("transfer-encoding"), 1);
}

// ABUSE 124
TEST(UpstreamAbuse, A204WithATransferCodingIs502) {
  EXPECT_EQ(
      answer_of("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status(),
      502);
}

TEST(UpstreamAbuse, AnAnswerThatComesByteByByteIsTheSame) {
  Town town(kOrders);
  town.network.at(*Address::parse(kAt)).pipe.drip_bytes = 1;
  town.origin(kAt).otherwise = sends(
      "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 7\r\n\r\n");
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "abcde");
  EXPECT_EQ(caller.interims.size(), 1u);
}

// The upstream speaks before it was asked: nobody's answer.
TEST(UpstreamAbuse, AnAnswerBeforeTheRequestOnAFreshConnection) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.script = {sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), answers(200, "real")};
  Caller caller(town);
  EXPECT_EQ(caller.get("/1").body, "ok");
  EXPECT_EQ(caller.get("/2").body, "real");
}

}  // namespace
}  // namespace outrigger::testing
