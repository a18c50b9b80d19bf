// Any frames, behind a good preface, at a server of HTTP/2 that answers all it understands.
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/base/clock.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/http/h2_session.hpp"
#include "tests/fuzz/heads.hpp"

namespace outrigger::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Answer final : public H2Stream {
 public:
  explicit Answer(H2Session& session) : x_session(session) {}

  Arena& arena() override { return x_arena; }

  void on_request(RequestHead& head, Cause cause) override {
    CHECK_THAT(x_events++ == 0);
    CHECK_THAT(cause != Cause::kMalformedRequest);
    if (cause == Cause::kNone) check(head);
    x_refused = cause != Cause::kNone;
    x_left = head.content_length;
    x_counted = head.framing == Framing::kLength;
    ResponseHead response;
    response.status = x_refused ? 400 : 200;
    x_session.submit_response(*this, response, {head.method, {}}, !x_refused);
  }
  void on_data(std::string_view bytes) override {
    CHECK_THAT(x_events > 0 && !x_ended && !x_closed && !x_refused);
    x_left -= static_cast<int64_t>(bytes.size());
    CHECK_THAT(!x_counted || x_left >= 0);
    x_session.consume(*this, bytes.size());
  }
  void on_end(const Fields* trailers) override {
    CHECK_THAT(x_events > 0 && !x_ended && !x_closed && !x_refused);
    CHECK_THAT(!x_counted || x_left == 0);
    x_ended = true;
    if (trailers != nullptr) check_fields(*trailers);
    x_session.resume(*this);
  }
  void on_done() override { finish(); }
  void on_closed(const H2Close&) override { finish(); }
  bool body_ended() const override { return x_ended; }

 private:
  static void check(const RequestHead& head) {
    CHECK_THAT(is_token(head.method_text));
    CHECK_THAT(head.target == "*" || head.target.starts_with('/'));
    CHECK_THAT(target_prefix(head.target) == head.target.size());
    CHECK_THAT(is_authority(head.authority));
    CHECK_THAT(head.framing == Framing::kLength || head.content_length == 0);
    CHECK_THAT(head.framing != Framing::kUntilClose);
    check_fields(head.fields);
  }
  void finish() {
    CHECK_THAT(!x_closed && !is_open());
    x_closed = true;
    x_session.release(*this);
  }

  H2Session& x_session;
  Arena x_arena{std::span<std::byte>()};
  int64_t x_left = 0;
  int x_events = 0;
  bool x_counted = false;
  bool x_refused = false;
  bool x_ended = false;
  bool x_closed = false;
};

class Server final : public H2SessionEvents {
 public:
  Server() { CHECK_THAT(x_session.receive(kPreface)); }

  H2Stream* on_new_stream() override {
    x_answers.push_back(std::make_unique<Answer>(x_session));
    return x_answers.back().get();
  }
  void on_want_write() override { x_wants = true; }

  bool take(std::string_view bytes) {
    const bool reads = x_session.receive(Exact(bytes).view());
    CHECK_THAT(x_session.streams_open() <= x_answers.size());
    CHECK_THAT(x_wants || !x_session.wants_write());
    std::array<char, 1000> room;
    while (x_session.write(room) == room.size()) continue;
    x_wants = false;
    CHECK_THAT(!x_session.wants_write());
    return reads;
  }
  void lose() {
    x_session.lose(Cause::kReset);
    CHECK_THAT(x_session.streams_open() == 0);
  }

 private:
  ManualClock x_clock;
  std::vector<std::unique_ptr<Answer>> x_answers;
  bool x_wants = false;
  H2Session x_session{H2Role::kServer, {}, x_clock, *this};
};

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::http;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Server server;
  // In pieces whose sizes follow from the input.
  size_t piece = size % 23 + 1;
  while (!bytes.empty() && server.take(bytes.substr(0, piece))) {
    bytes.remove_prefix(std::min(piece, bytes.size()));
    piece = piece * 3 % 61 + 1;
  }
  server.lose();
  return 0;
}
