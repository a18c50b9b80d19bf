#include "proxy/http/h2_guard.hpp"

#include <algorithm>
#include <cstring>

#include "config/model.hpp"

namespace outrigger::http {
namespace {

constexpr uint32_t kPrefaceBytes = 24;  // RFC 9113 section 3.4
constexpr uint32_t kSettingBytes = 6;
constexpr uint32_t kUpdatesPerData = 10;
constexpr uint32_t kUpdatesMax = 1000;

constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kRstStream = 3;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kPushPromise = 5;
constexpr uint8_t kWindowUpdate = 8;
constexpr uint8_t kContinuation = 9;

constexpr uint8_t kEndStream = 0x1;
constexpr uint8_t kAck = 0x1;

// So many seconds' worth of control frames at once.
constexpr uint32_t kControlBurst = 10;

constexpr uint32_t byte_at(const char* data, size_t at) { return static_cast<uint8_t>(data[at]); }

void fail(H2Guard::Step& step, H2Code code, std::string_view text,
          Http2Fault reason = Http2Fault::kProtocol) {
  step.fault = code;
  step.text = text;
  step.reason = reason;
}
void end_flood(H2Guard::Step& step, Http2Fault reason, std::string_view text) {
  fail(step, H2Code::kEnhanceYourCalm, text, reason);
}

}  // namespace

H2Flood::H2Flood(const config::ListenerFlood& settings)
    : resets(settings.resets ? static_cast<uint32_t>(*settings.resets) : kOff),
      resets_per_s(static_cast<uint32_t>(settings.per_second)),
      control_frames(kOff),
      control_frames_per_s(kOff),
      continuations(static_cast<uint32_t>(settings.continuations)) {
  if (!settings.control_frames_per_h) return;
  constexpr int64_t kSecondsPerH = 3'600;
  control_frames_per_s =
      static_cast<uint32_t>((*settings.control_frames_per_h + kSecondsPerH - 1) / kSecondsPerH);
  control_frames = control_frames_per_s * kControlBurst;
}

void H2Flood::widen(const H2Flood& other) {
  for (auto bound : {&H2Flood::resets, &H2Flood::resets_per_s, &H2Flood::control_frames,
                     &H2Flood::control_frames_per_s, &H2Flood::continuations}) {
    this->*bound = std::max(this->*bound, other.*bound);
  }
}

bool H2Budget::take(int64_t now_ms) {
  if (x_last_ms >= 0 && now_ms > x_last_ms) {
    // Capped first, so that no pause overflows.
    const int64_t passed_ms = std::min<int64_t>(now_ms - x_last_ms, x_burst);
    x_left = std::min(x_burst, x_left + passed_ms * x_per_s);
  }
  x_last_ms = now_ms;
  if (x_left < 1000) return false;
  x_left -= 1000;
  return true;
}

bool H2Guard::Ids::has(int32_t id) const {
  return std::find(x_ids.begin(), x_ids.end(), id) != x_ids.end();
}

H2Guard::H2Guard(bool server, const H2Flood& flood)
    : x_flood(flood),
      x_resets(flood.resets, flood.resets_per_s),
      x_control(flood.control_frames, flood.control_frames_per_s),
      x_preface_left(server ? kPrefaceBytes : 0),
      x_server(server) {}

H2Guard::Step H2Guard::next(std::string_view bytes, const Streams& streams, int64_t now_ms) {
  Step step;
  uint32_t& passing = x_preface_left > 0 ? x_preface_left : x_payload_left;
  if (passing > 0) {
    step.consumed = std::min<size_t>(passing, bytes.size());
    step.pass = bytes.substr(0, step.consumed);
    passing -= static_cast<uint32_t>(step.consumed);
    return step;
  }
  const bool whole = x_header_bytes == 0 && bytes.size() >= kHeaderBytes;
  const char* header = bytes.data();
  if (!whole) {
    step.consumed = std::min<size_t>(kHeaderBytes - x_header_bytes, bytes.size());
    std::memcpy(x_header.data() + x_header_bytes, bytes.data(), step.consumed);
    x_header_bytes += static_cast<uint32_t>(step.consumed);
    if (x_header_bytes < kHeaderBytes) return step;
    x_header_bytes = 0;
    header = x_header.data();
  }
  const Frame frame{
      byte_at(header, 0) << 16 | byte_at(header, 1) << 8 | byte_at(header, 2),
      static_cast<uint8_t>(header[3]), static_cast<uint8_t>(header[4]),
      static_cast<int32_t>((byte_at(header, 5) & 0x7F) << 24 | byte_at(header, 6) << 16 |
                           byte_at(header, 7) << 8 | byte_at(header, 8))};
  if (hides(frame)) {
    if (whole) step.consumed = kHeaderBytes;
    return step;
  }
  judge(frame, streams, now_ms, step);
  if (step.fault != H2Code::kNoError) return step;
  if (!whole) {
    step.pass = {header, kHeaderBytes};
    x_payload_left = frame.length;
    return step;
  }
  step.consumed = kHeaderBytes + std::min<size_t>(frame.length, bytes.size() - kHeaderBytes);
  step.pass = bytes.substr(0, step.consumed);
  x_payload_left = frame.length - static_cast<uint32_t>(step.consumed - kHeaderBytes);
  return step;
}

bool H2Guard::hides(const Frame& frame) {
  const bool hidden = x_hidden_acks > 0 && frame.type == kSettings && frame.length == 0 &&
                      frame.id == 0 && (frame.flags & kAck) != 0;
  if (hidden) --x_hidden_acks;
  return hidden;
}

void H2Guard::judge(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step) {
  switch (frame.type) {
    case kData:
      return judge_data(frame, streams, step);
    case kHeaders:
      x_continuations = 0;
      return judge_headers(frame, streams, step);
    case kContinuation:
      // Each costs the peer nine bytes and ends nothing (CVE-2024-27316 and its kin).
      if (++x_continuations > x_flood.continuations) {
        end_flood(step, Http2Fault::kContinuations, "too many CONTINUATION frames");
      }
      return;
    case kPushPromise:
      return fail(step, H2Code::kProtocolError, "a push, which nobody asked for");
    case kRstStream:
      // Of an open stream it is charged to another budget, when it has been read.
      if (streams.state_of(frame.id) != Stream::kNone) return;
      return judge_control(frame, now_ms, step);
    default:
      return judge_control(frame, now_ms, step);
  }
}

// nghttp2 ignores what comes on streams that are over. RFC 9113 section 5.1 wants to know whether
// they ever were, and who ended them.
void H2Guard::judge_headers(const Frame& frame, const Streams& streams, Step& step) {
  if (!x_server || frame.id == 0) return;
  if (frame.id % 2 == 0) {
    return fail(step, H2Code::kProtocolError, "a client opens a stream with an even id");
  }
  if (frame.id > x_highest) {
    x_highest = frame.id;
    return;
  }
  switch (streams.state_of(frame.id)) {
    case Stream::kOpen:
      return;
    case Stream::kPeerDone:
      return fail(step, H2Code::kStreamClosed, "HEADERS after END_STREAM");
    case Stream::kNone:
      break;
  }
  if (x_reset.has(frame.id)) return;
  if (x_closed.has(frame.id)) {
    return fail(step, H2Code::kStreamClosed, "HEADERS on a closed stream");
  }
  fail(step, H2Code::kProtocolError, "a stream id lower than one before");
}

void H2Guard::judge_data(const Frame& frame, const Streams& streams, Step& step) {
  if (frame.length == 0 && (frame.flags & kEndStream) == 0) {
    if (++x_empty_data > x_flood.empty_data) {
      return end_flood(step, Http2Fault::kEmptyData, "too many empty DATA frames");
    }
  } else {
    x_empty_data = 0;
  }
  if (!x_server || frame.id == 0) return;
  const Stream state = streams.state_of(frame.id);
  if (state == Stream::kPeerDone) {
    return fail(step, H2Code::kStreamClosed, "DATA after END_STREAM");
  }
  // What we reset may still have DATA on its way: nghttp2 discards and credits it.
  if (state == Stream::kNone && !x_reset.has(frame.id) && x_closed.has(frame.id)) {
    fail(step, H2Code::kStreamClosed, "DATA on a closed stream");
  }
}

void H2Guard::judge_control(const Frame& frame, int64_t now_ms, Step& step) {
  if (frame.type == kSettings && frame.length / kSettingBytes > x_flood.settings_entries) {
    return end_flood(step, Http2Fault::kControlFrames, "too many entries in SETTINGS");
  }
  if (frame.type == kWindowUpdate && x_window_updates_free > 0) {
    --x_window_updates_free;
    return;
  }
  if (!x_control.take(now_ms)) {
    end_flood(step, Http2Fault::kControlFrames, "too many control frames");
  }
}

void H2Guard::on_data_sent() {
  x_window_updates_free = std::min(x_window_updates_free + kUpdatesPerData, kUpdatesMax);
}

}  // namespace outrigger::http
