// What the tests of HTTP/2 share: streams that write down what happens to them, two sessions that
// talk in memory.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/clock.hpp"
#include "proxy/http/h2_map.hpp"
#include "proxy/http/h2_session.hpp"
#include "tests/support/h2_frames.hpp"

namespace outrigger::http {

using namespace outrigger::testing;

inline std::string text_of(const Fields& fields) {
  std::string text;
  for (const Field& field : fields) {
    text += std::string(field.name) + ": " + std::string(field.value) + "\n";
  }
  return text;
}

// A header block as a session hands it over.
struct ReadHead {
  Arena arena{std::span<std::byte>()};
  HeadLimits limits;
  RequestHead request;
  ResponseHead response;
  Fields trailers;

  Cause read_request(const Lines& lines, bool ended = true) {
    H2HeadReader reader(limits);
    reader.begin(H2HeadReader::Kind::kRequest, arena);
    for (const auto& [name, value] : lines) reader.add(name, value);
    request = {};
    return reader.finish_request(ended, request);
  }
  Cause read_response(const Lines& lines, bool ended = false, const HeadLimits& own = {}) {
    H2HeadReader reader(limits);
    reader.begin(H2HeadReader::Kind::kResponse, arena);
    reader.bound(own);
    for (const auto& [name, value] : lines) reader.add(name, value);
    response = {};
    return reader.finish_response(ended, Method::kGet, response);
  }
  Cause read_trailers(const Lines& lines) {
    H2HeadReader reader(limits);
    reader.begin(H2HeadReader::Kind::kTrailers, arena);
    for (const auto& [name, value] : lines) reader.add(name, value);
    return reader.finish_trailers(Side::kRequest, trailers);
  }
};

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
  void on_rest() override { ++rests; }
  void on_fault(Http2Fault reason, std::string_view) override { faults.push_back(reason); }
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
  int rests = 0;
  std::vector<Http2Fault> faults;
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

inline std::string get_frame(int32_t id) {
  return frame(kHeadersFrame, kEndHeaders | kEndStream, id, get_block());
}
inline std::string post_frame(int32_t id) {
  return frame(kHeadersFrame, kEndHeaders, id, get_block());
}
inline std::string rst_frame(int32_t id) { return frame(kRstFrame, 0, id, number32(8)); }

// A server behind its preface, and what it says to frames.
struct Raw {
  explicit Raw(const H2Limits& limits = {}) : server(H2Role::kServer, limits) {
    const std::string acknowledged = frame(kSettingsFrame, 1, 0);
    EXPECT_TRUE(server.session.receive(preface() + acknowledged + acknowledged));
    server.written();
  }

  // False: the connection is to be closed.
  bool send(std::string_view bytes) {
    const bool reads = server.session.receive(bytes);
    seen = frames_in(server.written());
    return reads && server.session.fault() == H2Code::kNoError;
  }
  H2Code fault() const { return server.session.fault(); }
  // Of the GOAWAY that was written; a code that nobody has if none was.
  H2Code goaway() const {
    for (const Seen& one : seen) {
      if (one.type == 7) return static_cast<H2Code>(one.code());
    }
    return static_cast<H2Code>(999);
  }
  H2Code rst(int32_t id) const {
    for (const Seen& one : seen) {
      if (one.type == kRstFrame && one.id == id) return static_cast<H2Code>(one.code());
    }
    return static_cast<H2Code>(999);
  }
  void answer() {
    TestStream& stream = *server.streams.back();
    server.session.submit_response(stream, response_head(200), {}, false);
    seen = frames_in(server.written());
  }

  TestPeer server;
  std::vector<Seen> seen;
};

}  // namespace outrigger::http
