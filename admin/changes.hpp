// The one way in which an operator changes the running process: merge, check, hand to the workers,
// remember as an override, keep it on disk, and tell it as an event once every worker has it.
// Overrides end by themselves at their time, and when the file's value under them changes. Owned by
// the application; control thread only; must outlive the Control's pending installations.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/answer.hpp"
#include "admin/control.hpp"
#include "admin/events.hpp"
#include "admin/overrides.hpp"
#include "admin/persistence.hpp"
#include "metrics/facts.hpp"
#include "proxy/base/log.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/base/timer_wheel.hpp"

namespace outrigger::admin {

// Whoever waits for it. Unlinks itself when destroyed.
class ChangeWaiter : public ListNode<> {
 public:
  virtual void on_taken() = 0;

 protected:
  virtual ~ChangeWaiter() = default;

 private:
  friend class Changes;
  Awaited x_awaited;
};

struct Write {
  std::string actor;
  std::string reason;
  std::optional<int64_t> ttl_ms;  // the override ends by itself
};

struct Changed {
  Awaited awaited;
  size_t ended = 0;                       // overrides that were taken back
  std::vector<config::Problem> problems;  // not empty: nothing was changed
};

class Changes {
 public:
  // `persistence` may be null: nothing is kept.
  Changes(LoopContext loop, Control& control, Events& events, Persistence* persistence = nullptr);
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  // A JSON merge patch (RFC 7396) of one section of the target's policy, or of all of it where
  // `section` is empty. Requires: the patch is a JSON object.
  Changed patch(const config::Target& target, std::string_view section,
                std::string_view merge_patch, const Write& write);
  // What patch() would make of the configuration.
  config::Loaded preview(const config::Target& target, std::string_view section,
                         std::string_view merge_patch) const;
  // Requires: the target has a circuit of its own.
  Changed force(const config::Target& target, upstream::CircuitForce force, const Write& write);
  // Whether the endpoint is listed or not. Requires: the service is there.
  Changed set_endpoint(const std::string& service, const Address& endpoint,
                       upstream::OperatorState state, const Write& write);
  // Nothing: the level that the process began with.
  Changed set_log_level(std::optional<log::Level> level, const Write& write);
  // Takes back what operators did here: those that `which` says.
  Changed take_back(const std::function<bool(const OverrideEntry&)>& which, const Write& write);

  // Another file: `fresh`, without overrides, with those of ours over it that still hold. The
  // others end, each with an event.
  Changed reload(config::Loaded fresh, const Write& write);

  // What the overrides file says now, all of it or, where some of it cannot be, nothing: then it is
  // tried again after each other change. Entries that are about no service of ours wait for one.
  Changed take_file(std::vector<OverrideEntry> entries);

  // What the overrides file says does not agree with what else is in force.
  bool refuses_file() const { return x_refused_file.has_value(); }

  // The first configuration, under what an earlier process kept and under the overrides file.
  Changed begin(config::Loaded first, std::string_view kept, std::vector<OverrideEntry> of_file);

  bool is_done(const Awaited& awaited) const {
    return awaited.change <= x_taken && awaited.save <= x_saved;
  }
  void wait(const Awaited& awaited, ChangeWaiter& waiter);
  // Nothing where nothing is kept, else whether that save is on disk. Requires: is_done().
  std::optional<bool> is_kept(uint64_t save) const;
  uint64_t saves_failed() const { return x_saves_failed; }

  const OverrideStore& overrides() const { return x_overrides; }
  // For the gauge.
  std::vector<metrics::OverrideCount> counts() const;

 private:
  struct Announcement {
    uint64_t number;
    Event event;
  };

  // A file under the overrides that hold over it, and what becomes of the others.
  struct Rebased {
    config::Loaded next;
    OverrideStore standing;
    size_t ended = 0;
    bool refuses_file = false;
    std::vector<Event> events;
  };

  const config::Loaded& file() const;
  OverrideStore patched(const config::Target& target, std::string_view section,
                        std::string_view merge_patch, const Write& write, uint64_t& last_id) const;
  OverrideEntry entry_of(OverrideEntry::Kind kind, const config::Target& target,
                         const Write& write) const;
  Changed set_state(OverrideEntry entry, bool is_auto, Event event);
  Changed become(OverrideStore next, std::vector<Event> events);
  Changed become(config::Loaded next, OverrideStore store, std::vector<Event> events);
  Changed install(config::Loaded next, std::vector<Event> events);
  void adopt(OverrideStore next);
  void apply_state(const OverrideEntry& like);
  std::string state_now(const OverrideEntry& like) const;
  Rebased rebase(const config::Loaded& fresh, OverrideStore standing) const;
  void drop_invalid(Rebased& rebased, const config::Loaded& fresh) const;
  void add_of_file(OverrideStore& store, const config::Loaded& file) const;
  std::vector<Event> events_of_file(const OverrideStore& next) const;
  Changed end(const std::function<bool(const OverrideEntry&)>& which, std::string_view kind,
              const Write& write);
  void on_taken(uint64_t number);
  void call_waiters();
  uint64_t save();
  void save_next();
  void on_time();
  void try_file_again();
  void arm();

  const LoopContext x_loop;
  Control& x_control;
  Events& x_events;
  Persistence* const x_persistence;
  const log::Level x_log_level;                  // that the process began with
  mutable std::optional<config::Loaded> x_file;  // what is in force, without overrides
  OverrideStore x_overrides;
  std::vector<OverrideEntry> x_of_file;  // also those that are about no service of ours
  std::optional<std::vector<OverrideEntry>> x_refused_file;  // waits for another change
  std::deque<Announcement> x_announcements;                  // by number
  List<ChangeWaiter> x_waiters;
  uint64_t x_last = 0;
  uint64_t x_taken = 0;
  uint64_t x_last_id;
  uint64_t x_saves = 0;      // asked for
  uint64_t x_saved = 0;      // done
  uint64_t x_last_kept = 0;  // of those, the last that is on disk
  uint64_t x_saves_failed = 0;
  bool x_is_saving = false;
  Timer x_timer;
  Timer x_trying_again = Timer::of<&Changes::try_file_again>(*this);
};

// The circuit of a service or of a route that has its own; null when there is none.
upstream::Circuit* find_circuit(const upstream::Services& services, const config::Target& target);

}  // namespace outrigger::admin
