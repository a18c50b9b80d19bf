// The endpoints that earlier attempts of one call already went to; the next pick avoids them. A
// small set of identities (addresses of upstream::Endpoint, never followed here). One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace outrigger::chain {

class Tried {
 public:
  void add(const void* endpoint) {
    x_ids[x_next % kCapacity] = endpoint;  // more attempts than that forget the oldest
    ++x_next;
  }
  std::span<const void* const> ids() const { return {x_ids.data(), std::min(x_next, kCapacity)}; }
  bool contains(const void* endpoint) const {
    const auto known = ids();
    return std::find(known.begin(), known.end(), endpoint) != known.end();
  }

 private:
  static constexpr size_t kCapacity = 8;
  size_t x_next = 0;
  std::array<const void*, kCapacity> x_ids{};
};

}  // namespace outrigger::chain
