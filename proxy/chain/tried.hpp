// What the earlier attempts of one call already went to; the next pick avoids it. Lies in the arena
// of the exchange; one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace outrigger::chain {

// Which endpoint, or which address where no service lists any: an identity, never followed. Holds
// for as long as the object that it was made of.
enum class EndpointId : uintptr_t {};

template <class T>
EndpointId id_of(const T& object) {
  return static_cast<EndpointId>(reinterpret_cast<uintptr_t>(&object));
}

class Tried {
 public:
  void add(EndpointId endpoint) {
    x_ids[x_next % kCapacity] = endpoint;  // more attempts than that forget the oldest
    ++x_next;
  }
  std::span<const EndpointId> ids() const { return {x_ids.data(), std::min(x_next, kCapacity)}; }
  bool contains(EndpointId endpoint) const {
    const auto known = ids();
    return std::find(known.begin(), known.end(), endpoint) != known.end();
  }

 private:
  static constexpr size_t kCapacity = 8;
  size_t x_next = 0;
  std::array<EndpointId, kCapacity> x_ids{};
};

}  // namespace outrigger::chain
