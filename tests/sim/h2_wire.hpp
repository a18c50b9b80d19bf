// An H2Wire is a peer's end of one HTTP/2 connection: nghttp2, which judges every frame that comes,
// with all that a peer may do in its owner's hands: windows are opened, streams reset, streams and
// connections ended when the owner says so. It knows nothing of the product's own session, so that
// it shares no mistake with it. Bytes in, events out, bytes out. Owned by a caller or an origin's
// connection; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <nghttp2/nghttp2.h>

#include "tests/sim/head.hpp"

namespace outrigger::sim {

class H2WireEvents {
 public:
  // One field of a head that is not complete yet.
  virtual void on_field(int32_t /*stream*/, std::string_view /*name*/, std::string_view /*value*/) {
  }
  // A head, interim or final, or trailers. `start` is that of the message in HTTP/1.
  virtual void on_fields(int32_t stream, const Head& head) = 0;
  virtual void on_data(int32_t stream, std::string_view bytes) = 0;
  // The peer's side is complete.
  virtual void on_message_end(int32_t stream) = 0;
  // Nothing more happens on it; 0: both sides were complete.
  virtual void on_closed(int32_t stream, uint32_t code) = 0;
  virtual void on_goaway(int32_t /*last_stream*/, uint32_t /*code*/) {}
  // The peer broke the protocol.
  virtual void on_wrong(const std::string& what) = 0;

 protected:
  ~H2WireEvents() = default;
};

class H2Wire {
 public:
  enum class Role : uint8_t { kClient, kServer };
  struct Settings {
    uint32_t window = 65'535;  // of each stream
    uint32_t streams = 100;    // that the peer may have open at once
    bool answers_pings = true;
    bool measures = false;  // its bandwidth, by a PING for each burst of DATA, as grpc-go does
    bool tunnels = false;   // of a server: extended CONNECT (RFC 8441); stays as it is
  };

  H2Wire(Role role, const Settings& settings, H2WireEvents& events);
  ~H2Wire() { nghttp2_session_del(x_session); }
  H2Wire(const H2Wire&) = delete;
  H2Wire& operator=(const H2Wire&) = delete;

  void receive(std::string_view bytes);
  // All that the windows let go now.
  std::string take_output();
  bool is_over() const;

  // -- messages. A body follows by send(); without one the head is all.
  bool may_open() const { return nghttp2_session_check_request_allowed(x_session) != 0; }
  int32_t request(const FieldList& fields, bool has_body);
  void respond(int32_t stream, const FieldList& fields, bool has_body);
  void interim(int32_t stream, const FieldList& fields);
  void send(int32_t stream, std::string_view bytes);
  void finish(int32_t stream, const FieldList& trailers = {});
  // Bytes of the body that wait for the peer's windows.
  size_t unsent(int32_t stream) const;
  // Nothing that was said so far waits, be it for a window or for take_output().
  bool is_all_sent(int32_t stream) const;

  // -- what else a peer may do
  void reset(int32_t stream, uint32_t code);
  // The peer may send so many bytes more: on the stream, on the connection.
  void open_stream(int32_t stream, size_t bytes);
  void open_connection(size_t bytes);
  // A window of so few bytes is given back after this time: a large body would be a million frames
  // in no time.
  int64_t take_ms(int64_t at_least_ms) const {
    return x_window < kTiny ? std::max<int64_t>(at_least_ms, 1) : at_least_ms;
  }
  void set(const Settings& settings);
  void ping();
  void notice_of_shutdown() { nghttp2_submit_shutdown_notice(x_session); }
  void goaway(int32_t last_stream, uint32_t code);
  // The highest that the peer opened.
  int32_t last_stream() const { return nghttp2_session_get_last_proc_stream_id(x_session); }

 private:
  static constexpr uint32_t kTiny = 200;
  friend struct H2WireCallbacks;

  struct Body {
    std::string bytes;
    size_t taken = 0;
    bool ended = false;
    bool head_waits = false;
    bool end_waits = false;
    FieldList trailers;
  };

  nghttp2_data_provider provider();

  H2WireEvents& x_events;
  nghttp2_session* x_session = nullptr;
  std::map<int32_t, Head> x_heads;   // that are not complete
  std::map<int32_t, Body> x_bodies;  // that go out
  uint32_t x_window = 0;
  bool x_answers_pings;
  bool x_measures = false;
  bool x_measuring = false;  // the PING has not been answered
  bool x_failed = false;
};

}  // namespace outrigger::sim
