#include "proxy/io/listening_socket.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/io/tcp_liveness.hpp"

namespace outrigger::io {
namespace {

void switch_on(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

Failure<std::string> cannot_listen(const Address& at, int error) {
  return failure("cannot listen on " + at.to_string() + ": " + std::strerror(error));
}

Fd open_tcp(const Address& at) {
  Fd fd(::socket(at.kind() == Address::Kind::kIpv4 ? AF_INET : AF_INET6,
                 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return fd;
  switch_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  // Accepted sockets inherit both.
  switch_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  probe_when_silent(fd.get());
  if (at.kind() == Address::Kind::kIpv6) switch_on(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  return fd;
}

int bind_to(int fd, const Address& at) {
  sockaddr_storage address;
  const socklen_t length = at.to_sockaddr(address);
  return ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
}

// Whether somebody accepts connections on this socket file.
bool is_answered(const Address& at) {
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  const socklen_t length = at.to_sockaddr(address);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 || errno == EAGAIN;
}

bool is_socket_file(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

// Removes the file with the last share, unless another socket has taken its place.
struct ListeningSocket::SocketFile {
  explicit SocketFile(std::string where) : path(std::move(where)) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) inode = status.st_ino;
  }
  ~SocketFile() {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && status.st_ino == inode) ::unlink(path.c_str());
  }
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  std::string path;
  ino_t inode = 0;
};

Result<ListeningSocket> ListeningSocket::bind(const Address& at, bool is_port_ours) {
  if (at.kind() == Address::Kind::kUnix) return bind_unix(at);
  // SO_REUSEPORT would let a second process of the same user in: a bind without it says whether
  // somebody listens there already.
  if (at.port() != 0 && !is_port_ours) {
    const Fd probe = open_tcp(at);
    if (!probe.is_open()) return cannot_listen(at, errno);
    if (const int error = bind_to(probe.get(), at)) return cannot_listen(at, error);
  }
  return bind_tcp(at);
}

Result<ListeningSocket> ListeningSocket::bind_tcp(const Address& at) {
  ListeningSocket socket;
  socket.x_fd = open_tcp(at);
  if (!socket.x_fd.is_open()) return cannot_listen(at, errno);
  switch_on(socket.fd(), SOL_SOCKET, SO_REUSEPORT);
  if (const int error = bind_to(socket.fd(), at)) return cannot_listen(at, error);
  sockaddr_storage bound;
  socklen_t length = sizeof bound;
  if (::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
    return cannot_listen(at, errno);
  }
  socket.x_address = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&bound));
  return socket;
}

Result<ListeningSocket> ListeningSocket::bind_unix(const Address& at) {
  ListeningSocket socket;
  socket.x_fd = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.x_fd.is_open()) return cannot_listen(at, errno);
  int error = bind_to(socket.fd(), at);
  if (error == EADDRINUSE && is_socket_file(at.path()) && !is_answered(at)) {
    ::unlink(at.path().c_str());
    error = bind_to(socket.fd(), at);
  }
  if (error != 0) return cannot_listen(at, error);
  socket.x_file = std::make_shared<SocketFile>(at.path());
  socket.x_address = at;
  return socket;
}

Result<ListeningSocket> ListeningSocket::share() const {
  if (x_address.is_ip()) return bind_tcp(x_address);
  ListeningSocket socket;
  socket.x_fd = x_fd.duplicate();
  if (!socket.x_fd.is_open()) return cannot_listen(x_address, errno);
  socket.x_file = x_file;
  socket.x_address = x_address;
  return socket;
}

Result<std::vector<BoundSocketPtr>> SocketBinder::bind(const Address& at, size_t count,
                                                       bool is_port_ours) {
  auto first = ListeningSocket::bind(at, is_port_ours);
  if (!first) return failure(first.error());
  std::vector<BoundSocketPtr> sockets;
  for (size_t i = 1; i < count; ++i) {
    auto share = first->share();
    if (!share) return failure(share.error());
    sockets.push_back(std::make_unique<ListeningSocket>(std::move(*share)));
  }
  sockets.push_back(std::make_unique<ListeningSocket>(std::move(*first)));
  return sockets;
}

int ListeningSocket::listen() { return ::listen(x_fd.get(), kBacklog) == 0 ? 0 : errno; }

}  // namespace outrigger::io
