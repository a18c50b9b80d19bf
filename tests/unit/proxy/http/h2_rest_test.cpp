// Answers that are complete before their requests are (RFC 9113 section 8.1).
#include "proxy/http/linger.hpp"
#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {
namespace {

void answer(Pair& pair, TestStream& to, int status) {
  pair.server.session.submit_response(to, response_head(status), {}, false);
  pair.run();
}

// A client with a request that is answered before its body has gone out.
struct EarlyAnswer : Pair {
  explicit EarlyAnswer(const H2Limits& limits = {}) : Pair(limits), call(client.add()) {
    call.body_complete = false;
    EXPECT_TRUE(client.session.submit_request(call, post(), {}, true));
    run();
    answer(*this, last(), 403);
    EXPECT_TRUE(last().done);
    EXPECT_EQ(call.response.status, 403);
    EXPECT_TRUE(call.ended);
    EXPECT_EQ(server.rests, 1);
  }
  void send(std::string_view bytes, bool last_ones) {
    call.body = bytes;
    call.body_complete = last_ones;
    client.session.resume(call);
    run();
  }

  TestStream& call;
};

TEST(H2Rest, ReadsPastAShortRestOfARequestThatIsAnsweredAlready) {
  EarlyAnswer pair;
  EXPECT_FALSE(pair.call.done);
  pair.send("the rest", true);
  EXPECT_TRUE(pair.call.done);
  EXPECT_TRUE(pair.call.closed.empty());
  EXPECT_EQ(pair.last().data, "");
  EXPECT_EQ(pair.server.session.end_rests(), 0);
  EXPECT_TRUE(pair.server.written().empty());
  EXPECT_EQ(pair.server.session.streams_open(), 0U);
}

TEST(H2Rest, StopsARestOfWhichNothingComes) {
  EarlyAnswer pair;
  pair.server.clock.advance_ms(4'000);
  pair.send("some", false);
  pair.server.clock.advance_ms(Linger::kSilenceMs - 1);
  EXPECT_EQ(pair.server.session.end_rests(), 1);
  pair.run();
  EXPECT_FALSE(pair.call.done);
  pair.server.clock.advance_ms(1);
  EXPECT_EQ(pair.server.session.end_rests(), 0);
  pair.run();
  EXPECT_TRUE(pair.call.done);
  EXPECT_TRUE(pair.call.closed.empty());
  EXPECT_FALSE(pair.call.is_open());
}

TEST(H2Rest, StopsARestThatTakesTooLong) {
  EarlyAnswer pair;
  for (int64_t ms = 0; ms < Linger::kTotalMs; ms += 1'000) {
    EXPECT_FALSE(pair.call.done);
    pair.send("x", false);
    pair.server.clock.advance_ms(1'000);
    (void)pair.server.session.end_rests();
    pair.run();
  }
  EXPECT_TRUE(pair.call.done);
}

TEST(H2Rest, ReadsPastARestThatIsLongerThanItsWindowAndStopsAVeryLongOne) {
  EarlyAnswer pair;
  const std::string piece(1024 * 1024, 'r');
  for (int i = 0; i < 63; ++i) {
    pair.send(piece, false);
    ASSERT_FALSE(pair.call.done) << i;
    ASSERT_TRUE(pair.call.body.empty()) << i;
  }
  pair.send(piece, false);
  EXPECT_TRUE(pair.call.done);
  EXPECT_EQ(pair.last().data, "");
}

TEST(H2Rest, TakesTrailersForTheEndOfARest) {
  EarlyAnswer pair;
  pair.call.add_trailer("x-sum", "1");
  pair.send("the rest", true);
  EXPECT_TRUE(pair.call.done);
  EXPECT_TRUE(pair.server.faults.empty());
  EXPECT_EQ(pair.server.session.streams_open(), 0U);
}

// As httpx does, and many that stream: the length that was declared has come, and an empty frame
// is still to end the request.
TEST(H2Rest, WaitsLongerForTheEndOfARequestWhoseLengthHasCome) {
  Pair pair;
  TestStream& call = pair.client.add();
  call.body_complete = false;
  call.body = "12345";
  RequestHead head = post();
  head.framing = Framing::kLength;
  head.content_length = 5;
  ASSERT_TRUE(pair.client.session.submit_request(call, head, {}, true));
  pair.run();
  answer(pair, pair.last(), 200);
  pair.server.clock.advance_ms(Linger::kTotalMs - 1);
  EXPECT_EQ(pair.server.session.end_rests(), 1);
  pair.run();
  EXPECT_FALSE(call.done);
  call.body_complete = true;
  pair.client.session.resume(call);
  pair.run();
  EXPECT_TRUE(call.done);
  EXPECT_EQ(pair.server.session.end_rests(), 0);
}

// Each is a stream that its caller has open, so there are no more than it may open.
TEST(H2Rest, ReadsPastAsManyRestsAsThereMayBeStreams) {
  H2Limits limits;
  limits.streams = 200;
  Pair pair(limits);
  std::vector<TestStream*> calls;
  for (int i = 0; i < 200; ++i) {
    TestStream& call = pair.client.add();
    call.body_complete = false;
    ASSERT_TRUE(pair.client.session.submit_request(call, post(), {}, true));
    calls.push_back(&call);
    pair.run();
    answer(pair, pair.last(), 403);
  }
  EXPECT_FALSE(pair.client.session.may_open());
  for (TestStream* call : calls) {
    EXPECT_FALSE(call->done);
    call->body_complete = true;
    pair.client.session.resume(*call);
  }
  pair.run();
  for (TestStream* call : calls) EXPECT_TRUE(call->done && call->closed.empty());
  EXPECT_TRUE(pair.server.faults.empty());
  EXPECT_EQ(pair.server.session.streams_open(), 0U);
}

TEST(H2Rest, EndsSilentlyWithItsConnection) {
  EarlyAnswer lost;
  lost.server.session.lose(Cause::kReset);
  EXPECT_EQ(lost.server.session.streams_open(), 0U);
  const EarlyAnswer destroyed;
}

TEST(H2Rest, AClientMayGiveUpARestWithoutBlame) {
  H2Limits limits;
  limits.flood.resets = 1;
  Pair pair(limits);
  for (int i = 0; i < 20; ++i) {
    TestStream& call = pair.client.add();
    call.body_complete = false;
    ASSERT_TRUE(pair.client.session.submit_request(call, post(), {}, true));
    pair.run();
    answer(pair, pair.last(), 403);
    pair.client.session.release(call);
    pair.run();
  }
  EXPECT_TRUE(pair.server_reads);
  EXPECT_TRUE(pair.server.faults.empty());
}

}  // namespace
}  // namespace outrigger::http
