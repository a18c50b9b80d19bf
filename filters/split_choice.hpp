// Which of the services of a split gets a call: by weight, by chance or by a key. A key leads to
// the same one in every worker, process and sidecar (weighted rendezvous hashing): of -ln(u)/weight
// the least wins. With S(x), the first number of SplitMix64 seeded by x, and F, FNV-1a of 64 bits,
// u is the upper 53 bits of S(S(F(key)) ^ S(F(name of the service))), and a half, by 2^53. A change
// of weights moves only the keys that it must, and the order of the services means nothing.
// Immutable; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/base/random.hpp"

namespace outrigger::filters {

class SplitChoice {
 public:
  // One bit for each service, in the order in which they were added.
  using Set = uint64_t;
  static constexpr size_t kMost = 64;

  // `weight` may be 0: then it is never chosen. Requires: at most kMost.
  void add(std::string_view service, uint32_t weight);

  // Those that have a weight.
  Set all() const { return x_all; }
  // One of `among`; nothing: none of them has a weight.
  std::optional<size_t> by_chance(Set among, Random& random) const;
  std::optional<size_t> by_key(Set among, std::string_view key) const;

 private:
  struct Share {
    uint32_t weight;
    uint64_t hash;  // of the service's name
  };

  std::vector<Share> x_shares;
  Set x_all = 0;
};

}  // namespace outrigger::filters
