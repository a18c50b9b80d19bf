#include "proxy/io/line_buffer.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::io {

void LineBuffer::append(std::string_view line) {
  const std::lock_guard lock(x_mutex);
  const size_t held = x_pending.size() + x_taken_bytes.load(std::memory_order_relaxed);
  if (held + line.size() >= kBytesMax) {
    x_dropped->fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const bool was_empty = x_pending.empty();
  x_pending.append(line);
  x_pending.push_back('\n');
  if (was_empty) wake();
}

void LineBuffer::ask_to_reopen() {
  const std::lock_guard lock(x_mutex);
  x_reopen = true;
  wake();
}

void LineBuffer::add_writer() {
  const std::lock_guard lock(x_mutex);
  ++x_writers;
}

void LineBuffer::remove_writer() {
  const std::lock_guard lock(x_mutex);
  if (--x_writers == 0) wake();
}

bool LineBuffer::take(std::string& lines) {
  const std::lock_guard lock(x_mutex);
  std::swap(lines, x_pending);
  x_taken_bytes.fetch_add(lines.size(), std::memory_order_relaxed);
  return x_writers > 0;
}

void LineBuffer::count_dropped(std::string_view lines) {
  const auto count = std::count(lines.begin(), lines.end(), '\n');
  x_dropped->fetch_add(static_cast<uint64_t>(count), std::memory_order_relaxed);
}

void LineBuffer::set_wake(uv_async_t* wake) {
  const std::lock_guard lock(x_mutex);
  x_wake = wake;
}

void LineBuffer::wake() {
  if (x_wake != nullptr) uv_async_send(x_wake);
}

}  // namespace outrigger::io
