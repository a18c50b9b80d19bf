// What the tests of HTTP/2 share: streams that write down what happens to them, two sessions that
// talk in memory, and frames made by hand.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/clock.hpp"
#include "proxy/http/h2_session.hpp"

namespace outrigger::http {

inline std::string text_of(const Fields& fields) {
  std::string text;
  for (const Field& field : fields) {
    text += std::string(field.name) + ": " + std::string(field.value) + "\n";
  }
  return text;
}

// One stream of either role, with all that it saw and the body it has to send.
class TestStream final : public H2Stream {
 public:
  Arena& arena() override { return x_arena; }
  void on_request(RequestHead& head, Cause why) override {
    request = head;
    cause = why;
    ++heads;
  }
  void on_response(ResponseHead& head) override {
    if (head.status < 200) {
      interims.push_back(head.status);
    } else {
      response = head;
      ++heads;
    }
  }
  void on_data(std::string_view bytes) override {
    data += bytes;
    if (consumes) session->consume(*this, bytes.size());
  }
  void on_end(const Fields* fields) override {
    ended = true;
    x_trailers = fields;
  }
  void on_done() override { done = true; }
  void on_closed(const H2Close& why) override { closed.push_back(why); }

  std::string_view body_ready() override { return body; }
  void body_sent(size_t bytes) override { body.erase(0, bytes); }
  bool body_ended() const override { return body_complete; }
  const Fields* trailers_out() const override {
    return own_trailers.empty() ? nullptr : &own_trailers;
  }

  // Whenever it is asked: they last.
  std::string trailers() const { return x_trailers == nullptr ? "" : text_of(*x_trailers); }
  void add_trailer(std::string_view name, std::string_view value) {
    own_trailers.add(x_arena, name, value);
  }

  H2Session* session = nullptr;
  RequestHead request;
  ResponseHead response;
  Cause cause = Cause::kNone;
  int heads = 0;
  std::vector<int> interims;
  std::string data;
  std::vector<H2Close> closed;
  bool ended = false;
  bool done = false;
  bool consumes = true;
  std::string body;
  bool body_complete = true;
  Fields own_trailers;

 private:
  Arena x_arena{std::span<std::byte>()};
  const Fields* x_trailers = nullptr;
};

// A session and its streams; what it writes is kept.
class TestPeer final : public H2SessionEvents {
 public:
  explicit TestPeer(H2Role role, const H2Limits& limits = {})
      : session(role, limits, clock, *this) {}
  ~TestPeer() {
    for (auto& stream : streams) session.release(*stream);
  }

  H2Stream* on_new_stream() override {
    if (refuses) return nullptr;
    return &add();
  }
  void on_goaway(int32_t last_id, H2Code) override { goaways.push_back(last_id); }
  void on_settings() override { ++settings; }
  void on_ping_ack() override { ++ping_acks; }
  void on_want_write() override { ++wants; }

  TestStream& add() {
    streams.push_back(std::make_unique<TestStream>());
    streams.back()->session = &session;
    return *streams.back();
  }
  TestStream& open(RequestHead head, bool has_body = false) {
    TestStream& stream = add();
    EXPECT_TRUE(session.submit_request(stream, head, {}, has_body));
    return stream;
  }

  std::string written(size_t room = 20'000) {
    std::string all;
    std::vector<char> piece(room);
    for (size_t bytes = piece.size(); bytes == piece.size();) {
      bytes = session.write(piece);
      all.append(piece.data(), bytes);
    }
    return all;
  }

  ManualClock clock;
  std::vector<std::unique_ptr<TestStream>> streams;
  std::vector<int32_t> goaways;
  int settings = 0;
  int ping_acks = 0;
  int wants = 0;
  bool refuses = false;
  H2Session session;
};

inline RequestHead request_head(Method method, std::string_view method_text,
                                std::string_view target = "/") {
  RequestHead head;
  head.method = method;
  head.method_text = method_text;
  head.target = target;
  head.authority = "host.test";
  return head;
}
inline RequestHead get(std::string_view target = "/") {
  return request_head(Method::kGet, "GET", target);
}
inline RequestHead post() { return request_head(Method::kPost, "POST"); }

inline ResponseHead response_head(int status) {
  ResponseHead head;
  head.status = status;
  return head;
}

// A client and a server.
struct Pair {
  explicit Pair(const H2Limits& limits = {})
      : client(H2Role::kClient, limits), server(H2Role::kServer, limits) {
    run();
  }

  // Until both are quiet.
  void run() {
    while (true) {
      const std::string up = client.written();
      if (!up.empty()) server_reads = server.session.receive(up);
      const std::string down = server.written();
      if (!down.empty()) client_reads = client.session.receive(down);
      if (up.empty() && down.empty()) return;
    }
  }
  TestStream& last() { return *server.streams.back(); }

  TestPeer client;
  TestPeer server;
  bool server_reads = true;
  bool client_reads = true;
};

// -- frames made by hand

inline constexpr uint8_t kDataFrame = 0;
inline constexpr uint8_t kHeadersFrame = 1;
inline constexpr uint8_t kPriorityFrame = 2;
inline constexpr uint8_t kRstFrame = 3;
inline constexpr uint8_t kSettingsFrame = 4;
inline constexpr uint8_t kPingFrame = 6;
inline constexpr uint8_t kWindowFrame = 8;
inline constexpr uint8_t kContinuationFrame = 9;
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kEndHeaders = 4;

inline std::string number32(uint32_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
          static_cast<char>(number >> 8), static_cast<char>(number)};
}
inline std::string frame(uint8_t type, uint8_t flags, int32_t id, std::string_view payload = {}) {
  std::string text = number32(static_cast<uint32_t>(payload.size())).substr(1);
  text += static_cast<char>(type);
  text += static_cast<char>(flags);
  return text + number32(static_cast<uint32_t>(id)) + std::string(payload);
}

// One literal that is never indexed.
inline std::string literal(std::string_view name, std::string_view value) {
  const auto string = [](std::string_view text) {
    std::string coded;
    size_t rest = text.size();
    if (rest < 127) {
      coded += static_cast<char>(rest);
    } else {
      coded += '\x7f';
      for (rest -= 127; rest >= 128; rest /= 128) coded += static_cast<char>(0x80 | rest % 128);
      coded += static_cast<char>(rest);
    }
    return coded + std::string(text);
  };
  return '\x10' + string(name) + string(value);
}
using Lines = std::vector<std::pair<std::string_view, std::string_view>>;
inline std::string block(const Lines& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += literal(name, value);
  return text;
}
inline std::string get_block() {
  return block({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}});
}

inline std::string preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettingsFrame, 0, 0);
}

// What a session wrote, frame by frame.
struct Seen {
  uint8_t type;
  uint8_t flags;
  int32_t id;
  std::string payload;

  uint32_t code() const { return number_at(type == 7 ? 4 : 0); }
  uint32_t number_at(size_t at) const {
    uint32_t number = 0;
    for (size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<uint8_t>(payload[i]);
    return number;
  }
};
inline std::vector<Seen> frames_in(std::string_view text) {
  std::vector<Seen> all;
  while (text.size() >= 9) {
    const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
    const size_t length = at(0) << 16 | at(1) << 8 | at(2);
    all.push_back({static_cast<uint8_t>(text[3]), static_cast<uint8_t>(text[4]),
                   static_cast<int32_t>(at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)),
                   std::string(text.substr(9, length))});
    text.remove_prefix(std::min(text.size(), 9 + length));
  }
  return all;
}

}  // namespace outrigger::http
