// What became of the streams that were opened last on a connection, of which nghttp2 remembers
// nothing: four bits for each id, in memory that is taken as ids come. Of the ids of one side,
// which are odd. A plain value; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace outrigger::http {

class H2Ids {
 public:
  enum class Fate : uint8_t {
    kUnused,     // its id was left out, or has not come yet
    kOpened,     // open, or begun and ignored
    kReset,      // by us: what was on its way may still come
    kClosed,     // the peer's side of it is complete: nothing but RST_STREAM may come, once
    kFinished,   // nothing may come
    kForgotten,  // too long ago
  };

  // `count`: of the ids that are remembered.
  explicit H2Ids(uint32_t count) : x_count(count) {}

  int32_t highest() const { return x_highest; }
  // Requires: odd and above the highest one. Those between were left out.
  void open(int32_t id);
  Fate of(int32_t id) const;
  // Nothing for an id that is not remembered.
  void set(int32_t id, Fate fate);

 private:
  size_t place_of(int32_t id) const { return static_cast<uint32_t>(id) / 2 % x_count; }
  void put(int32_t id, Fate fate);

  std::vector<uint8_t> x_fates;  // two in each
  uint32_t x_count;
  int32_t x_highest = -1;
};

}  // namespace outrigger::http
