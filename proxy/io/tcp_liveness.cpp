#include "proxy/io/tcp_liveness.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace outrigger::io {
namespace {

// A failure does not matter: the socket has died meanwhile.
void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

void probe_when_silent(int fd) {
  constexpr int kAfterS = 60;
  constexpr int kEachS = 10;
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kAfterS);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kEachS);
}

void bound_unacked(int fd, int64_t ms) {
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(ms));
}

}  // namespace outrigger::io
