// Frames of HTTP/2 made by hand, for what no decent peer would send, and taken apart (RFC 9113
// section 4). Pure functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::testing {

inline constexpr uint8_t kDataFrame = 0;
inline constexpr uint8_t kHeadersFrame = 1;
inline constexpr uint8_t kPriorityFrame = 2;
inline constexpr uint8_t kRstFrame = 3;
inline constexpr uint8_t kSettingsFrame = 4;
inline constexpr uint8_t kPingFrame = 6;
inline constexpr uint8_t kWindowFrame = 8;
inline constexpr uint8_t kContinuationFrame = 9;
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kEndHeaders = 4;

inline std::string number32(uint32_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
          static_cast<char>(number >> 8), static_cast<char>(number)};
}
inline std::string frame(uint8_t type, uint8_t flags, int32_t id, std::string_view payload = {}) {
  std::string text = number32(static_cast<uint32_t>(payload.size())).substr(1);
  text += static_cast<char>(type);
  text += static_cast<char>(flags);
  return text + number32(static_cast<uint32_t>(id)) + std::string(payload);
}

// One literal that is never indexed.
inline std::string literal(std::string_view name, std::string_view value) {
  const auto string = [](std::string_view text) {
    std::string coded;
    size_t rest = text.size();
    if (rest < 127) {
      coded += static_cast<char>(rest);
    } else {
      coded += '\x7f';
      for (rest -= 127; rest >= 128; rest /= 128) coded += static_cast<char>(0x80 | rest % 128);
      coded += static_cast<char>(rest);
    }
    return coded + std::string(text);
  };
  return '\x10' + string(name) + string(value);
}
using Lines = std::vector<std::pair<std::string_view, std::string_view>>;
inline std::string block(const Lines& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += literal(name, value);
  return text;
}
inline std::string get_block() {
  return block({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}});
}

inline std::string preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettingsFrame, 0, 0);
}

// What a session wrote, frame by frame.
struct Seen {
  uint8_t type;
  uint8_t flags;
  int32_t id;
  std::string payload;

  uint32_t code() const { return number_at(type == 7 ? 4 : 0); }
  uint32_t number_at(size_t at) const {
    uint32_t number = 0;
    for (size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<uint8_t>(payload[i]);
    return number;
  }
};
inline std::vector<Seen> frames_in(std::string_view text) {
  std::vector<Seen> all;
  while (text.size() >= 9) {
    const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
    const size_t length = at(0) << 16 | at(1) << 8 | at(2);
    all.push_back({static_cast<uint8_t>(text[3]), static_cast<uint8_t>(text[4]),
                   static_cast<int32_t>(at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8)),
                   std::string(text.substr(9, length))});
    text.remove_prefix(std::min(text.size(), 9 + length));
  }
  return all;
}

}  // namespace outrigger::testing
