// How long what a caller still sends is read past when nobody wants it any more: mostly the rest of
// a request that is answered already (RFC 9112 section 9.6, RFC 9113 section 8.1). Many a client
// reads no answer before it has written all of its request, and loses the answer if the connection
// or the stream is reset under it. The times are nginx's. A value type, small
// because every connection has one; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace outrigger::http {

class Linger {
 public:
  static constexpr int64_t kTotalMs = 30'000;
  static constexpr int64_t kSilenceMs = 5'000;
  static constexpr size_t kBytesMax = 64 * 1024 * 1024;

  void begin(int64_t now_ms) {
    x_until_ms = static_cast<uint32_t>(now_ms + kTotalMs);
    x_bytes = 0;
  }
  // So many bytes have come. False: that is enough.
  [[nodiscard]] bool take(size_t bytes) {
    x_bytes += static_cast<uint32_t>(std::min(bytes, kBytesMax - x_bytes));
    return x_bytes < kBytesMax;
  }
  // When it is over, unless more comes before. Requires: begun.
  int64_t due_ms(int64_t now_ms) const {
    const auto left_ms = static_cast<int32_t>(x_until_ms - static_cast<uint32_t>(now_ms));
    return now_ms + std::clamp<int64_t>(left_ms, 0, kSilenceMs);
  }
  size_t bytes() const { return x_bytes; }

 private:
  uint32_t x_until_ms = 0;  // modulo 2^32
  uint32_t x_bytes = 0;
};

}  // namespace outrigger::http
