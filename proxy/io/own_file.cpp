#include "proxy/io/own_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/io/fd.hpp"

namespace outrigger::io {
namespace {

std::string why(const std::string& path) { return path + ": " + std::strerror(errno); }

bool write_all(const Fd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return ::fsync(fd.get()) == 0;
}

std::string why_not_ours(const std::string& path, mode_t type, const char* otherwise) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::strerror(errno);
  if ((status.st_mode & S_IFMT) != type) return otherwise;
  if (status.st_uid != ::geteuid()) return "another user owns it";
  return (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "others may write to it" : "";
}

}  // namespace

std::string write_own_file(const std::string& path, std::string_view bytes) {
  constexpr mode_t kOurs = 0600;
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOurs));
  if (!fd.is_open() || !write_all(fd, bytes)) return why(fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return why(path);
  const Fd folder(
      ::open(path.substr(0, path.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.is_open() && ::fsync(folder.get()) == 0 ? "" : why(path);
}

std::string why_not_ours(const std::string& path) {
  return why_not_ours(path, S_IFREG, "not a regular file");
}

std::string why_folder_not_ours(const std::string& path) {
  return why_not_ours(path, S_IFDIR, "not a folder");
}

bool is_mount_point(const std::string& path) {
  struct statx status {};
  return ::statx(AT_FDCWD, path.c_str(), 0, 0, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace outrigger::io
