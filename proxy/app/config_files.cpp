#include "proxy/app/config_files.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace outrigger::app {

// One look at all of them. May be destroyed by `done`.
class ConfigFiles::Reading final : private io::FileEvents {
 public:
  Reading(io::Files& files, const std::vector<std::string>& paths, Done done)
      : x_files(files), x_done(std::move(done)) {
    for (const std::string& path : paths) x_parts.push_back(ask(path));
  }

 private:
  struct Part {
    std::string path;
    io::FileTaskPtr task;  // null: it has answered
    io::FileContent content;
  };

  Part ask(const std::string& path) {
    return {path, x_files.read(path, io::Files::kWatchedBytesMax, *this), std::string()};
  }

  void on_file(const std::string& path, const io::FileContent& content) override {
    const auto part = std::find_if(x_parts.begin(), x_parts.end(), [&](const Part& one) {
      return one.task != nullptr && one.path == path;
    });
    part->task.reset();
    if (config::is_folder(path) && content) {
      open_folder(static_cast<size_t>(part - x_parts.begin()), path, *content);
    } else {
      part->content = content;
    }
    const auto is_open = [](const Part& one) { return one.task != nullptr; };
    if (std::any_of(x_parts.begin(), x_parts.end(), is_open)) return;
    config::Texts texts;
    for (Part& one : x_parts) texts.push_back({one.path, std::move(one.content)});
    const Done done = std::move(x_done);
    done(std::move(texts));
  }

  // Its files stand where it stood.
  void open_folder(size_t at, const std::string& folder, std::string_view names) {
    std::vector<Part> files;
    while (!names.empty()) {
      const std::string_view name = names.substr(0, names.find('\n'));
      names.remove_prefix(std::min(name.size() + 1, names.size()));
      if (config::is_config_name(name)) files.push_back(ask(folder + std::string(name)));
    }
    if (files.empty()) {
      x_parts[at].content = failure(std::string(config::kEmptyFolder));
      return;
    }
    x_parts.erase(x_parts.begin() + static_cast<std::ptrdiff_t>(at));
    x_parts.insert(x_parts.begin() + static_cast<std::ptrdiff_t>(at),
                   std::make_move_iterator(files.begin()), std::make_move_iterator(files.end()));
  }

  io::Files& x_files;
  Done x_done;
  std::vector<Part> x_parts;
};

ConfigFiles::ConfigFiles(LoopContext loop, io::Files& files, std::vector<std::string> paths,
                         Done changed)
    : x_loop(loop), x_files(files), x_paths(std::move(paths)), x_changed(std::move(changed)) {}

ConfigFiles::~ConfigFiles() = default;

void ConfigFiles::watch(const config::Texts& known) {
  x_known = hash_of(known);
  watch_all(known);
}

void ConfigFiles::read(Done done) {
  x_asked = std::make_unique<Reading>(x_files, x_paths,
                                      [this, done = std::move(done)](config::Texts texts) {
                                        const std::unique_ptr<Reading> ended = std::move(x_asked);
                                        x_known = hash_of(texts);
                                        watch_all(texts);
                                        done(std::move(texts));
                                      });
}

// The files of folders come and go.
void ConfigFiles::watch_all(const config::Texts& texts) {
  std::set<std::string> paths(x_paths.begin(), x_paths.end());
  for (const config::SourceText& source : texts) paths.insert(source.path);
  std::erase_if(x_watches, [&](const auto& entry) { return !paths.contains(entry.first); });
  for (const std::string& path : paths) {
    Watch& watch = x_watches[path];
    if (watch.task == nullptr) watch.task = x_files.watch(path, *this);
  }
}

void ConfigFiles::on_file(const std::string& path, const io::FileContent& content) {
  const auto watch = x_watches.find(path);
  if (watch == x_watches.end()) return;
  watch->second.told = content;
  x_loop.timers.arm(x_together, x_loop.clock.now_ms() + kTogetherMs);
}

void ConfigFiles::on_changed() {
  x_seen = std::make_unique<Reading>(x_files, x_paths, [this](config::Texts texts) {
    const std::unique_ptr<Reading> ended = std::move(x_seen);
    watch_all(texts);
    // What is being written just now the watch will tell when it is written.
    if (!is_told(texts) || hash_of(texts) == x_known) return;
    x_known = hash_of(texts);
    x_changed(std::move(texts));
  });
}

bool ConfigFiles::is_told(const config::Texts& texts) const {
  return std::all_of(texts.begin(), texts.end(), [&](const config::SourceText& source) {
    const auto& told = x_watches.at(source.path).told;
    if (config::is_folder(source.path)) return told.has_value();
    if (!told || static_cast<bool>(*told) != static_cast<bool>(source.text)) return false;
    return source.text ? **told == *source.text : told->error() == source.text.error();
  });
}

}  // namespace outrigger::app
