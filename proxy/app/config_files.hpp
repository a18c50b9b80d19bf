// The files and folders of the configuration itself: reads all of them when asked, and tells when
// they say something else, for good. Owned by the control plane; its thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/texts.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/io/files.hpp"

namespace outrigger::app {

class ConfigFiles final : private io::FileEvents {
 public:
  // From a change to the reading, so that the files of one change are read together.
  static constexpr int64_t kTogetherMs = 50;

  using Done = std::function<void(config::Texts)>;

  // `changed` gets what the watches have seen. A path that ends in a slash is a folder.
  ConfigFiles(LoopContext loop, io::Files& files, std::vector<std::string> paths, Done changed);
  ~ConfigFiles();

  // Watches from now on. `known` is what was read before.
  void watch(const config::Texts& known);
  // All of them as they are now. Another read() takes the place of one that is not done.
  void read(Done done);
  // Not one that is not there any more.
  const std::vector<std::string>& paths() const { return x_paths; }

 private:
  class Reading;
  struct Watch {
    io::FileTaskPtr task;
    std::optional<io::FileContent> told;
  };

  void on_file(const std::string& path, const io::FileContent& content) override;
  void on_changed();
  void watch_all(const config::Texts& texts);
  bool is_told(const config::Texts& texts) const;

  const LoopContext x_loop;
  io::Files& x_files;
  const std::vector<std::string> x_paths;
  const Done x_changed;
  std::map<std::string, Watch> x_watches;
  std::string x_known;  // the hash of what was read last
  std::unique_ptr<Reading> x_asked;
  std::unique_ptr<Reading> x_seen;
  Timer x_together = Timer::of<&ConfigFiles::on_changed>(*this);
};

}  // namespace outrigger::app
