#include "proxy/http/h2_ids.hpp"

#include <algorithm>
#include <bit>

namespace outrigger::http {

void H2Ids::open(int32_t id) {
  const auto oldest = std::max<int64_t>(int64_t{id} - 2 * int64_t{x_count}, x_highest);
  for (int64_t skipped = oldest + 2; skipped < id; skipped += 2) {
    put(static_cast<int32_t>(skipped), Fate::kUnused);
  }
  x_highest = id;
  put(id, Fate::kOpened);
}

H2Ids::Fate H2Ids::of(int32_t id) const {
  if (id % 2 == 0 || id > x_highest) return Fate::kUnused;
  if (static_cast<uint32_t>(x_highest - id) / 2 >= x_count) return Fate::kForgotten;
  const size_t place = place_of(id);
  if (place / 2 >= x_fates.size()) return Fate::kUnused;
  return static_cast<Fate>(x_fates[place / 2] >> (place % 2 * 4) & 0xF);
}

void H2Ids::set(int32_t id, Fate fate) {
  const Fate was = of(id);
  if (was != Fate::kUnused && was != Fate::kForgotten) put(id, fate);
}

void H2Ids::put(int32_t id, Fate fate) {
  const size_t place = place_of(id);
  if (place / 2 >= x_fates.size()) {
    if (fate == Fate::kUnused) return;
    constexpr size_t kLeast = 16;
    const size_t most = (x_count + 1) / 2;
    x_fates.resize(std::min(most, std::max(kLeast, std::bit_ceil(place / 2 + 1))));
  }
  const auto shift = place % 2 * 4;
  uint8_t& both = x_fates[place / 2];
  both = static_cast<uint8_t>((both & ~(0xF << shift)) | (static_cast<unsigned>(fate) << shift));
}

}  // namespace outrigger::http
