#include "proxy/io/file_watch.hpp"

#include <algorithm>
#include <filesystem>

namespace outrigger::io {
namespace {

std::string directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path().string() : ".";
}

}  // namespace

FileWatch::FileWatch(Loop& loop, std::string path, FileChangeEvents& events)
    : x_loop(loop), x_events(events), x_path(std::move(path)) {
  watch_directories();
  x_seen = look_at_file();
  loop.context().timers.arm(x_look, loop.context().clock.now_ms() + kLookMs);
}

FileWatch::Identity FileWatch::look_at_file() const {
  struct stat status {};
  if (::stat(x_path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino,
          int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          int64_t{status.st_size}};
}

void FileWatch::watch_directories() {
  watch(x_of_path, directory_of(x_path));
  std::error_code absent;
  const auto target = std::filesystem::canonical(x_path, absent);
  const std::string beyond = absent ? std::string() : directory_of(target);
  const auto own = std::filesystem::canonical(x_of_path.path, absent);
  if (beyond.empty() || own == beyond) {
    x_of_target = {};
  } else {
    watch(x_of_target, beyond);
  }
}

// A directory that is absent, or an exhausted inotify, leaves the look of each second.
void FileWatch::watch(Directory& directory, const std::string& path) {
  if (directory.handle.is_open() && directory.path == path) return;
  directory.path = path;
  const auto init = [&](uv_fs_event_t* handle) { return uv_fs_event_init(x_loop.uv(), handle); };
  const auto heard = [](uv_fs_event_t* handle, const char*, int, int) {
    if (handle->data != nullptr) static_cast<FileWatch*>(handle->data)->on_event();
  };
  if (directory.handle.open(this, init) < 0) return;
  if (uv_fs_event_start(directory.handle.get(), heard, path.c_str(), 0) < 0) {
    directory.handle.close();
  }
}

void FileWatch::on_event() {
  const Loop::Turn turn(x_loop);
  if (is_linked()) return;
  const LoopContext on = x_loop.context();
  const int64_t now_ms = on.clock.now_ms();
  if (!x_quiet.is_armed()) x_burst_began_ms = now_ms;
  on.timers.arm(x_quiet, std::min(now_ms + kQuietMs, x_burst_began_ms + kLookMs));
}

void FileWatch::on_look() {
  if (is_linked()) return;
  watch_directories();
  if (!x_quiet.is_armed() && look_at_file() != x_seen) on_quiet();
  const LoopContext on = x_loop.context();
  on.timers.arm(x_look, on.clock.now_ms() + kLookMs);
}

void FileWatch::on_quiet() {
  if (is_linked()) return;
  watch_directories();
  const Identity now = look_at_file();
  if (now == x_seen) return;
  x_seen = now;
  x_events.on_changed();
}

}  // namespace outrigger::io
