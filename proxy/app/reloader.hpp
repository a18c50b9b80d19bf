// Takes another configuration: reads its files, checks it, reads the files that it names, and has
// it installed, one after the other. Knows what came of the last one, and how what runs differs
// from what the files say. Owned by the control plane; its thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "admin/changes.hpp"
#include "admin/control.hpp"
#include "proxy/app/config_files.hpp"
#include "proxy/app/named_files.hpp"

namespace outrigger::app {

// Where the configuration comes from.
struct ConfigSource {
  std::vector<std::string> paths;  // as of config::with_slashes(); none: nothing is watched
  config::Environment variables;
  std::function<void(const config::Texts&)> keep_good{};  // empty: they are not kept
  // Hears which files are watched besides them, whenever that may be others. May be empty.
  std::function<void(const NamedFiles::List&)> watching{};
};

// Files that were not good enough to begin with; what was kept of better times runs instead.
struct RefusedFiles {
  config::Texts texts;
  std::vector<config::Problem> problems;
};

class Reloader {
 public:
  using Done = std::function<void(const admin::Reloaded&)>;

  // All but `source` and `files` are parts of the control plane.
  Reloader(LoopContext loop, ConfigSource source, io::Files& files, NamedFiles& named,
           admin::Changes& changes, admin::Events& events);

  // What is in force came of these texts, or of none. Watches from now on. `refused` may be null.
  void begin(const config::Loaded& first, const config::Texts& texts, const RefusedFiles* refused);
  // Has the files read again. Those that ask before it begins get one answer together.
  void read_again(const admin::Write& write, Done done);
  // Another configuration, from wherever.
  void take(config::Loaded fresh, const admin::Write& write, Done done);

  const admin::ConfigState& state() const { return x_state; }
  // Of the configuration in force, overrides included.
  void set_hash(std::string hash) { x_state.effective_hash = std::move(hash); }

 private:
  struct Job {
    admin::Write write;
    std::vector<Done> done;
    std::optional<config::Loaded> fresh;  // nothing: it is read first
    config::Texts texts;                  // that it was read from, if from any
  };

  void enqueue(Job job);
  void begin_first();
  void on_texts(config::Texts texts);
  void on_changed(config::Texts texts);
  void fetch();
  void install();
  void watch(const NamedFiles::List& named);
  void finish(const admin::Reloaded& reloaded);
  void note(const admin::Reloaded& reloaded, const Job& job);
  void note_bad(const std::vector<config::Problem>& problems, const admin::Write& write);

  const LoopContext x_loop;
  const ConfigSource x_source;
  NamedFiles& x_named;
  admin::Changes& x_changes;
  admin::Events& x_events;
  ConfigFiles x_files;
  int x_first_workers = 0;
  admin::ConfigState x_state;
  std::deque<Job> x_jobs;  // the first one is under way
};

}  // namespace outrigger::app
