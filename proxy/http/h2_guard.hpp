// Looks at the header of every frame before nghttp2 gets its bytes, for what nghttp2 has no options
// for: which stream ids were used, frames on streams that are over, and floods of frames that cost
// the peer nothing (RFC 9113 sections 5.1 and 10.5). It holds back the nine bytes of a frame header
// until they are complete. Part of a session; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "metrics/series.hpp"
#include "proxy/http/h2_stream.hpp"

namespace outrigger::config {
struct ListenerFlood;
}

namespace outrigger::http {

using metrics::Http2Fault;

// What a peer may do in excess of what work needs. The same towards both sides.
struct H2Flood {
  static constexpr uint32_t kOff = UINT32_MAX;

  H2Flood() = default;
  explicit H2Flood(const config::ListenerFlood& settings);
  // Of both the wider bounds.
  void widen(const H2Flood& other);

  uint32_t resets = 200;  // streams reset early, by either side, and malformed requests, at once
  uint32_t resets_per_s = 33;
  uint32_t control_frames = 1000;  // PING, SETTINGS, PRIORITY, unknown and idle WINDOW_UPDATE
  uint32_t control_frames_per_s = 100;
  uint32_t continuations = 8;      // of one header block
  uint32_t empty_data = 100;       // DATA frames without data, in a row
  uint32_t settings_entries = 32;  // of one SETTINGS frame
};

// So many at once, and so many more each second.
class H2Budget {
 public:
  H2Budget(uint32_t burst, uint32_t per_s)
      : x_left(int64_t{burst} * 1000), x_burst(x_left), x_per_s(per_s) {}

  // False: none is left.
  bool take(int64_t now_ms);

 private:
  int64_t x_left;  // thousandths
  int64_t x_burst;
  int64_t x_per_s;
  int64_t x_last_ms = -1;
};

class H2Guard {
 public:
  enum class Stream : uint8_t { kNone, kOpen, kPeerDone };

  // The session, which knows the streams.
  class Streams {
   public:
    virtual Stream state_of(int32_t id) const = 0;

   protected:
    ~Streams() = default;
  };

  struct Step {
    std::string_view pass;  // for nghttp2; lasts until the next step, or as long as the bytes given
    size_t consumed = 0;    // of the bytes given
    H2Code fault = H2Code::kNoError;  // else the connection must end with it
    Http2Fault reason = Http2Fault::kProtocol;
    std::string_view text;  // of the fault
  };

  // `server`: the peer is a client, which begins with the preface and opens odd streams.
  H2Guard(bool server, const H2Flood& flood);

  // Again and again, without what was consumed, until everything is. At most one frame a step, so
  // that `streams` has seen all before it.
  Step next(std::string_view bytes, const Streams& streams, int64_t now_ms);

  // A SETTINGS frame of which nghttp2 knows nothing goes out: nor does it see the answer.
  void hide_acknowledgement() { ++x_hidden_acks; }
  // DATA frames went out: so many more WINDOW_UPDATE frames are work.
  void on_data_sent();
  // We reset the stream: what was on its way is no fault.
  void on_reset(int32_t id) { x_reset.add(id); }
  // It ended otherwise.
  void on_closed(int32_t id) { x_closed.add(id); }
  // A stream ended before its time: reset by either side, or malformed. False: too many.
  bool charge_reset(int64_t now_ms) { return x_resets.take(now_ms); }

 private:
  static constexpr size_t kHeaderBytes = 9;

  // The last ids of one kind.
  class Ids {
   public:
    void add(int32_t id) { x_ids[x_next++ % x_ids.size()] = id; }
    bool has(int32_t id) const;

   private:
    std::array<int32_t, 256> x_ids{};
    uint32_t x_next = 0;
  };

  struct Frame {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
    int32_t id;
  };

  bool hides(const Frame& frame);
  void judge(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step);
  void judge_headers(const Frame& frame, const Streams& streams, Step& step);
  void judge_data(const Frame& frame, const Streams& streams, Step& step);
  void judge_control(const Frame& frame, int64_t now_ms, Step& step);

  H2Flood x_flood;
  H2Budget x_resets;
  H2Budget x_control;
  Ids x_closed;
  Ids x_reset;
  std::array<char, kHeaderBytes> x_header;
  uint32_t x_header_bytes = 0;   // of a frame header that is not complete
  uint32_t x_payload_left = 0;   // of the frame that is passing
  uint32_t x_preface_left;       // bytes of the client preface
  uint32_t x_continuations = 0;  // of this header block
  uint32_t x_empty_data = 0;     // in a row
  uint32_t x_window_updates_free = 10;
  uint32_t x_hidden_acks = 0;
  int32_t x_highest = 0;  // stream id that the peer opened
  bool x_server;
};

}  // namespace outrigger::http
