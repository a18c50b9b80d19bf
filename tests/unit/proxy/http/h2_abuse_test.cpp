// Hostile frames by the number of their case, at a server and at a client.
#include "config/model.hpp"
#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {
namespace {

std::string request(const Lines& fields) {
  return frame(kHeadersFrame, kEndHeaders | kEndStream, 1, block(fields));
}

// RFC 8441: only who was told by SETTINGS may send `:protocol`.
TEST(H2Abuse, Case92ResetsAnExtendedConnectThatNobodyOffered) {
  const Lines plain[] = {
      {{":method", "CONNECT"},
       {":protocol", "websocket"},
       {":scheme", "http"},
       {":path", "/chat"},
       {":authority", "a"}},
      {{":method", "CONNECT"}, {":protocol", "websocket"}, {":authority", "a"}},
      {{":method", "GET"},
       {":protocol", "websocket"},
       {":scheme", "http"},
       {":path", "/"},
       {":authority", "a"}},
  };
  for (const Lines& fields : plain) {
    Raw raw;
    EXPECT_TRUE(raw.send(request(fields)));
    EXPECT_EQ(raw.rst(1), H2Code::kProtocolError);
    ASSERT_EQ(raw.server.streams.size(), 1U);
    EXPECT_EQ(raw.server.streams[0]->heads, 0);
    EXPECT_TRUE(raw.send(get_frame(3)));
    EXPECT_EQ(raw.server.streams.back()->heads, 1);
  }
}

TEST(H2Abuse, Case101EndsFloodsOfFramesThatMeanNothingHere) {
  const std::string priority = std::string(4, '\0') + "\x10";
  const std::string floods[] = {
      frame(kPriorityFrame, 0, 1, priority),
      frame(0x10, 0, 0, std::string(4, '\0') + "u=1"),             // PRIORITY_UPDATE
      frame(0x0a, 0, 0, std::string("\0\3a.b", 5) + "h2=\":1\""),  // ALTSVC
      frame(0x0c, 0, 0, std::string("\0\1a", 3)),                  // ORIGIN
      frame(0xee, 0, 0, "unknown"),
      frame(0xee, 0, 7, "unknown"),
      rst_frame(1),  // of a stream that is over
  };
  for (const std::string& flood : floods) {
    Raw raw;
    EXPECT_TRUE(raw.send(get_frame(1)));
    raw.answer();
    int sent = 0;
    while (sent < 3000 && raw.send(flood)) ++sent;
    EXPECT_GE(sent, 990) << static_cast<int>(flood[3]);
    EXPECT_LE(sent, 1010) << static_cast<int>(flood[3]);
    EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
    EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kControlFrames});
  }
}

// Each change costs work for every stream that is open.
TEST(H2Abuse, Case105BoundsHowOftenTheWindowsOfAllStreamsMayChange) {
  const auto windows = [](uint32_t bytes) {
    return frame(kSettingsFrame, 0, 0, std::string("\0\x04", 2) + number32(bytes));
  };
  constexpr int32_t kStreams = 100;
  Raw raw;
  std::string requests;
  for (int32_t i = 0; i < kStreams; ++i) requests += get_frame(1 + 2 * i);
  EXPECT_TRUE(raw.send(windows(0) + requests));
  for (auto& stream : raw.server.streams) {
    stream->body = std::string(100'000, 'x');
    raw.server.session.submit_response(*stream, response_head(200), {}, true);
  }
  raw.server.written();
  int sent = 0;
  while (sent < 3000 && raw.send(windows(sent % 2 == 0 ? INT32_MAX : 0))) ++sent;
  EXPECT_LE(sent, 1010);
  EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
  EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kControlFrames});

  // What goes out meanwhile is what the connection's window allows, however wide those of streams.
  Raw calm;
  EXPECT_TRUE(calm.send(windows(0) + get_frame(1)));
  TestStream& stream = *calm.server.streams[0];
  stream.body = std::string(1'000'000, 'x');
  calm.server.session.submit_response(stream, response_head(200), {}, true);
  calm.server.written();
  size_t bytes = 0;
  for (int i = 0; i < 200; ++i) {
    calm.server.clock.advance_ms(10);
    ASSERT_TRUE(calm.send(windows(i % 2 == 0 ? INT32_MAX : 0)));
    for (const Seen& one : calm.seen) bytes += one.type == kDataFrame ? one.payload.size() : 0;
  }
  EXPECT_EQ(bytes, 65'535U);
}

TEST(H2Abuse, Case108RefusesTheStreamThatIsTooManyAndNoOther) {
  H2Limits limits;
  limits.streams = 3;
  Raw raw(limits);
  EXPECT_TRUE(raw.send(get_frame(1) + get_frame(3) + get_frame(5)));
  EXPECT_TRUE(raw.send(get_frame(7)));
  EXPECT_EQ(raw.rst(7), H2Code::kRefusedStream);
  EXPECT_EQ(raw.server.streams.size(), 3U);
  EXPECT_EQ(raw.server.session.streams_open(), 3U);
  // HPACK stays in step, and a place that comes free is one.
  raw.server.session.submit_response(*raw.server.streams[0], response_head(200), {}, false);
  raw.server.written();
  EXPECT_TRUE(raw.send(get_frame(9)));
  EXPECT_EQ(raw.server.streams.size(), 4U);
  EXPECT_EQ(raw.server.streams[3]->request.authority, "a");
  EXPECT_TRUE(raw.server.faults.empty());
}

TEST(H2Abuse, Case108TakesStreamsBeyondTheLimitWithoutEndForAFlood) {
  H2Limits limits;
  limits.streams = 1;
  Raw raw(limits);
  EXPECT_TRUE(raw.send(get_frame(1)));
  int sent = 0;
  for (int32_t id = 3; sent < 1000 && raw.send(get_frame(id)); id += 2) ++sent;
  EXPECT_EQ(sent, 200);
  EXPECT_EQ(raw.goaway(), H2Code::kEnhanceYourCalm);
  EXPECT_EQ(raw.server.faults, std::vector{Http2Fault::kResets});
}

TEST(H2Abuse, Case108SaysHowManyStreamsMayBeOpen) {
  H2Limits limits;
  limits.streams = 0x01020304;
  TestPeer server(H2Role::kServer, limits);
  const std::vector<Seen> seen = frames_in(server.written());
  ASSERT_GE(seen.size(), 2U);
  EXPECT_EQ(seen[0].type, kSettingsFrame);
  EXPECT_EQ(seen[0].payload, std::string("\0\3\1\2\3\4", 6));
  EXPECT_EQ(seen[1].type, kSettingsFrame);
}

TEST(H2Abuse, Case130HoldsAnUpstreamToTheBoundsOfACaller) {
  struct Flood {
    std::string frames;
    Http2Fault reason;
    int at_most;
  };
  const Flood floods[] = {
      {frame(kPingFrame, 0, 0, "12345678"), Http2Fault::kControlFrames, 1010},
      {frame(kSettingsFrame, 0, 0), Http2Fault::kControlFrames, 1010},
      {frame(0xee, 0, 0, "unknown"), Http2Fault::kControlFrames, 1010},
      {frame(kDataFrame, 0, 1), Http2Fault::kEmptyData, 110},
      {frame(kContinuationFrame, 0, 1, ""), Http2Fault::kContinuations, 9},
      {frame(5, kEndHeaders, 1, number32(2) + get_block()), Http2Fault::kProtocol, 0},
      {frame(kHeadersFrame, kEndHeaders, 2, block({{":status", "200"}})), Http2Fault::kProtocol, 1},
  };
  for (const Flood& flood : floods) {
    TestPeer client(H2Role::kClient);
    TestStream& call = client.open(get());
    client.written();
    ASSERT_TRUE(client.session.receive(frame(kSettingsFrame, 0, 0)));
    const uint8_t head_flags = flood.reason == Http2Fault::kContinuations ? 0 : kEndHeaders;
    ASSERT_TRUE(
        client.session.receive(frame(kHeadersFrame, head_flags, 1, block({{":status", "200"}}))));
    int sent = 0;
    while (sent < 3000 && client.session.receive(flood.frames)) {
      client.written();
      ++sent;
    }
    client.written();
    EXPECT_LE(sent, flood.at_most) << static_cast<int>(flood.frames[3]);
    EXPECT_NE(client.session.fault(), H2Code::kNoError);
    EXPECT_EQ(client.faults, std::vector{flood.reason}) << static_cast<int>(flood.frames[3]);
    client.session.lose(Cause::kReset);
    EXPECT_EQ(call.closed.size(), 1U);
  }
}

// ---- the bounds that a file sets

TEST(H2Flood, ComesFromTheSettings) {
  config::ListenerFlood settings;
  const H2Flood same(settings);
  const H2Flood built_in;
  EXPECT_EQ(same.resets, built_in.resets);
  EXPECT_EQ(same.resets_per_s, built_in.resets_per_s);
  EXPECT_EQ(same.control_frames, built_in.control_frames);
  EXPECT_EQ(same.control_frames_per_s, built_in.control_frames_per_s);
  EXPECT_EQ(same.continuations, built_in.continuations);
  settings.resets.reset();
  settings.per_second = 5;
  settings.control_frames_per_h = 60 * 90;  // 1.5/s
  settings.continuations = 3;
  H2Flood other(settings);
  EXPECT_EQ(other.resets, H2Flood::kOff);
  EXPECT_EQ(other.resets_per_s, 5U);
  EXPECT_EQ(other.control_frames, 20U);
  EXPECT_EQ(other.control_frames_per_s, 2U);
  EXPECT_EQ(other.continuations, 3U);
  other.widen(built_in);
  EXPECT_EQ(other.resets, H2Flood::kOff);
  EXPECT_EQ(other.resets_per_s, 33U);
  EXPECT_EQ(other.control_frames, 1000U);
  EXPECT_EQ(other.continuations, 8U);
}

TEST(H2Flood, MayBeOff) {
  config::ListenerFlood settings;
  settings.resets.reset();
  settings.control_frames_per_h.reset();
  H2Limits limits;
  limits.flood = H2Flood(settings);
  Raw raw(limits);
  int32_t id = 1;
  for (int i = 0; i < 5000; ++i, id += 2) {
    ASSERT_TRUE(raw.send(get_frame(id) + rst_frame(id) + frame(kPingFrame, 0, 0, "12345678")));
  }
}

TEST(H2Flood, HoldsToTheBoundsThatAreSet) {
  config::ListenerFlood settings;
  settings.resets = 5;
  settings.control_frames_per_h = 2 * 3'600;
  settings.continuations = 1;
  H2Limits limits;
  limits.flood = H2Flood(settings);
  Raw resets(limits);
  int sent = 0;
  for (int32_t id = 1; sent < 100 && resets.send(get_frame(id) + rst_frame(id)); id += 2) ++sent;
  EXPECT_EQ(sent, 5);
  Raw control(limits);
  for (sent = 0; sent < 100 && control.send(frame(kPingFrame, 0, 0, "12345678")); ++sent) continue;
  EXPECT_NEAR(sent, 20, 3);
  Raw continuations(limits);
  EXPECT_TRUE(continuations.send(frame(kHeadersFrame, kEndStream, 1)));
  EXPECT_TRUE(continuations.send(frame(kContinuationFrame, 0, 1)));
  EXPECT_FALSE(continuations.send(frame(kContinuationFrame, 0, 1)));
}

// ---- streams that were opened before the peer said how many it takes

TEST(H2Session, AStreamThatWasOneTooManyByOurGuessWasNeverSeenForFree) {
  for (const uint32_t allowed : {1U, 100U}) {
    TestPeer client(H2Role::kClient);
    TestStream& first = client.open(get("/1"));
    TestStream& second = client.open(get("/2"));
    client.written();
    const std::string settings = std::string("\0\3", 2) + number32(allowed);
    ASSERT_TRUE(client.session.receive(frame(kSettingsFrame, 0, 0, settings) +
                                       frame(kRstFrame, 0, 3, number32(7))));
    EXPECT_TRUE(first.closed.empty());
    ASSERT_EQ(second.closed.size(), 1U);
    EXPECT_EQ(second.closed[0].cause, Cause::kRefusedStream);
    EXPECT_EQ(second.closed[0].sent, allowed == 1 ? Sent::kNeverFree : Sent::kNever);
  }
}

TEST(H2Session, OpensNoMoreThanAreAssumedBeforeThePeerSaysSo) {
  H2Limits limits;
  limits.streams_assumed = 2;
  TestPeer client(H2Role::kClient, limits);
  client.open(get());
  EXPECT_TRUE(client.session.may_open());
  client.open(get());
  EXPECT_FALSE(client.session.may_open());
  client.written();
  const std::string settings = std::string("\0\3", 2) + number32(3);
  ASSERT_TRUE(client.session.receive(frame(kSettingsFrame, 0, 0, settings)));
  EXPECT_TRUE(client.session.may_open());
}

}  // namespace
}  // namespace outrigger::http
