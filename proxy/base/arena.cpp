#include "proxy/base/arena.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/base/pool.hpp"

namespace outrigger {

// The bytes of the block follow it.
struct alignas(std::max_align_t) Arena::Block {
  Block* next;
};

Arena::~Arena() {
  while (x_blocks != nullptr) Pool::of_thread().free(std::exchange(x_blocks, x_blocks->next));
}

void* Arena::grow(size_t bytes, size_t alignment) {
  constexpr size_t kBlockBytes = 4096;
  const size_t room = std::max(kBlockBytes - sizeof(Block), bytes + alignment);
  void* memory = Pool::of_thread().allocate(sizeof(Block) + room);
  if (memory == nullptr) throw std::bad_alloc();
  x_blocks = new (memory) Block{x_blocks};
  x_heap_bytes += room;
  x_next = reinterpret_cast<std::byte*>(x_blocks + 1);
  x_end = x_next + room;
  return allocate(bytes, alignment);
}

std::string_view Arena::concat(std::initializer_list<std::string_view> pieces) {
  size_t total = 0;
  for (std::string_view piece : pieces) total += piece.size();
  char* const start = static_cast<char*>(allocate(total, 1));
  char* at = start;
  for (std::string_view piece : pieces) {
    at = std::copy(piece.begin(), piece.end(), at);
  }
  return {start, total};
}

std::string_view Arena::number(int64_t value) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return copy({text.data(), static_cast<size_t>(end - text.data())});
}

}  // namespace outrigger
