// Streams that honest peers reset, and how many of them are a flood.
#include "tests/unit/proxy/http/h2_honest.hpp"

namespace outrigger::http {
namespace {

// Go's servers say of each body that a handler did not read that it is not wanted.
TEST(H2Honest, AnUpstreamMayResetEachStreamBehindItsAnswer) {
  for (const bool body_ends : {true, false}) {
    HonestUpstream upstream;
    for (int i = 0; i < kCalls; ++i) {
      TestStream& call = upstream.client.open(post(), true);
      call.body = "request";
      call.body_complete = body_ends;
      upstream.client.written();
      ASSERT_TRUE(upstream.say(HonestUpstream::answer(call.id()))) << i;
      // Our side of it may be over by then, and its stream forgotten.
      if (i % 2 == 0) upstream.client.session.release(call);
      upstream.client.written();
      ASSERT_TRUE(upstream.say(frame(kRstFrame, 0, call.id(), number32(0)))) << i;
    }
    EXPECT_TRUE(upstream.is_well());
  }
}

TEST(H2Honest, ACallerMayResetWhatIsAnsweredOrRefusedAlready) {
  H2Limits limits;
  limits.streams = 1;
  limits.flood.resets = 10'000'000;  // of what we refuse
  HonestCaller caller(limits);
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = caller.next();
    ASSERT_TRUE(caller.send(post_frame(id)));
    const int32_t refused = caller.next();
    ASSERT_TRUE(caller.send(get_frame(refused)));
    ASSERT_EQ(caller.rst(refused), H2Code::kRefusedStream);
    caller.answer_last();
    ASSERT_TRUE(caller.send(rst_frame(id) + rst_frame(refused))) << i;
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, OneResetBehindTheEndIsFreeAndNoMore) {
  HonestCaller caller;
  ASSERT_TRUE(caller.call());
  int sent = 0;
  while (sent < 3'000 && caller.send(rst_frame(1))) ++sent;
  EXPECT_LE(sent, 1'020);
}

TEST(H2Honest, ACallerMayCancelSomeOfManyCalls) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(caller.call()) << i;
    if (i % 6 == 0) {
      const int32_t id = caller.next();
      ASSERT_TRUE(caller.send(get_frame(id) + rst_frame(id))) << i;
    }
  }
  EXPECT_TRUE(caller.is_well());
}

// A hedged call is three, of which the first answer counts.
TEST(H2Honest, ACallerMayDropTwoOfThreeCalls) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    const int32_t first = caller.next();
    const int32_t second = caller.next();
    ASSERT_TRUE(caller.send(get_frame(first) + get_frame(second)));
    ASSERT_TRUE(caller.call(rst_frame(first) + rst_frame(second))) << i;
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, AnUpstreamMayResetSomeOfManyCalls) {
  HonestUpstream upstream;
  for (int i = 0; i < kCalls; ++i) {
    const int32_t good = upstream.call().id();
    const int32_t bad = upstream.call().id();
    ASSERT_TRUE(upstream.say(window_frame(0, 14) + HonestUpstream::answer(good) +
                             frame(kRstFrame, 0, bad, number32(i % 2 == 0 ? 7 : 2))))
        << i;
  }
  EXPECT_TRUE(upstream.is_well());
}

TEST(H2Honest, ACallerMayCancelWhatHasGotBytes) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = caller.next();
    ASSERT_TRUE(caller.send(get_frame(id)));
    caller.last().body_complete = false;
    caller.answer_last("the beginning");
    ASSERT_TRUE(caller.send(rst_frame(id))) << i;
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, ACallerMayCancelWhatHasLivedForASecond) {
  H2Limits limits;
  limits.streams = 1'024;
  HonestCaller caller(limits);
  for (int round = 0; round < 10; ++round) {
    std::string resets;
    for (int i = 0; i < 1'024; ++i) {
      const int32_t id = caller.next();
      ASSERT_TRUE(caller.send(get_frame(id)));
      resets += rst_frame(id);
    }
    caller.server.clock.advance_ms(1'000);
    ASSERT_TRUE(caller.send(resets)) << round;
  }
  EXPECT_TRUE(caller.is_well());
}

// 400 calls a second, none of which is answered within the 200 ms that they are given.
TEST(H2Honest, ACallerMayGiveUpACrowdOfCallsThatTakeTooLong) {
  HonestCaller caller;
  std::vector<int32_t> waiting;
  for (int i = 0; i < kCalls; ++i) {
    waiting.push_back(caller.next());
    ASSERT_TRUE(caller.send(get_frame(waiting.back())));
    const std::string given_up = i < 80 ? "" : rst_frame(waiting[static_cast<size_t>(i) - 80]);
    ASSERT_TRUE(caller.send(given_up)) << i;
    if (i % 2 == 0) caller.server.clock.advance_ms(5);
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, RapidResetsAreNotPaidByCallsThatWereAnsweredBefore) {
  HonestCaller caller;
  for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(caller.call());
  int sent = 0;
  for (int32_t id = caller.next(); sent < 5'000; id = caller.next(), ++sent) {
    if (!caller.send(get_frame(id) + rst_frame(id))) break;
  }
  EXPECT_LE(sent, 710);
  EXPECT_EQ(caller.server.faults, std::vector{Http2Fault::kResets});
}

TEST(H2Honest, FaultsAreNotPaidByCallsThatWereAnsweredBefore) {
  const std::string bad =
      block({{":method", "GET"}, {":scheme", "http"}, {":authority", "u@a"}, {":path", "/"}});
  const std::string large = get_block() + std::string(12'000, '\xbe');
  for (const std::string& head : {bad, large}) {
    HonestCaller caller;
    for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(caller.call());
    // An entry of the table, that `large` means again and again.
    std::string entry = literal("x", std::string(3'000, 'v'));
    entry[0] = '\x40';
    ASSERT_TRUE(caller.send(
        frame(kHeadersFrame, kEndHeaders | kEndStream, caller.next(), get_block() + entry)));
    int sent = 0;
    while (sent < 5'000 &&
           caller.send(frame(kHeadersFrame, kEndHeaders | kEndStream, caller.next(), head))) {
      ++sent;
    }
    EXPECT_LE(sent, 260);
    EXPECT_EQ(caller.server.faults, std::vector{Http2Fault::kResets});
  }
}

TEST(H2Honest, ACallerMaySendSomeFaultyRequestsAmongManyGoodOnes) {
  const std::string bad =
      block({{":method", "GET"}, {":scheme", "http"}, {":authority", "u@a"}, {":path", "/"}});
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(caller.call()) << i;
    if (i % 10 != 0) continue;
    ASSERT_TRUE(caller.send(frame(kHeadersFrame, kEndHeaders | kEndStream, caller.next(), bad)));
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, ResetsAfterSomeMillisecondsAreAFloodToo) {
  H2Limits limits;
  limits.streams = 1'024;
  HonestCaller caller(limits);
  int sent = 0;
  for (bool reads = true; reads && sent < 50'000;) {
    std::string resets;
    for (int i = 0; i < 100; ++i) {
      const int32_t id = caller.next();
      reads = reads && caller.send(get_frame(id));
      resets += rst_frame(id);
    }
    caller.server.clock.advance_ms(10);
    reads = reads && caller.send(resets);
    sent += 100;
  }
  EXPECT_LE(sent, 1'000);
  EXPECT_EQ(caller.server.faults, std::vector{Http2Fault::kResets});
}

}  // namespace
}  // namespace outrigger::http
