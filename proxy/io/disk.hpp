// What the file thread asks of the file system. An argument, so that tests of what is made of it
// run in virtual time. All of it may wait for a disk. One thread. For proxy/io only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/io/files.hpp"
#include "proxy/io/loop.hpp"

namespace outrigger::io {

class FolderEvents {
 public:
  // Something happened to that entry of the folder, or to the folder, which then is `name`.
  virtual void on_entry(const std::string& folder, std::string_view name) = 0;

 protected:
  ~FolderEvents() = default;
};

class FolderWatch {
 public:
  virtual ~FolderWatch() = default;
};

class Disk {
 public:
  // An entry on the way from a path to its file.
  struct Step {
    std::string folder;
    std::string name;
    bool operator==(const Step&) const = default;
  };

  virtual ~Disk() = default;

  // As read_file().
  virtual FileContent read(const std::string& path, size_t bytes_max) = 0;
  // Each symbolic link that the path goes through, in its own folder, and at last the file, or the
  // first thing that is missing.
  virtual std::vector<Step> steps(const std::string& path) = 0;
  // Null where the kernel cannot tell.
  virtual std::unique_ptr<FolderWatch> watch(const std::string& folder, FolderEvents& events) = 0;
};

// Of a regular file of at most `bytes_max`, or the names in a folder: see Files. At once.
FileContent read_file(const std::string& path, size_t bytes_max = Files::kWatchedBytesMax);

class SystemDisk final : public Disk {
 public:
  explicit SystemDisk(Loop& loop) : x_loop(loop) {}

  FileContent read(const std::string& path, size_t bytes_max) override {
    return read_file(path, bytes_max);
  }
  std::vector<Step> steps(const std::string& path) override;
  std::unique_ptr<FolderWatch> watch(const std::string& folder, FolderEvents& events) override;

 private:
  Loop& x_loop;
};

}  // namespace outrigger::io
