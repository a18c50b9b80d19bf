// A Buffer is a contiguous queue of bytes with a bound that its owner checks: what was received and
// not yet understood, or sent and not yet taken by the kernel. It holds no memory while it is
// empty, so an idle connection costs none; what it takes is the pool's. One thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

namespace outrigger {

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : x_data(std::exchange(other.x_data, nullptr)),
        x_begin(std::exchange(other.x_begin, 0)),
        x_end(std::exchange(other.x_end, 0)),
        x_capacity(std::exchange(other.x_capacity, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(x_data, other.x_data);
    std::swap(x_begin, other.x_begin);
    std::swap(x_end, other.x_end);
    std::swap(x_capacity, other.x_capacity);
    return *this;
  }
  ~Buffer() { clear(); }

  bool empty() const { return x_begin == x_end; }
  size_t size() const { return x_end - x_begin; }
  std::string_view view() const { return {x_data + x_begin, size()}; }

  // `bytes` may not point into this buffer.
  void append(std::string_view bytes);
  // Drops the first `count` bytes. Requires: count <= size().
  void consume(size_t count);
  void clear() { consume(size()); }

 private:
  char* x_data = nullptr;
  size_t x_begin = 0;
  size_t x_end = 0;
  size_t x_capacity = 0;
};

}  // namespace outrigger
