// Raw frames at a server, and at a client: what a peer may not do, and how often it may do the
// rest.
#include "proxy/http/h2_guard.hpp"

#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {
namespace {

TEST(H2Guard, WantsTheClientPreface) {
  TestPeer server(H2Role::kServer);
  EXPECT_FALSE(server.session.receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(server.session.fault(), H2Code::kProtocolError);
}

TEST(H2Guard, RefusesIdsThatAreEvenOrGoBack) {
  Raw even;
  EXPECT_FALSE(even.send(get_frame(2)));
  EXPECT_EQ(even.goaway(), H2Code::kProtocolError);
  Raw lower;
  EXPECT_TRUE(lower.send(get_frame(5)));
  EXPECT_FALSE(lower.send(get_frame(3)));
  EXPECT_EQ(lower.goaway(), H2Code::kProtocolError);
  EXPECT_FALSE(lower.send(get_frame(7)));
}

TEST(H2Guard, RefusesFramesAfterTheEndOfAStream) {
  for (const uint8_t type : {kHeadersFrame, kDataFrame}) {
    const auto again = [&](int32_t id) {
      return type == kHeadersFrame ? get_frame(id) : frame(kDataFrame, 0, id, "x");
    };
    Raw half;
    EXPECT_TRUE(half.send(get_frame(1)));
    EXPECT_FALSE(half.send(again(1)));
    EXPECT_EQ(half.goaway(), H2Code::kStreamClosed);
    Raw closed;
    EXPECT_TRUE(closed.send(get_frame(1)));
    closed.answer();
    EXPECT_FALSE(closed.send(again(1)));
    EXPECT_EQ(closed.goaway(), H2Code::kStreamClosed);
  }
  Raw reset;
  EXPECT_TRUE(reset.send(post_frame(1) + rst_frame(1)));
  EXPECT_FALSE(reset.send(get_frame(1)));
  EXPECT_EQ(reset.goaway(), H2Code::kStreamClosed);
}

TEST(H2Guard, ForgivesWhatWasOnItsWayToAStreamThatWeReset) {
  Raw raw;
  EXPECT_TRUE(raw.send(post_frame(1)));
  raw.server.session.reset(*raw.server.streams[0], H2Code::kCancel);
  raw.server.written();
  // More than the window of the connection: all of it is given back.
  const std::string piece = frame(kDataFrame, 0, 1, std::string(16'000, 'x'));
  uint32_t credit = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(raw.send(piece)) << i;
    for (const Seen& one : raw.seen) {
      if (one.type == kWindowFrame && one.id == 0) credit += one.number_at(0);
    }
  }
  EXPECT_GT(credit, 1'000'000U);
  EXPECT_TRUE(raw.send(frame(kHeadersFrame, kEndHeaders | kEndStream, 1, literal("x", "y"))));
  EXPECT_EQ(raw.server.streams[0]->data, "");
  EXPECT_TRUE(raw.send(get_frame(3)));
  EXPECT_TRUE(raw.server.streams[1]->ended);
}

TEST(H2Guard, EndsRapidResets) {
  Raw raw;
  int32_t id = 1;
  int sent = 0;
  while (sent < 1000 && raw.send(get_frame(id) + rst_frame(id))) {
    id += 2;
    ++sent;
  }
  EXPECT_EQ(sent, 200);
  EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
  Raw calm;
  for (id = 1; id < 2 * 600; id += 2) {
    calm.server.clock.advance_ms(31);
    ASSERT_TRUE(calm.send(get_frame(id) + rst_frame(id))) << id;
  }
}

TEST(H2Guard, EndsStreamsThatMakeUsReset) {
  const std::string too_much = number32(INT32_MAX);
  Raw raw;
  int32_t id = 1;
  int sent = 0;
  while (sent < 1000 && raw.send(get_frame(id) + frame(kWindowFrame, 0, id, too_much))) {
    EXPECT_EQ(raw.rst(id), H2Code::kFlowControlError);
    EXPECT_EQ(raw.server.streams.back()->closed.size(), 1U);
    id += 2;
    ++sent;
  }
  EXPECT_EQ(sent, 200);
  EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
}

TEST(H2Guard, EndsMalformedRequests) {
  const std::string bad =
      block({{":method", "GET"}, {":scheme", "http"}, {":authority", "u@a"}, {":path", "/"}});
  Raw raw;
  int32_t id = 1;
  int sent = 0;
  while (sent < 1000 && raw.send(frame(kHeadersFrame, kEndHeaders | kEndStream, id, bad))) {
    ASSERT_EQ(raw.rst(id), H2Code::kProtocolError);
    EXPECT_EQ(raw.server.streams.back()->heads, 0);
    ASSERT_EQ(raw.server.streams.back()->closed.size(), 1U);
    EXPECT_EQ(raw.server.streams.back()->closed[0].cause, Cause::kMalformedRequest);
    id += 2;
    ++sent;
  }
  EXPECT_EQ(sent, 200);
  EXPECT_EQ(raw.fault(), H2Code::kEnhanceYourCalm);
}

TEST(H2Guard, ResetsAStreamWhoseDataIsNotWhatItDeclared) {
  const std::string declared = get_block() + literal("content-length", "3");
  Raw more;
  EXPECT_TRUE(more.send(frame(kHeadersFrame, kEndHeaders, 1, declared)));
  EXPECT_TRUE(more.send(frame(kDataFrame, 0, 1, "abcd")));
  EXPECT_EQ(more.rst(1), H2Code::kProtocolError);
  EXPECT_EQ(more.server.streams[0]->data, "");
  ASSERT_EQ(more.server.streams[0]->closed.size(), 1U);
  EXPECT_EQ(more.server.streams[0]->closed[0].cause, Cause::kMalformedRequest);
  Raw less;
  EXPECT_TRUE(less.send(frame(kHeadersFrame, kEndHeaders, 1, declared)));
  EXPECT_TRUE(less.send(frame(kDataFrame, kEndStream, 1, "ab")));
  EXPECT_EQ(less.rst(1), H2Code::kProtocolError);
  EXPECT_FALSE(less.server.streams[0]->ended);
  EXPECT_EQ(less.server.streams[0]->closed.size(), 1U);
}

TEST(H2Guard, EndsAHeadInTooManyFrames) {
  Raw good;
  std::string all = frame(kHeadersFrame, kEndStream, 1, get_block());
  for (int i = 0; i < 7; ++i) all += frame(kContinuationFrame, 0, 1, literal("x", "y"));
  EXPECT_TRUE(good.send(all + frame(kContinuationFrame, kEndHeaders, 1)));
  EXPECT_EQ(good.server.streams.at(0)->request.fields.size(), 7U);
  Raw bad;
  EXPECT_TRUE(bad.send(frame(kHeadersFrame, kEndStream, 1)));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(bad.send(frame(kContinuationFrame, 0, 1)));
  EXPECT_FALSE(bad.send(frame(kContinuationFrame, 0, 1)));
  EXPECT_EQ(bad.goaway(), H2Code::kEnhanceYourCalm);
}

// However much of it they carry.
TEST(H2Guard, EndsAHeadThatIsFarTooLong) {
  Raw raw;
  const std::string piece = literal("x", std::string(16'000, 'v'));
  EXPECT_TRUE(raw.send(frame(kHeadersFrame, kEndStream, 1, get_block())));
  int sent = 0;
  while (sent < 3000 && raw.send(frame(kContinuationFrame, 0, 1, piece))) ++sent;
  EXPECT_LE(sent, 16);
  EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
  EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kContinuations});
  EXPECT_LT(raw.server.streams[0]->arena().heap_bytes(), 200'000U);
}

TEST(H2Guard, RefusesAStreamThatDependsOnItself) {
  const std::string itself = number32(3) + "\x10";
  Raw headers;
  EXPECT_FALSE(
      headers.send(frame(kHeadersFrame, kEndHeaders | kEndStream | 0x20, 3, itself + get_block())));
  EXPECT_EQ(headers.goaway(), H2Code::kProtocolError);
  Raw priority;
  EXPECT_FALSE(priority.send(frame(kPriorityFrame, 0, 3, itself)));
  EXPECT_EQ(priority.goaway(), H2Code::kProtocolError);
  Raw size;
  EXPECT_TRUE(size.send(post_frame(1)));
  size.send(frame(kPriorityFrame, 0, 1, "abcd"));
  EXPECT_TRUE(size.goaway() == H2Code::kFrameSizeError || size.rst(1) == H2Code::kFrameSizeError);
}

TEST(H2Guard, EndsEmptyData) {
  constexpr uint8_t kPadded = 8;
  const std::string floods[] = {
      frame(kDataFrame, 0, 1), frame(kDataFrame, kPadded, 1, std::string(1, '\0')),
      frame(kDataFrame, kPadded, 1, "\xff" + std::string(255, '\0')),  // padding alone
  };
  for (const std::string& flood : floods) {
    Raw raw;
    EXPECT_TRUE(raw.send(post_frame(1)));
    int sent = 0;
    while (sent < 3000 && raw.send(flood)) ++sent;
    EXPECT_GE(sent, 100);
    EXPECT_LE(sent, 110);
    EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
    EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kEmptyData});
  }
}

TEST(H2Guard, SomeContentDoesNotPayForManyEmptyFrames) {
  Raw raw;
  EXPECT_TRUE(raw.send(post_frame(1)));
  int sent = 0;
  for (bool reads = true; reads && sent < 3000; ++sent) {
    reads = raw.send(frame(kDataFrame, 0, 1, sent % 20 == 0 ? "x" : ""));
  }
  EXPECT_LE(sent, 200);
  EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kEmptyData});
}

TEST(H2Guard, EndsEmptyDataOnAStreamThatIsOver) {
  Raw raw;
  EXPECT_TRUE(raw.send(post_frame(1)));
  raw.server.session.reset(*raw.server.streams[0], H2Code::kCancel);
  raw.server.written();
  EXPECT_TRUE(raw.send(frame(kDataFrame, kEndStream, 1)));
  // It has ended now, and says so again and again.
  EXPECT_FALSE(raw.send(frame(kDataFrame, kEndStream, 1)));
  EXPECT_EQ(raw.goaway(), H2Code::kStreamClosed);
}

TEST(H2Guard, EndsHeadsWithoutEndOnAStreamThatIsOver) {
  Raw raw;
  EXPECT_TRUE(raw.send(post_frame(1)));
  raw.server.session.reset(*raw.server.streams[0], H2Code::kCancel);
  raw.server.written();
  int sent = 0;
  while (sent < 3000 && raw.send(post_frame(1))) ++sent;
  EXPECT_LE(sent, 1010);
  EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
}

TEST(H2Guard, EndsFloodsOfControlFrames) {
  const std::string floods[] = {
      frame(kPingFrame, 0, 0, "12345678"),
      frame(kSettingsFrame, 0, 0),
      frame(kPriorityFrame, 0, 1, std::string(4, '\0') + "\x10"),
      frame(0x10, 0, 0, std::string(4, '\0') + "u=1"),  // PRIORITY_UPDATE
      frame(0xee, 0, 0, "unknown"),
      frame(kWindowFrame, 0, 0, number32(1)),
      frame(kSettingsFrame, 0, 0, std::string("\0\x04", 2) + number32(0)),
  };
  for (const std::string& flood : floods) {
    Raw raw;
    int sent = 0;
    while (sent < 3000 && raw.send(flood)) ++sent;
    EXPECT_GE(sent, 990) << static_cast<int>(flood[3]);
    EXPECT_LE(sent, 1010) << static_cast<int>(flood[3]);
    EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
    Raw slow;
    for (int i = 0; i < 3000; ++i) {
      slow.server.clock.advance_ms(10);
      ASSERT_TRUE(slow.send(flood)) << i;
    }
  }
}

TEST(H2Guard, EndsAFloodOfLongFramesSooner) {
  Raw raw;
  size_t bytes = 0;
  const std::string flood = frame(0xee, 0, 0, std::string(16'000, 'u'));
  while (bytes < 100'000'000 && raw.send(flood)) bytes += flood.size();
  EXPECT_LE(bytes, 2'000'000U);
  EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kControlFrames});
}

TEST(H2Guard, LetsWindowUpdatesFollowTheDataThatTheyAreFor) {
  Raw raw;
  EXPECT_TRUE(raw.send(get_frame(1)));
  TestStream& stream = *raw.server.streams[0];
  stream.body_complete = false;
  raw.server.session.submit_response(stream, response_head(200), {}, true);
  for (int i = 0; i < 3000; ++i) {
    stream.body = "x";
    raw.server.session.resume(stream);
    ASSERT_TRUE(
        raw.send(frame(kWindowFrame, 0, 0, number32(1)) + frame(kWindowFrame, 0, 1, number32(1))));
  }
}

TEST(H2Guard, BoundsThePreferencesOfOneFrame) {
  const std::string entry = std::string("\0\x01", 2) + number32(4096);
  std::string entries;
  for (int i = 0; i < 32; ++i) entries += entry;
  Raw good;
  EXPECT_TRUE(good.send(frame(kSettingsFrame, 0, 0, entries)));
  Raw bad;
  EXPECT_FALSE(bad.send(frame(kSettingsFrame, 0, 0, entries + entry)));
  EXPECT_EQ(bad.goaway(), H2Code::kEnhanceYourCalm);
}

// A 4 kB entry of the table, then a byte for each time it is meant.
TEST(H2Guard, AnswersAHpackBombInConstantMemory) {
  Raw raw;
  std::string head = get_block();
  std::string first = literal("x", std::string(3000, 'v'));
  first[0] = '\x40';  // literal that is indexed
  head += first + std::string(12'000, '\xbe');
  EXPECT_TRUE(raw.send(frame(kHeadersFrame, kEndHeaders | kEndStream, 1, head)));
  ASSERT_EQ(raw.server.streams.size(), 1U);
  EXPECT_EQ(raw.server.streams[0]->cause, Cause::kRequestHeadTooLarge);
  EXPECT_LT(raw.server.streams[0]->arena().heap_bytes(), 200'000U);
}

TEST(H2Guard, AnswersDataBehindTheResetOfItsStreamAndEndsAFloodOfIt) {
  Raw raw;
  EXPECT_TRUE(raw.send(post_frame(1) + frame(kRstFrame, 0, 1, number32(8))));
  EXPECT_TRUE(raw.send(frame(kDataFrame, kEndStream, 1, "late")));
  EXPECT_EQ(raw.rst(1), H2Code::kStreamClosed);
  int sent = 0;
  while (sent < 3000 && raw.send(frame(kDataFrame, 0, 1, "late"))) ++sent;
  EXPECT_LE(sent, 1100);
  EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kControlFrames});
}

// Heads that hold one field so many times, sent so far apart, until the connection ends.
int bombs_until_the_end(std::string_view value, size_t times, int64_t apart_ms) {
  Raw raw;
  std::string first = literal("x", value);
  first[0] = '\x40';  // literal that is indexed
  EXPECT_TRUE(raw.send(frame(kHeadersFrame, kEndHeaders | kEndStream, 1, get_block() + first)));
  int sent = 0;
  std::string frames;
  do {
    raw.server.clock.advance_ms(apart_ms);
    frames = frame(kHeadersFrame, kEndHeaders | kEndStream, 2 * ++sent + 1,
                   get_block() + std::string(times, '\xbe'));
  } while (sent < 1000 && raw.send(frames));
  EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kResets});
  return sent;
}

TEST(H2Guard, EndsHpackBombsByWhatTheyHold) {
  EXPECT_LE(bombs_until_the_end(std::string(3000, 'v'), 12'000, 0), 5);
  EXPECT_LE(bombs_until_the_end("", 16'000, 0), 30);
}

TEST(H2Guard, EndsHpackBombsThatComeNoFasterThanTheBudgetIsFilledUp) {
  EXPECT_LE(bombs_until_the_end(std::string(3000, 'v'), 12'000, 31), 6);
  EXPECT_LE(bombs_until_the_end("", 16'000, 31), 40);
}

TEST(H2Guard, EndsOnAnHpackBlockThatIsBroken) {
  for (const std::string_view bad : {std::string_view("\x80"), std::string_view("\xff\xff\xff\xff"),
                                     std::string_view("\x82\x3f\xff\xff\xff\x0f")}) {
    Raw raw;
    EXPECT_FALSE(raw.send(frame(kHeadersFrame, kEndHeaders | kEndStream, 1, bad)));
    EXPECT_EQ(raw.goaway(), H2Code::kCompressionError);
    EXPECT_EQ(raw.fault(), H2Code::kCompressionError);
  }
}

TEST(H2Guard, TakesNoStreamsAfterTheFinalGoaway) {
  Raw raw;
  EXPECT_TRUE(raw.send(post_frame(1)));
  raw.server.session.submit_goaway(H2Code::kNoError);
  raw.server.written();
  EXPECT_TRUE(raw.send(get_frame(3)));
  EXPECT_EQ(raw.server.streams.size(), 1U);
  EXPECT_TRUE(raw.send(frame(kDataFrame, kEndStream, 1, "x")));
  EXPECT_TRUE(raw.server.streams[0]->ended);
}

TEST(H2Guard, TakesNoPush) {
  TestPeer client(H2Role::kClient);
  client.open(get());
  client.written();
  EXPECT_TRUE(client.session.receive(frame(kSettingsFrame, 0, 0)));
  EXPECT_FALSE(client.session.receive(frame(5, kEndHeaders, 1, number32(2) + get_block())));
  EXPECT_EQ(client.session.fault(), H2Code::kProtocolError);
}

TEST(H2Guard, HoldsAnUpstreamToTheSameBounds) {
  TestPeer client(H2Role::kClient);
  client.written();
  EXPECT_TRUE(client.session.receive(frame(kSettingsFrame, 0, 0)));
  int sent = 0;
  while (sent < 3000 && client.session.receive(frame(kPingFrame, 0, 0, "12345678"))) {
    client.written();
    ++sent;
  }
  EXPECT_LE(sent, 1000);
  EXPECT_EQ(client.session.fault(), H2Code::kEnhanceYourCalm);
}

}  // namespace
}  // namespace outrigger::http
