// Looks at the head of every frame before nghttp2 gets its bytes, for what nghttp2 has no options
// for: which stream ids were used, frames on streams that are over, and floods of frames that cost
// the peer nothing (RFC 9113 sections 5.1 and 10.5). It knows work from waste: what moves content
// or completes a message earns the frames that go with it, and only what goes beyond is counted. It
// holds back the head of a frame, and the few bytes behind that tell what it is worth, until they
// are complete. Part of a session; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "metrics/series.hpp"
#include "proxy/http/h2_allowance.hpp"
#include "proxy/http/h2_ids.hpp"
#include "proxy/http/h2_stream.hpp"

namespace outrigger::config {
struct ListenerFlood;
}

namespace outrigger::http {

using metrics::Http2Fault;

// What a peer may waste: do beyond what its work has earned. The same towards both sides.
struct H2Flood {
  static constexpr uint32_t kOff = UINT32_MAX;

  H2Flood() = default;
  explicit H2Flood(const config::ListenerFlood& settings);
  // Takes the wider of both bounds, one by one.
  void widen(const H2Flood& other);

  uint32_t resets = 200;  // streams reset early, by either side, and malformed requests, at once
  uint32_t resets_per_s = 33;
  uint32_t control_frames = 1000;  // all but HEADERS, CONTINUATION, DATA with content, and resets
  uint32_t control_frames_per_s = 100;
  uint32_t continuations = 8;  // of one header block, that carry little of it
  uint32_t empty_data = 100;   // DATA frames without content
  uint32_t empty_data_per_s = 10;
  uint32_t settings_entries = 32;  // of one SETTINGS frame
};

class H2Guard {
 public:
  enum class Stream : uint8_t { kNone, kOpen, kPeerDone };

  // The session, which knows the streams.
  class Streams {
   public:
    virtual Stream state_of(int32_t id) const = 0;
    virtual uint32_t open_streams() const = 0;

   protected:
    ~Streams() = default;
  };

  struct Limits {
    H2Flood flood;
    uint32_t streams = 100;             // at once; the ids of twice as many are remembered
    uint32_t block_bytes = 256 * 1024;  // of a header block as it is sent
  };

  struct Step {
    std::string_view pass;  // for nghttp2; lasts until the next step, or as long as the bytes given
    size_t consumed = 0;    // of the bytes given
    H2Code fault = H2Code::kNoError;  // else the connection must end with it
    Http2Fault reason = Http2Fault::kProtocol;
    std::string_view text;  // of the fault
    int32_t late = 0;       // a stream on which DATA came behind its reset: to be told so
  };

  // `server`: the peer is a client, which begins with the preface and opens odd streams.
  H2Guard(bool server, const Limits& limits);

  // Again and again, without what was consumed, until everything is. At most one frame a step, so
  // that `streams` has seen all before it.
  Step next(std::string_view bytes, const Streams& streams, int64_t now_ms);

  // A SETTINGS frame of which nghttp2 knows nothing goes out: nor does it see the answer.
  void hide_acknowledgement() { ++x_hidden_acks; }

  // -- streams

  // We opened it.
  void on_opened(int32_t id) { x_ids.open(id); }
  // We reset it: what was on its way is no fault.
  void on_reset(int32_t id);
  // It ended otherwise.
  void on_closed(int32_t id);
  // The peer reset it, or sent a reset behind its end.
  bool is_finished(int32_t id) const { return x_ids.of(id) == H2Ids::Fate::kFinished; }

  // -- what is work, and what is not

  // A good head came, or the last of a message went out.
  void on_message() { earn(); }
  // DATA with so many bytes went out.
  void on_data_sent(size_t bytes);
  // An answer is complete.
  void on_answer() { x_resets.earn(kResetsPerAnswer); }
  // The peer reset a stream before its time, which had lived for so long. False: too many.
  bool charge_reset(int64_t now_ms, int64_t lived_ms);
  // It made us reset or refuse one. False: too many.
  bool charge_fault(int64_t now_ms);
  // A header block held so many heads beyond what was taken of it. False: too many.
  bool charge_excess(int64_t now_ms, uint64_t heads);

 private:
  static constexpr size_t kHeaderBytes = 9;
  static constexpr size_t kPeekMax = 4;  // of what follows it
  // A caller that hedges its calls drops two of three.
  static constexpr uint32_t kResetsPerAnswer = 2;

  struct Frame {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
    int32_t id;
    const char* payload;  // as much of it as peek_bytes() says

    size_t peek_bytes() const;
    uint32_t number() const;
    uint32_t content() const;
  };

  static Frame frame_at(const char* head);
  bool collect(std::string_view bytes, Step& step);
  bool hides(const Frame& frame);
  void pass(const Frame& frame, std::string_view bytes, bool whole, Step& step);
  void judge(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step);
  void judge_headers(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step);
  void judge_continuation(const Frame& frame, Step& step);
  void judge_data(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step);
  void judge_reset(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step);
  void judge_settings(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step);
  void judge_window_update(const Frame& frame, int64_t now_ms, Step& step);
  void judge_empty_data(int64_t now_ms, Step& step);
  void judge_control(const Frame& frame, int64_t now_ms, Step& step, uint32_t work = 0);
  bool ends_late(int32_t id);
  void earn();

  Limits x_limits;
  H2Allowance x_resets;
  H2Allowance x_control;
  H2Allowance x_empty_data;
  H2Ids x_ids;
  uint64_t x_unreturned = 0;  // bytes that WINDOW_UPDATE frames may still give back
  std::array<char, kHeaderBytes + kPeekMax> x_head;
  uint32_t x_head_bytes = 0;     // of one that is not complete
  uint32_t x_payload_left = 0;   // of the frame that is passing
  uint32_t x_preface_left;       // bytes of the client preface
  uint32_t x_continuations = 0;  // of this header block
  uint32_t x_block_bytes = 0;
  uint32_t x_hidden_acks = 0;
  bool x_server;
};

}  // namespace outrigger::http
