// Files are read and watched through this alone once calls run, so that a disk, a pipe or a dead
// network file system holds up the file thread and nobody else. What answers comes on the loop of
// the caller, never from inside the call. An argument of its users: tests run in virtual time over
// a fake (tests/support/fake_files.hpp). One for each loop; the thread of that loop.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "proxy/base/result.hpp"

namespace outrigger::io {

// The bytes of a file, or why there are none: a sentence that begins with the path. A path that
// ends in a slash is a folder, whose bytes are the names in it: sorted, each with a newline,
// without those that begin with a dot.
using FileContent = Result<std::string>;

class FileEvents {
 public:
  // `path` is the one that was asked for. May destroy any FileTask, its own too.
  virtual void on_file(const std::string& path, const FileContent& content) = 0;

 protected:
  ~FileEvents() = default;
};

// A read or a watch under way. Destroying it cancels: its events hear nothing more. It dies before
// the Files that gave it.
class FileTask {
 public:
  virtual ~FileTask() = default;
};
using FileTaskPtr = std::unique_ptr<FileTask>;

class Files {
 public:
  // More than that is an error, as is anything but a regular file.
  static constexpr size_t kWatchedBytesMax = 16 << 20;

  virtual ~Files() = default;

  // Calls `events` once.
  virtual FileTaskPtr read(const std::string& path, size_t bytes_max, FileEvents& events) = 0;

  // Calls `events` with what stands there now, then whenever that is another: other bytes, or none
  // (gone, unreadable, too large). What is reported has been there twice, 100 ms apart, so that a
  // file that is written in pieces is not taken before its last one. Heard of at once where the
  // kernel tells (each folder on the way through all symbolic links), else within 2 s; also of a
  // change that keeps size and time. A path that several watch is looked at once.
  virtual FileTaskPtr watch(const std::string& path, FileEvents& events) = 0;
};

}  // namespace outrigger::io
