// The overrides file: watched, and in force as a whole or, where an entry is bad or the file cannot
// be read, not at all: then what it said last stays. Owned by the control plane; its thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "admin/changes.hpp"
#include "proxy/app/part.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/io/files.hpp"

namespace outrigger::app {

class OverridesWatch final : public Part, private io::FileEvents {
 public:
  // Reads a file at once, before the loop runs.
  using ReadNow = std::function<io::FileContent(const std::string& path)>;

  // Both outlive it.
  OverridesWatch(LoopContext loop, io::Files& files, admin::Changes& changes)
      : x_loop(loop), x_files(files), x_changes(changes) {}

  // What the file says at the start; nothing where it is bad.
  std::vector<admin::OverrideEntry> first(const config::Config& config, const ReadNow& read);

  void commit(Snapshot& next) noexcept override;

  // Whether what the file says is in force. Nothing: there is none.
  std::optional<bool> is_good() const {
    return x_path ? std::optional(x_is_good && !x_changes.refuses_file()) : std::nullopt;
  }

 private:
  void on_file(const std::string& path, const io::FileContent& content) override;
  std::vector<admin::OverrideEntry> parse(const std::string& path, const io::FileContent& content);
  void refuse(const std::string& why);
  void forget() { x_changes.take_file({}); }

  const LoopContext x_loop;
  io::Files& x_files;
  admin::Changes& x_changes;
  std::optional<std::string> x_path;
  io::FileTaskPtr x_watch;
  std::optional<std::string> x_text;  // that was read last
  bool x_is_good = true;
  Timer x_forgetting = Timer::of<&OverridesWatch::forget>(*this);
};

}  // namespace outrigger::app
