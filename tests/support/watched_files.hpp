// The files of the disk, which are read again when a test says so. Owned by the test; every task
// dies before it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/files.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::testing {

class WatchedFiles final : public io::Files {
 public:
  // Whoever watches a file hears what it says now.
  void tell() {
    const std::vector<Watch*> all = x_watches;
    for (const Watch* watch : all) watch->events.on_file(watch->path, io::read_pem(watch->path));
  }

  // Nothing is ever heard of it.
  io::FileTaskPtr read(const std::string&, size_t, io::FileEvents&) override {
    return std::make_unique<io::FileTask>();
  }
  io::FileTaskPtr watch(const std::string& path, io::FileEvents& events) override {
    return std::make_unique<Watch>(*this, path, events);
  }

 private:
  struct Watch final : io::FileTask {
    Watch(WatchedFiles& files_of, std::string path_of, io::FileEvents& events_of)
        : files(files_of), path(std::move(path_of)), events(events_of) {
      files.x_watches.push_back(this);
    }
    ~Watch() override { std::erase(files.x_watches, this); }

    WatchedFiles& files;
    const std::string path;
    io::FileEvents& events;
  };

  std::vector<Watch*> x_watches;
};

}  // namespace outrigger::testing
