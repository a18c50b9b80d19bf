#include "proxy/io/disk.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <filesystem>
#include <utility>

#include <sys/stat.h>

#include "proxy/io/fd.hpp"

namespace outrigger::io {
namespace {

constexpr int kMostLinks = 40;  // as the kernel's, path_resolution(7)
constexpr size_t kPieceBytes = 64 * 1024;

Failure<std::string> failed(const std::string& path, int error) {
  return failure(path + ": " + std::strerror(error));
}

// The parts of a path in front of those that are left to walk.
void add_parts(std::deque<std::string>& parts, std::string_view path) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view last = slash == path.npos ? path : path.substr(slash + 1);
    if (!last.empty() && last != ".") parts.emplace_front(last);
    path = slash == path.npos ? std::string_view() : path.substr(0, slash);
  }
}

std::string root_of(std::string_view path, std::string otherwise) {
  return path.starts_with('/') ? "/" : std::move(otherwise);
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.ends_with('/') ? folder + name : folder + '/' + name;
}

// Empty when it is none.
std::string target_of_link(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t bytes = ::readlink(path.c_str(), target.data(), target.size());
  return bytes <= 0 ? std::string() : std::string(target.data(), static_cast<size_t>(bytes));
}

class UvFolderWatch final : public FolderWatch {
 public:
  UvFolderWatch(Loop& loop, std::string folder, FolderEvents& events)
      : x_loop(loop), x_folder(std::move(folder)), x_events(events) {}

  bool start() {
    const auto init = [&](uv_fs_event_t* handle) { return uv_fs_event_init(x_loop.uv(), handle); };
    const auto heard = [](uv_fs_event_t* handle, const char* name, int, int) {
      auto* const self = static_cast<UvFolderWatch*>(handle->data);
      if (self == nullptr) return;
      const Loop::Turn turn(self->x_loop);
      self->x_events.on_entry(self->x_folder, name == nullptr ? "" : name);
    };
    return x_handle.open(this, init) == 0 &&
           uv_fs_event_start(x_handle.get(), heard, x_folder.c_str(), 0) == 0;
  }

 private:
  Loop& x_loop;
  const std::string x_folder;
  FolderEvents& x_events;
  UvHandle<uv_fs_event_t> x_handle;
};

FileContent names_in(const std::string& folder, size_t bytes_max) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (error) return failure(folder + ": " + error.message());
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text.append(name).append("\n");
  if (text.size() <= bytes_max) return text;
  return failure(folder + ": larger than " + std::to_string(bytes_max) + " bytes");
}

}  // namespace

FileContent read_file(const std::string& path, size_t bytes_max) {
  if (path.ends_with('/')) return names_in(path, bytes_max);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return failed(path, errno);
  // To open a pipe or a device would already do something to it.
  if (!S_ISREG(status.st_mode)) return failure(path + ": not a regular file");
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.is_open()) return failed(path, errno);
  std::string text;
  while (text.size() <= bytes_max) {
    const size_t before = text.size();
    text.resize(std::min(bytes_max + 1, before + kPieceBytes));
    const ssize_t got = ::read(fd.get(), text.data() + before, text.size() - before);
    if (got < 0 && errno != EINTR) return failed(path, errno);
    text.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return text;
  }
  return failure(path + ": larger than " + std::to_string(bytes_max) + " bytes");
}

std::vector<Disk::Step> SystemDisk::steps(const std::string& path) {
  std::vector<Step> steps;
  std::deque<std::string> parts;
  add_parts(parts, path);
  std::string folder = root_of(path, ".");
  for (int links = 0; !parts.empty() && links <= kMostLinks;) {
    const std::string name = std::move(parts.front());
    parts.pop_front();
    const std::string here = joined(folder, name);
    struct stat status {};
    const bool is_there = ::lstat(here.c_str(), &status) == 0;
    const bool is_link = is_there && S_ISLNK(status.st_mode);
    if (!is_there || is_link || parts.empty()) steps.push_back({folder, name});
    if (!is_there) break;
    if (is_link) {
      const std::string target = target_of_link(here);
      add_parts(parts, target);
      folder = root_of(target, std::move(folder));
      ++links;
    } else {
      folder = here;
    }
  }
  return steps;
}

std::unique_ptr<FolderWatch> SystemDisk::watch(const std::string& folder, FolderEvents& events) {
  auto watch = std::make_unique<UvFolderWatch>(x_loop, folder, events);
  if (!watch->start()) return nullptr;
  return watch;
}

}  // namespace outrigger::io
