#include "proxy/http/h2_session.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "proxy/base/assert.hpp"
#include "proxy/http/h2_callbacks.hpp"
#include "proxy/http/h2_memory.hpp"
#include "proxy/http/h2_rest.hpp"
#include "proxy/http/h2_write.hpp"

namespace outrigger::http {
namespace {

// Frames that wait to be sent, besides DATA and those of streams: more, and the peer makes us
// answer without reading.
constexpr size_t kQueueMax = 2000;
constexpr size_t kQueuedPerStream = 2;
// Of a head that goes out. What it may be was decided where it was read, by the limits of the other
// side; nghttp2 would drop one of more than 64 KiB.
constexpr size_t kBlockMax = size_t{1} << 30;
// A client has 2^30 ids; a connection that has used nearly all is replaced.
constexpr int32_t kLastId = INT32_MAX - 1000;

H2Guard::Limits guard_limits(const H2Limits& limits) {
  H2Guard::Limits made;
  made.flood = limits.flood;
  made.streams = limits.streams;
  // What is too large may still be answered.
  constexpr uint32_t kTooLarge = 4;
  made.block_bytes = std::max(made.block_bytes, limits.head.head_bytes * kTooLarge);
  return made;
}

nghttp2_session* make_session(H2Role role, const H2Limits& limits, H2Session* owner) {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  // Heads are judged by h2_map.cpp, and lengths by take_data() and end_peer().
  nghttp2_option_set_no_http_messaging(option, 1);
  // The guard remembers what is closed.
  nghttp2_option_set_no_closed_streams(option, 1);
  // Those that the guard counts.
  nghttp2_option_set_stream_reset_rate_limit(option, H2Flood::kOff, H2Flood::kOff);
  nghttp2_option_set_max_continuations(option, H2Flood::kOff);
  nghttp2_option_set_max_outbound_ack(option, kQueueMax);
  nghttp2_option_set_max_settings(option, limits.flood.settings_entries);
  nghttp2_option_set_peer_max_concurrent_streams(option,
                                                 std::min(limits.streams, limits.streams_assumed));
  nghttp2_option_set_max_send_header_block_length(option, kBlockMax);
  nghttp2_session* made = nullptr;
  const auto* callbacks = H2Callbacks::all();
  const int failed =
      role == H2Role::kServer
          ? nghttp2_session_server_new3(&made, callbacks, owner, option, h2_memory())
          : nghttp2_session_client_new3(&made, callbacks, owner, option, h2_memory());
  nghttp2_option_del(option);
  OUTRIGGER_ASSERT(failed == 0);
  return made;
}

void submit_settings(nghttp2_session* session, H2Role role, const H2Limits& limits) {
  const bool server = role == H2Role::kServer;
  const std::array<nghttp2_settings_entry, 3> entries = {{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window_bytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.head.head_bytes},
      server ? nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}
             : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  }};
  const size_t count = server && !limits.tunnels ? 2 : 3;
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), count);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(limits.connection_window_bytes));
}

}  // namespace

H2Session::H2Session(H2Role role, const H2Limits& limits, const Clock& clock,
                     H2SessionEvents& events)
    : x_clock(clock),
      x_events(events),
      x_limits(limits),
      x_session(make_session(role, limits, this)),
      x_guard(role == H2Role::kServer, guard_limits(limits)),
      x_reader(x_limits.head),
      x_role(role) {
  submit_settings(x_session, role, limits);
  if (role == H2Role::kServer) announce_streams();
}

// In a frame of its own, of which nghttp2 knows nothing: told of the limit, it ends the connection
// of a client that goes beyond it, where RFC 9113 section 5.1.2 lets us refuse the stream alone.
void H2Session::announce_streams() {
  constexpr std::string_view kFrame("\0\0\6\4\0\0\0\0\0\0\3", 11);
  char* const to = std::copy(kFrame.begin(), kFrame.end(), x_first_settings.data());
  for (size_t i = 0; i < 4; ++i) to[i] = static_cast<char>(x_limits.streams >> (24 - 8 * i));
  x_unsent = {x_first_settings.data(), x_first_settings.size()};
  x_guard.hide_acknowledgement();
}

H2Session::~H2Session() {
  while (!x_rests.empty()) x_rests.front().destroy();
  x_streams.for_each([](H2Stream& stream) { stream.x_attached = stream.x_open = false; });
  nghttp2_session_del(x_session);
}

// -- the connection's bytes

bool H2Session::receive(std::string_view bytes) {
  while (!bytes.empty() && x_fault == H2Code::kNoError && !x_lost) {
    const H2Guard::Step step = x_guard.next(bytes, *this, x_clock.now_ms());
    bytes.remove_prefix(step.consumed);
    if (step.fault != H2Code::kNoError) {
      fail(step.fault, step.text, step.reason);
      continue;
    }
    if (step.late != 0) {
      nghttp2_submit_rst_stream(x_session, NGHTTP2_FLAG_NONE, step.late, NGHTTP2_STREAM_CLOSED);
    }
    if (!step.pass.empty()) feed(step.pass);
  }
  want_write();
  return x_fault == H2Code::kNoError && !x_lost && nghttp2_session_want_read(x_session) != 0;
}

void H2Session::feed(std::string_view bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(
      x_session, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  constexpr H2Code kCalm = H2Code::kEnhanceYourCalm;
  if (taken == NGHTTP2_ERR_FLOODED) {
    return fail(kCalm, "too many answers that nobody reads", Http2Fault::kUnread);
  }
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
    return fail(H2Code::kProtocolError, "no client preface");
  }
  if (taken < 0) return fail(H2Code::kInternalError, nghttp2_strerror(static_cast<int>(taken)));
  if (nghttp2_session_get_outbound_queue_size(x_session) >
      kQueueMax + kQueuedPerStream * x_streams_open) {
    fail(kCalm, "too many answers that nobody reads", Http2Fault::kUnread);
  }
}

size_t H2Session::write(std::span<char> into) {
  x_out = into;
  x_writing = true;
  while (!x_out.empty()) {
    if (x_unsent.empty()) {
      const uint8_t* data = nullptr;
      const ssize_t bytes = x_lost ? 0 : nghttp2_session_mem_send(x_session, &data);
      if (bytes < 0) {
        note_fault(H2Code::kInternalError, "nothing can be written", Http2Fault::kProtocol);
      }
      if (bytes <= 0) break;
      x_unsent = {reinterpret_cast<const char*>(data), static_cast<size_t>(bytes)};
    }
    const size_t bytes = std::min(x_unsent.size(), x_out.size());
    put(x_unsent.substr(0, bytes));
    x_unsent.remove_prefix(bytes);
  }
  x_writing = false;
  x_want_said = x_out.empty() && x_want_said;
  const size_t filled = into.size() - x_out.size();
  x_out = {};
  return filled;
}

void H2Session::put(std::string_view bytes) {
  OUTRIGGER_ASSERT(bytes.size() <= x_out.size());
  std::memcpy(x_out.data(), bytes.data(), bytes.size());
  x_out = x_out.subspan(bytes.size());
}

bool H2Session::wants_write() const {
  return !x_unsent.empty() || (!x_lost && nghttp2_session_want_write(x_session) != 0);
}

bool H2Session::is_over() const {
  return x_lost || (!wants_write() && nghttp2_session_want_read(x_session) == 0);
}

void H2Session::want_write() {
  if (x_writing || x_want_said || !wants_write()) return;
  x_want_said = true;
  x_events.on_want_write();
}

void H2Session::lose(Cause cause, Sent sent) {
  if (std::exchange(x_lost, true)) return;
  x_closing = true;
  // Those that were closed stand at the end.
  while (!x_streams.empty() && x_streams.front().x_open) {
    H2Stream& stream = x_streams.front();
    const bool unseen = x_role == H2Role::kClient && !stream.x_head_sent;
    close(stream, {cause, unseen ? Sent::kNeverFree : sent, H2Code::kNoError, true});
  }
}

void H2Session::fail(H2Code code, std::string_view text, Http2Fault reason) {
  if (x_fault != H2Code::kNoError) return;
  note_fault(code, text, reason);
  terminate(code);
}

void H2Session::note_fault(H2Code code, std::string_view text, Http2Fault reason) {
  if (x_fault != H2Code::kNoError) return;
  x_fault = code;
  x_closing = true;
  x_events.on_fault(reason, text);
}

// By the peer. What has been of use, or was there for a while, is no part of a flood.
void H2Session::charge_reset(const H2Stream& stream) {
  constexpr int64_t kNoFloodMs = 1'000;
  if (x_role == H2Role::kServer ? stream.x_head_sent : stream.x_head_read) return;
  const int64_t now_ms = x_clock.now_ms();
  const int64_t lived_ms = now_ms - stream.x_opened_ms;
  if (lived_ms < kNoFloodMs && !x_guard.charge_reset(now_ms, lived_ms)) end_resets();
}

void H2Session::charge_fault() {
  if (!x_guard.charge_fault(x_clock.now_ms())) end_resets();
}

// Of the header block that is complete.
void H2Session::charge_excess() {
  if (!x_guard.charge_excess(x_clock.now_ms(), x_reader.excess())) end_resets();
}

void H2Session::end_resets() {
  fail(H2Code::kEnhanceYourCalm, "too many streams that were reset", Http2Fault::kResets);
}

// -- heads

bool H2Session::submit_request(H2Stream& stream, const RequestHead& head,
                               const H2RequestWriting& writing, bool has_body) {
  OUTRIGGER_ASSERT(!stream.x_attached);
  if (!may_open()) return false;
  const H2FieldSpan fields = h2_request_fields(head, writing, stream.arena());
  const nghttp2_data_provider body{{}, H2Callbacks::read_body};
  const int32_t id = nghttp2_submit_request(x_session, nullptr, fields.data(), fields.size(),
                                            has_body ? &body : nullptr, &stream);
  if (id < 0) return false;
  attach(stream, id);
  x_guard.on_opened(id);
  stream.x_method = head.method;
  stream.x_asks_tunnel = head.asks_tunnel();
  stream.x_sends_body = has_body;
  stream.x_guessed = !x_settled;
  want_write();
  return true;
}

void H2Session::submit_response(H2Stream& stream, const ResponseHead& head,
                                const H2ResponseWriting& writing, bool has_body) {
  if (!stream.x_open || x_lost) return;
  const H2FieldSpan fields = h2_response_fields(head, writing, stream.arena());
  const nghttp2_data_provider body{{}, H2Callbacks::read_body};
  stream.x_tunnel = head.tunnel;
  stream.x_sends_body = has_body;
  const bool more = has_body || stream.trailers_out() != nullptr;
  if (nghttp2_submit_response(x_session, stream.x_id, fields.data(), fields.size(),
                              more ? &body : nullptr) != 0) {
    nghttp2_submit_rst_stream(x_session, NGHTTP2_FLAG_NONE, stream.x_id, NGHTTP2_INTERNAL_ERROR);
  }
  want_write();
}

void H2Session::submit_interim(H2Stream& stream, int status, const Fields& fields) {
  if (!stream.x_open || x_lost || status == 101) return;
  ResponseHead head;
  head.status = status;
  head.fields = fields;
  const H2FieldSpan block = h2_response_fields(head, {}, stream.arena());
  nghttp2_submit_headers(x_session, NGHTTP2_FLAG_NONE, stream.x_id, nullptr, block.data(),
                         block.size(), nullptr);
  want_write();
}

// -- streams

void H2Session::resume(H2Stream& stream) {
  if (!stream.x_open || x_lost) return;
  if (nghttp2_session_resume_data(x_session, stream.x_id) == 0) want_write();
}

void H2Session::consume(H2Stream& stream, size_t bytes) {
  bytes = std::min(bytes, stream.x_unconsumed);
  if (bytes == 0 || !stream.x_attached) return;
  stream.x_unconsumed -= bytes;
  if (x_lost) return;
  nghttp2_session_consume(x_session, stream.x_id, bytes);
  want_write();
}

void H2Session::reset(H2Stream& stream, H2Code code) {
  if (!stream.x_open) return;
  forget(stream);
  if (x_lost) return;
  nghttp2_submit_rst_stream(x_session, NGHTTP2_FLAG_NONE, stream.x_id, static_cast<uint32_t>(code));
  want_write();
}

void H2Session::release(H2Stream& stream) {
  if (!stream.x_attached) return;
  reset(stream, H2Code::kCancel);
  consume(stream, stream.x_unconsumed);
  stream.unlink();
  stream.x_attached = false;
}

void H2Session::attach(H2Stream& stream, int32_t id) {
  stream.x_id = id;
  stream.x_opened_ms = x_clock.now_ms();
  stream.x_attached = stream.x_open = true;
  x_streams.push_front(stream);
  if (++x_streams_open == x_limits.streams) x_events.on_full(true);
}

void H2Session::read_block(H2Stream& stream, H2HeadReader::Kind kind) {
  x_reader.begin(kind, stream.arena());
  x_reading = &stream;
}

void H2Session::ignore_block() {
  x_reader.begin_ignored();
  x_reading = nullptr;
}

// Nothing is called on it any more, and nothing written to its arena: a header block may have come
// in part.
void H2Session::forget(H2Stream& stream) {
  if (x_reading == &stream) ignore_block();
  stream.x_open = false;
  stream.unlink();
  x_streams.push_back(stream);
  if (x_streams_open-- == x_limits.streams) x_events.on_full(false);
  nghttp2_session_set_stream_user_data(x_session, stream.x_id, nullptr);
}

H2Stream* H2Session::find(int32_t id) const {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(x_session, id));
}

// nghttp2 has no stream yet for a request that waits.
H2Stream* H2Session::find_unsent(int32_t id) {
  H2Stream* found = nullptr;
  x_streams.for_each([&](H2Stream& stream) {
    if (stream.x_open && stream.x_id == id) found = &stream;
  });
  return found;
}

H2Guard::Stream H2Session::state_of(int32_t id) const {
  switch (nghttp2_session_get_stream_remote_close(x_session, id)) {
    case 0:
      return H2Guard::Stream::kOpen;
    case 1:
      return H2Guard::Stream::kPeerDone;
    default:
      return H2Guard::Stream::kNone;
  }
}

// -- the connection

void H2Session::ping() {
  if (x_lost) return;
  nghttp2_submit_ping(x_session, NGHTTP2_FLAG_NONE, nullptr);
  want_write();
}

void H2Session::submit_shutdown_notice() {
  if (x_lost) return;
  nghttp2_submit_shutdown_notice(x_session);
  want_write();
}

void H2Session::submit_goaway(H2Code code) {
  if (x_lost) return;
  x_closing = true;
  nghttp2_submit_goaway(x_session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(x_session),
                        static_cast<uint32_t>(code), nullptr, 0);
  want_write();
}

void H2Session::terminate(H2Code code) {
  if (x_lost) return;
  x_closing = true;
  x_fault = code;
  nghttp2_session_terminate_session(x_session, static_cast<uint32_t>(code));
  want_write();
}

bool H2Session::may_open() const {
  return x_role == H2Role::kClient && !x_closing && !x_lost && x_streams_open < streams_max() &&
         nghttp2_session_check_request_allowed(x_session) != 0 &&
         nghttp2_session_get_next_stream_id(x_session) < static_cast<uint32_t>(kLastId);
}

uint32_t H2Session::streams_max() const {
  const uint32_t peers =
      nghttp2_session_get_remote_settings(x_session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return std::min(peers, x_limits.streams);
}

bool H2Session::takes_tunnels() const {
  return x_settled && nghttp2_session_get_remote_settings(
                          x_session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

}  // namespace outrigger::http
