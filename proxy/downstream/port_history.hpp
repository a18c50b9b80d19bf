// Which ports of original destinations have spoken HTTP, so that it is noticed when one of them
// turns opaque and goes around every policy. Of one listener, over all workers; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace outrigger::downstream {

class PortHistory {
 public:
  void note_http(uint16_t port) {
    std::atomic<uint64_t>& word = x_words[port / 64];
    const uint64_t bit = uint64_t{1} << (port % 64);
    if ((word.load(std::memory_order_relaxed) & bit) == 0) {
      word.fetch_or(bit, std::memory_order_relaxed);
    }
  }
  bool spoke_http(uint16_t port) const {
    return (x_words[port / 64].load(std::memory_order_relaxed) >> (port % 64) & 1) != 0;
  }

 private:
  std::array<std::atomic<uint64_t>, 1024> x_words{};
};

}  // namespace outrigger::downstream
