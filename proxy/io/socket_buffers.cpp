#include "proxy/io/socket_buffers.hpp"

#include <array>

#include <linux/sock_diag.h>
#include <sys/socket.h>

namespace outrigger::io {

void keep_buffers_small(int fd) {
  // The kernel doubles it, for what it puts around the bytes (socket(7)).
  constexpr int kBytes = 32 * 1024;
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kBytes, sizeof kBytes);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBytes, sizeof kBytes);
}

int64_t buffered_bytes(int fd) {
  std::array<uint32_t, SK_MEMINFO_VARS> kinds{};
  socklen_t length = sizeof kinds;
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, kinds.data(), &length) != 0) return 0;
  return int64_t{kinds[SK_MEMINFO_RMEM_ALLOC]} + kinds[SK_MEMINFO_WMEM_QUEUED] +
         kinds[SK_MEMINFO_FWD_ALLOC];
}

}  // namespace outrigger::io
