// Any frames as the answers of an HTTP/2 server to three requests: a GET, a HEAD and a POST.
#include <array>
#include <cstdint>

#include "proxy/base/clock.hpp"
#include "proxy/http/h2_session.hpp"
#include "tests/fuzz/heads.hpp"

namespace outrigger::http {
namespace {

class Call final : public H2Stream {
 public:
  explicit Call(H2Session& session) : x_session(session) {}

  void begin(Method method, std::string_view name) {
    RequestHead head;
    head.method = method;
    head.method_text = name;
    head.authority = "upstream";
    head.target = "/";
    x_method = method;
    CHECK_THAT(x_session.submit_request(*this, head, {}, method == Method::kPost));
  }
  bool is_over() const { return x_over; }

  Arena& arena() override { return x_arena; }
  void on_response(ResponseHead& head) override {
    CHECK_THAT(!x_final && !x_ended && !x_over);
    CHECK_THAT(head.status >= 100 && head.status < 1000 && head.status != 101);
    check_fields(head.fields);
    CHECK_THAT(head.framing != Framing::kLength || head.content_length >= 0);
    x_final = head.status >= 200;
    x_bodiless = is_bodiless(head.status, x_method);
    CHECK_THAT(!x_bodiless || head.framing == Framing::kNone);
  }
  void on_data(std::string_view bytes) override {
    CHECK_THAT(x_final && !x_ended && !x_over && !x_bodiless);
    x_session.consume(*this, bytes.size());
  }
  void on_end(const Fields* trailers) override {
    CHECK_THAT(x_final && !x_ended && !x_over);
    x_ended = true;
    if (trailers != nullptr) check_fields(*trailers);
  }
  void on_done() override {
    CHECK_THAT(x_ended);
    finish();
  }
  void on_closed(const H2Close& why) override {
    CHECK_THAT(why.cause != Cause::kNone && why.cause != Cause::kMalformedRequest);
    finish();
  }
  std::string_view body_ready() override { return std::string_view("a body").substr(x_sent); }
  void body_sent(size_t bytes) override { x_sent += bytes; }

 private:
  void finish() {
    CHECK_THAT(!x_over && !is_open());
    x_over = true;
    x_session.release(*this);
  }

  H2Session& x_session;
  Arena x_arena{std::span<std::byte>()};
  size_t x_sent = 0;
  Method x_method = Method::kGet;
  bool x_final = false;
  bool x_bodiless = false;
  bool x_ended = false;
  bool x_over = false;
};

class Client final : public H2SessionEvents {
 public:
  Client() {
    x_calls[0].begin(Method::kGet, "GET");
    x_calls[1].begin(Method::kHead, "HEAD");
    x_calls[2].begin(Method::kPost, "POST");
    drain();
  }

  void on_want_write() override { x_wants = true; }

  bool take(std::string_view bytes) {
    const bool reads = x_session.receive(Exact(bytes).view());
    CHECK_THAT(x_wants || !x_session.wants_write());
    drain();
    return reads;
  }
  void lose() {
    x_session.lose(Cause::kReset);
    CHECK_THAT(x_session.streams_open() == 0);
    for (const Call& call : x_calls) CHECK_THAT(call.is_over());
  }

 private:
  void drain() {
    std::array<char, 1000> room;
    while (x_session.write(room) == room.size()) continue;
    x_wants = false;
  }

  ManualClock x_clock;
  bool x_wants = false;
  H2Session x_session{H2Role::kClient, {}, x_clock, *this};
  std::array<Call, 3> x_calls{Call(x_session), Call(x_session), Call(x_session)};
};

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::http;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Client client;
  // In pieces whose sizes follow from the input.
  size_t piece = size % 23 + 1;
  while (!bytes.empty() && client.take(bytes.substr(0, piece))) {
    bytes.remove_prefix(std::min(piece, bytes.size()));
    piece = piece * 3 % 61 + 1;
  }
  client.lose();
  return 0;
}
