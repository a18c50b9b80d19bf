// An upstream of a scenario that speaks HTTP/2 as a test writes it, frame by frame: for what no
// decent one would say. On an Origin, which the town owns; the town outlives it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/h2_frames.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

struct RawOrigin {
  explicit RawOrigin(Town& town, const char* at = "10.0.0.1:80") : origin(town.origin(at)) {
    origin.otherwise = stalls();
  }

  void greet(std::string_view settings = {}) {
    say(frame(kSettingsFrame, 0, 0, settings) + frame(kSettingsFrame, 1, 0));
  }
  void say(std::string_view frames) { origin.last().send_if_open(frames); }
  // Of a stream that asked for nothing else.
  static std::string ok(int32_t id, uint8_t flags = kEndHeaders | kEndStream) {
    return frame(kHeadersFrame, flags, id, block({{":status", "200"}}));
  }
  static std::string goaway(int32_t last_id, uint32_t code) {
    return frame(7, 0, 0, number32(static_cast<uint32_t>(last_id)) + number32(code));
  }
  static std::string streams(uint32_t allowed) {
    return std::string("\0\3", 2) + number32(allowed);
  }
  // So many requests have come on its n-th connection.
  size_t asked(size_t n = 0) const {
    size_t heads = 0;
    const std::string& bytes = origin.connections.at(n)->received;
    for (const Seen& one : frames_in(std::string_view(bytes).substr(24))) {
      if (one.type == kHeadersFrame) ++heads;
    }
    return heads;
  }

  Origin& origin;
};

}  // namespace outrigger::testing
