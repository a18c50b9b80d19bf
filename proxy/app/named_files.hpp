// The files that the configuration names (certificates, keys, tokens, secrets of fields, bodies) as
// one watched set. They are read before a configuration that names them is prepared, and watched
// once it is in force. One that is gone or of no use keeps its last content. Owned by the control
// plane; its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/named_file.hpp"
#include "proxy/app/fetched_files.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/io/files.hpp"

namespace outrigger::app {

class NamedFiles final : private io::FileEvents {
 public:
  // From a change to its use, so that the files of one rotation are used together.
  static constexpr int64_t kTogetherMs = 50;

  using List = std::vector<config::NamedFile>;
  using Paths = std::set<std::string>;
  // At once, from the disk: before calls run.
  using ReadNow = std::function<io::FileContent(const std::string& path)>;

  // `rotated` hears which files have another content that can be used.
  NamedFiles(LoopContext loop, io::Files& files, std::function<void(const Paths&)> rotated)
      : x_loop(loop), x_files(files), x_rotated(std::move(rotated)) {}

  void read_now(const List& named, const ReadNow& read);
  // Reads what is not known yet; `ready` is called once, at once when there is nothing to read.
  // Another fetch() takes the place of one that is not ready.
  void fetch(const List& named, std::function<void()> ready);
  // Calls `changed` once when one of those that were fetched says something else than it did: what
  // was refused may be good now. Until the next fetch().
  void await_change(const List& named, std::function<void()> changed);
  // From now on these are the set, and watched.
  void watch(const List& named);

  // The content that is in use, or, of a file that was fetched, would be. Null: there is none.
  config::FileBytes bytes(const std::string& path) const;
  // Those of `named` that cannot be used.
  std::vector<config::Problem> problems(const List& named) const;

  // Files of the set that cannot be used at the moment.
  size_t failing() const;
  // How often one of them began to be so.
  uint64_t errors() const { return x_errors; }

 private:
  struct File {
    std::set<config::FileUse> uses;
    config::FileBytes bytes;  // the last that could be used
    std::string why;          // empty: they are what stands there
    io::FileTaskPtr watch;
  };

  struct Awaited {
    io::FileTaskPtr watch;
    config::FileBytes bytes;
  };

  void on_file(const std::string& path, const io::FileContent& content) override;
  std::string why_not(const config::NamedFile& file) const;
  void on_fetched(const std::string& path, const io::FileContent& content);
  void on_watched(const std::string& path, File& file, const io::FileContent& content);
  void on_awaited(const Awaited& file, const io::FileContent& content);
  void on_changed();

  const LoopContext x_loop;
  io::Files& x_files;
  const std::function<void(const Paths&)> x_rotated;
  std::map<std::string, File> x_set;
  FetchedFiles x_fetched;  // and not in the set
  std::map<std::string, io::FileTaskPtr> x_reading;
  std::function<void()> x_ready;
  std::map<std::string, Awaited> x_awaited;
  std::function<void()> x_await;
  Paths x_changed;
  uint64_t x_errors = 0;
  Timer x_together = Timer::of<&NamedFiles::on_changed>(*this);
};

}  // namespace outrigger::app
