// Ends of an HTTP/2 connection that say what a test writes, frame by frame: a caller of a Town's
// listener, and an upstream. Owned by the test; the town outlives them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/h2_frames.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

// A caller that sends bytes of its own making, behind a good beginning.
struct RawCaller : TestClient {
  explicit RawCaller(Town& at) : TestClient(at.network, at.address()), town(at) {
    town.run();
    const std::string acknowledged = frame(kSettingsFrame, 1, 0);
    say(preface() + acknowledged + acknowledged);
  }
  // What came of it.
  std::vector<Seen> say(std::string_view bytes) {
    received.clear();
    if (is_open()) send(bytes);
    town.run();
    return frames_in(received);
  }
  bool is_gone() const { return ended || broken; }

  Town& town;
};

// An upstream that says what a test writes, frame by frame.
struct RawOrigin {
  explicit RawOrigin(Town& town, std::string_view at = "10.0.0.1:80") : origin(town.origin(at)) {
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
