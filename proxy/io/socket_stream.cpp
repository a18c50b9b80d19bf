#include "proxy/io/socket_stream.hpp"

#include <algorithm>
#include <cerrno>

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proxy/io/original_destination.hpp"
#include "proxy/io/socket_buffers.hpp"
#include "proxy/io/tcp_info.hpp"
#include "proxy/io/tcp_liveness.hpp"

namespace outrigger::io {
namespace {

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

SocketStream::SocketStream(Loop& loop, Fd fd, UvHandle<uv_poll_t> poll, const Address& peer,
                           bool we_connected)
    : x_loop(loop),
      x_poll(std::move(poll)),
      x_peer(peer),
      x_fd(std::move(fd)),
      x_we_connected(we_connected) {
  if (x_poll.is_open()) {
    x_poll.set_owner(this);
    uv_poll_stop(x_poll.get());
    return;
  }
  const int status = x_poll.open(
      this, [&](uv_poll_t* handle) { return uv_poll_init(loop.uv(), handle, x_fd.get()); });
  if (status < 0) fail_writing();
}

SocketStream::~SocketStream() {
  x_loop.outbox().forget(*this);
  x_poll.close();
}

void SocketStream::start(StreamEvents& events) {
  x_events = &events;
  if (x_cannot_write) x_loop.defer(x_deferred);
  if (x_reading) watch();
}

// libuv learns of a pause with the next event or change only: a short one costs no system call.
void SocketStream::resume_reading() {
  if (x_reading) return;
  x_reading = true;
  if (x_cannot_write && !x_dead) x_loop.defer(x_deferred);
  watch();
}

void SocketStream::write(std::span<const std::string_view> pieces) {
  if (x_cannot_write || x_finishing || x_dead) return;
  if (x_tail.empty()) {
    send_pieces(pieces);
  } else {
    for (std::string_view piece : pieces) x_tail.append(piece);
  }
}

void SocketStream::send_pieces(std::span<const std::string_view> pieces) {
  constexpr size_t kMost = 16;
  while (!pieces.empty()) {
    std::array<iovec, kMost> parts;
    const size_t count = std::min(pieces.size(), kMost);
    size_t total = 0;
    for (size_t i = 0; i < count; ++i) {
      parts[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
      total += pieces[i].size();
    }
    ssize_t sent = 0;
    if (count == 1) {
      sent = ::send(x_fd.get(), parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = count;
      sent = ::sendmsg(x_fd.get(), &message, MSG_NOSIGNAL);
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && !would_block(errno)) return fail_writing();
    const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
    x_sent += taken;
    if (taken == total) {
      pieces = pieces.subspan(count);
      continue;
    }
    size_t skip = taken;
    for (std::string_view piece : pieces) {
      const size_t gone = std::min(skip, piece.size());
      x_tail.append(piece.substr(gone));
      skip -= gone;
    }
    return wait_for_room();
  }
}

// A peer that does not take what it gets would have it pile up in the kernel.
void SocketStream::wait_for_room() {
  if (!x_small && x_loop.memory_is_tight()) {
    x_small = true;
    keep_buffers_small(x_fd.get());
  }
  watch();
}

size_t SocketStream::unacked() const {
  int queued = 0;
  if (x_dead || ::ioctl(x_fd.get(), SIOCOUTQ, &queued) != 0) queued = 0;
  return x_tail.size() + static_cast<size_t>(std::max(queued, 0));
}

void SocketStream::finish() {
  if (x_finishing) return;
  x_loop.outbox().flush();
  x_finishing = true;
  if (x_tail.empty() && !x_cannot_write && !x_dead) shut_down();
}

void SocketStream::shut_down() { ::shutdown(x_fd.get(), SHUT_WR); }

void SocketStream::abort() {
  x_loop.outbox().forget(*this);
  x_tail.clear();
  x_dead = true;
  x_deferred.unlink();
  x_poll.close();
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(x_fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void SocketStream::bound_unacked(int64_t ms) {
  if (x_peer.is_ip()) io::bound_unacked(x_fd.get(), ms);
}

bool SocketStream::is_broken() const {
  if (x_cannot_write || x_dead) return true;
  pollfd look{.fd = x_fd.get(), .events = 0, .revents = 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLERR) != 0;
}

std::optional<uint64_t> SocketStream::bytes_acked() const {
  const std::optional<uint64_t> counted =
      x_peer.is_ip() ? tcp_bytes_acked(x_fd.get()) : std::nullopt;
  if (!counted) return std::nullopt;
  // The kernel counts our SYN, when it was us who connected, and our FIN.
  const uint64_t syn = x_we_connected ? 1 : 0;
  return std::min(*counted - std::min(*counted, syn), x_sent);
}

std::optional<int64_t> SocketStream::ms_since_ack() const {
  return x_peer.is_ip() ? tcp_ms_since_ack(x_fd.get()) : std::nullopt;
}

int64_t SocketStream::kernel_bytes() const { return x_dead ? 0 : buffered_bytes(x_fd.get()); }

std::optional<Address> SocketStream::original_destination() const {
  return io::original_destination(x_fd.get());
}

void SocketStream::on_poll(int status, int events) {
  Loop::Turn turn(x_loop);
  if (x_dead || is_doomed()) return;
  if ((events & UV_WRITABLE) != 0 && !x_tail.empty()) {
    send_tail();
    turn.next();
    if (is_doomed() || x_dead) return;
  }
  // An error shows when reading, after what arrived before it.
  if ((events & UV_READABLE) != 0 || status < 0) {
    if (wants_reading()) {
      read_once();
      turn.next();
    } else if (status < 0) {
      fail_writing();
    }
  }
  // libuv has stopped watching when it reports an error.
  if (status < 0) x_watched = 0;
  if (!is_doomed()) watch();
}

void SocketStream::read_once() {
  const std::span<char> scratch = x_loop.read_scratch();
  const ssize_t got = ::recv(x_fd.get(), scratch.data(), scratch.size(), 0);
  if (got > 0) {
    x_events->on_read({scratch.data(), static_cast<size_t>(got)});
  } else if (got == 0) {
    x_ended = true;
    if (x_cannot_write) return die();
    x_events->on_end();
  } else if (!would_block(errno) && errno != EINTR) {
    die();
  } else if (x_cannot_write) {
    die();
  }
}

void SocketStream::send_tail() {
  const std::string_view tail = x_tail.view();
  const ssize_t sent = ::send(x_fd.get(), tail.data(), tail.size(), MSG_NOSIGNAL);
  if (sent < 0) {
    if (!would_block(errno) && errno != EINTR) fail_writing();
    return;
  }
  x_sent += static_cast<size_t>(sent);
  x_tail.consume(static_cast<size_t>(sent));
  if (!x_tail.empty()) return;
  if (x_finishing) shut_down();
  if (x_events != nullptr) x_events->on_drained();
}

// What the peer sent before it went is delivered first: it may hold an early answer.
void SocketStream::fail_writing() {
  x_cannot_write = true;
  x_tail.clear();
  x_loop.defer(x_deferred);
}

void SocketStream::deliver_rest() {
  if (is_doomed() || x_dead || x_events == nullptr) return;
  if (x_ended) return die();
  if (!x_reading) return;
  read_once();
  if (!x_dead && !is_doomed()) x_loop.defer(x_deferred);
}

void SocketStream::die() {
  x_dead = true;
  x_tail.clear();
  x_deferred.unlink();
  x_poll.close();
  x_events->on_broken();
}

void SocketStream::watch() {
  if (!x_poll.is_open()) return;
  const int wanted =
      (wants_reading() && !x_cannot_write ? UV_READABLE : 0) | (x_tail.empty() ? 0 : UV_WRITABLE);
  if (wanted == x_watched) return;
  x_watched = static_cast<uint8_t>(wanted);
  if (wanted == 0) {
    uv_poll_stop(x_poll.get());
    return;
  }
  uv_poll_start(x_poll.get(), wanted, [](uv_poll_t* handle, int status, int events) {
    if (handle->data != nullptr) static_cast<SocketStream*>(handle->data)->on_poll(status, events);
  });
}

}  // namespace outrigger::io
