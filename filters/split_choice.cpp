#include "filters/split_choice.hpp"

#include <cmath>

#include "proxy/base/assert.hpp"
#include "proxy/base/hash.hpp"

namespace outrigger::filters {
namespace {

// Uniform in (0, 1), whatever the two are.
double unit_of(uint64_t key, uint64_t service) {
  return (static_cast<double>(mixed(key ^ service) >> 11) + 0.5) * 0x1.0p-53;
}

}  // namespace

void SplitChoice::add(std::string_view service, uint32_t weight) {
  OUTRIGGER_ASSERT(x_shares.size() < kMost);
  if (weight > 0) x_all |= Set{1} << x_shares.size();
  x_shares.push_back({weight, stable_hash(service)});
}

std::optional<size_t> SplitChoice::by_chance(Set among, Random& random) const {
  among &= x_all;
  uint32_t total = 0;
  for (size_t i = 0; i < x_shares.size(); ++i) {
    if ((among >> i & 1) != 0) total += x_shares[i].weight;
  }
  if (total == 0) return std::nullopt;
  uint32_t left = random.below(total);
  size_t at = 0;
  while ((among >> at & 1) == 0 || left >= x_shares[at].weight) {
    if ((among >> at & 1) != 0) left -= x_shares[at].weight;
    ++at;
  }
  return at;
}

std::optional<size_t> SplitChoice::by_key(Set among, std::string_view key) const {
  among &= x_all;
  const uint64_t hash = stable_hash(key);
  std::optional<size_t> nearest;
  double least = 0;
  for (size_t i = 0; i < x_shares.size(); ++i) {
    if ((among >> i & 1) == 0) continue;
    const double far = -std::log(unit_of(hash, x_shares[i].hash)) / x_shares[i].weight;
    if (nearest && far >= least) continue;
    nearest = i;
    least = far;
  }
  return nearest;
}

}  // namespace outrigger::filters
