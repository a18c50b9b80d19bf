#include "proxy/http/h2_memory.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include "proxy/http/stream_memory.hpp"

namespace outrigger::http {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kKeeps = false;
#else
constexpr bool kKeeps = true;
#endif

constexpr size_t kMinBits = 5;            // 32 bytes
constexpr size_t kClasses = 10;           // up to 16 KiB
constexpr size_t kKeptMax = 1024 * 1024;  // bytes

constexpr size_t class_bytes(size_t at) { return size_t{1} << (kMinBits + at); }

// In front of each block; as large as the strictest alignment.
struct alignas(std::max_align_t) Block {
  Block* next;
  size_t at;  // size class; kClasses: larger than any
  size_t bytes;
};

constexpr size_t class_of(size_t bytes) {
  if (bytes <= class_bytes(0)) return 0;
  const auto bits = static_cast<size_t>(std::bit_width(bytes - 1));
  return bits - kMinBits < kClasses ? bits - kMinBits : kClasses;
}

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store() {
    for (Block*& first : x_free) {
      while (first != nullptr) {
        Block* const block = first;
        first = block->next;
        std::free(block);
      }
    }
  }

  void* take(size_t bytes) {
    const size_t at = class_of(bytes);
    const size_t room = at == kClasses ? bytes : class_bytes(at);
    Block* block = at == kClasses ? nullptr : x_free[at];
    if (block != nullptr) {
      x_free[at] = block->next;
      x_kept -= room;
    } else {
      block = static_cast<Block*>(std::malloc(sizeof(Block) + room));
      if (block == nullptr) return nullptr;
      block->at = at;
      block->bytes = room;
    }
    return block + 1;
  }

  void give_back(void* memory) {
    if (memory == nullptr) return;
    Block* const block = static_cast<Block*>(memory) - 1;
    if (block->at == kClasses || x_kept + block->bytes > kKeptMax) return std::free(block);
    block->next = x_free[block->at];
    x_free[block->at] = block;
    x_kept += block->bytes;
  }

  void* resize(void* memory, size_t bytes) {
    if (memory == nullptr) return take(bytes);
    const size_t room = (static_cast<Block*>(memory) - 1)->bytes;
    if (bytes <= room) return memory;
    void* const larger = take(bytes);
    if (larger == nullptr) return nullptr;
    std::memcpy(larger, memory, room);
    give_back(memory);
    return larger;
  }

 private:
  std::array<Block*, kClasses> x_free{};
  size_t x_kept = 0;
};

Store& store() {
  thread_local Store kept;
  return kept;
}

void* allocate(size_t bytes, void*) { return kKeeps ? store().take(bytes) : std::malloc(bytes); }

void release(void* memory, void*) { kKeeps ? store().give_back(memory) : std::free(memory); }

void* allocate_zeroed(size_t count, size_t bytes, void*) {
  if (!kKeeps) return std::calloc(count, bytes);
  if (bytes != 0 && count > SIZE_MAX / bytes) return nullptr;
  void* const memory = store().take(count * bytes);
  return memory == nullptr ? nullptr : std::memset(memory, 0, count * bytes);
}

void* reallocate(void* memory, size_t bytes, void*) {
  return kKeeps ? store().resize(memory, bytes) : std::realloc(memory, bytes);
}

}  // namespace

nghttp2_mem* h2_memory() {
  static nghttp2_mem memory = {nullptr, allocate, release, allocate_zeroed, reallocate};
  return &memory;
}

void* take_stream_memory(size_t bytes) {
  nghttp2_mem& from = *h2_memory();
  void* const memory = from.malloc(bytes, from.mem_user_data);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void give_back_stream_memory(void* memory) {
  nghttp2_mem& to = *h2_memory();
  to.free(memory, to.mem_user_data);
}

}  // namespace outrigger::http
