#include "proxy/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

#include <poll.h>
#include <unistd.h>

namespace outrigger {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  // Where nobody reads standard error the process must end all the same.
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, 0) > 0) {
    std::fprintf(stderr, "outrigger: broken invariant: %s (%s:%d)\n", condition, file, line);
  }
  std::abort();
}

}  // namespace outrigger
