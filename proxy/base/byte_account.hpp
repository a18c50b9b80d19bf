// How many bytes wait, in the whole process, for peers that do not take them. A CountedBuffer is a
// Buffer whose bytes are in such an account from the moment it was told so. The account: any
// thread; a buffer: one thread, and no longer than its account.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "proxy/base/buffer.hpp"

namespace outrigger {

class ByteAccount {
 public:
  void add(int64_t bytes) { x_bytes.fetch_add(bytes, std::memory_order_relaxed); }
  int64_t bytes() const { return x_bytes.load(std::memory_order_relaxed); }

  // More than that is much. At first nothing is.
  void set_much(int64_t bytes) { x_much.store(bytes, std::memory_order_relaxed); }
  bool is_much() const { return bytes() > x_much.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> x_bytes{0};
  std::atomic<int64_t> x_much{std::numeric_limits<int64_t>::max()};
};

class CountedBuffer {
 public:
  CountedBuffer() = default;
  CountedBuffer(const CountedBuffer&) = delete;
  CountedBuffer& operator=(const CountedBuffer&) = delete;
  ~CountedBuffer() { clear(); }

  void count_in(ByteAccount& account) {
    if (x_account != nullptr) return;
    x_account = &account;
    count(size(), 1);
  }

  bool empty() const { return x_bytes.empty(); }
  size_t size() const { return x_bytes.size(); }
  std::string_view view() const { return x_bytes.view(); }
  // As of a Buffer.
  void append(std::string_view bytes) {
    x_bytes.append(bytes);
    count(bytes.size(), 1);
  }
  void consume(size_t bytes) {
    x_bytes.consume(bytes);
    count(bytes, -1);
  }
  void clear() { consume(size()); }

 private:
  void count(size_t bytes, int64_t sign) {
    if (x_account != nullptr && bytes > 0) x_account->add(sign * static_cast<int64_t>(bytes));
  }

  Buffer x_bytes;
  ByteAccount* x_account = nullptr;
};

}  // namespace outrigger
