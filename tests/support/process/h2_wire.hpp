// HTTP/2 over a blocking socket, frame by frame, for either side: it acknowledges what must be, and
// gives the window back. Heads that come are not decoded. Used by one thread; the Wire outlives it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/support/h2_frames.hpp"
#include "tests/support/process/wire.hpp"

namespace outrigger::testing {

class H2Wire {
 public:
  explicit H2Wire(Wire& wire) : x_wire(wire) {}

  // Prior knowledge; the caller's side, then the origin's.
  bool begin() { return x_wire.send(preface()); }
  bool accept() {
    std::string greeting;
    const size_t size = preface().find(frame(kSettingsFrame, 0, 0));
    return x_wire.read_exactly(size, greeting) && x_wire.send(frame(kSettingsFrame, 0, 0));
  }

  bool send_head(int32_t id, const Lines& fields, bool is_end = true) {
    return send(kHeadersFrame, kEndHeaders, id, block(fields), is_end);
  }
  bool send_data(int32_t id, std::string_view bytes, bool is_end) {
    return send(kDataFrame, 0, id, bytes, is_end);
  }

  // The next frame of a stream, or a GOAWAY; nothing at the end or when none comes for too long.
  std::optional<Seen> next() {
    for (std::optional<Seen> seen; (seen = read());) {
      const bool is_answered = (seen->flags & 1) != 0;
      if (seen->type == kSettingsFrame && !is_answered) x_wire.send(frame(kSettingsFrame, 1, 0));
      if (seen->type == kPingFrame && !is_answered)
        x_wire.send(frame(kPingFrame, 1, 0, seen->payload));
      if (seen->type == kDataFrame && !seen->payload.empty()) give_back(*seen);
      if (seen->type == 7 || (seen->id != 0 && seen->type != kWindowFrame)) return seen;
    }
    return std::nullopt;
  }

 private:
  bool send(uint8_t type, uint8_t flags, int32_t id, std::string_view bytes, bool is_end) {
    if (is_end) flags |= kEndStream;
    return x_wire.send(frame(type, flags, id, bytes));
  }
  void give_back(const Seen& data) {
    const std::string size = number32(static_cast<uint32_t>(data.payload.size()));
    std::string frames = frame(kWindowFrame, 0, 0, size);
    if ((data.flags & kEndStream) == 0) frames += frame(kWindowFrame, 0, data.id, size);
    x_wire.send(frames);
  }
  std::optional<Seen> read() {
    std::string bytes;
    if (!x_wire.read_exactly(9, bytes)) return std::nullopt;
    Seen seen = frames_in(bytes).at(0);
    const auto at = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
    if (!x_wire.read_exactly(at(0) << 16 | at(1) << 8 | at(2), seen.payload)) return std::nullopt;
    return seen;
  }

  Wire& x_wire;
};

}  // namespace outrigger::testing
