#include "proxy/base/pool.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace outrigger {
namespace {

constexpr size_t kMinBits = 5;

constexpr size_t class_bytes(size_t at) {
  if (at + 1 == Pool::kClasses) return Pool::kLargestBytes;
  return size_t{at % 2 == 0 ? 2u : 3u} << (kMinBits - 1 + at / 2);
}

constexpr size_t class_of(size_t bytes) {
  if (bytes <= class_bytes(0)) return 0;
  if (bytes > Pool::kLargestBytes) return Pool::kClasses;
  const auto bits = static_cast<size_t>(std::bit_width(bytes - 1));
  const size_t doubled = 2 * (bits - kMinBits);
  return bytes <= size_t{3} << (bits - 2) ? doubled - 1 : doubled;
}
static_assert(class_of(Pool::kLargestBytes) == Pool::kClasses - 1);
static_assert(class_bytes(class_of(33)) == 48 && class_bytes(class_of(49)) == 64);

}  // namespace

// In front of each block; as large as the strictest alignment. The link lies in what is free.
struct alignas(std::max_align_t) Pool::Block {
  size_t at;  // size class; kClasses: none
  size_t bytes;

  Block*& next() { return *reinterpret_cast<Block**>(this + 1); }
};

Pool& Pool::of_thread() {
  // Never destroyed: what the thread's other destructors free later is freed all the same.
  static thread_local constinit Pool pool;
  return pool;
}

void* Pool::allocate(size_t bytes) noexcept {
  const size_t at = x_keeps ? class_of(bytes) : kClasses;
  if (at == kClasses) return allocate_fresh(at, bytes);
  Block* const block = x_free[at];
  if (block == nullptr) return allocate_fresh(at, class_bytes(at));
  x_free[at] = block->next();
  x_kept -= block->bytes;
  x_in_use += static_cast<int64_t>(block->bytes);
  return block + 1;
}

void* Pool::allocate_fresh(size_t at, size_t bytes) noexcept {
  struct AtThreadEnd {
    ~AtThreadEnd() { of_thread().set_keeping(false); }
  };
  static thread_local const AtThreadEnd at_thread_end;
  static_cast<void>(at_thread_end);
  if (bytes > SIZE_MAX - sizeof(Block)) return nullptr;
  auto* const block = static_cast<Block*>(std::malloc(sizeof(Block) + bytes));
  if (block == nullptr) return nullptr;
  block->at = at;
  block->bytes = bytes;
  x_in_use += static_cast<int64_t>(bytes);
  return block + 1;
}

void Pool::free(void* memory) noexcept {
  if (memory == nullptr) return;
  Block* const block = static_cast<Block*>(memory) - 1;
  x_in_use -= static_cast<int64_t>(block->bytes);
  if (block->at == kClasses || !x_keeps || x_kept + block->bytes > kKeptMax) {
    std::free(block);
    return;
  }
  block->next() = x_free[block->at];
  x_free[block->at] = block;
  x_kept += block->bytes;
}

void* Pool::reallocate(void* memory, size_t bytes) noexcept {
  if (memory == nullptr) return allocate(bytes);
  const size_t room = (static_cast<Block*>(memory) - 1)->bytes;
  if (bytes <= room) return memory;
  void* const larger = allocate(bytes);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, memory, room);
  free(memory);
  return larger;
}

void Pool::set_keeping(bool keeps) noexcept {
  x_keeps = keeps;
  if (keeps) return;
  x_kept = 0;
  for (Block*& first : x_free) {
    while (first != nullptr) std::free(std::exchange(first, first->next()));
  }
}

}  // namespace outrigger
