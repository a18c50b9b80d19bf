#include "proxy/chain/request_body.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/base/assert.hpp"

namespace outrigger::chain {

RequestBody::~RequestBody() { x_budget.give_back(x_charged); }

void RequestBody::retain(int64_t bytes_max, int64_t declared_bytes) {
  constexpr int64_t kInArena = 1024;
  if (declared_bytes > bytes_max || x_size > bytes_max || !is_whole()) return;
  x_retaining = true;
  x_retain_max = std::max(x_retain_max, bytes_max);
  if (x_size == 0 && x_small == nullptr && declared_bytes > 0 && declared_bytes <= kInArena) {
    x_small = x_arena.array<char>(static_cast<size_t>(declared_bytes));
    x_small_capacity = declared_bytes;
  }
}

void RequestBody::stop_retaining() {
  if (!x_retaining) return;
  x_retaining = false;
  drop_to(x_read);
}

void RequestBody::begin_append(std::string_view bytes) {
  OUTRIGGER_ASSERT(!x_complete && x_live.empty());
  x_live = bytes;
  x_size += static_cast<int64_t>(bytes.size());
}

void RequestBody::end_append() {
  const std::string_view live = std::exchange(x_live, {});
  const int64_t live_at = x_size - static_cast<int64_t>(live.size());
  if (x_small != nullptr) return keep(live);
  if (x_retaining && x_size <= x_retain_max &&
      x_budget.try_take(static_cast<int64_t>(live.size()))) {
    x_charged += static_cast<int64_t>(live.size());
    return keep(live);
  }
  stop_retaining();
  // Only what nobody has read yet stays: at most one piece beyond kUnreadMax.
  const int64_t skip = std::max<int64_t>(0, x_read - live_at);
  if (kept_bytes() == 0) x_base = live_at + skip;
  keep(live.substr(static_cast<size_t>(skip)));
}

void RequestBody::finish(const http::Fields* trailers) {
  x_trailers = trailers;
  x_complete = true;
}

void RequestBody::reopen() {
  OUTRIGGER_ASSERT(!x_retaining && x_live.empty());
  x_complete = false;
  if (x_small == nullptr) return;
  // Its place in the arena is as large as the request was to be.
  const std::string_view unread = at(x_read);
  x_small = nullptr;
  x_small_used = 0;
  x_kept.append(unread);
  x_base = x_read;
}

std::string_view RequestBody::at(int64_t offset) const {
  OUTRIGGER_ASSERT(offset >= x_base && offset <= x_size);
  const auto from = static_cast<size_t>(offset - x_base);
  if (offset < kept_end()) {
    const std::string_view kept = x_small != nullptr
                                      ? std::string_view(x_small, static_cast<size_t>(x_small_used))
                                      : x_kept.view();
    return kept.substr(from);
  }
  const int64_t live_at = x_size - static_cast<int64_t>(x_live.size());
  return x_live.empty() ? std::string_view() : x_live.substr(static_cast<size_t>(offset - live_at));
}

void RequestBody::read_to(int64_t offset) {
  x_read = std::max(x_base, offset);
  if (!x_retaining) drop_to(x_read);
}

int64_t RequestBody::kept_bytes() const {
  return x_small != nullptr ? x_small_used : static_cast<int64_t>(x_kept.size());
}

void RequestBody::keep(std::string_view bytes) {
  if (x_small == nullptr) return x_kept.append(bytes);
  OUTRIGGER_ASSERT(x_small_used + static_cast<int64_t>(bytes.size()) <= x_small_capacity);
  std::memcpy(x_small + x_small_used, bytes.data(), bytes.size());
  x_small_used += static_cast<int64_t>(bytes.size());
}

void RequestBody::drop_to(int64_t offset) {
  // What lies in the arena costs nothing to keep.
  if (x_small != nullptr) return;
  const int64_t count = std::min(offset, kept_end()) - x_base;
  if (count > 0) {
    x_kept.consume(static_cast<size_t>(count));
    const int64_t refund = std::min(count, x_charged);
    x_budget.give_back(refund);
    x_charged -= refund;
  }
  if (offset > x_base) x_base = offset;
}

}  // namespace outrigger::chain
