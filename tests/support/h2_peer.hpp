// One end of an HTTP/2 connection in a scenario: the product's own session, in either role, over a
// stream of the test's network. It keeps all that came on each stream, and sends what it is told.
// An H2Side is one stream of it. h2_caller.hpp and h2_origin.hpp make them callers and origins.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h2_send.hpp"
#include "proxy/http/h2_session.hpp"
#include "tests/support/test_peer.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/support/worker_message.hpp"

namespace outrigger::testing {

using H2Fields = std::vector<std::pair<std::string, std::string>>;

class H2Peer;

class H2Side final : public http::H2Stream {
 public:
  explicit H2Side(H2Peer& peer) : x_peer(peer) {}

  // -- what came: `start` as HTTP/1 would have it, trailers apart
  Message message;
  Message trailers;
  std::vector<Message> interims;
  std::optional<http::H2Close> closed;  // before both sides were complete
  bool done = false;                    // both are
  bool takes = true;                    // the window opens again for what comes
  http::Method method = http::Method::kGet;
  int connection = 0;  // at an origin: of how many-eth

  int status() const { return message.status(); }
  bool is_over() const { return done || closed.has_value() || message.complete; }

  // -- what goes out
  void send_data(std::string_view bytes, bool last = false);
  void send_trailers(const H2Fields& fields);
  void answer(int status, std::string_view body, const H2Fields& fields = {});
  // The head; the body follows with send_data(), unless there is none. With `length` it says how
  // long that is.
  void answer_head(int status, const H2Fields& fields = {}, bool has_body = true,
                   std::optional<int64_t> length = {});
  void interim(int status, const H2Fields& fields = {});
  void reset(http::H2Code code = http::H2Code::kCancel);
  // Bytes that came while it did not take them.
  void take_all();
  size_t unsent() const { return x_out.size(); }

  H2Peer& peer() const { return x_peer; }
  void request(std::string_view method, std::string_view target, std::string_view host,
               const H2Fields& fields, std::optional<size_t> length, bool has_body);

 private:
  Arena& arena() override { return x_arena; }
  void on_request(http::RequestHead& head, Cause cause) override;
  void on_response(http::ResponseHead& head) override;
  void on_data(std::string_view bytes) override;
  void on_end(const http::Fields* fields) override;
  void on_done() override { done = true; }
  void on_closed(const http::H2Close& close) override { closed = close; }
  std::string_view body_ready() override { return x_out; }
  void body_sent(size_t bytes) override { x_out.erase(0, bytes); }
  bool body_ended() const override { return x_ended; }
  const http::Fields* trailers_out() const override {
    return x_trailers.empty() ? nullptr : &x_trailers;
  }
  http::Fields in_arena(const H2Fields& fields);
  static void keep(const http::Fields& fields, Message& to);

  H2Peer& x_peer;
  Arena x_arena{{}};
  std::string x_out;
  http::Fields x_trailers;
  bool x_ended = false;
};

class H2Peer : public TestPeer, protected http::H2SessionEvents, private io::LateWriter {
 public:
  H2Peer(VirtualLoop& loop, http::H2Role role, const http::H2Limits& limits = {})
      : x_loop(loop), x_context(loop.context()), x_session(role, limits, x_context.clock, *this) {}

  http::H2Session& session() { return x_session; }
  VirtualLoop& loop() const { return x_loop; }
  // Nothing more is written: SETTINGS are not acknowledged, a PING is not answered.
  void fall_silent() { x_silent = true; }
  bool is_gone() const { return ended || broken || !is_open(); }
  void close_cleanly() {
    if (!is_open()) return;
    stream().finish();
    x_context.reaper.doom(take_stream());
  }
  void break_off() {
    if (!is_open()) return;
    stream().abort();
    x_context.reaper.doom(take_stream());
  }
  void after(int64_t ms, std::function<void()> task) {
    x_later.emplace_back(x_loop, std::move(task));
    x_later.back().arm_at(x_loop.now_ms() + ms);
  }

  std::string_view scheme = "http";  // of requests
  std::list<H2Side> sides;           // the last one is the newest
  std::vector<int32_t> goaways;
  bool settled = false;
  http::H2Code goaway_code = http::H2Code::kNoError;

  void start() { on_want_write(); }
  void on_read(std::string_view bytes) override {
    reads += 1;
    bytes_received += bytes.size();
    if (!x_session.receive(bytes)) x_failed = true;
  }
  void on_drained() override { on_want_write(); }
  size_t bytes_received = 0;

  // By an origin: a request is there as far as its head, or is complete.
  virtual void on_head(H2Side&) {}
  virtual void on_complete(H2Side&) {}

 protected:
  void on_goaway(int32_t last_stream_id, http::H2Code code) override {
    goaways.push_back(last_stream_id);
    goaway_code = code;
  }
  void on_settings() override { settled = true; }
  void on_want_write() override {
    if (is_open() && !x_silent) x_loop.outbox().write_later(*this);
  }

 private:
  void write_late() override {
    if (!is_open() || x_silent) return;
    http::send_pending(x_session, stream(), x_loop.outbox());
  }

  VirtualLoop& x_loop;
  LoopContext x_context;
  http::H2Session x_session;
  std::list<VirtualLoop::Event> x_later;
  bool x_silent = false;
  bool x_failed = false;
};

// ---- H2Side

inline http::Fields H2Side::in_arena(const H2Fields& fields) {
  http::Fields made;
  for (const auto& [name, value] : fields)
    made.add(x_arena, x_arena.copy(name), x_arena.copy(value));
  return made;
}

inline void H2Side::keep(const http::Fields& fields, Message& to) {
  for (const http::Field& field : fields) to.fields.emplace_back(field.name, field.value);
}

inline void H2Side::send_data(std::string_view bytes, bool last) {
  x_out += bytes;
  x_ended = x_ended || last;
  x_peer.session().resume(*this);
}

inline void H2Side::send_trailers(const H2Fields& fields) {
  x_trailers = in_arena(fields);
  send_data({}, true);
}

inline void H2Side::answer_head(int status, const H2Fields& fields, bool has_body,
                                std::optional<int64_t> length) {
  http::ResponseHead head;
  head.status = status;
  head.version = http::Version::kHttp2;
  head.fields = in_arena(fields);
  head.framing = has_body ? http::Framing::kChunked : http::Framing::kNone;
  if (length) {
    head.framing = http::Framing::kLength;
    head.content_length = *length;
  }
  if (!has_body) x_ended = true;
  x_peer.session().submit_response(*this, head, {method, {}}, has_body);
}

inline void H2Side::answer(int status, std::string_view body, const H2Fields& fields) {
  answer_head(status, fields, !body.empty());
  if (!body.empty()) send_data(body, true);
}

inline void H2Side::interim(int status, const H2Fields& fields) {
  x_peer.session().submit_interim(*this, status, in_arena(fields));
}

inline void H2Side::reset(http::H2Code code) { x_peer.session().reset(*this, code); }

inline void H2Side::take_all() {
  takes = true;
  x_peer.session().consume(*this, unconsumed());
}

inline void H2Side::request(std::string_view method_text, std::string_view target,
                            std::string_view host, const H2Fields& fields,
                            std::optional<size_t> length, bool has_body) {
  http::RequestHead head;
  head.version = http::Version::kHttp2;
  head.method_text = x_arena.copy(method_text);
  head.method = method = http::method_from(method_text);
  head.tunnel = head.method == http::Method::kConnect;
  head.target = x_arena.copy(target);
  head.authority = x_arena.copy(host);
  for (const auto& [name, value] : fields) {
    if (name == ":protocol") {
      head.upgrade = x_arena.copy(value);
    } else if (name == "te") {
      head.te_trailers = true;
    } else if (name == "expect") {
      head.expects_continue = true;
    } else {
      head.fields.add(x_arena, x_arena.copy(name), x_arena.copy(value));
    }
  }
  if (has_body) head.framing = http::Framing::kChunked;
  if (length) {
    head.framing = http::Framing::kLength;
    head.content_length = static_cast<int64_t>(*length);
  }
  x_ended = !has_body;
  const http::H2RequestWriting writing{
      .authority = head.authority, .scheme = x_peer.scheme, .via = {}};
  OUTRIGGER_ASSERT(x_peer.session().submit_request(*this, head, writing, has_body));
}

inline void H2Side::on_request(http::RequestHead& head, Cause) {
  method = head.method;
  message.start = std::string(head.method_text) + " " + std::string(head.target) + " HTTP/2";
  message.fields.emplace_back("host", head.authority);
  if (head.content_length > 0) {
    message.fields.emplace_back("content-length", std::to_string(head.content_length));
  }
  keep(head.fields, message);
  if (head.te_trailers) message.fields.emplace_back("te", "trailers");
  message.has_head = true;
  x_peer.on_head(*this);
}

inline void H2Side::on_response(http::ResponseHead& head) {
  Message& to = head.status < 200 && !head.tunnel ? interims.emplace_back() : message;
  to.start = "HTTP/2.0 " + std::to_string(head.status) + " ";
  to.has_head = true;
  keep(head.fields, to);
}

inline void H2Side::on_data(std::string_view bytes) {
  message.body += bytes;
  if (takes) x_peer.session().consume(*this, bytes.size());
}

inline void H2Side::on_end(const http::Fields* fields) {
  if (fields != nullptr) keep(*fields, trailers);
  message.complete = true;
  message.at_ms = x_peer.loop().now_ms();
  if (!message.start.starts_with("HTTP/")) x_peer.on_complete(*this);
}

}  // namespace outrigger::testing
