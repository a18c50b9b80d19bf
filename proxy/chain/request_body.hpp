// The body of a request between the caller's connection and the legs that read it. It is read by
// offset, so that a later leg can start again from byte 0 while it is still kept whole; when nobody
// may need that any more, what was read is dropped at once. In the common case a piece passes
// straight from the scratch buffer to the upstream and is never copied. Owned by the exchange; one
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/buffer.hpp"
#include "proxy/http/fields.hpp"

namespace outrigger::chain {

// A bound over all exchanges of the process, in bytes; any thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t limit_bytes) : x_limit(limit_bytes) {}

  bool try_take(int64_t bytes) {
    if (x_used.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit()) return true;
    give_back(bytes);
    return false;
  }
  void give_back(int64_t bytes) { x_used.fetch_sub(bytes, std::memory_order_relaxed); }
  int64_t used() const { return x_used.load(std::memory_order_relaxed); }
  int64_t limit() const { return x_limit.load(std::memory_order_relaxed); }
  void set_limit(int64_t bytes) { x_limit.store(bytes, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> x_limit;
  std::atomic<int64_t> x_used{0};
};

class RequestBody {
 public:
  // More unread bytes than that and the caller's connection is not read on.
  static constexpr int64_t kUnreadMax = 64 * 1024;

  RequestBody(Arena& arena, MemoryBudget& budget) : x_arena(arena), x_budget(budget) {}
  ~RequestBody();
  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;

  // Keep it whole, as long as it has at most `bytes_max`; declared_bytes < 0: length not known.
  // Asked more than once, the largest bound counts.
  void retain(int64_t bytes_max, int64_t declared_bytes);
  // No attempt will start again from byte 0: what is read is dropped.
  void stop_retaining();
  // Whether a leg can still start from byte 0 and get every byte.
  bool is_whole() const { return x_base == 0; }

  // -- the caller's side. `bytes` are readable by at() from begin_append to end_append without a
  // copy; what then has to stay is copied.
  void begin_append(std::string_view bytes);
  void end_append();
  void finish(const http::Fields* trailers);
  // More follows after all: what the caller sends into a tunnel that its request has opened.
  // Requires: nothing is retained any more.
  void reopen();

  // -- the reading side
  // The bytes from `offset` that are at hand, in one piece; empty when there are none yet. The view
  // lasts until the loop callback returns or the body is next appended to or read past.
  std::string_view at(int64_t offset) const;
  // Everything before `offset` was read by every leg that may still read. Less than before when a
  // leg starts again from byte 0.
  void read_to(int64_t offset);
  int64_t read() const { return x_read; }

  bool is_complete() const { return x_complete; }
  bool ends_at(int64_t offset) const { return x_complete && offset == x_size; }
  const http::Fields* trailers() const { return x_trailers; }
  int64_t size() const { return x_size; }  // bytes so far
  int64_t unread() const { return x_size - x_read; }
  // Bytes in memory now.
  int64_t held() const { return kept_bytes(); }
  bool has_room() const { return unread() < kUnreadMax; }

 private:
  int64_t kept_end() const { return x_base + kept_bytes(); }
  int64_t kept_bytes() const;
  void keep(std::string_view bytes);
  void drop_to(int64_t offset);

  Arena& x_arena;
  MemoryBudget& x_budget;
  const http::Fields* x_trailers = nullptr;
  std::string_view x_live;  // the piece being appended
  char* x_small = nullptr;  // a short body of known length is kept in the arena
  int64_t x_small_used = 0;
  int64_t x_small_capacity = 0;
  Buffer x_kept;       // anything else
  int64_t x_base = 0;  // offset of the first byte kept
  int64_t x_size = 0;
  int64_t x_read = 0;
  int64_t x_retain_max = 0;
  int64_t x_charged = 0;  // to the budget
  bool x_retaining = false;
  bool x_complete = false;
};

}  // namespace outrigger::chain
