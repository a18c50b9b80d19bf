// Preloaded into a proxy, this counts its allocations in the 8 bytes of the file that the
// environment variable OUTRIGGER_MALLOC_COUNT names. The file is mapped and shared, so that the
// driver reads the count while the proxy runs, and processes that the proxy forks count into it
// too.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

std::atomic<uint64_t> nowhere;  // until the file is mapped
std::atomic<uint64_t>* counter = &nowhere;

void count() { counter->fetch_add(1, std::memory_order_relaxed); }

// The allocator that would have been called: glibc's, or the one a proxy brings.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

__attribute__((constructor)) void map_counter() {
  const char* path = std::getenv("OUTRIGGER_MALLOC_COUNT");
  const int fd = path ? open(path, O_RDWR) : -1;
  if (fd < 0) return;
  void* page = mmap(nullptr, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) counter = static_cast<std::atomic<uint64_t>*>(page);
}

}  // namespace

extern "C" {

void* malloc(std::size_t bytes) {
  count();
  static const auto real = next<void*(std::size_t)>("malloc");
  return real(bytes);
}

void* calloc(std::size_t number, std::size_t bytes) {
  count();
  static const auto real = next<void*(std::size_t, std::size_t)>("calloc");
  return real(number, bytes);
}

void* realloc(void* old, std::size_t bytes) {
  count();
  static const auto real = next<void*(void*, std::size_t)>("realloc");
  return real(old, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) {
  count();
  static const auto real = next<void*(std::size_t, std::size_t)>("memalign");
  return real(alignment, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  *result = memalign(alignment, bytes);
  return *result ? 0 : ENOMEM;
}
}

// An allocator that a proxy brings may have these too, and would not be asked through malloc.
void* operator new(std::size_t bytes) {
  if (void* result = malloc(bytes)) return result;
  throw std::bad_alloc();
}

void* operator new[](std::size_t bytes) { return operator new(bytes); }
