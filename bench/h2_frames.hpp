// What the HTTP/2 programs of the benchmarks share: frames, and header blocks made once. They say
// the same few messages over and over, so nothing is compressed or decompressed while they run: the
// first message of a connection brings its fields into the table, later ones are indices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bench {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHeader = 9;

enum Type : uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
};
enum Flag : uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4 };

inline void write_u32(char* to, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<char>(number >> shift);
}

inline uint32_t read_u32(const char* from) {
  uint32_t number = 0;
  for (int i = 0; i < 4; ++i) number = number << 8 | static_cast<uint8_t>(from[i]);
  return number;
}

inline std::string u32(uint32_t number) {
  std::string text(4, '\0');
  write_u32(text.data(), number);
  return text;
}

struct Frame {
  uint8_t type;
  uint8_t flags;
  uint32_t id;
  std::string_view payload;
};

inline std::string to_bytes(const Frame& frame) {
  std::string bytes = u32(static_cast<uint32_t>(frame.payload.size())).substr(1);
  bytes += static_cast<char>(frame.type);
  bytes += static_cast<char>(frame.flags);
  return bytes + u32(frame.id) + std::string(frame.payload);
}

// Where to_bytes() of a frame at `offset` has its stream's id.
constexpr std::size_t id_offset(std::size_t offset) { return offset + 5; }

// SETTINGS and a window of the connection that open everything: we never wait, nor let wait.
inline std::string opening() {
  constexpr uint32_t kMost = 0x7fffffff;
  const std::string initial_window = std::string("\0\4", 2) + u32(kMost);
  return to_bytes({kSettings, 0, 0, initial_window}) +
         to_bytes({kWindowUpdate, 0, 0, u32(kMost - 65535)});
}

// Cuts what comes into frames.
class FrameReader {
 public:
  template <class Take>
  void read(std::string_view bytes, Take&& take) {
    if (!x_rest.empty()) {
      x_rest.append(bytes);
      bytes = x_rest;
    }
    while (bytes.size() >= kFrameHeader) {
      const std::size_t size = kFrameHeader + (read_u32(bytes.data()) >> 8);
      if (bytes.size() < size) break;
      take(Frame{static_cast<uint8_t>(bytes[3]), static_cast<uint8_t>(bytes[4]),
                 read_u32(bytes.data() + 5), bytes.substr(kFrameHeader, size - kFrameHeader)});
      bytes.remove_prefix(size);
    }
    std::string rest(bytes);
    x_rest.swap(rest);
  }

 private:
  std::string x_rest;
};

// The header blocks of one direction of a connection, in RFC 7541's simplest forms.
class Blocks {
 public:
  // `fields_total`: of all blocks that are to be made, those of add() alone.
  explicit Blocks(std::size_t fields_total) : x_left(fields_total) {}

  struct Block {
    std::string first;
    std::string later;
  };

  void add(std::string_view name, std::string_view value) {
    x_block.first += '\x40' + text(name) + text(value);
    // The last one that entered the table has index 62.
    x_block.later += static_cast<char>(0x80 | (61 + x_left--));
  }
  // One that differs in each message: never in the table.
  void add_changing(std::string_view name, std::string_view value) {
    for (std::string* block : {&x_block.first, &x_block.later}) {
      *block += '\0' + text(name) + text(value);
    }
  }
  Block take() { return std::exchange(x_block, {}); }

 private:
  static std::string text(std::string_view text) {
    constexpr std::size_t kPrefix = 127;
    if (text.size() < kPrefix) return static_cast<char>(text.size()) + std::string(text);
    std::size_t more = text.size() - kPrefix;
    std::string bytes(1, '\x7f');
    for (; more >= 128; more >>= 7) bytes += static_cast<char>(more | 0x80);
    return bytes + static_cast<char>(more) + std::string(text);
  }

  std::size_t x_left;
  Block x_block;
};

}  // namespace bench
