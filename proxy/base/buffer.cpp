#include "proxy/base/buffer.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "proxy/base/assert.hpp"
#include "proxy/base/pool.hpp"

namespace outrigger {

void Buffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (x_end + bytes.size() > x_capacity && x_begin > 0) {
    std::memmove(x_data, x_data + x_begin, size());
    x_end -= std::exchange(x_begin, 0);
  }
  if (x_end + bytes.size() > x_capacity) {
    // Doubling keeps a head that arrives in single bytes linear.
    const size_t capacity = std::max({size_t{1024}, x_capacity * 2, x_end + bytes.size()});
    auto* data = static_cast<char*>(Pool::of_thread().reallocate(x_data, capacity));
    if (data == nullptr) throw std::bad_alloc();
    x_data = data;
    x_capacity = capacity;
  }
  std::memcpy(x_data + x_end, bytes.data(), bytes.size());
  x_end += bytes.size();
}

void Buffer::consume(size_t count) {
  OUTRIGGER_ASSERT(count <= size());
  x_begin += count;
  if (!empty()) return;
  Pool::of_thread().free(std::exchange(x_data, nullptr));
  x_begin = x_end = x_capacity = 0;
}

}  // namespace outrigger
