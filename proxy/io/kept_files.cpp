#include "proxy/io/kept_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/io/fd.hpp"
#include "proxy/io/sha1.hpp"

namespace outrigger::io {
namespace {

constexpr std::string_view kMagic = "outrigger-kept 1 ";
constexpr size_t kHexDigits = 40;
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr size_t kPieceBytes = 64 * 1024;

std::string checksum_of(std::string_view text) {
  std::string hex;
  for (const uint8_t byte : sha1(text)) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

Failure<std::string> failed(const std::string& path, int error) {
  return failure(path + ": " + std::strerror(error));
}

// Empty when nobody else could have written what is there.
std::string why_not_trusted(const std::string& path, int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return path + ": " + std::strerror(errno);
  if (status.st_uid != ::geteuid()) return path + ": belongs to another user";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return path + ": its group or others may write there";
  }
  return {};
}

Result<Fd> open_folder(const std::string& folder) {
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.is_open()) return failed(folder, errno);
  std::string why = why_not_trusted(folder, fd.get());
  if (!why.empty()) return failure(std::move(why));
  return fd;
}

Result<std::string> read_all(const std::string& path, int fd) {
  std::string bytes;
  for (;;) {
    const size_t before = bytes.size();
    if (before > Files::kWatchedBytesMax) return failure(path + ": too large");
    bytes.resize(before + kPieceBytes);
    const ssize_t got = ::read(fd, bytes.data() + before, kPieceBytes);
    if (got < 0 && errno != EINTR) return failed(path, errno);
    bytes.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
  }
}

Result<bool> write_all(const std::string& path, int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t took = ::write(fd, bytes.data(), bytes.size());
    if (took < 0 && errno != EINTR) return failed(path, errno);
    bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(took, 0)));
  }
  if (::fsync(fd) != 0) return failed(path, errno);
  return true;
}

}  // namespace

std::string sealed(std::string_view text) {
  return std::string(kMagic) + checksum_of(text) + "\n" + std::string(text);
}

Result<std::string> unsealed(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return failure("not of this version");
  bytes.remove_prefix(kMagic.size());
  if (bytes.size() <= kHexDigits || bytes[kHexDigits] != '\n') return failure("torn");
  const std::string_view checksum = bytes.substr(0, kHexDigits);
  const std::string_view text = bytes.substr(kHexDigits + 1);
  if (checksum != checksum_of(text)) return failure("the checksum is wrong");
  return std::string(text);
}

Result<std::string> load_kept_file(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  const Result<Fd> in = open_folder(folder);
  struct stat status {};
  if (!in && ::lstat(folder.c_str(), &status) != 0 && errno == ENOENT) return std::string();
  if (!in) return failure(in.error());
  const Fd fd(::openat(in->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.is_open() && errno == ENOENT) return std::string();
  if (!fd.is_open()) return failed(path, errno);
  std::string why = why_not_trusted(path, fd.get());
  if (!why.empty()) return failure(std::move(why));
  const Result<std::string> bytes = read_all(path, fd.get());
  if (!bytes) return failure(bytes.error());
  Result<std::string> text = unsealed(*bytes);
  if (!text) return failure(path + ": " + text.error());
  return text;
}

// The folder is synced too, so that the new name is there after a loss of power.
Result<bool> save_kept_file(const std::string& folder, const std::string& name,
                            std::string_view text) {
  const std::string path = folder + "/" + name;
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) return failed(folder, errno);
  const Result<Fd> in = open_folder(folder);
  if (!in) return failure(in.error());
  const std::string fresh = name + ".new";
  if (::unlinkat(in->get(), fresh.c_str(), 0) != 0 && errno != ENOENT) return failed(path, errno);
  {
    const Fd fd(::openat(in->get(), fresh.c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!fd.is_open()) return failed(path, errno);
    Result<bool> written = write_all(path, fd.get(), sealed(text));
    if (!written) {
      ::unlinkat(in->get(), fresh.c_str(), 0);
      return written;
    }
  }
  if (::renameat(in->get(), fresh.c_str(), in->get(), name.c_str()) != 0) {
    return failed(path, errno);
  }
  if (::fsync(in->get()) != 0) return failed(folder, errno);
  return true;
}

}  // namespace outrigger::io
