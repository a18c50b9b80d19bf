// A Part is what one section of the configuration is about: listeners, certificates, the access
// log, memory, ... A configuration, the first one too, is installed in steps: every part prepares
// what is new in it, then all commit, or, where one of them cannot, all abandon. So what is in
// force is always one whole configuration. Owned by the control plane; its thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "proxy/app/snapshot.hpp"

namespace outrigger::app {

// A configuration that is valid, as a file; whether it can be installed is being found out.
class Proposal {
 public:
  explicit Proposal(const config::Loaded& loaded) : x_loaded(loaded) {}

  const config::Config& config() const { return x_loaded.config; }

  // `path` as in problems: "listeners.outbound", "admin.address".
  void refuse(const std::string& path, std::string why);
  const std::vector<config::Problem>& problems() const { return x_problems; }

 private:
  const config::Loaded& x_loaded;
  std::vector<config::Problem> x_problems;
};

class Part {
 public:
  virtual ~Part() = default;

  // Makes ready what is new: binds, opens, parses. Nothing of it is to be seen yet, and what is in
  // force stays as it is. Refuses what cannot be had.
  virtual void prepare(Proposal& /*next*/) {}
  // What was prepared is in force from now on. Adds to the snapshot what workers need of it; the
  // configuration is in there. Cannot fail.
  virtual void commit(Snapshot& next) noexcept = 0;
  // Instead of commit(): forgets what was prepared.
  virtual void abandon() noexcept {}
};

}  // namespace outrigger::app
