#include "proxy/io/socket_listener.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>

#include "proxy/io/socket_buffers.hpp"
#include "proxy/io/socket_stream.hpp"

namespace outrigger::io {
namespace {

// Connections taken before other events have their turn.
constexpr int kAcceptsInARow = 64;
constexpr int64_t kRestMs = 100;

void reset(Fd fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Fd open_spare() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Result<ListenerPtr> SocketListener::open(Loop& loop, ListeningSocket socket, AcceptEvents& events,
                                         int descriptors_max) {
  std::unique_ptr<SocketListener> listener(
      new SocketListener(loop, std::move(socket), events, descriptors_max));
  const int error = listener->start();
  if (error != 0) {
    return failure("cannot listen on " + listener->address().to_string() + ": " +
                   std::strerror(error));
  }
  return ListenerPtr(std::move(listener));
}

SocketListener::SocketListener(Loop& loop, ListeningSocket socket, AcceptEvents& events,
                               int descriptors_max)
    : x_loop(loop),
      x_events(events),
      x_socket(std::move(socket)),
      x_descriptors_max(descriptors_max),
      x_spare(open_spare()) {}

int SocketListener::start() {
  if (const int error = x_socket.listen()) return error;
  const int status = x_poll.open(
      this, [&](uv_poll_t* handle) { return uv_poll_init(x_loop.uv(), handle, x_socket.fd()); });
  if (status < 0) return -status;
  watch();
  return 0;
}

void SocketListener::watch() {
  if (is_linked()) return;
  if (!x_spare.is_open()) x_spare = open_spare();
  uv_poll_start(x_poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    if (handle->data != nullptr) static_cast<SocketListener*>(handle->data)->on_readable();
  });
}

void SocketListener::on_readable() {
  Loop::Turn turn(x_loop);
  for (int i = 0; i < kAcceptsInARow; ++i) {
    if (is_linked() || !accept_one()) return;
    turn.next();
  }
}

// Bounded by what may wait, so that callers who come faster than they are taken keep nobody here.
void SocketListener::accept_waiting() {
  for (int i = 0; i < ListeningSocket::kBacklog && accept_one(); ++i) {
  }
}

// Returns whether there may be more.
bool SocketListener::accept_one() {
  sockaddr_storage from;
  socklen_t length = sizeof from;
  auto* const address = reinterpret_cast<sockaddr*>(&from);
  Fd fd(::accept4(x_socket.fd(), address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.get() >= x_descriptors_max) {
    reset(std::move(fd));
    x_events.on_accept_refused();
    return true;
  }
  if (fd.is_open()) {
    if (x_loop.memory_is_tight()) keep_buffers_small(fd.get());
    x_events.on_accepted(std::make_unique<SocketStream>(
        x_loop, std::move(fd), UvHandle<uv_poll_t>(), Address::from_sockaddr(address),
        /*we_connected=*/false));
    return true;
  }
  switch (errno) {
    case EAGAIN:
      return false;
    case EMFILE:
    case ENFILE:
      return refuse_one();
    case ENOMEM:
    case ENOBUFS:
      rest();
      return false;
    default:
      return true;  // that connection is gone already (accept(2), "Error handling")
  }
}

// The kernel looks for a descriptor before it looks for a connection, so there may be none.
bool SocketListener::refuse_one() {
  x_spare.close();
  Fd fd(::accept4(x_socket.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  const bool taken = fd.is_open();
  if (taken) reset(std::move(fd));
  x_spare = open_spare();
  if (!x_spare.is_open()) rest();
  if (taken) x_events.on_accept_refused();
  return taken && x_spare.is_open();
}

// Another thread took the spare's place: without a rest the loop would spin.
void SocketListener::rest() {
  uv_poll_stop(x_poll.get());
  x_loop.context().timers.arm(x_rest, x_loop.context().clock.now_ms() + kRestMs);
}

}  // namespace outrigger::io
