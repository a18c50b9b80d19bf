// A FileWatch reports when the content behind a path may have changed: written in place, renamed
// over, swapped behind a symbolic link (the `..data` of a Kubernetes ConfigMap), appeared or gone.
// It hears of it from the directories (inotify), and looks by itself each second where that fails.
// Make the watch before the file is first read, then nothing is missed. Owned by the control
// thread.
#pragma once

#include <string>

#include <sys/stat.h>

#include "proxy/base/reaper.hpp"
#include "proxy/io/loop.hpp"

namespace outrigger::io {

class FileChangeEvents {
 public:
  // Once for each burst of changes; the file may be absent now.
  virtual void on_changed() = 0;

 protected:
  ~FileChangeEvents() = default;
};

class FileWatch final : public Reapable {
 public:
  // A burst is over after this much quiet, at the latest after kLookMs.
  static constexpr int64_t kQuietMs = 50;
  static constexpr int64_t kLookMs = 1000;

  FileWatch(Loop& loop, std::string path, FileChangeEvents& events);

 private:
  // Which content stands behind the path; all 0 when none does.
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    int64_t modified_ns = 0;
    int64_t size = 0;
    bool operator==(const Identity&) const = default;
  };
  struct Directory {
    std::string path;
    UvHandle<uv_fs_event_t> handle;
  };

  Identity look_at_file() const;
  void watch_directories();
  void watch(Directory& directory, const std::string& path);
  void on_event();
  void on_look();
  void on_quiet();

  Loop& x_loop;
  FileChangeEvents& x_events;
  std::string x_path;
  Identity x_seen;
  int64_t x_burst_began_ms = 0;
  Directory x_of_path;
  Directory x_of_target;  // where the links lead
  Timer x_quiet = Timer::of<&FileWatch::on_quiet>(*this);
  Timer x_look = Timer::of<&FileWatch::on_look>(*this);
};

}  // namespace outrigger::io
