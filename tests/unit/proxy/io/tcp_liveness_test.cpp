#include "proxy/io/tcp_liveness.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tests/unit/proxy/io/socket_fixture.hpp"

namespace outrigger::io {
namespace {

struct TcpLiveness : SocketTest {};

TEST_F(TcpLiveness, APeerThatTakesNothingBreaksItWithinItsBound) {
  for (const bool bounded : {false, true}) {
    Pair pair(*this);
    pair.server().pause();
    if (bounded) pair.client.stream().bound_unacked(100);
    const std::string much(1 << 20, 'x');
    while (pair.client.stream().unsent() == 0) pair.client.send(much);
    EXPECT_EQ(run_until(
                  loop, [&] { return pair.client.broken; }, bounded ? 20'000 : 1'000),
              bounded);
  }
}

// Of all sockets of this process that are connected.
TEST_F(TcpLiveness, ASilentPeerIsAskedWhetherItIsThere) {
  Pair pair(*this);
  int probed = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) continue;
    int after_s = 0;
    int on = 0;
    socklen_t size = sizeof on;
    ::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &size);
    ::getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &after_s, &size);
    if (on == 1 && after_s == 60) ++probed;
  }
  EXPECT_EQ(probed, 2) << "ours, and the one that was accepted";
}

}  // namespace
}  // namespace outrigger::io
