// Answers that are complete before their requests are (RFC 9113 section 8.1).
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
  pair.server.clock.advance_ms(H2Session::kRestMs);
  EXPECT_EQ(pair.server.session.end_rests(), 0);
  EXPECT_TRUE(pair.server.written().empty());
}

TEST(H2Rest, StopsARestThatDoesNotEndInTime) {
  EarlyAnswer pair;
  pair.server.clock.advance_ms(H2Session::kRestMs - 1);
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

TEST(H2Rest, StopsARestThatIsLongerThanItsWindow) {
  H2Limits limits;
  limits.stream_window_bytes = 1000;
  EarlyAnswer pair(limits);
  pair.send(std::string(10'000, 'r'), false);
  EXPECT_TRUE(pair.call.done);
  EXPECT_EQ(pair.last().data, "");
  EXPECT_GE(pair.call.body.size(), 9'000U);
}

TEST(H2Rest, ReadsPastFewRestsAtATime) {
  Pair pair;
  for (int i = 0; i < 10; ++i) {
    TestStream& call = pair.client.add();
    call.body_complete = false;
    ASSERT_TRUE(pair.client.session.submit_request(call, post(), {}, true));
    pair.run();
    answer(pair, pair.last(), 403);
    pair.server.clock.advance_ms(1);
  }
  int done = 0;
  for (const auto& call : pair.client.streams) done += call->done ? 1 : 0;
  EXPECT_EQ(done, 6);
  EXPECT_TRUE(pair.server.faults.empty());
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
