#include "proxy/http/h2_guard.hpp"

#include <algorithm>
#include <cstring>

#include "config/model.hpp"

namespace outrigger::http {
namespace {

constexpr uint32_t kPrefaceBytes = 24;  // RFC 9113 section 3.4
constexpr uint32_t kSettingBytes = 6;

// What the rate pays is 10 seconds' worth; what was earned may be as much again in half.
constexpr uint32_t kEarnedMax = 500;
// Earned by each DATA frame with content and each message, either way: a peer that measures its
// bandwidth sends a PING and three WINDOW_UPDATE for it.
constexpr uint32_t kFramesPerWork = 4;
// A longer one counts as several.
constexpr uint32_t kControlBytes = 1024;
// Bytes that a WINDOW_UPDATE gives back at least, where it is free. Go's servers do it by 4 KiB.
constexpr uint32_t kReturnMin = 512;
constexpr uint64_t kUnreturnedMax = 32 * 1024 * 1024;
// Each further CONTINUATION needs so many bytes of its block. Some servers have buffers of 512
// bytes.
constexpr uint32_t kContinuationBytes = 256;
constexpr uint32_t kIdsMin = 512;
// What a fault costs of the resets that were earned.
constexpr int64_t kEarnedForFault = 10;

constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kRstStream = 3;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kPushPromise = 5;
constexpr uint8_t kGoaway = 7;
constexpr uint8_t kWindowUpdate = 8;
constexpr uint8_t kContinuation = 9;

constexpr uint8_t kEndStream = 0x1;
constexpr uint8_t kAck = 0x1;
constexpr uint8_t kPadded = 0x8;

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

H2Guard::H2Guard(bool server, const Limits& limits)
    : x_limits(limits),
      x_resets(limits.flood.resets, limits.flood.resets_per_s, kEarnedMax),
      x_control(limits.flood.control_frames, limits.flood.control_frames_per_s, kEarnedMax),
      x_empty_data(limits.flood.empty_data, limits.flood.empty_data_per_s, limits.flood.empty_data),
      x_ids(std::max(2 * limits.streams, kIdsMin)),
      x_preface_left(server ? kPrefaceBytes : 0),
      x_server(server) {}

// ---- frames as they come

H2Guard::Step H2Guard::next(std::string_view bytes, const Streams& streams, int64_t now_ms) {
  Step step;
  uint32_t& passing = x_preface_left > 0 ? x_preface_left : x_payload_left;
  if (passing > 0) {
    step.consumed = std::min<size_t>(passing, bytes.size());
    step.pass = bytes.substr(0, step.consumed);
    passing -= static_cast<uint32_t>(step.consumed);
    return step;
  }
  const bool whole = x_head_bytes == 0 && bytes.size() >= x_head.size();
  if (!whole && !collect(bytes, step)) return step;
  const Frame frame = frame_at(whole ? bytes.data() : x_head.data());
  if (hides(frame)) {
    if (whole) step.consumed = kHeaderBytes;
    return step;
  }
  judge(frame, streams, now_ms, step);
  if (step.fault == H2Code::kNoError) pass(frame, bytes, whole, step);
  return step;
}

// False: the head is not complete yet.
bool H2Guard::collect(std::string_view bytes, Step& step) {
  while (true) {
    const bool known = x_head_bytes >= kHeaderBytes;
    const size_t wanted = kHeaderBytes + (known ? frame_at(x_head.data()).peek_bytes() : 0);
    if (known && x_head_bytes == wanted) break;
    const size_t taken = std::min(wanted - x_head_bytes, bytes.size() - step.consumed);
    if (taken == 0) return false;
    std::memcpy(x_head.data() + x_head_bytes, bytes.data() + step.consumed, taken);
    step.consumed += taken;
    x_head_bytes += static_cast<uint32_t>(taken);
  }
  x_head_bytes = 0;
  return true;
}

void H2Guard::pass(const Frame& frame, std::string_view bytes, bool whole, Step& step) {
  const size_t head = kHeaderBytes + frame.peek_bytes();
  const bool rewrites = x_server && frame.type == kGoaway && frame.length >= kPeekMax;
  if (whole && !rewrites) {
    step.consumed = std::min(kHeaderBytes + frame.length, bytes.size());
    step.pass = bytes.substr(0, step.consumed);
    x_payload_left = frame.length - static_cast<uint32_t>(step.consumed - kHeaderBytes);
    return;
  }
  if (whole) {
    std::memcpy(x_head.data(), bytes.data(), head);
    step.consumed = head;
  }
  // The last stream of ours that a client took: there is none, whatever it says. Many name their
  // own, which nghttp2 holds against them.
  if (rewrites) std::memset(x_head.data() + kHeaderBytes, 0, kPeekMax);
  step.pass = {x_head.data(), head};
  x_payload_left = frame.length - static_cast<uint32_t>(head - kHeaderBytes);
}

H2Guard::Frame H2Guard::frame_at(const char* head) {
  return {byte_at(head, 0) << 16 | byte_at(head, 1) << 8 | byte_at(head, 2),
          static_cast<uint8_t>(head[3]), static_cast<uint8_t>(head[4]),
          static_cast<int32_t>((byte_at(head, 5) & 0x7F) << 24 | byte_at(head, 6) << 16 |
                               byte_at(head, 7) << 8 | byte_at(head, 8)),
          head + kHeaderBytes};
}

// What is to be seen of the payload before the frame can be judged.
size_t H2Guard::Frame::peek_bytes() const {
  if (type == kData) return (flags & kPadded) != 0 && length > 0 ? 1 : 0;
  return (type == kWindowUpdate || type == kGoaway) && length >= kPeekMax ? kPeekMax : 0;
}

uint32_t H2Guard::Frame::number() const {
  return (byte_at(payload, 0) & 0x7F) << 24 | byte_at(payload, 1) << 16 | byte_at(payload, 2) << 8 |
         byte_at(payload, 3);
}

// The bytes of DATA without its padding.
uint32_t H2Guard::Frame::content() const {
  if (peek_bytes() == 0) return length;
  const uint32_t padding = 1 + byte_at(payload, 0);
  return length > padding ? length - padding : 0;
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
      return judge_data(frame, streams, now_ms, step);
    case kHeaders:
      x_continuations = 0;
      x_block_bytes = frame.length;
      return judge_headers(frame, streams, now_ms, step);
    case kContinuation:
      return judge_continuation(frame, step);
    case kPushPromise:
      return fail(step, H2Code::kProtocolError, "a push, which nobody asked for");
    case kRstStream:
      return judge_reset(frame, streams, now_ms, step);
    case kSettings:
      return judge_settings(frame, streams, now_ms, step);
    case kWindowUpdate:
      return judge_window_update(frame, now_ms, step);
    default:
      return judge_control(frame, now_ms, step);
  }
}

// ---- of streams

// nghttp2 ignores what comes on streams that are over. RFC 9113 section 5.1 wants to know whether
// they ever were, and who ended them.
void H2Guard::judge_headers(const Frame& frame, const Streams& streams, int64_t now_ms,
                            Step& step) {
  if (!x_server || frame.id == 0) return;
  if (frame.id % 2 == 0) {
    return fail(step, H2Code::kProtocolError, "a client opens a stream with an even id");
  }
  if (frame.id > x_ids.highest()) return x_ids.open(frame.id);
  switch (streams.state_of(frame.id)) {
    case Stream::kOpen:
      return;
    case Stream::kPeerDone:
      return fail(step, H2Code::kStreamClosed, "HEADERS after END_STREAM");
    case Stream::kNone:
      break;
  }
  switch (x_ids.of(frame.id)) {
    case H2Ids::Fate::kOpened:
    case H2Ids::Fate::kReset:
    case H2Ids::Fate::kForgotten:
      // Trailers that were on their way.
      if ((frame.flags & kEndStream) != 0 && ends_late(frame.id)) return;
      return judge_control(frame, now_ms, step);
    case H2Ids::Fate::kClosed:
    case H2Ids::Fate::kFinished:
      return fail(step, H2Code::kStreamClosed, "HEADERS on a closed stream");
    case H2Ids::Fate::kUnused:
      return fail(step, H2Code::kProtocolError, "a stream id lower than one before");
  }
}

// Those that carry little of their block cost the peer nothing and end nothing (CVE-2024-27316 and
// its kin).
void H2Guard::judge_continuation(const Frame& frame, Step& step) {
  x_block_bytes += frame.length;
  const uint32_t explained = x_block_bytes / kContinuationBytes;
  if (++x_continuations > x_limits.flood.continuations + explained ||
      x_block_bytes > x_limits.block_bytes) {
    end_flood(step, Http2Fault::kContinuations, "too many CONTINUATION frames");
  }
}

void H2Guard::judge_data(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step) {
  const Stream state = streams.state_of(frame.id);
  const bool ends = (frame.flags & kEndStream) != 0;
  const bool empty = frame.content() == 0;
  if (state == Stream::kOpen) {
    if (!empty) return earn();
    // The end of a message may be a frame of its own.
    if (!ends) judge_empty_data(now_ms, step);
    return;
  }
  if (x_server && frame.id != 0) {
    if (state == Stream::kPeerDone) {
      return fail(step, H2Code::kStreamClosed, "DATA after END_STREAM");
    }
    const H2Ids::Fate fate = x_ids.of(frame.id);
    if (fate == H2Ids::Fate::kClosed) {
      return fail(step, H2Code::kStreamClosed, "DATA on a closed stream");
    }
    // An error of the stream alone (RFC 9113 section 5.1): Netty's clients write what was queued
    // when they gave up a call.
    if (fate == H2Ids::Fate::kFinished) {
      step.late = frame.id;
      return judge_control(frame, now_ms, step);
    }
  }
  // What we reset may still have DATA on its way: nghttp2 discards and credits it.
  const bool late_end = ends && ends_late(frame.id);
  if (empty && !late_end) judge_empty_data(now_ms, step);
}

// True: the peer has ended a stream that is over for us, before it knew.
bool H2Guard::ends_late(int32_t id) {
  const H2Ids::Fate fate = x_ids.of(id);
  if (fate != H2Ids::Fate::kOpened && fate != H2Ids::Fate::kReset) return false;
  x_ids.set(id, H2Ids::Fate::kClosed);
  return true;
}

void H2Guard::judge_reset(const Frame& frame, const Streams& streams, int64_t now_ms, Step& step) {
  const H2Ids::Fate fate = x_ids.of(frame.id);
  const bool first =
      fate == H2Ids::Fate::kOpened || fate == H2Ids::Fate::kReset || fate == H2Ids::Fate::kClosed;
  x_ids.set(frame.id, H2Ids::Fate::kFinished);
  // A reset of an open stream is charged to another budget, when it has been read. Behind the end
  // of one it says that the rest of its request is not wanted, or crossed a reset of ours.
  if (!first && streams.state_of(frame.id) == Stream::kNone) judge_control(frame, now_ms, step);
}

void H2Guard::on_reset(int32_t id) {
  if (x_ids.of(id) == H2Ids::Fate::kOpened) x_ids.set(id, H2Ids::Fate::kReset);
}

void H2Guard::on_closed(int32_t id) {
  if (x_ids.of(id) == H2Ids::Fate::kOpened) x_ids.set(id, H2Ids::Fate::kClosed);
}

// The longer it lived the less of a flood it is: so many can be open, and no more.
bool H2Guard::charge_reset(int64_t now_ms, int64_t lived_ms) {
  return x_resets.spend(now_ms, H2Allowance::kOne / (1 + std::max<int64_t>(lived_ms, 0) / 10));
}

// A few of them among many good ones are no flood either.
bool H2Guard::charge_fault(int64_t now_ms) {
  return x_resets.spend(now_ms, H2Allowance::kOne, kEarnedForFault * H2Allowance::kOne);
}

// One byte of HPACK can stand for four thousand, so heads are not what such a flood is counted by.
// A single one is answered, whatever it holds.
bool H2Guard::charge_excess(int64_t now_ms, uint64_t heads) {
  constexpr uint64_t kOfOneBlock = 50;
  const auto price = static_cast<int64_t>(std::min(heads, kOfOneBlock)) * H2Allowance::kOne;
  return heads == 0 || x_resets.spend(now_ms, price, kEarnedForFault * price);
}

// ---- frames that are no work by themselves

void H2Guard::judge_settings(const Frame& frame, const Streams& streams, int64_t now_ms,
                             Step& step) {
  if (frame.length / kSettingBytes > x_limits.flood.settings_entries) {
    return end_flood(step, Http2Fault::kControlFrames, "too many entries in SETTINGS");
  }
  // A change of windows is work for us with every stream that is open.
  const bool ack = (frame.flags & kAck) != 0;
  judge_control(frame, now_ms, step, ack ? 0 : streams.open_streams());
}

// One that gives back what was sent is how that went on at all; unless it does so byte by byte.
void H2Guard::judge_window_update(const Frame& frame, int64_t now_ms, Step& step) {
  const uint32_t bytes = frame.peek_bytes() == 0 ? 0 : frame.number();
  if (bytes < kReturnMin || bytes > x_unreturned) return judge_control(frame, now_ms, step);
  x_unreturned -= bytes;
}

// `work`: what it is for us besides, so that little work of its own does not pay for it.
void H2Guard::judge_control(const Frame& frame, int64_t now_ms, Step& step, uint32_t work) {
  const int64_t price = (1 + int64_t{frame.length / kControlBytes}) * H2Allowance::kOne;
  if (!x_control.spend(now_ms, price, price + work * H2Allowance::kOne)) {
    end_flood(step, Http2Fault::kControlFrames, "too many control frames");
  }
}

void H2Guard::judge_empty_data(int64_t now_ms, Step& step) {
  if (!x_empty_data.spend(now_ms)) {
    end_flood(step, Http2Fault::kEmptyData, "too many empty DATA frames");
  }
}

void H2Guard::on_data_sent(size_t bytes) {
  if (bytes == 0) return;
  // Once for the stream, and once for the connection.
  x_unreturned = std::min(x_unreturned + 2 * bytes, kUnreturnedMax);
  earn();
}

void H2Guard::earn() {
  x_control.earn(kFramesPerWork);
  x_empty_data.earn(kFramesPerWork);
}

}  // namespace outrigger::http
