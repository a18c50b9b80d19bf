#include "proxy/http/h2_memory.hpp"

#include <cstdint>
#include <cstring>

#include "proxy/base/pool.hpp"

namespace outrigger::http {
namespace {

void* allocate(size_t bytes, void*) { return Pool::of_thread().allocate(bytes); }

void release(void* memory, void*) { Pool::of_thread().free(memory); }

void* allocate_zeroed(size_t count, size_t bytes, void*) {
  if (bytes != 0 && count > SIZE_MAX / bytes) return nullptr;
  void* const memory = Pool::of_thread().allocate(count * bytes);
  return memory == nullptr ? nullptr : std::memset(memory, 0, count * bytes);
}

void* reallocate(void* memory, size_t bytes, void*) {
  return Pool::of_thread().reallocate(memory, bytes);
}

}  // namespace

nghttp2_mem* h2_memory() {
  static nghttp2_mem memory = {nullptr, allocate, release, allocate_zeroed, reallocate};
  return &memory;
}

}  // namespace outrigger::http
