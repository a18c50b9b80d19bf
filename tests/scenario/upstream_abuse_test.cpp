// What an upstream may send, and what of it a caller sees. (ABUSE, section on responses.)
#include <gtest/gtest.h>

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
           "Content-Length: 2, 3\r\n\r\nok",
           "Content-Length: +2\r\n\r\nok",
           "Content-Length: -2\r\n\r\nok",
           "Content-Length: 99999999999999999999\r\n\r\nok",
           "Content-Length: \r\n\r\nok",
           "Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
           "Transfer-Encoding : chunked\r\nContent-Length : 2\r\n\r\n0\r\n\r\n",
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
           std::string("X : a\rb\r\nContent-Length: 2\r\n\r\nok"),
           std::string("X: a\r\n fol\rded\r\nContent-Length: 2\r\n\r\nok"),
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

TEST(UpstreamAbuse, AnAnswerThatIsWrongButPlainPassesAndItsConnectionServesOn) {
  for (const char* raw : {
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nContent-Length : 2\r\nX : a\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nX: \x01\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nConnection: Keep-Alive, timeout=5\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nUpgrade: a\r\nUpgrade: b\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nok\r\n0 \r\n\r\n",
           "HTTP/1.2 200  OK\r\nContent-Length: 2\r\n\r\nok",
       }) {
    const Message answer = answer_of(raw, true);
    EXPECT_EQ(answer.status(), 200) << raw;
    EXPECT_EQ(answer.body, "ok") << raw;
  }
}

// Where the server may mean something else to follow than what we read.
TEST(UpstreamAbuse, AnAnswerThatIsMendedByGuessPassesAndItsConnectionEnds) {
  for (const char* raw : {
           "HTTP/1.1 200 OK\r\nConnection: \"close\"\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nX y: a\r\nnothing\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
           "2\r\nok\r\n0\r\n\r\n",
           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
           "2\r\nok\r\n0\r\n\r\n",
           "HTTP/1.0 200 OK\nContent-Length: 2\n\nok",
       }) {
    const Message answer = answer_of(raw);
    EXPECT_EQ(answer.status(), 200) << raw;
    EXPECT_EQ(answer.body, "ok") << raw;
  }
}

TEST(UpstreamAbuse, AnAnswerOfManyFieldsPasses) {
  std::string raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
  for (int i = 0; i < 1'000; ++i) raw += "Set-Cookie: a" + std::to_string(i) + "=b\r\n";
  const Message answer = answer_of(raw + "\r\nok", true);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.count("set-cookie"), 1'000);
}

TEST(UpstreamAbuse, TheBytesThatAreAskedForBoundTheHeadOfAnAnswer) {
  for (const size_t kib : {200u, 700u, 1'100u}) {
    Town town(
        "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off,"
        " limits: {header_bytes: 1MiB}}}");
    std::string raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
    for (size_t i = 0; i < kib; ++i) raw += "X: " + std::string(1'019, 'x') + "\r\n";
    town.origin(kAt).script = {sends(raw + "\r\nok")};
    EXPECT_EQ(Caller(town).get().status(), kib < 1'024 ? 200 : 502) << kib;
  }
}

// A program that says every second that it is at work, at ten times its rate.
TEST(UpstreamAbuse, InterimAnswersThatTellOfProgressPassForALongTime) {
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, retry: off,"
      " timeout: {request: off}}}");
  constexpr int kBeats = 6'000;
  town.origin(kAt).script = {[](Origin::Connection& on) {
    for (int i = 0; i < kBeats; ++i) {
      on.after(i * 100, [&on] { on.send_if_open("HTTP/1.1 102 Processing\r\n\r\n"); });
    }
    on.after(kBeats * 100,
             [&on] { on.send_if_open("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); });
  }};
  Caller caller(town);
  caller.begin("GET", "/");
  town.pass_ms(kBeats * 100 + 1'000);
  EXPECT_EQ(caller.next().body, "ok");
  EXPECT_EQ(caller.interims.size(), size_t{kBeats});
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
TEST(UpstreamAbuse, A204WithATransferCodingEndsAtItsHeadAndItsConnectionToo) {
  for (const char* behind : {"", "0\r\n\r\n", "2\r\nok\r\n0\r\n\r\n"}) {
    const Message answer = answer_of(
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(behind));
    EXPECT_EQ(answer.status(), 204) << behind;
    EXPECT_FALSE(answer.has("transfer-encoding"));
  }
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
