// Honest peers that do what a guard looks at, each more often than any that is known, and the same
// frames without the work that explains them. docs/abuse.md says which programs they are.
#include "tests/unit/proxy/http/h2_honest.hpp"

namespace outrigger::http {
namespace {

// ---- control frames

TEST(H2Honest, ACallerMayMeasureItsBandwidthForEachAnswer) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = 2 * i + 1;
    ASSERT_TRUE(caller.call(window_frame(0, 6) + ping_frame() + window_frame(id, 6))) << i;
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, AnUpstreamMayMeasureItsBandwidthForEachRequest) {
  HonestUpstream upstream;
  for (int i = 0; i < kCalls; ++i) {
    const TestStream& call = upstream.call();
    ASSERT_TRUE(upstream.say(window_frame(0, 7) + ping_frame() + window_frame(call.id(), 7) +
                             HonestUpstream::answer(call.id())))
        << i;
  }
  EXPECT_TRUE(upstream.is_well());
}

TEST(H2Honest, APeerMayMeasureItsBandwidthForEachFrameOfAStream) {
  HonestCaller caller;
  ASSERT_TRUE(caller.send(post_frame(1)));
  TestStream& stream = caller.last();
  stream.body_complete = false;
  caller.server.session.submit_response(stream, response_head(200), {}, true);
  for (int i = 0; i < kCalls; ++i) {
    stream.body = "x";
    caller.server.session.resume(stream);
    ASSERT_TRUE(caller.send(window_frame(0, 1) + ping_frame() + window_frame(1, 1))) << i;
    // And of what it sends itself.
    ASSERT_TRUE(caller.send(frame(kDataFrame, 0, 1, "y") + ping_frame())) << i;
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, ACallerMayWidenItsWindowsAsItsBandwidthGrows) {
  HonestCaller caller;
  for (uint32_t i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(caller.call(i % 10 == 0 ? settings_frame(65'535 + i) : "")) << i;
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, ABrowserMayPrioritiseAndWidenEachOfItsStreams) {
  const std::string priority = std::string(4, '\0') + "\x10";
  H2Limits limits;
  limits.streams = 2 * kCalls;
  HonestCaller caller(limits);
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = caller.next();
    ASSERT_TRUE(caller.send(get_frame(id) + frame(kPriorityFrame, 0, id, priority) +
                            window_frame(id, 12 * 1024 * 1024) +
                            frame(0x10, 0, 0, number32(static_cast<uint32_t>(id)) + "u=1")))
        << i;
  }
  EXPECT_TRUE(caller.is_well());
}

// One that reads what has come for it by 4 KiB, all at once, as Go does.
TEST(H2Honest, ACallerMayGiveBackLargeWindowsInSmallPieces) {
  constexpr uint32_t kBody = 8 * 1024 * 1024;
  HonestCaller caller;
  ASSERT_TRUE(caller.send(settings_frame(kBody) + window_frame(0, kBody)));
  ASSERT_TRUE(caller.send(get_frame(caller.next())));
  caller.last().body_complete = false;
  caller.last().body = std::string(kBody, 'b');
  caller.server.session.submit_response(caller.last(), response_head(200), {}, true);
  caller.server.written(1'000'000);
  ASSERT_TRUE(caller.last().body.empty());
  for (uint32_t read = 0; read < kBody; read += 4096) {
    ASSERT_TRUE(caller.send(window_frame(1, 4096) + window_frame(0, 4096))) << read;
  }
  // Nothing is left of it.
  int more = 0;
  while (more < 3000 && caller.send(window_frame(0, 4096))) ++more;
  EXPECT_LE(more, 1'500);
  EXPECT_EQ(caller.server.faults, std::vector{Http2Fault::kControlFrames});
}

TEST(H2Honest, AFloodIsNotPaidByWorkThatWasDoneBefore) {
  const std::string floods[] = {ping_frame(), frame(kSettingsFrame, 0, 0), settings_frame(1),
                                window_frame(0, 1), frame(0xee, 0, 0, "unknown")};
  for (const std::string& flood : floods) {
    HonestCaller caller;
    for (int i = 0; i < 2'000; ++i) ASSERT_TRUE(caller.call());
    int sent = 0;
    while (sent < 5'000 && caller.send(flood)) ++sent;
    EXPECT_LE(sent, 1'510) << static_cast<int>(flood[3]);
    EXPECT_EQ(caller.server.faults, std::vector{Http2Fault::kControlFrames});
  }
}

// Each is work for all the streams that are open.
TEST(H2Honest, FewCallsDoNotPayForChangesOfTheWindowsOfManyStreams) {
  H2Limits limits;
  limits.streams = 1000;
  HonestCaller caller(limits);
  for (int i = 0; i < 900; ++i) ASSERT_TRUE(caller.send(get_frame(caller.next())));
  int sent = 0;
  for (bool reads = true; reads && sent < 5'000; ++sent) {
    reads = caller.call(settings_frame(static_cast<uint32_t>(sent)));
  }
  EXPECT_LE(sent, 1'010);
}

TEST(H2Honest, FramesThatGoBeyondWhatWorkExplainsEndTheirConnection) {
  HonestCaller caller;
  int calls = 0;
  std::string pings;
  for (int i = 0; i < 20; ++i) pings += ping_frame();
  while (calls < kCalls && caller.call(pings)) ++calls;
  EXPECT_LE(calls, 200);
}

// ---- the ends of messages, and of heads

TEST(H2Honest, APeerMayEndEachRequestInAFrameOfItsOwn) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = caller.next();
    ASSERT_TRUE(caller.send(post_frame(id) + frame(kDataFrame, 0, id, "body")));
    caller.answer_last();
    ASSERT_TRUE(caller.send(frame(kDataFrame, kEndStream, id))) << i;
    EXPECT_EQ(caller.server.session.streams_open(), 0U);
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, APeerMayFlushBeforeItHasAnything) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    const int32_t id = caller.next();
    ASSERT_TRUE(caller.send(post_frame(id) + frame(kDataFrame, 0, id) +
                            frame(kDataFrame, 0, id, "body") + frame(kDataFrame, 0, id) +
                            frame(kDataFrame, kEndStream, id)))
        << i;
    caller.answer_last();
  }
  EXPECT_TRUE(caller.is_well());
}

// Ten times one a second, for an hour.
TEST(H2Honest, APeerMayKeepAStreamAliveByEmptyFrames) {
  HonestCaller caller;
  ASSERT_TRUE(caller.send(post_frame(1)));
  for (int i = 0; i < 36'000; ++i) {
    caller.server.clock.advance_ms(100);
    ASSERT_TRUE(caller.send(frame(kDataFrame, 0, 1))) << i;
  }
}

TEST(H2Honest, AHeadMayComeInFramesAsSmallAsABuffer) {
  HonestCaller caller;
  std::string all = get_block();
  for (int i = 0; i < 90; ++i) all += literal("x-field", std::string(600, 'v'));
  constexpr size_t kBuffer = 500;
  std::string frames = frame(kHeadersFrame, kEndStream, 1, all.substr(0, kBuffer));
  for (size_t at = kBuffer; at < all.size(); at += kBuffer) {
    const bool last = at + kBuffer >= all.size();
    frames += frame(kContinuationFrame, last ? kEndHeaders : 0, 1, all.substr(at, kBuffer));
  }
  ASSERT_TRUE(caller.send(frames));
  EXPECT_EQ(caller.last().request.fields.size(), 90U);
}

TEST(H2Honest, AHeadThatIsTooLongIsAnsweredAndNoOtherCallIsLost) {
  HonestCaller caller;
  ASSERT_TRUE(caller.send(get_frame(caller.next())));
  std::string frames = frame(kHeadersFrame, kEndStream, 3, get_block());
  for (int i = 0; i < 12; ++i) {
    const std::string piece = literal("x-field", std::string(16'000, 'v'));
    frames += frame(kContinuationFrame, i == 11 ? kEndHeaders : 0, 3, piece);
  }
  ASSERT_TRUE(caller.send(frames));
  EXPECT_EQ(caller.last().cause, Cause::kRequestHeadTooLarge);
  EXPECT_TRUE(caller.is_well());
}

// Netty's clients do so where a call is given up in the moment in which it is sent.
TEST(H2Honest, ACallerMaySendWhatWasQueuedBehindTheResetOfACall) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(caller.call("")) << i;
    if (i % 7 != 0) continue;
    const int32_t id = caller.next();
    ASSERT_TRUE(caller.send(post_frame(id) + frame(kRstFrame, 0, id, number32(8)) +
                            frame(kDataFrame, kEndStream, id, "late")))
        << i;
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, ACallerMaySendSomeHeadsThatAreTwiceTooLong) {
  HonestCaller caller;
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(caller.call("")) << i;
    if (i % 50 != 0) continue;
    const int32_t id = caller.next();
    std::string frames = frame(kHeadersFrame, kEndStream, id, get_block());
    for (int piece = 0; piece < 8; ++piece) {
      const std::string field = literal("x-field", std::string(16'000, 'v'));
      frames += frame(kContinuationFrame, piece == 7 ? kEndHeaders : 0, id, field);
    }
    ASSERT_TRUE(caller.send(frames)) << i;
    EXPECT_EQ(caller.last().cause, Cause::kRequestHeadTooLarge);
  }
  EXPECT_TRUE(caller.is_well());
}

TEST(H2Honest, ACallerMayReadLateWhatAllItsStreamsGot) {
  constexpr int kStreams = 1'024;
  H2Limits limits;
  limits.streams = kStreams;
  HonestCaller caller(limits);
  std::string bodies;
  for (int i = 0; i < kStreams; ++i) {
    const int32_t id = caller.next();
    ASSERT_TRUE(caller.send(post_frame(id)));
    bodies += frame(kDataFrame, 0, id, std::string(100'000, 'b').substr(0, 10'000));
  }
  // Heads of answers and windows that open wait, and it reads none of them.
  for (auto& stream : caller.server.streams) {
    stream->body_complete = false;
    caller.server.session.submit_response(*stream, response_head(200), {}, true);
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(caller.server.session.receive(bodies)) << i;
  for (int i = 0; i < 900; ++i) ASSERT_TRUE(caller.server.session.receive(ping_frame())) << i;
  EXPECT_TRUE(caller.is_well());
}

// ---- the end of a connection

// grpc-go names the last stream that it opened itself; RFC 9113 section 6.8 means those of its
// peer.
TEST(H2Honest, ACallerMayNameItsOwnLastStreamAsItLeaves) {
  for (const uint32_t last_id : {0U, 1U, 2U, 5U, 0x7fffffffU, 0xffffffffU}) {
    const std::string goaway =
        frame(7, 0, 0, number32(last_id) + number32(0) + "client transport shutdown");
    for (const size_t first : {size_t{0}, size_t{5}, size_t{11}, goaway.size()}) {
      HonestCaller caller;
      ASSERT_TRUE(caller.send(get_frame(caller.next())));
      EXPECT_TRUE(caller.send(goaway.substr(0, first)));
      EXPECT_TRUE(caller.send(goaway.substr(first)));
      EXPECT_TRUE(caller.is_well()) << last_id;
      EXPECT_EQ(caller.server.goaways.size(), 1U);
      EXPECT_FALSE(caller.server.session.is_over());
      caller.answer_last();
      EXPECT_TRUE(caller.server.session.is_over());
      EXPECT_EQ(caller.goaway(), static_cast<H2Code>(999));
    }
  }
}

}  // namespace
}  // namespace outrigger::http
