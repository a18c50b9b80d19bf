#include "proxy/http/h2_callbacks.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/http/h2_write.hpp"

namespace outrigger::http {
namespace {

constexpr size_t kFrameHeader = 9;
constexpr size_t kDirectFrom = 4096;  // below it, a copy costs less than a frame by itself

H2Session& of(void* session) { return *static_cast<H2Session*>(session); }

std::string_view text_of(const uint8_t* data, size_t bytes) {
  return {reinterpret_cast<const char*>(data), bytes};
}

bool ends_stream(const nghttp2_frame* frame) {
  return (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

// RST_STREAM with such a code is what a peer makes us send.
bool is_peers_fault(uint32_t code) {
  switch (static_cast<H2Code>(code)) {
    case H2Code::kProtocolError:
    case H2Code::kFlowControlError:
    case H2Code::kStreamClosed:
    case H2Code::kFrameSizeError:
    case H2Code::kRefusedStream:
    case H2Code::kCompressionError:
    case H2Code::kEnhanceYourCalm:
      return true;
    default:
      return false;
  }
}

}  // namespace

const nghttp2_session_callbacks* H2Callbacks::all() {
  static const nghttp2_session_callbacks* const kAll = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(made, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, on_frame_not_sent);
    nghttp2_session_callbacks_set_send_data_callback(made, send_data);
    return made;
  }();
  return kAll;
}

int H2Callbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* session) {
  H2Session& to = of(session);
  const int32_t id = frame->hd.stream_id;
  to.ignore_block();
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    const bool takes = !to.is_closing() && to.x_streams_open < to.x_limits.streams;
    H2Stream* const stream = takes ? to.x_events.on_new_stream() : nullptr;
    if (stream == nullptr) {
      nghttp2_submit_rst_stream(to.x_session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
      return 0;
    }
    to.attach(*stream, id);
    nghttp2_session_set_stream_user_data(to.x_session, id, stream);
    to.read_block(*stream, H2HeadReader::Kind::kRequest);
    return 0;
  }
  H2Stream* const stream = to.find(id);
  if (stream == nullptr || stream->x_deaf) return 0;
  using Kind = H2HeadReader::Kind;
  if (to.x_role == H2Role::kServer) {
    to.read_block(*stream, Kind::kTrailers);
    return 0;
  }
  to.read_block(*stream, stream->x_head_read ? Kind::kResponseTrailers : Kind::kResponse);
  if (const HeadLimits* own = stream->head_limits()) to.x_reader.bound(*own);
  return 0;
}

int H2Callbacks::on_header(nghttp2_session*, const nghttp2_frame*, const uint8_t* name,
                           size_t name_bytes, const uint8_t* value, size_t value_bytes, uint8_t,
                           void* session) {
  of(session).x_reader.add(text_of(name, name_bytes), text_of(value, value_bytes));
  return 0;
}

int H2Callbacks::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* session) {
  H2Session& to = of(session);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (H2Stream* const stream = to.find(frame->hd.stream_id); stream != nullptr) {
        to.take_block(*stream, ends_stream(frame));
      }
      to.charge_excess();
      break;
    case NGHTTP2_DATA:
      if (H2Stream* const stream = to.find(frame->hd.stream_id);
          stream != nullptr && ends_stream(frame)) {
        to.end_peer(*stream, nullptr);
      }
      break;
    case NGHTTP2_RST_STREAM:
      to.take_reset(frame->hd.stream_id, static_cast<H2Code>(frame->rst_stream.error_code));
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        to.x_acknowledged = true;
      } else {
        to.x_settled = true;
        to.x_events.on_settings();
      }
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) to.x_events.on_ping_ack();
      break;
    case NGHTTP2_GOAWAY:
      to.x_closing = to.x_closing || to.x_role == H2Role::kClient;
      to.x_peer_last_id = std::min(to.x_peer_last_id, frame->goaway.last_stream_id);
      to.x_events.on_goaway(frame->goaway.last_stream_id,
                            static_cast<H2Code>(frame->goaway.error_code));
      break;
    default:
      break;
  }
  return 0;
}

// RST_STREAM is under way, or the connection's end.
int H2Callbacks::on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int,
                                  void* session) {
  H2Session& to = of(session);
  if (frame->hd.stream_id == 0) return 0;
  to.x_guard.on_reset(frame->hd.stream_id);
  if (H2Stream* const stream = to.find(frame->hd.stream_id); stream != nullptr) {
    to.close(*stream, to.malformed());
  }
  return 0;
}

int H2Callbacks::on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t bytes,
                         void* session) {
  H2Session& to = of(session);
  H2Stream* const stream = to.find(id);
  if (stream == nullptr || stream->x_deaf) {
    nghttp2_session_consume_connection(to.x_session, bytes);
  } else {
    to.take_data(*stream, text_of(data, bytes));
  }
  return 0;
}

int H2Callbacks::on_stream_close(nghttp2_session*, int32_t id, uint32_t code, void* session) {
  H2Session& to = of(session);
  to.x_guard.on_closed(id);
  if (H2Stream* const stream = to.find(id); stream != nullptr) {
    to.end(*stream, static_cast<H2Code>(code));
  }
  return 0;
}

int H2Callbacks::on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* session) {
  H2Session& to = of(session);
  const int32_t id = frame->hd.stream_id;
  switch (frame->hd.type) {
    case NGHTTP2_DATA:
      to.x_guard.on_data_sent(frame->hd.length);
      [[fallthrough]];
    case NGHTTP2_HEADERS:
      if (ends_stream(frame)) to.x_guard.on_message();
      if (H2Stream* const stream = to.find(id); stream != nullptr) {
        stream->x_head_sent = true;
        if (ends_stream(frame)) to.end_ours(*stream);
      }
      break;
    case NGHTTP2_RST_STREAM:
      to.x_guard.on_reset(id);
      // What is late was charged as it came.
      if (is_peers_fault(frame->rst_stream.error_code) && !to.x_guard.is_finished(id)) {
        to.charge_fault();
      }
      break;
    case NGHTTP2_GOAWAY:
      // What nghttp2 found by itself.
      if (const auto code = static_cast<H2Code>(frame->goaway.error_code);
          code != H2Code::kNoError) {
        to.note_fault(code, to_string(code), Http2Fault::kProtocol);
      }
      break;
    default:
      break;
  }
  return 0;
}

// A request that GOAWAY overtook, or a head that is too large even for us.
int H2Callbacks::on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error,
                                   void* session) {
  H2Session& to = of(session);
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  const bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  const int32_t id = frame->hd.stream_id;
  H2Stream* const stream = request ? to.find_unsent(id) : to.find(id);
  if (stream == nullptr) return 0;
  H2Close why{Cause::kRefusedStream, Sent::kNeverFree, H2Code::kNoError, true};
  if (!request || error == NGHTTP2_ERR_FRAME_SIZE_ERROR) {
    why = {request ? Cause::kRequestHeadTooLarge : Cause::kResponseHeadTooLarge, Sent::kMaybe,
           H2Code::kInternalError, false};
  }
  if (!request) {
    nghttp2_submit_rst_stream(to.x_session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
  }
  to.close(*stream, why);
  return 0;
}

ssize_t H2Callbacks::read_body(nghttp2_session* library, int32_t id, uint8_t* to, size_t room,
                               uint32_t* flags, nghttp2_data_source*, void* session) {
  H2Stream* const stream = of(session).find(id);
  // Its owner is gone and RST_STREAM is on its way.
  if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;
  if (!stream->x_sends_body) {
    end_body(library, *stream, flags);
    return 0;
  }
  const size_t ready = stream->body_ready().size();
  const size_t out = of(session).x_out.size();
  const bool direct = ready >= kDirectFrom && out >= kFrameHeader + kDirectFrom;
  const size_t taken =
      direct ? std::min({ready, room, out - kFrameHeader}) : copy_body(*stream, to, room);
  if (direct) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  const size_t left = stream->body_ready().size() - (direct ? taken : 0);
  const bool at_end = left == 0 && stream->body_ended();
  if (at_end) {
    end_body(library, *stream, flags);
  } else if (taken == 0) {
    return NGHTTP2_ERR_DEFERRED;
  }
  return static_cast<ssize_t>(taken);
}

// In several pieces, so that small ones share a frame.
size_t H2Callbacks::copy_body(H2Stream& stream, uint8_t* to, size_t room) {
  size_t taken = 0;
  while (taken < room) {
    const std::string_view ready = stream.body_ready();
    const size_t bytes = std::min(ready.size(), room - taken);
    if (bytes == 0) break;
    std::memcpy(to + taken, ready.data(), bytes);
    taken += bytes;
    stream.body_sent(bytes);
  }
  return taken;
}

void H2Callbacks::end_body(nghttp2_session* library, H2Stream& stream, uint32_t* flags) {
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  const Fields* const trailers = stream.trailers_out();
  if (trailers == nullptr || trailers->empty()) return;
  const H2FieldSpan fields = h2_trailer_fields(*trailers, stream.arena());
  if (!fields.empty() &&
      nghttp2_submit_trailer(library, stream.x_id, fields.data(), fields.size()) == 0) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  }
}

// A large piece goes to where write() wants it, past the buffer of nghttp2; read_body has left the
// room for it.
int H2Callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const uint8_t* frame_header,
                           size_t bytes, nghttp2_data_source*, void* session) {
  H2Session& to = of(session);
  H2Stream* const stream = to.find(frame->hd.stream_id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  to.put(text_of(frame_header, kFrameHeader));
  to.put(stream->body_ready().substr(0, bytes));
  stream->body_sent(bytes);
  return 0;
}

}  // namespace outrigger::http
