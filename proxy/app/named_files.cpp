#include "proxy/app/named_files.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/log.hpp"

namespace outrigger::app {
void NamedFiles::read_now(const List& named, const ReadNow& read) {
  for (const config::NamedFile& file : named) x_fetched.put(file.path, read(file.path));
}

void NamedFiles::fetch(const List& named, std::function<void()> ready) {
  x_reading.clear();
  x_fetched.clear();
  x_awaited.clear();
  for (const config::NamedFile& file : named) {
    if (x_set.contains(file.path) || x_reading.contains(file.path)) continue;
    x_reading.emplace(file.path, x_files.read(file.path, io::Files::kWatchedBytesMax, *this));
  }
  if (x_reading.empty()) return ready();
  x_ready = std::move(ready);
}

void NamedFiles::on_fetched(const std::string& path, const io::FileContent& content) {
  x_fetched.put(path, content);
  x_reading.erase(path);
  if (x_reading.empty()) std::exchange(x_ready, nullptr)();
}

void NamedFiles::await_change(const List& named, std::function<void()> changed) {
  x_await = std::move(changed);
  for (const config::NamedFile& file : named) {
    if (x_set.contains(file.path) || x_awaited.contains(file.path)) continue;
    x_awaited.emplace(file.path,
                      Awaited{x_files.watch(file.path, *this), x_fetched.bytes(file.path)});
  }
}

void NamedFiles::on_awaited(const Awaited& file, const io::FileContent& content) {
  const bool is_same =
      content ? file.bytes != nullptr && *file.bytes == *content : file.bytes == nullptr;
  if (is_same || !x_await) return;
  std::exchange(x_await, nullptr)();
}

void NamedFiles::watch(const List& named) {
  std::map<std::string, File> before = std::exchange(x_set, {});
  for (const config::NamedFile& file : named) {
    if (auto known = before.extract(file.path)) {
      known.mapped().uses.clear();
      x_set.insert(std::move(known));
    }
    File& now = x_set[file.path];
    now.uses.insert(file.use);
    if (now.watch != nullptr) continue;
    now.bytes = x_fetched.bytes(file.path);
    now.watch = x_files.watch(file.path, *this);
  }
  x_fetched.clear();
  x_awaited.clear();
}

config::FileBytes NamedFiles::bytes(const std::string& path) const {
  if (const auto known = x_set.find(path); known != x_set.end()) return known->second.bytes;
  return x_fetched.bytes(path);
}

std::vector<config::Problem> NamedFiles::problems(const List& named) const {
  std::vector<config::Problem> problems;
  for (const config::NamedFile& file : named) {
    const std::string why = why_not(file);
    if (!why.empty()) problems.push_back(file.problem(why));
  }
  return problems;
}

std::string NamedFiles::why_not(const config::NamedFile& file) const {
  const auto known = x_set.find(file.path);
  return known == x_set.end() ? x_fetched.why_useless(file)
                              : why_useless({file.use}, file.path, *known->second.bytes);
}

size_t NamedFiles::failing() const {
  return static_cast<size_t>(std::count_if(
      x_set.begin(), x_set.end(), [](const auto& entry) { return !entry.second.why.empty(); }));
}

void NamedFiles::on_file(const std::string& path, const io::FileContent& content) {
  if (x_reading.contains(path)) return on_fetched(path, content);
  const auto known = x_set.find(path);
  if (known != x_set.end()) return on_watched(path, known->second, content);
  const auto awaited = x_awaited.find(path);
  if (awaited != x_awaited.end()) on_awaited(awaited->second, content);
}

void NamedFiles::on_watched(const std::string& path, File& file, const io::FileContent& content) {
  std::string why = why_useless(file.uses, path, content);
  if (!why.empty()) {
    if (why == file.why) return;
    ++x_errors;
    log::warning("file cannot be used", {{"why", why}, {"in_use", "its last content"}});
    file.why = std::move(why);
    return;
  }
  if (!std::exchange(file.why, "").empty()) log::info("file can be used again", {{"path", path}});
  if (file.bytes != nullptr && *file.bytes == *content) return;
  file.bytes = std::make_shared<const std::string>(*content);
  x_changed.insert(path);
  x_loop.timers.arm(x_together, x_loop.clock.now_ms() + kTogetherMs);
}

void NamedFiles::on_changed() { x_rotated(std::exchange(x_changed, {})); }

}  // namespace outrigger::app
