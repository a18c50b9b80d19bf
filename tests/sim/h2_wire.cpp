#include "tests/sim/h2_wire.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "proxy/base/assert.hpp"

namespace outrigger::sim {
namespace {

std::string_view view(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

constexpr std::array<uint8_t, 8> kMeasure{'m', 'e', 'a', 's', 'u', 'r', 'e', '!'};

std::vector<nghttp2_nv> nv_of(const FieldList& fields) {
  std::vector<nghttp2_nv> made;
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  for (const auto& [name, value] : fields) {
    made.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return made;
}

// ":method" and ":path", or ":status", as HTTP/1 would have them, instead of the pseudo-fields. An
// extended CONNECT is a GET with an Upgrade there.
void make_start(Head& head) {
  if (head.has(":status")) {
    head.start = "HTTP/2.0 " + std::string(head.field(":status")) + " ";
  } else if (head.has(":protocol")) {
    head.start = "GET " + std::string(head.field(":path")) + " HTTP/2";
    head.fields.emplace_back("upgrade", head.field(":protocol"));
  } else if (head.has(":method")) {
    head.start =
        std::string(head.field(":method")) + " " + std::string(head.field(":path")) + " HTTP/2";
  }
}

}  // namespace

struct H2WireCallbacks {
  static H2Wire& wire(void* user) { return *static_cast<H2Wire*>(user); }

  static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    wire(user).x_heads[frame->hd.stream_id] = {};
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                       void* user) {
    FieldList& fields = wire(user).x_heads[frame->hd.stream_id].fields;
    fields.emplace_back(view(name, name_size), view(value, value_size));
    wire(user).x_events.on_field(frame->hd.stream_id, fields.back().first, fields.back().second);
    return 0;
  }

  static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    H2Wire& self = wire(user);
    const int32_t id = frame->hd.stream_id;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: {
        Head head = std::exchange(self.x_heads[id], {});
        make_start(head);
        self.x_events.on_fields(id, head);
        if (ends) self.x_events.on_message_end(id);
        break;
      }
      case NGHTTP2_DATA:
        if (ends) self.x_events.on_message_end(id);
        break;
      case NGHTTP2_GOAWAY:
        self.x_events.on_goaway(frame->goaway.last_stream_id, frame->goaway.error_code);
        break;
      case NGHTTP2_PING: {
        const bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
        if (ack && std::equal(kMeasure.begin(), kMeasure.end(), frame->ping.opaque_data)) {
          self.x_measuring = false;
        }
        if (ack || !self.x_answers_pings) break;
        nghttp2_submit_ping(session, NGHTTP2_FLAG_ACK, frame->ping.opaque_data);
        break;
      }
      default:
        break;
    }
    return 0;
  }

  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const auto found = wire(user).x_bodies.find(frame->hd.stream_id);
    if (found == wire(user).x_bodies.end()) return 0;
    const bool is_head = frame->hd.type == NGHTTP2_HEADERS;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (is_head) found->second.head_waits = false;
    if ((is_head || frame->hd.type == NGHTTP2_DATA) && ends) found->second.end_waits = false;
    return 0;
  }

  static int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                     size_t size, void* user) {
    H2Wire& self = wire(user);
    if (self.x_measures && !std::exchange(self.x_measuring, true)) {
      nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, kMeasure.data());
    }
    self.x_events.on_data(id, view(bytes, size));
    return 0;
  }

  static int on_close(nghttp2_session*, int32_t id, uint32_t code, void* user) {
    wire(user).x_heads.erase(id);
    wire(user).x_bodies.erase(id);
    wire(user).x_events.on_closed(id, code);
    return 0;
  }

  // A stream above what we allow, while the peer may not know that, is refused and no fault.
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int code, void* user) {
    if (code == NGHTTP2_ERR_REFUSED_STREAM) return 0;
    wire(user).x_events.on_wrong("frame " + std::to_string(frame->hd.type) + " of stream " +
                                 std::to_string(frame->hd.stream_id) + ": " +
                                 nghttp2_strerror(code));
    return 0;
  }

  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                               size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                               void* user) {
    wire(user).x_events.on_wrong("field " + std::string(view(name, name_size)) + ": " +
                                 std::string(view(value, value_size)));
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, int32_t id, uint8_t* into, size_t size,
                           uint32_t* flags, nghttp2_data_source*, void* user) {
    H2Wire::Body& body = wire(user).x_bodies[id];
    const size_t count = std::min(size, body.bytes.size() - body.taken);
    body.bytes.copy(reinterpret_cast<char*>(into), count, body.taken);
    body.taken += count;
    if (body.taken < body.bytes.size()) return static_cast<ssize_t>(count);
    body.bytes.clear();
    body.taken = 0;
    if (!body.ended) return count > 0 ? static_cast<ssize_t>(count) : ssize_t{NGHTTP2_ERR_DEFERRED};
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!body.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto nv = nv_of(body.trailers);
      nghttp2_submit_trailer(session, id, nv.data(), nv.size());
    }
    return static_cast<ssize_t>(count);
  }
};

H2Wire::H2Wire(Role role, const Settings& settings, H2WireEvents& events)
    : x_events(events), x_answers_pings(settings.answers_pings) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  using C = H2WireCallbacks;
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, C::on_begin);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, C::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, C::on_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, C::on_sent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, C::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, C::on_close);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, C::on_invalid_frame);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, C::on_invalid_header);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_auto_ping_ack(option, 1);
  const auto make =
      role == Role::kClient ? nghttp2_session_client_new2 : nghttp2_session_server_new2;
  OUTRIGGER_ASSERT(make(&x_session, callbacks, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  set(settings);
}

void H2Wire::receive(std::string_view bytes) {
  if (x_failed) return;
  const ssize_t taken = nghttp2_session_mem_recv(
      x_session, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return;
  x_failed = true;
  x_events.on_wrong(nghttp2_strerror(static_cast<int>(taken)));
}

std::string H2Wire::take_output() {
  std::string all;
  for (;;) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(x_session, &bytes);
    if (size <= 0) return all;
    all.append(view(bytes, static_cast<size_t>(size)));
  }
}

bool H2Wire::is_over() const {
  return nghttp2_session_want_read(x_session) == 0 && nghttp2_session_want_write(x_session) == 0;
}

nghttp2_data_provider H2Wire::provider() {
  nghttp2_data_provider made{};
  made.read_callback = H2WireCallbacks::read_body;
  return made;
}

int32_t H2Wire::request(const FieldList& fields, bool has_body) {
  const auto nv = nv_of(fields);
  const auto body = provider();
  return nghttp2_submit_request(x_session, nullptr, nv.data(), nv.size(),
                                has_body ? &body : nullptr, nullptr);
}

void H2Wire::respond(int32_t stream, const FieldList& fields, bool has_body) {
  const auto nv = nv_of(fields);
  const auto body = provider();
  x_bodies[stream].head_waits = true;
  nghttp2_submit_response(x_session, stream, nv.data(), nv.size(), has_body ? &body : nullptr);
}

void H2Wire::interim(int32_t stream, const FieldList& fields) {
  const auto nv = nv_of(fields);
  nghttp2_submit_headers(x_session, NGHTTP2_FLAG_NONE, stream, nullptr, nv.data(), nv.size(),
                         nullptr);
}

void H2Wire::send(int32_t stream, std::string_view bytes) {
  x_bodies[stream].bytes += bytes;
  nghttp2_session_resume_data(x_session, stream);
}

void H2Wire::finish(int32_t stream, const FieldList& trailers) {
  x_bodies[stream].ended = x_bodies[stream].end_waits = true;
  x_bodies[stream].trailers = trailers;
  nghttp2_session_resume_data(x_session, stream);
}

size_t H2Wire::unsent(int32_t stream) const {
  const auto found = x_bodies.find(stream);
  return found == x_bodies.end() ? 0 : found->second.bytes.size() - found->second.taken;
}

bool H2Wire::is_all_sent(int32_t stream) const {
  const auto found = x_bodies.find(stream);
  if (found == x_bodies.end()) return true;
  return !found->second.head_waits && !found->second.end_waits && unsent(stream) == 0;
}

void H2Wire::reset(int32_t stream, uint32_t code) {
  nghttp2_submit_rst_stream(x_session, NGHTTP2_FLAG_NONE, stream, code);
}

void H2Wire::open_stream(int32_t stream, size_t bytes) {
  nghttp2_session_consume_stream(x_session, stream, bytes);
}

void H2Wire::open_connection(size_t bytes) { nghttp2_session_consume_connection(x_session, bytes); }

void H2Wire::set(const Settings& settings) {
  x_answers_pings = settings.answers_pings;
  x_measures = settings.measures;
  x_window = settings.window;
  const std::array<nghttp2_settings_entry, 3> entries{{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.window},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.streams},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  }};
  nghttp2_submit_settings(x_session, NGHTTP2_FLAG_NONE, entries.data(),
                          settings.tunnels ? entries.size() : entries.size() - 1);
}

void H2Wire::ping() { nghttp2_submit_ping(x_session, NGHTTP2_FLAG_NONE, nullptr); }

void H2Wire::goaway(int32_t last_stream, uint32_t code) {
  nghttp2_submit_goaway(x_session, NGHTTP2_FLAG_NONE, last_stream, code, nullptr, 0);
}

}  // namespace outrigger::sim
