// What nghttp2 calls, and how that becomes events of a session and its streams. Only
// h2_session.cpp uses it. No exception passes through. One thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include "proxy/http/h2_session.hpp"

namespace outrigger::http {

struct H2Callbacks {
  // Made once, for every session.
  static const nghttp2_session_callbacks* all();

  // Pulls the body of a stream.
  static ssize_t read_body(nghttp2_session* library, int32_t id, uint8_t* to, size_t room,
                           uint32_t* flags, nghttp2_data_source* source, void* session);

 private:
  static size_t copy_body(H2Stream& stream, uint8_t* to, size_t room);
  static void end_body(nghttp2_session* library, H2Stream& stream, uint32_t* flags);
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const uint8_t* frame_header,
                       size_t bytes, nghttp2_data_source*, void* session);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* session);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_bytes, const uint8_t* value, size_t value_bytes, uint8_t flags,
                       void* session);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* session);
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error,
                              void* session);
  static int on_data(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t bytes,
                     void* session);
  static int on_stream_close(nghttp2_session*, int32_t id, uint32_t code, void* session);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* session);
  static int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error,
                               void* session);
};

}  // namespace outrigger::http
