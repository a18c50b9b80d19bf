#include "proxy/io/line_output.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

namespace outrigger::io {
namespace {

mode_t type_of(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

bool is_fifo(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

}  // namespace

LineOutput::LineOutput(Loop& loop, std::string path, std::shared_ptr<LineBuffer> buffer,
                       LineOutputEvents& events)
    : x_loop(loop), x_events(events), x_path(std::move(path)), x_buffer(std::move(buffer)) {}

LineOutput::~LineOutput() { x_buffer->set_wake(nullptr); }

// ---- opening

Result<bool> LineOutput::open() {
  x_target = open_path();
  if (!x_target.fd.is_open() && !(errno == ENXIO && is_fifo(x_path))) {
    return failure("cannot open " + x_path + ": " + std::strerror(errno));
  }
  const auto init = [&](uv_async_t* wake) {
    return uv_async_init(x_loop.uv(), wake, [](uv_async_t* self) {
      if (self->data != nullptr) static_cast<LineOutput*>(self->data)->on_wake();
    });
  };
  if (const int status = x_wake.open(this, init); status < 0) {
    return failure("cannot open " + x_path + ": " + uv_strerror(status));
  }
  x_buffer->set_wake(x_wake.get());
  uv_async_send(x_wake.get());  // for what came before
  return true;
}

// Others share what standard error was opened as, so that may not become non-blocking; a pipe or
// terminal can be opened once more for ourselves.
LineOutput::Target LineOutput::open_standard_error() {
  const mode_t type = type_of(STDERR_FILENO);
  if (type == S_IFIFO || type == S_IFCHR) {
    Fd own(::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own.is_open()) return {std::move(own)};
  }
  Fd shared(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
  if (shared.is_open()) return {std::move(shared), type != S_IFREG};
  return {Fd(::open("/dev/null", O_WRONLY | O_CLOEXEC))};
}

LineOutput::Target LineOutput::open_path() const {
  if (x_path == "-") return open_standard_error();
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  return {Fd(::open(x_path.c_str(), kFlags, 0640))};
}

// The rest of a line that the old file has the beginning of is in neither.
void LineOutput::reopen() {
  Target fresh = open_path();
  if (!fresh.fd.is_open()) return;
  x_writable.close();
  x_target = std::move(fresh);
  if (x_in_line) drop(x_rest.find('\n') + 1);
  x_in_line = x_torn = false;
}

// ---- writing

void LineOutput::on_wake() {
  const Loop::Turn turn(x_loop);
  if (is_linked()) return;
  const bool waits = x_writable.is_open() || x_again.is_armed();
  if (!waits || x_buffer->is_to_reopen()) write_out();
}

void LineOutput::on_again() {
  if (is_linked()) return;
  reopen();
  write_out();
}

void LineOutput::on_writable() {
  const Loop::Turn turn(x_loop);
  if (is_linked()) return;
  x_writable.close();
  write_out();
}

// One buffer full in a turn, so that the other work of the thread has its turn too.
void LineOutput::write_out() {
  if (x_buffer->is_to_reopen()) {
    x_buffer->reopened();
    reopen();
  }
  if (!write_rest()) return;
  x_lines.clear();
  const bool goes_on = x_buffer->take(x_lines);
  x_rest = x_lines;
  if (x_rest.empty() && !goes_on) return x_events.on_end(*this);
  if (!x_rest.empty() && write_rest()) uv_async_send(x_wake.get());
}

// Returns whether all is gone, written or lost.
bool LineOutput::write_rest() {
  while (!x_rest.empty()) {
    if (!x_target.fd.is_open()) {
      const LoopContext loop = x_loop.context();
      loop.timers.arm(x_again, loop.clock.now_ms() + kRetryMs);
      return false;
    }
    const ssize_t written = write_some(x_torn ? std::string_view("\n") : x_rest);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN && wait_until_writable()) return false;
    if (written <= 0) {
      drop(x_rest.size());
    } else if (x_torn) {
      x_torn = x_in_line = false;
    } else {
      consume(static_cast<size_t>(written));
    }
  }
  return true;
}

ssize_t LineOutput::write_some(std::string_view bytes) const {
  const int fd = x_target.fd.get();
  if (!x_target.may_block) return ::write(fd, bytes.data(), bytes.size());
  // So much is taken at once where anything is (pipe(7)).
  pollfd ready{fd, POLLOUT, 0};
  if (::poll(&ready, 1, 0) > 0)
    return ::write(fd, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
  errno = EAGAIN;
  return -1;
}

// libuv would make the target non-blocking for all who share it: it gets an epoll in between.
bool LineOutput::wait_until_writable() {
  x_epoll = Fd(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event writable{};
  writable.events = EPOLLOUT;
  if (::epoll_ctl(x_epoll.get(), EPOLL_CTL_ADD, x_target.fd.get(), &writable) != 0) return false;
  const auto init = [&](uv_poll_t* poll) { return uv_poll_init(x_loop.uv(), poll, x_epoll.get()); };
  if (x_writable.open(this, init) < 0) return false;
  const auto heard = [](uv_poll_t* self, int, int) {
    if (self->data != nullptr) static_cast<LineOutput*>(self->data)->on_writable();
  };
  if (uv_poll_start(x_writable.get(), UV_READABLE, heard) == 0) return true;
  x_writable.close();
  return false;
}

void LineOutput::consume(size_t bytes) {
  x_in_line = x_rest[bytes - 1] != '\n';
  x_rest.remove_prefix(bytes);
  x_buffer->release(bytes);
}

void LineOutput::drop(size_t bytes) {
  x_buffer->count_dropped(x_rest.substr(0, bytes));
  x_rest.remove_prefix(bytes);
  x_buffer->release(bytes);
  x_torn = x_in_line;
}

}  // namespace outrigger::io
