#include "admin/changes.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "admin/settings.hpp"
#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

// Wall time may jump: the end of an override is looked at again at least so often.
constexpr int64_t kLookMs = 60'000;

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

Event event_of(std::string_view kind, const config::Target& target, std::string_view reason,
               std::string_view actor) {
  Event event;
  event.kind = kind;
  event.service = target.service;
  event.route = target.route;
  event.reason = reason;
  event.actor = actor;
  return event;
}

// The settings before and after, as they are in effect.
void tell_settings(Event& event, const config::Loaded& before, const config::Loaded& after) {
  const config::Target target{event.service, event.route};
  event.before = setting_json(before.config, target, "circuit");
  event.after = setting_json(after.config, target, "circuit");
}

std::string name_of(const config::Target& target) {
  return target.route.empty() ? target.service : target.service + "/" + target.route;
}

// Below a key that the file switches off there is nothing.
std::string file_value(const config::Config& file, const OverrideEntry& entry) {
  std::string json = setting_json(file, entry.target, entry.key);
  return json.empty() ? "null" : json;
}

bool has_ended(const OverrideEntry& entry, const config::Config& file) {
  if (entry.is_state()) return !has_circuit(file, entry.target);
  return file_value(file, entry) != entry.file_value;
}

}  // namespace

upstream::Circuit* find_circuit(const upstream::Services& services, const config::Target& target) {
  if (target.route.empty()) {
    const auto service = services.find(target.service);
    return service == nullptr ? nullptr : &service->circuit();
  }
  const auto route = services.find_route(name_of(target));
  return route == nullptr ? nullptr : &route->circuit;
}

bool has_circuit(const config::Config& config, const config::Target& target) {
  const config::ServiceConfig* service = config.find_service(target.service);
  if (service == nullptr || target.route.empty()) return service != nullptr;
  return std::any_of(service->routes.begin(), service->routes.end(), [&](const auto& route) {
    return route.name == target.route && route.owns("circuit");
  });
}

Changes::Changes(LoopContext loop, Control& control, Events& events)
    : x_loop(loop),
      x_control(control),
      x_events(events),
      x_timer(Timer::of<&Changes::on_time>(*this)) {}

Changed Changes::patch_circuit(const config::Target& target, std::string_view merge_patch,
                               const Write& write) {
  config::Loaded next = config::apply_override(x_control.loaded(), target, "circuit", merge_patch);
  if (!next.ok()) return {0, 0, std::move(next.problems)};
  Event event = event_of("settings", target, write.reason, write.actor);
  tell_settings(event, x_control.loaded(), next);
  Changed changed = install(std::move(next), {std::move(event)});
  if (changed.problems.empty()) remember(target, merge_patch, write);
  return changed;
}

void Changes::remember(const config::Target& target, std::string_view merge_patch,
                       const Write& write) {
  const config::Loaded file = without_overrides(x_control.loaded());
  const int64_t now_ms = x_loop.clock.wall_ms();
  for (PatchedKey& patched : patched_keys("circuit", merge_patch)) {
    if (patched.value.empty()) {
      x_overrides.erase(target, patched.key);
      continue;
    }
    OverrideEntry entry{target, patched.key, std::move(patched.value),
                        {},     write.actor, write.reason,
                        now_ms, std::nullopt};
    entry.file_value = file_value(file.config, entry);
    if (write.ttl_ms) entry.until_ms = now_ms + *write.ttl_ms;
    x_overrides.set(std::move(entry));
  }
  arm();
}

void Changes::force(const config::Target& target, upstream::CircuitForce force,
                    const Write& write) {
  upstream::Circuit& circuit = *find_circuit(x_control.services(), target);
  const int64_t now_ms = x_loop.clock.now_ms();
  Event event = event_of("state", target, write.reason, write.actor);
  event.from = upstream::to_string(circuit.snapshot(now_ms).force);
  event.to = upstream::to_string(force);
  circuit.force(force, now_ms);
  if (force == upstream::CircuitForce::kAuto) {
    x_overrides.erase(target, OverrideEntry::kStateKey);
  } else {
    const int64_t wall_ms = x_loop.clock.wall_ms();
    OverrideEntry entry{target,           std::string(OverrideEntry::kStateKey),
                        quoted(event.to), quoted("auto"),
                        write.actor,      write.reason,
                        wall_ms,          std::nullopt};
    if (write.ttl_ms) entry.until_ms = wall_ms + *write.ttl_ms;
    x_overrides.set(std::move(entry));
  }
  x_events.publish(std::move(event));
  arm();
}

void Changes::unforce(const config::Target& target) {
  upstream::Circuit* circuit = find_circuit(x_control.services(), target);
  if (circuit != nullptr) circuit->force(upstream::CircuitForce::kAuto, x_loop.clock.now_ms());
}

Changed Changes::return_to_file(std::string_view service, const Write& write) {
  return end(x_overrides.take_if([&](const OverrideEntry& entry) {
    return service.empty() || entry.target.service == service;
  }),
             "override_removed", write.reason, write.actor);
}

// Takes settings out of the configuration in force and forced states off their circuits.
Changed Changes::end(const std::vector<OverrideEntry>& ended, std::string_view kind,
                     std::string_view reason, std::string_view actor) {
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> keys;
  std::vector<Event> events;
  for (const OverrideEntry& entry : ended) {
    Event event = event_of(kind, entry.target, reason, actor);
    event.from = entry.key;
    event.before = entry.value;
    event.after = entry.file_value;
    if (!entry.is_state()) {
      keys[{entry.target.service, entry.target.route}].push_back(entry.key);
      events.push_back(std::move(event));
    } else {
      unforce(entry.target);
      x_events.publish(std::move(event));
    }
  }
  arm();
  Changed changed;
  changed.ended = ended.size();
  if (keys.empty()) return changed;
  config::Loaded next = x_control.loaded();
  for (const auto& [target, of_target] : keys) {
    config::Loaded without =
        config::apply_override(next, {target.first, target.second}, "", returning_patch(of_target));
    // What was valid before the override is valid after it; if other overrides lean on this one,
    // the whole target returns to the file.
    next = without.ok() ? std::move(without)
                        : config::remove_override(next, {target.first, target.second}, "");
  }
  Changed installed = install(std::move(next), std::move(events));
  installed.ended = changed.ended;
  return installed;
}

// ---- another file

Changed Changes::reload(config::Loaded fresh, const Write& write) {
  if (!fresh.ok()) return {0, 0, std::move(fresh.problems)};
  Rebased rebased = rebase(std::move(fresh));
  Event event = event_of("reload", {}, write.reason, write.actor);
  Changed changed = install(std::move(rebased.next), {std::move(event)});
  if (!changed.problems.empty()) return changed;
  x_overrides = std::move(rebased.standing);
  for (const OverrideEntry& entry : rebased.ended) {
    if (entry.is_state()) unforce(entry.target);
  }
  for (Event& ended : rebased.events) x_events.publish(std::move(ended));
  changed.ended = rebased.ended.size();
  arm();
  return changed;
}

Changes::Rebased Changes::rebase(config::Loaded fresh) const {
  Rebased rebased;
  rebased.standing = x_overrides;
  const auto end = [&](std::vector<OverrideEntry> ended, std::string_view why) {
    for (OverrideEntry& entry : ended) {
      const bool is_gone = find_policy(fresh.config, entry.target) == nullptr;
      Event event =
          event_of("override_ended", entry.target, is_gone ? "removed_from_file" : why, "");
      event.from = entry.key;
      event.before = entry.value;
      event.after = setting_json(fresh.config, entry.target, entry.key);
      rebased.events.push_back(std::move(event));
      rebased.ended.push_back(std::move(entry));
    }
  };
  end(rebased.standing.take_if(
          [&](const OverrideEntry& entry) { return has_ended(entry, fresh.config); }),
      "file_changed");
  rebased.next = fresh;
  std::set<std::pair<std::string, std::string>> done;
  const std::vector<OverrideEntry> standing = rebased.standing.all();
  for (const OverrideEntry& entry : standing) {
    const config::Target& target = entry.target;
    if (entry.is_state() || !done.emplace(target.service, target.route).second) continue;
    config::Loaded with =
        config::apply_override(rebased.next, target, "", rebased.standing.patch_of(target));
    if (with.ok()) {
      rebased.next = std::move(with);
      continue;
    }
    // The rest of the file no longer agrees with it.
    end(rebased.standing.take_if([&](const OverrideEntry& one) {
      return one.target.service == target.service && one.target.route == target.route &&
             !one.is_state();
    }),
        "no_longer_valid");
  }
  return rebased;
}

// ---- the workers

Changed Changes::install(config::Loaded next, std::vector<Event> events) {
  const uint64_t number = ++x_last;
  const size_t announced = x_announcements.size();
  for (Event& event : events) x_announcements.push_back({number, std::move(event)});
  auto problems = x_control.install(std::move(next), [this, number] { on_taken(number); });
  if (problems.empty()) return {number, 0, {}};
  x_announcements.resize(announced);
  --x_last;
  return {0, 0, std::move(problems)};
}

void Changes::on_taken(uint64_t number) {
  x_taken = std::max(x_taken, number);
  while (!x_announcements.empty() && is_taken(x_announcements.front().number)) {
    Event event = std::move(x_announcements.front().event);
    x_announcements.pop_front();
    x_events.publish(std::move(event));
  }
  while (!x_waiters.empty() && is_taken(x_waiters.front().x_number)) {
    x_waiters.pop_front().on_taken();
  }
}

void Changes::wait(uint64_t number, ChangeWaiter& waiter) {
  waiter.x_number = number;
  x_waiters.push_back(waiter);
}

// ---- time

void Changes::arm() {
  const std::optional<int64_t> end_ms = x_overrides.next_end_ms();
  if (!end_ms) return x_timer.cancel();
  const int64_t left_ms = std::clamp<int64_t>(*end_ms - x_loop.clock.wall_ms(), 0, kLookMs);
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms() + left_ms);
}

void Changes::on_time() {
  const int64_t now_ms = x_loop.clock.wall_ms();
  std::vector<OverrideEntry> ended = x_overrides.take_if(
      [&](const OverrideEntry& entry) { return entry.until_ms && *entry.until_ms <= now_ms; });
  if (ended.empty()) return arm();
  end(ended, "override_ended", "expired", "");
}

std::vector<metrics::OverrideCount> Changes::counts() const {
  constexpr double kMsPerSecond = 1e3;
  std::map<std::pair<std::string, std::string>, metrics::OverrideCount> counts;
  for (const OverrideEntry& entry : x_overrides.all()) {
    metrics::OverrideCount& of = counts[{entry.target.service, std::string(entry.kind())}];
    const double since_s = static_cast<double>(entry.since_ms) / kMsPerSecond;
    of.oldest_at_s = of.count == 0 ? since_s : std::min(of.oldest_at_s, since_s);
    ++of.count;
  }
  std::vector<metrics::OverrideCount> list;
  for (auto& [key, of] : counts) {
    of.service = key.first;
    of.kind = key.second;
    list.push_back(std::move(of));
  }
  return list;
}

}  // namespace outrigger::admin
