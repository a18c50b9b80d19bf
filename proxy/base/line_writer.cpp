#include "proxy/base/line_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace outrigger {
namespace {

int open_for_append(const std::string& path) {
  if (path == "-") return ::dup(STDERR_FILENO);
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

}  // namespace

Result<std::unique_ptr<LineWriter>> LineWriter::open(const std::string& path) {
  const int fd = open_for_append(path);
  if (fd < 0) return failure("cannot open " + path + ": " + std::strerror(errno));
  return std::unique_ptr<LineWriter>(new LineWriter(path, fd));
}

LineWriter::LineWriter(std::string path, int fd)
    : x_path(std::move(path)), x_fd(fd), x_thread([this] { run(); }) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(x_mutex);
    x_end = true;
  }
  x_wake.notify_one();
  x_thread.join();
  ::close(x_fd);
}

void LineWriter::append(std::string_view line) {
  bool was_empty = false;
  {
    const std::lock_guard lock(x_mutex);
    if (x_pending.size() + line.size() >= kBufferBytesMax) {
      x_dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    was_empty = x_pending.empty();
    x_pending.append(line);
    x_pending.push_back('\n');
  }
  if (was_empty) x_wake.notify_one();
}

void LineWriter::reopen() {
  {
    const std::lock_guard lock(x_mutex);
    x_reopen = true;
  }
  x_wake.notify_one();
}

void LineWriter::run() {
  std::string lines;
  std::unique_lock lock(x_mutex);
  while (true) {
    x_wake.wait(lock, [&] { return x_end || x_reopen || !x_pending.empty(); });
    lines.clear();
    std::swap(lines, x_pending);
    const bool reopen = std::exchange(x_reopen, false);
    const bool end = x_end;
    lock.unlock();
    write_out(lines);
    if (reopen) {
      if (const int fd = open_for_append(x_path); fd >= 0) {
        ::close(std::exchange(x_fd, fd));
        x_torn = false;
      }
    }
    if (end) return;
    lock.lock();
  }
}

// What the disk does not take is lost, line by line, and counted. A line of which only a part was
// taken is closed, so that the next one is whole.
void LineWriter::write_out(std::string_view lines) {
  if (x_torn && !lines.empty()) x_torn = ::write(x_fd, "\n", 1) != 1;
  while (!lines.empty()) {
    const ssize_t written = ::write(x_fd, lines.data(), lines.size());
    if (written > 0) {
      x_torn = lines[static_cast<size_t>(written) - 1] != '\n';
      lines.remove_prefix(static_cast<size_t>(written));
      continue;
    }
    if (written < 0 && errno == EINTR) continue;
    const auto lost = std::count(lines.begin(), lines.end(), '\n');
    x_dropped.fetch_add(static_cast<uint64_t>(lost), std::memory_order_relaxed);
    return;
  }
}

}  // namespace outrigger
