#include "admin/changes.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <tuple>

#include "admin/kept_overrides.hpp"
#include "admin/settings.hpp"
#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

using Kind = OverrideEntry::Kind;
using Layer = OverrideEntry::Layer;

// Wall time may jump: the end of an override is looked at again at least so often.
constexpr int64_t kLookMs = 60'000;
constexpr std::string_view kAuto = "\"auto\"";

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

std::string or_null(std::string json) { return json.empty() ? "null" : std::move(json); }

Event event_of(std::string_view kind, const config::Target& target, const Write& write) {
  Event event;
  event.kind = kind;
  event.service = target.service;
  event.route = target.route;
  event.reason = write.reason;
  event.actor = write.actor;
  return event;
}

std::string name_of(const config::Target& target) {
  return target.route.empty() ? target.service : target.service + "/" + target.route;
}

bool same_settings(const OverrideStore& a, const OverrideStore& b) {
  const auto settings = [](const OverrideStore& store) {
    std::vector<std::tuple<Layer, std::string, std::string, std::string, std::string>> all;
    for (const OverrideEntry& entry : store.all()) {
      if (!entry.is_setting()) continue;
      all.emplace_back(entry.layer, entry.target.service, entry.target.route, entry.key,
                       entry.value);
    }
    return all;
  };
  return settings(a) == settings(b);
}

bool is_of_target(const OverrideEntry& entry, const config::Target& target) {
  return entry.target.service == target.service && entry.target.route == target.route;
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

Changes::Changes(LoopContext loop, Control& control, Events& events, Persistence* persistence)
    : x_loop(loop),
      x_control(control),
      x_events(events),
      x_persistence(persistence),
      x_log_level(log::level()),
      x_last_id(static_cast<uint64_t>(loop.clock.wall_ms())),
      x_timer(Timer::of<&Changes::on_time>(*this)) {}

const config::Loaded& Changes::file() const {
  if (!x_file) x_file = config::with_overrides(x_control.loaded(), {});
  return *x_file;
}

// ---- settings

OverrideEntry Changes::entry_of(Kind kind, const config::Target& target, const Write& write) const {
  OverrideEntry entry;
  entry.kind = kind;
  entry.target = target;
  entry.actor = write.actor;
  entry.reason = write.reason;
  entry.since_ms = x_loop.clock.wall_ms();
  if (write.ttl_ms) entry.until_ms = entry.since_ms + *write.ttl_ms;
  return entry;
}

OverrideStore Changes::patched(const config::Target& target, std::string_view section,
                               std::string_view merge_patch, const Write& write,
                               uint64_t& last_id) const {
  OverrideStore next = x_overrides;
  for (PatchedKey& patched : patched_keys(section, merge_patch)) {
    OverrideEntry entry = entry_of(Kind::kSetting, target, write);
    entry.key = std::move(patched.key);
    if (patched.value.empty()) {
      next.erase(entry, patched.is_null);
      continue;
    }
    entry.id = std::to_string(++last_id);
    entry.value = std::move(patched.value);
    const auto value_in = [&](const config::Config& config) {
      return or_null(setting_json(config, target, entry.key, config::Secrets::kShown));
    };
    entry.file_value = value_in(file().config);
    entry.replaced = value_in(x_control.loaded().config);
    next.set(std::move(entry));
  }
  return next;
}

config::Loaded Changes::preview(const config::Target& target, std::string_view section,
                                std::string_view merge_patch) const {
  uint64_t id = x_last_id;
  config::Loaded refused;
  refused.problems = refused_nulls(target, section, merge_patch);
  if (!refused.ok()) return refused;
  return config::with_overrides(file(), patched(target, section, merge_patch, {}, id).layers());
}

Changed Changes::patch(const config::Target& target, std::string_view section,
                       std::string_view merge_patch, const Write& write) {
  auto refused = refused_nulls(target, section, merge_patch);
  if (!refused.empty()) return {{}, 0, std::move(refused)};
  uint64_t last_id = x_last_id;
  OverrideStore next = patched(target, section, merge_patch, write, last_id);
  config::Loaded loaded = config::with_overrides(file(), next.layers());
  if (!loaded.ok()) return {{}, 0, std::move(loaded.problems)};
  Event event = event_of("settings", target, write);
  const auto tell = [&](const config::Config& config) {
    return section.empty() ? sections_json(config, target, merge_patch)
                           : setting_json(config, target, section);
  };
  event.before = tell(x_control.loaded().config);
  event.after = tell(loaded.config);
  Changed changed = become(std::move(loaded), std::move(next), {std::move(event)});
  x_last_id = last_id;
  return changed;
}

// ---- states

Changed Changes::force(const config::Target& target, upstream::CircuitForce force,
                       const Write& write) {
  OverrideEntry entry = entry_of(Kind::kCircuit, target, write);
  Event event = event_of("state", target, write);
  const int64_t now_ms = x_loop.clock.now_ms();
  event.from =
      upstream::to_string(find_circuit(x_control.services(), target)->snapshot(now_ms).force);
  event.to = upstream::to_string(force);
  entry.value = quoted(event.to);
  return set_state(std::move(entry), force == upstream::CircuitForce::kAuto, std::move(event));
}

Changed Changes::set_endpoint(const std::string& service, const Address& endpoint,
                              upstream::OperatorState state, const Write& write) {
  OverrideEntry entry = entry_of(Kind::kEndpoint, {service, ""}, write);
  entry.endpoint = endpoint.to_string();
  entry.value = quoted(upstream::to_string(state));
  Event event = event_of("endpoint_state", entry.target, write);
  event.endpoint = entry.endpoint;
  return set_state(std::move(entry), state == upstream::OperatorState::kAuto, std::move(event));
}

Changed Changes::set_log_level(std::optional<log::Level> level, const Write& write) {
  OverrideEntry entry = entry_of(Kind::kLog, {}, write);
  entry.value = quoted(level ? log::to_string(*level) : "auto");
  return set_state(std::move(entry), !level, event_of("log", {}, write));
}

std::string Changes::state_now(const OverrideEntry& like) const {
  const OverrideEntry* top = x_overrides.top(like);
  return std::string(top == nullptr ? "auto" : top->state());
}

Changed Changes::set_state(OverrideEntry entry, bool is_auto, Event event) {
  if (event.from.empty()) event.from = state_now(entry);
  entry.file_value = kAuto;
  entry.replaced = quoted(event.from);
  OverrideStore next = x_overrides;
  if (is_auto) {
    next.erase(entry);
  } else {
    entry.id = std::to_string(++x_last_id);
    next.set(entry);
  }
  // What the overrides file says shows again.
  const OverrideEntry* top = next.top(entry);
  event.to = top == nullptr ? "auto" : top->state();
  return become(std::move(next), {std::move(event)});
}

void Changes::apply_state(const OverrideEntry& like) {
  const OverrideEntry* top = x_overrides.top(like);
  const std::string_view state = top == nullptr ? std::string_view("auto") : top->state();
  if (like.kind == Kind::kCircuit) {
    upstream::Circuit* circuit = find_circuit(x_control.services(), like.target);
    if (circuit == nullptr) return;
    const auto force = upstream::circuit_force_from(state).value_or(upstream::CircuitForce::kAuto);
    const int64_t now_ms = x_loop.clock.now_ms();
    if (circuit->snapshot(now_ms).force != force) circuit->force(force, now_ms);
  } else if (like.kind == Kind::kEndpoint) {
    const auto service = x_control.services().find(like.target.service);
    const auto address = Address::parse(like.endpoint);
    if (service == nullptr || !address) return;
    service->set_operator_state(
        *address, upstream::operator_state_from(state).value_or(upstream::OperatorState::kAuto));
  } else if (like.kind == Kind::kLog) {
    log::set_level(log::level_from(state).value_or(x_log_level));
  }
}

// ---- what is in force

Changed Changes::become(OverrideStore next, std::vector<Event> events) {
  if (!same_settings(next, x_overrides)) {
    config::Loaded loaded = config::with_overrides(file(), next.layers());
    return become(std::move(loaded), std::move(next), std::move(events));
  }
  adopt(std::move(next));
  for (Event& event : events) x_events.publish(std::move(event));
  return {{0, save()}, 0, {}};
}

Changed Changes::become(config::Loaded next, OverrideStore store, std::vector<Event> events) {
  if (!next.ok()) return {{}, 0, std::move(next.problems)};
  Changed changed = install(std::move(next), std::move(events));
  if (!changed.problems.empty()) return changed;
  adopt(std::move(store));
  changed.awaited.save = save();
  return changed;
}

void Changes::adopt(OverrideStore next) {
  const OverrideStore before = std::exchange(x_overrides, std::move(next));
  const OverrideStore now = x_overrides;
  for (const OverrideStore* store : {&before, &now}) {
    for (const OverrideEntry& entry : store->all()) {
      if (!entry.is_setting()) apply_state(entry);
    }
  }
  if (x_refused_file) x_loop.timers.arm(x_trying_again, x_loop.clock.now_ms());
  arm();
}

Changed Changes::install(config::Loaded next, std::vector<Event> events) {
  const uint64_t number = ++x_last;
  const size_t announced = x_announcements.size();
  for (Event& event : events) x_announcements.push_back({number, std::move(event)});
  auto problems = x_control.install(std::move(next), [this, number] { on_taken(number); });
  if (problems.empty()) return {{number, 0}, 0, {}};
  x_announcements.resize(announced);
  --x_last;
  return {{}, 0, std::move(problems)};
}

void Changes::on_taken(uint64_t number) {
  x_taken = std::max(x_taken, number);
  while (!x_announcements.empty() && x_announcements.front().number <= x_taken) {
    Event event = std::move(x_announcements.front().event);
    x_announcements.pop_front();
    x_events.publish(std::move(event));
  }
  call_waiters();
}

void Changes::wait(const Awaited& awaited, ChangeWaiter& waiter) {
  waiter.x_awaited = awaited;
  x_waiters.push_back(waiter);
}

void Changes::call_waiters() {
  List<ChangeWaiter> due;
  x_waiters.for_each([&](ChangeWaiter& waiter) {
    if (!is_done(waiter.x_awaited)) return;
    waiter.unlink();
    due.push_back(waiter);
  });
  while (!due.empty()) due.pop_front().on_taken();
}

// ---- the end of overrides

Changed Changes::take_back(const std::function<bool(const OverrideEntry&)>& which,
                           const Write& write) {
  const auto ours = [&](const OverrideEntry& entry) {
    return entry.layer == Layer::kAdmin && which(entry);
  };
  return end(ours, "override_removed", write);
}

Changed Changes::end(const std::function<bool(const OverrideEntry&)>& which, std::string_view kind,
                     const Write& write) {
  OverrideStore next = x_overrides;
  std::vector<Event> events;
  const auto take = [&](const auto& ends, std::string_view how, std::string_view reason) {
    std::vector<OverrideEntry> ended = next.take_if(ends);
    for (const OverrideEntry& entry : ended) {
      events.push_back(ended_event(entry, how, reason));
      events.back().actor = write.actor;
    }
    return ended;
  };
  const std::vector<OverrideEntry> ended = take(which, kind, write.reason);
  if (ended.empty()) return {};
  // What was valid before the override is valid after it; if others lean on this one, all of its
  // target end.
  if (!config::with_overrides(file(), next.layers()).ok()) {
    for (const OverrideEntry& one : ended) {
      take(
          [&](const OverrideEntry& entry) {
            return entry.is_setting() && entry.layer == Layer::kAdmin &&
                   is_of_target(entry, one.target);
          },
          "override_ended", "no_longer_valid");
    }
  }
  const size_t count = events.size();
  Changed changed = become(std::move(next), std::move(events));
  changed.ended = count;
  return changed;
}

void Changes::arm() {
  const std::optional<int64_t> end_ms = x_overrides.next_end_ms();
  if (!end_ms) return x_timer.cancel();
  const int64_t left_ms = std::clamp<int64_t>(*end_ms - x_loop.clock.wall_ms(), 0, kLookMs);
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms() + left_ms);
}

void Changes::on_time() {
  const int64_t now_ms = x_loop.clock.wall_ms();
  end([&](const OverrideEntry& entry) { return entry.until_ms && *entry.until_ms <= now_ms; },
      "override_ended", {"", "expired", std::nullopt});
  arm();
}

// ---- on disk

uint64_t Changes::save() {
  if (x_persistence == nullptr || !x_persistence->is_on()) return 0;
  ++x_saves;
  save_next();
  return x_saves;
}

// One at a time; what changes meanwhile is in the next one.
void Changes::save_next() {
  if (x_is_saving || x_saved == x_saves) return;
  x_is_saving = true;
  x_persistence->save(to_kept(x_overrides.all()), [this, number = x_saves](bool is_kept) {
    x_is_saving = false;
    x_saved = number;
    if (is_kept) x_last_kept = number;
    if (!is_kept) ++x_saves_failed;
    call_waiters();
    save_next();
  });
}

std::optional<bool> Changes::is_kept(uint64_t save) const {
  if (save == 0) return std::nullopt;
  return save <= x_last_kept;
}

std::vector<metrics::OverrideCount> Changes::counts() const {
  constexpr double kMsPerSecond = 1e3;
  std::map<std::pair<std::string, std::string>, metrics::OverrideCount> counts;
  for (const OverrideEntry& entry : x_overrides.all()) {
    metrics::OverrideCount& of = counts[{entry.target.service, std::string(entry.kind_name())}];
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
