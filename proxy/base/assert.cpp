#include "proxy/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace outrigger {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "outrigger: broken invariant: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace outrigger
