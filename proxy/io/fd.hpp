// An Fd owns one file descriptor and closes it at its end. A value type that can be moved; any
// thread. It knows nothing of loops.
#pragma once

#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace outrigger::io {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : x_fd(fd) {}
  Fd(Fd&& other) noexcept : x_fd(std::exchange(other.x_fd, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(x_fd, other.x_fd);
    return *this;
  }
  ~Fd() { close(); }

  bool is_open() const { return x_fd >= 0; }
  int get() const { return x_fd; }
  void close() {
    if (is_open()) ::close(std::exchange(x_fd, -1));
  }
  // Not open when the process has no descriptor left.
  Fd duplicate() const { return Fd(::fcntl(x_fd, F_DUPFD_CLOEXEC, 0)); }

 private:
  int x_fd = -1;
};

}  // namespace outrigger::io
