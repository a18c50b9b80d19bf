#include "proxy/io/connector.hpp"

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "proxy/base/log.hpp"
#include "proxy/io/socket_buffers.hpp"
#include "proxy/io/socket_stream.hpp"
#include "proxy/io/tcp_liveness.hpp"

namespace outrigger::io {

// What we are short of says nothing of the other side: EADDRNOTAVAIL is that no port of our own is
// left, EPERM that our own host forbids it.
Cause cause_of_connect_error(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ENOENT:
    case EAGAIN:  // the backlog of a unix socket is full
    case ECONNRESET:
      return Cause::kConnectRefused;
    case ETIMEDOUT:
      return Cause::kConnectTimeout;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EPERM:
      return Cause::kOverload;
    default:
      return Cause::kConnectUnreachable;
  }
}

Connector::Connector(Loop& loop, const Address& to, ConnectEvents& events, int descriptors_max)
    : x_loop(loop), x_events(events), x_to(to) {
  begin(descriptors_max);
  if (!x_poll.is_open()) x_loop.defer(x_deferred);
}

void Connector::begin(int descriptors_max) {
  sockaddr_storage address;
  const socklen_t length = x_to.to_sockaddr(address);
  x_fd = Fd(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!x_fd.is_open()) {
    x_error = errno;
    return;
  }
  if (x_fd.get() >= descriptors_max) {
    x_fd.close();
    x_error = EMFILE;
    return;
  }
  if (x_loop.memory_is_tight()) keep_buffers_small(x_fd.get());
  if (x_to.is_ip()) {
    const int on = 1;
    ::setsockopt(x_fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    probe_when_silent(x_fd.get());
  }
  if (::connect(x_fd.get(), reinterpret_cast<sockaddr*>(&address), length) == 0) return;
  if (errno == EINPROGRESS) {
    wait();
  } else {
    x_error = errno;
  }
}

void Connector::wait() {
  int status = x_poll.open(
      this, [&](uv_poll_t* handle) { return uv_poll_init(x_loop.uv(), handle, x_fd.get()); });
  if (status == 0) {
    status = uv_poll_start(x_poll.get(), UV_WRITABLE, [](uv_poll_t* handle, int failed, int) {
      if (handle->data != nullptr) static_cast<Connector*>(handle->data)->on_poll(failed);
    });
  }
  if (status == 0) return;
  x_poll.close();
  x_error = -status;
}

void Connector::on_poll(int status) {
  const Loop::Turn turn(x_loop);
  socklen_t length = sizeof x_error;
  if (::getsockopt(x_fd.get(), SOL_SOCKET, SO_ERROR, &x_error, &length) != 0) x_error = errno;
  if (x_error == 0 && status < 0) x_error = -status;
  report();
}

void Connector::report() {
  if (is_linked()) return;  // given to the Reaper
  if (x_error == 0 && reached_itself()) x_error = ECONNREFUSED;
  if (x_error != 0) {
    x_poll.close();
    x_fd.close();
    const Cause cause = cause_of_connect_error(x_error);
    if (cause == Cause::kOverload) {
      log::repeated(log::Level::kWarning, "no connection can be opened",
                    {{"to", x_to.to_string()}, {"why", std::strerror(x_error)}});
    }
    return x_events.on_connect_failed(cause);
  }
  x_events.on_connected(std::make_unique<SocketStream>(x_loop, std::move(x_fd), std::move(x_poll),
                                                       x_to, /*we_connected=*/true));
}

// A connect to a local port that nobody listens on can be given that very port as its own end, and
// then meets itself (TCP's simultaneous open, RFC 9293 section 3.5).
bool Connector::reached_itself() const {
  if (!x_to.is_loopback()) return false;
  sockaddr_storage own;
  socklen_t length = sizeof own;
  auto* const address = reinterpret_cast<sockaddr*>(&own);
  if (::getsockname(x_fd.get(), address, &length) != 0) return false;
  return Address::from_sockaddr(address) == x_to;
}

}  // namespace outrigger::io
