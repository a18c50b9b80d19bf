// What the admin API needs of the application: the configuration in force, the services' states,
// and the few acts that only the application can do. Implemented by it; control thread only. The
// API itself decides nothing about workers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/answer.hpp"
#include "config/config.hpp"
#include "proxy/base/result.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::admin {

// An authority that matched no service.
struct UnmatchedHost {
  std::string authority;
  uint64_t count = 0;
  std::string nearest;  // the service that was perhaps meant; may be empty
  int64_t last_ms = 0;  // wall time
};

// The neighbour in a registry.
struct RegistrationEntry {
  std::string registry;
  std::string name;
  std::string address;  // IP:PORT; empty: not found yet
  std::string state;    // pending, registered, failing, left
  std::string said;     // why, for people
};

// Each empty when all is well, else what is not.
struct HealthStates {
  std::string live;
  std::string started;
  std::string ready;
};

// What came of reading the configuration's files again.
struct Reloaded {
  std::vector<config::Problem> problems;    // not empty: nothing has changed
  std::vector<std::string> awaits_restart;  // keys that are not in force before one
  Awaited awaited;                          // as in Changed
};

// How what runs stands to what the files say.
struct ConfigState {
  std::string running_hash;                 // of the files that are in force, byte for byte
  std::string file_hash;                    // of the files that were read last
  std::string effective_hash;               // of all that is in force, overrides included
  int64_t good_at_ms = 0;                   // wall time: what is in force was read then
  std::optional<int64_t> differs_since_ms;  // wall time; nothing: they do not
  std::vector<config::Problem> problems;    // of the files that were read last
  std::vector<std::string> awaits_restart;  // keys of the running file
  bool is_last_good = false;                // what runs was kept by an earlier process

  bool is_good() const { return problems.empty(); }
};

// What runs.
struct ProcessState {
  std::string version;
  int64_t uptime_ms = 0;
  int64_t memory_used_bytes = 0;
  int64_t memory_limit_bytes = 0;  // 0: it has none
};

class Control {
 public:
  virtual ~Control() = default;

  // The configuration that was last installed, with its overrides.
  virtual const config::Loaded& loaded() const = 0;
  virtual upstream::Services& services() = 0;

  // Makes `next` the configuration: loaded() and services() show it at once; `taken` is called on
  // this thread, maybe before install() returns, when every worker has it. Changes are taken in the
  // order of their installation, each exactly once. Why it cannot be had (a taken port, a
  // certificate): then nothing has changed, and `taken` is never called.
  virtual std::vector<config::Problem> install(config::Loaded next,
                                               std::function<void()> taken) = 0;

  // Reads the files again and installs what they say, under the overrides that hold over it. `done`
  // is called once, in a later turn, or never where the process ends first.
  virtual void reload(std::string_view actor, std::string_view reason,
                      std::function<void(const Reloaded&)> done) = 0;
  virtual const ConfigState& config_state() const = 0;

  // What the command of that name says, of what runs. The failure says what is wrong with the
  // question.
  virtual Result<std::string> explain(std::string_view method, std::string_view url) const = 0;
  // The last 100.
  virtual std::vector<UnmatchedHost> unmatched() const = 0;
  // Returns how many answers its stale store held.
  virtual uint64_t clear_cache(const std::string& service) = 0;
  // Begins the orderly end; a second time does nothing.
  virtual void drain() = 0;
  // Takes the neighbour out of the registries, for good; `done` is called once, at most 2 s later,
  // maybe from inside.
  virtual void deregister(std::function<void()> done) = 0;
  virtual std::vector<RegistrationEntry> registrations() const = 0;
  virtual HealthStates health() const = 0;
  virtual ProcessState process_state() const = 0;
};

}  // namespace outrigger::admin
