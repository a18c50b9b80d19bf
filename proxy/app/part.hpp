// A Part is what one section of the configuration is about: listeners, certificates, the access
// log, memory, ... A configuration, the first one too, is installed in steps: every part prepares
// what is new in it, then all commit, or, where one of them cannot, all abandon. So what is in
// force is always one whole configuration. Owned by the control plane; its thread.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "proxy/app/snapshot.hpp"

namespace outrigger::app {

// The bytes of a file that the configuration names; null: there are none, which has been said.
using FilesByPath = std::function<config::FileBytes(const std::string& path)>;

// A configuration that is valid, as a file; whether it can be installed is being found out.
class Proposal {
 public:
  explicit Proposal(const config::Loaded& loaded, FilesByPath files = {})
      : x_loaded(loaded), x_files(std::move(files)) {}

  config::FileBytes file(const std::string& path) const {
    return x_files ? x_files(path) : nullptr;
  }

  const config::Config& config() const { return x_loaded.config; }

  // `path` as in problems: "listeners.outbound", "admin.address".
  void refuse(const std::string& path, std::string why);
  void refuse(config::Problem problem) { x_problems.push_back(std::move(problem)); }
  const std::vector<config::Problem>& problems() const { return x_problems; }

 private:
  const config::Loaded& x_loaded;
  const FilesByPath x_files;
  std::vector<config::Problem> x_problems;
};

class Part {
 public:
  virtual ~Part() = default;

  // Makes ready what is new: binds, opens, parses. Reads no file: the proposal has their bytes.
  // Nothing of it is to be seen yet, and what is in force stays as it is. Refuses what cannot be
  // had.
  virtual void prepare(Proposal& /*next*/) {}
  // What was prepared is in force from now on. Adds to the snapshot what workers need of it; the
  // configuration is in there. Cannot fail.
  virtual void commit(Snapshot& next) noexcept = 0;
  // Instead of commit(): forgets what was prepared.
  virtual void abandon() noexcept {}
  // Of what is in force, files have other bytes. What cannot be used of them leaves all as it is.
  virtual void rotate(const std::set<std::string>& /*changed*/, const FilesByPath& /*files*/) {}
};

}  // namespace outrigger::app
