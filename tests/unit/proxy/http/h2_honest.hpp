// A caller and an upstream that do good work as fast as can be: all in one moment, in which no rate
// pays for anything. For the tests of what goes with it.
#pragma once

#include <string>
#include <string_view>

#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {

inline constexpr int kCalls = 4'000;

inline std::string ping_frame() { return frame(kPingFrame, 0, 0, "bdp-ping"); }
inline std::string window_frame(int32_t id, uint32_t bytes) {
  return frame(kWindowFrame, 0, id, number32(bytes));
}
inline std::string settings_frame(uint32_t window) {
  return frame(kSettingsFrame, 0, 0, std::string("\0\x04", 2) + number32(window));
}

struct HonestCaller : Raw {
  explicit HonestCaller(const H2Limits& limits = {}) : Raw(limits) {}

  int32_t next() { return x_next += 2; }
  TestStream& last() { return *server.streams.back(); }
  void answer_last(std::string_view body = "answer") {
    last().body = body;
    server.session.submit_response(last(), response_head(200), {}, !body.empty());
    seen = frames_in(server.written());
  }
  bool call(std::string_view behind_the_answer = {}) {
    const bool sent = send(get_frame(next()));
    answer_last();
    return sent && send(behind_the_answer);
  }

  bool is_well() const { return server.faults.empty(); }

 private:
  int32_t x_next = -1;
};

// The upstream of a client.
struct HonestUpstream {
  explicit HonestUpstream(const H2Limits& limits = {}) : client(H2Role::kClient, limits) {
    client.written();
    EXPECT_TRUE(say(frame(kSettingsFrame, 0, 0)));
  }
  bool say(std::string_view frames) {
    const bool reads = client.session.receive(frames);
    client.written();
    return reads;
  }
  TestStream& call(std::string_view body = "request") {
    TestStream& stream = client.open(post(), true);
    stream.body = body;
    client.session.resume(stream);
    client.written();
    return stream;
  }
  static std::string answer(int32_t id) {
    return frame(kHeadersFrame, kEndHeaders, id, block({{":status", "200"}})) +
           frame(kDataFrame, kEndStream, id, "answer");
  }
  bool is_well() const { return client.faults.empty(); }

  TestPeer client;
};

}  // namespace outrigger::http
