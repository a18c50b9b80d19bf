// An Arena is where everything of one exchange lives: heads, fields, legs, filter slots. Allocation
// is a pointer bump; nothing is freed before the whole arena is. The first block is given by the
// owner (in the steady state nothing else is needed), further ones come from the pool. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace outrigger {

class Arena {
 public:
  // `first` must outlive the arena; it may be empty.
  explicit Arena(std::span<std::byte> first)
      : x_next(first.data()), x_end(first.data() + first.size()) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(size_t bytes, size_t alignment = alignof(std::max_align_t)) {
    const size_t padding = -reinterpret_cast<uintptr_t>(x_next) & (alignment - 1);
    if (padding + bytes > static_cast<size_t>(x_end - x_next)) return grow(bytes, alignment);
    std::byte* const at = x_next + padding;
    x_next = at + bytes;
    return at;
  }

  // The caller sees to the destructor, if there is one that matters.
  template <class T, class... Args>
  T* make(Args&&... args) {
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }

  // Uninitialised.
  template <class T>
  T* array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
  }

  // A copy that lives as long as the arena.
  std::string_view copy(std::string_view text) {
    char* at = static_cast<char*>(allocate(text.size(), 1));
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }
  // The pieces, one after the other.
  std::string_view concat(std::initializer_list<std::string_view> pieces);
  // In decimal.
  std::string_view number(int64_t value);

  // Bytes taken from the pool so far, beyond the first block.
  size_t heap_bytes() const { return x_heap_bytes; }

 private:
  struct Block;
  void* grow(size_t bytes, size_t alignment);

  std::byte* x_next;
  std::byte* x_end;
  Block* x_blocks = nullptr;
  size_t x_heap_bytes = 0;
};

}  // namespace outrigger
