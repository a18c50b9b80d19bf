// Files in memory, on a VirtualLoop. What a test sets is reported as an event of its own at the
// time of the change; the two looks of the real watch are none of its business.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "proxy/io/files.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::testing {

class FakeFiles final : public io::Files {
 public:
  explicit FakeFiles(VirtualLoop& loop) : x_loop(loop) {}

  void set(const std::string& path, std::string bytes) { change(path, std::move(bytes)); }
  void remove(const std::string& path) {
    x_contents.erase(path);
    tell(path);
  }
  // From now on nothing can be read there: "PATH: WHY".
  void fail(const std::string& path, const std::string& why) {
    change(path, failure(path + ": " + why));
  }
  // While held nothing answers, as when the disk is dead.
  void hold(bool on = true) {
    x_is_held = on;
    for (Task* task : x_tasks) task->look_again();
  }

  // How many watches of `path` there are.
  size_t watches(const std::string& path) const {
    size_t count = 0;
    for (const Task* task : x_tasks) count += task->watches(path) ? 1 : 0;
    return count;
  }
  bool is_idle() const { return x_tasks.empty(); }
  // Whoever watches a file of `otherwise` hears what it says now.
  void look_again() {
    for (Task* task : x_tasks) task->look_again();
  }
  // What stands there now, at once.
  io::FileContent read_now(const std::string& path) const {
    return content(path, kWatchedBytesMax);
  }

  // Files that no test has set.
  std::function<io::FileContent(const std::string& path)> otherwise;

  io::FileTaskPtr read(const std::string& path, size_t bytes_max, io::FileEvents& events) override {
    return std::make_unique<Task>(*this, path, bytes_max, false, events);
  }
  io::FileTaskPtr watch(const std::string& path, io::FileEvents& events) override {
    return std::make_unique<Task>(*this, path, kWatchedBytesMax, true, events);
  }

 private:
  class Task final : public io::FileTask {
   public:
    Task(FakeFiles& files, std::string path, size_t bytes_max, bool is_watch,
         io::FileEvents& events)
        : x_files(files),
          x_path(std::move(path)),
          x_bytes_max(bytes_max),
          x_is_watch(is_watch),
          x_events(events) {
      files.x_tasks.insert(this);
      look_again();
    }
    ~Task() override { x_files.x_tasks.erase(this); }

    bool watches(const std::string& path) const { return x_is_watch && x_path == path; }
    bool is_of(const std::string& path) const { return x_path == path; }
    void look_again() {
      if (!x_files.x_is_held) x_look.arm();
    }

   private:
    void look() {
      if (x_files.x_is_held || (x_was_told && !x_is_watch)) return;
      const io::FileContent now = x_files.content(x_path, x_bytes_max);
      std::string told = now ? "+" + *now : "-" + now.error();
      if (std::exchange(x_was_told, true) && told == x_told) return;
      x_told = std::move(told);
      const std::string path = x_path;
      x_events.on_file(path, now);
    }

    FakeFiles& x_files;
    const std::string x_path;
    const size_t x_bytes_max;
    const bool x_is_watch;
    io::FileEvents& x_events;
    bool x_was_told = false;
    std::string x_told;
    VirtualLoop::Event x_look{x_files.x_loop, [this] { look(); }};
  };

  void change(const std::string& path, io::FileContent content) {
    x_contents.insert_or_assign(path, std::move(content));
    tell(path);
  }
  void tell(const std::string& path) {
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    for (Task* task : x_tasks) {
      if (task->is_of(path) || task->is_of(folder)) task->look_again();
    }
  }
  io::FileContent names_in(const std::string& folder) const {
    std::string names;
    for (const auto& [path, content] : x_contents) {
      if (!path.starts_with(folder) || path.find('/', folder.size()) != path.npos) continue;
      names += path.substr(folder.size()) + "\n";
    }
    if (names.empty()) return failure(folder + ": No such file or directory");
    return names;
  }
  io::FileContent content(const std::string& path, size_t bytes_max) const {
    if (path.ends_with('/')) return names_in(path);
    const auto known = x_contents.find(path);
    if (known == x_contents.end() && otherwise) return otherwise(path);
    if (known == x_contents.end()) return failure(path + ": No such file or directory");
    if (known->second && known->second->size() > bytes_max) {
      return failure(path + ": larger than " + std::to_string(bytes_max) + " bytes");
    }
    return known->second;
  }

  VirtualLoop& x_loop;
  std::map<std::string, io::FileContent> x_contents;
  std::set<Task*> x_tasks;
  bool x_is_held = false;
};

}  // namespace outrigger::testing
