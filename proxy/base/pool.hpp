// Memory that comes and goes with calls: a freed block is kept by size and given out again, so that
// a warm thread asks malloc for nothing. One Pool per thread, bounded; a block may be freed on any
// thread, and is then kept there. Not for what lives as long as the process. Whatever a peer can
// make grow (buffers, arenas, the state of TLS and HTTP/2) comes from here, so the pool is also the
// exact account of it: see in_use_bytes(). Under AddressSanitizer
// nothing is kept unless a test says so, and every mistake is seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace outrigger {

class Pool {
 public:
  // 32 and 48 bytes and their doubles up to 16 KiB, and the largest.
  static constexpr size_t kClasses = 20;
  // A record of TLS or a frame of HTTP/2 with what the libraries put around it. Larger blocks are
  // malloc's.
  static constexpr size_t kLargestBytes = 20 * 1024;
  static constexpr size_t kKeptMax = 1024 * 1024;  // bytes

  static Pool& of_thread();

  // Aligned for anything; null when there is no memory.
  void* allocate(size_t bytes) noexcept;
  // As realloc(3) does it; null, and nothing has happened, when there is no memory.
  void* reallocate(void* memory, size_t bytes) noexcept;
  void free(void* memory) noexcept;

  // Whether freed blocks are kept; false frees those that are.
  void set_keeping(bool keeps) noexcept;
  size_t kept_bytes() const { return x_kept; }
  // Given out by this thread less what was freed here; below 0 where others' blocks are freed.
  int64_t in_use_bytes() const { return x_in_use; }

 private:
  struct Block;

  void* allocate_fresh(size_t at, size_t bytes) noexcept;

  constexpr Pool() = default;

#ifdef __SANITIZE_ADDRESS__
  bool x_keeps = false;
#else
  bool x_keeps = true;
#endif
  size_t x_kept = 0;
  int64_t x_in_use = 0;
  std::array<Block*, kClasses> x_free{};
};

}  // namespace outrigger
