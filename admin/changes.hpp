// The one way in which an operator changes the running process: merge, check, hand to the workers,
// remember as an override, and tell it as an event once every worker has it. Overrides end by
// themselves at their time, and when the file's value under them changes. Owned by the application;
// control thread only; must outlive the Control's pending installations.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/control.hpp"
#include "admin/events.hpp"
#include "admin/overrides.hpp"
#include "metrics/facts.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/base/timer_wheel.hpp"

namespace outrigger::admin {

// Whoever waits until all workers have a change. Unlinks itself when destroyed.
class ChangeWaiter : public ListNode<> {
 public:
  virtual void on_taken() = 0;

 protected:
  virtual ~ChangeWaiter() = default;

 private:
  friend class Changes;
  uint64_t x_number = 0;
};

struct Write {
  std::string actor;
  std::string reason;
  std::optional<int64_t> ttl_ms;  // the override ends by itself
};

// `number` counts changes; 0: nothing had to be handed to the workers.
struct Changed {
  uint64_t number = 0;
  size_t ended = 0;                       // overrides that were taken back
  std::vector<config::Problem> problems;  // not empty: nothing was changed
};

class Changes {
 public:
  Changes(LoopContext loop, Control& control, Events& events);
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  // A JSON merge patch (RFC 7396) of the target's circuit.
  Changed patch_circuit(const config::Target& target, std::string_view merge_patch,
                        const Write& write);
  // Requires: the target has a circuit of its own.
  void force(const config::Target& target, upstream::CircuitForce force, const Write& write);
  // Everything of that service and its routes, or of all of them when it is empty.
  Changed return_to_file(std::string_view service, const Write& write);

  // Another file: `fresh`, without overrides, with those of ours over it that still hold. The
  // others end, each with an event.
  Changed reload(config::Loaded fresh, const Write& write);

  bool is_taken(uint64_t number) const { return number <= x_taken; }
  void wait(uint64_t number, ChangeWaiter& waiter);

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
    std::vector<OverrideEntry> ended;
    std::vector<Event> events;
  };

  Changed install(config::Loaded next, std::vector<Event> events);
  Rebased rebase(config::Loaded fresh) const;
  void on_taken(uint64_t number);
  void remember(const config::Target& target, std::string_view merge_patch, const Write& write);
  Changed end(const std::vector<OverrideEntry>& ended, std::string_view kind,
              std::string_view reason, std::string_view actor);
  void unforce(const config::Target& target);
  void on_time();
  void arm();

  const LoopContext x_loop;
  Control& x_control;
  Events& x_events;
  OverrideStore x_overrides;
  std::deque<Announcement> x_announcements;  // by number
  List<ChangeWaiter> x_waiters;
  uint64_t x_last = 0;
  uint64_t x_taken = 0;
  Timer x_timer;
};

// The circuit of a service or of a route that has its own; null when there is none.
upstream::Circuit* find_circuit(const upstream::Services& services, const config::Target& target);
// Whether calls of the target have a circuit of their own.
bool has_circuit(const config::Config& config, const config::Target& target);

}  // namespace outrigger::admin
