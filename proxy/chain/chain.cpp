#include "proxy/chain/chain.hpp"

#include <algorithm>

#include "proxy/base/assert.hpp"

namespace outrigger::chain {
namespace {

uint32_t aligned(uint32_t offset, size_t alignment) {
  const auto mask = static_cast<uint32_t>(alignment - 1);
  return (offset + mask) & ~mask;
}

}  // namespace

Chain::Chain(std::vector<Filter*> filters, Terminal& terminal) : x_terminal(&terminal) {
  OUTRIGGER_ASSERT(filters.size() <= kFiltersMax);
  size_t first = 0;
  uint32_t offset = 0;
  for (size_t i = 0; i < filters.size(); ++i) {
    const Wants wants = filters[i]->wants();
    const SlotType slot = filters[i]->slot();
    OUTRIGGER_ASSERT(slot.alignment <= alignof(std::max_align_t));
    offset = aligned(offset, slot.alignment);
    x_frames.push_back({filters[i], slot, offset, 0, 0, wants.opens_legs});
    // Also an empty slot has an address of its own: it tells the frame (Leg::fail).
    offset += static_cast<uint32_t>(std::max<size_t>(slot.size, 1));
    const uint32_t bit = uint32_t{1} << i;
    if (wants.request_chunks) x_request_chunks |= bit;
    if (wants.response_chunks) x_response_chunks |= bit;
    if (wants.request_end) x_request_end |= bit;
    if (wants.response_end) x_response_end |= bit;
    if (wants.splits_leg) x_splits |= bit;
    if (wants.grpc_only) x_grpc_only |= bit;
    if (!wants.opens_legs && i + 1 < filters.size()) continue;
    for (size_t j = first; j <= i; ++j) {
      x_frames[j].segment_end = static_cast<uint16_t>(i + 1);
      x_frames[j].segment_bytes = offset;
    }
    first = i + 1;
    offset = 0;
  }
}

size_t Chain::segment_end(size_t first) const {
  return first < size() ? x_frames[first].segment_end : first;
}

size_t Chain::segment_bytes(size_t first) const {
  return first < size() ? x_frames[first].segment_bytes : 0;
}

}  // namespace outrigger::chain
