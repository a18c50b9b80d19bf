// Changes that come from files: another configuration, the overrides file, what an earlier process
// kept.
#include <algorithm>
#include <set>

#include "admin/changes.hpp"
#include "admin/kept_overrides.hpp"
#include "admin/settings.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::admin {
namespace {

using Kind = OverrideEntry::Kind;
using Layer = OverrideEntry::Layer;

// Below a key that the file switches off there is nothing.
std::string file_value(const config::Config& file, const OverrideEntry& entry) {
  if (!entry.is_setting()) return "\"auto\"";
  const std::string json = setting_json(file, entry.target, entry.key, config::Secrets::kShown);
  return json.empty() ? "null" : json;
}

// Whether it has what it is about.
bool applies(const OverrideEntry& entry, const config::Config& file) {
  if (entry.kind == Kind::kLog) return true;
  if (entry.kind == Kind::kCircuit) return has_circuit(file, entry.target);
  return config::is_in_file(file, entry.target);
}

bool is_over(const OverrideEntry& entry, int64_t now_ms) {
  return entry.until_ms && *entry.until_ms <= now_ms;
}

bool is_same_entry(const OverrideEntry& a, const OverrideEntry& b) {
  return a.layer == b.layer && a.is_of_same(b) && a.value == b.value && a.until_ms == b.until_ms &&
         a.reason == b.reason && a.by == b.by;
}

const OverrideEntry* find_same(const std::vector<OverrideEntry>& all, const OverrideEntry& entry) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const OverrideEntry& other) {
    return is_same_entry(entry, other);
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

Changed Changes::reload(config::Loaded fresh, const Write& write) {
  if (!fresh.ok()) return {{}, 0, std::move(fresh.problems)};
  Rebased rebased = rebase(fresh, x_overrides);
  Event event;
  event.kind = "reload";
  event.reason = write.reason;
  event.actor = write.actor;
  Changed changed = install(std::move(rebased.next), {std::move(event)});
  if (!changed.problems.empty()) return changed;
  x_file = std::move(fresh);
  if (rebased.refuses_file && !x_refused_file) x_refused_file = x_of_file;
  adopt(std::move(rebased.standing));
  for (Event& ended : rebased.events) x_events.publish(std::move(ended));
  changed.ended = rebased.ended;
  changed.awaited.save = save();
  return changed;
}

Changed Changes::begin(config::Loaded first, std::string_view kept,
                       std::vector<OverrideEntry> of_file) {
  OverrideStore store;
  for (OverrideEntry& entry : from_kept(kept)) {
    x_last_id = std::max<uint64_t>(x_last_id, std::strtoull(entry.id.c_str(), nullptr, 10));
    store.set(std::move(entry));
  }
  x_of_file = std::move(of_file);
  Rebased rebased = rebase(first, std::move(store));
  Changed changed = install(std::move(rebased.next), {});
  if (!changed.problems.empty()) return changed;
  x_file = std::move(first);
  if (rebased.refuses_file && !x_refused_file) x_refused_file = x_of_file;
  adopt(std::move(rebased.standing));
  for (Event& ended : rebased.events) x_events.publish(std::move(ended));
  if (rebased.ended > 0) changed.awaited.save = save();
  return changed;
}

Changes::Rebased Changes::rebase(const config::Loaded& fresh, OverrideStore standing) const {
  Rebased rebased;
  const int64_t now_ms = x_loop.clock.wall_ms();
  standing.take_if([](const OverrideEntry& entry) { return entry.layer == Layer::kFile; });
  const auto end = [&](const auto& which, std::string_view why) {
    for (OverrideEntry& entry : standing.take_if(which)) {
      entry.file_value = file_value(fresh.config, entry);
      rebased.events.push_back(ended_event(entry, "override_ended", why));
      ++rebased.ended;
    }
  };
  end([&](const OverrideEntry& entry) { return is_over(entry, now_ms); }, "expired");
  end([&](const OverrideEntry& entry) { return !applies(entry, fresh.config); },
      "removed_from_file");
  end(
      [&](const OverrideEntry& entry) {
        return file_value(fresh.config, entry) != entry.file_value;
      },
      "file_changed");
  add_of_file(standing, fresh);
  rebased.standing = std::move(standing);
  rebased.next = config::with_overrides(fresh, rebased.standing.layers());
  if (!rebased.next.ok()) drop_invalid(rebased, fresh);
  for (Event& event : events_of_file(rebased.standing)) rebased.events.push_back(std::move(event));
  return rebased;
}

// The rest of the file no longer agrees with some of them: the overrides file goes as a whole, of
// the others all of their service or route.
void Changes::drop_invalid(Rebased& rebased, const config::Loaded& fresh) const {
  OverrideStore tried;
  std::vector<OverrideEntry> of_admin;
  for (const OverrideEntry& entry : rebased.standing.all()) {
    if (entry.layer == Layer::kFile) {
      tried.set(entry);
    } else {
      of_admin.push_back(entry);
    }
  }
  rebased.next = config::with_overrides(fresh, tried.layers());
  if (!rebased.next.ok()) {
    for (const config::Problem& problem : rebased.next.problems) {
      log::error("overrides file not in force", {{"why", config::to_string(problem)}});
    }
    tried = {};
    rebased.next = fresh;
    rebased.refuses_file = true;
  }
  std::set<std::pair<std::string, std::string>> done;
  for (const OverrideEntry& entry : of_admin) {
    const config::Target& target = entry.target;
    if (!done.emplace(target.service, target.route).second) continue;
    OverrideStore with = tried;
    std::vector<Event> events;
    for (const OverrideEntry& one : of_admin) {
      const bool is_of_it =
          one.target.service == target.service && one.target.route == target.route;
      if (!is_of_it) continue;
      with.set(one);
      if (!one.is_setting()) tried.set(one);
      if (one.is_setting()) {
        events.push_back(ended_event(one, "override_ended", "no_longer_valid"));
      }
    }
    config::Loaded next = config::with_overrides(fresh, with.layers());
    if (next.ok()) {
      tried = std::move(with);
      rebased.next = std::move(next);
      continue;
    }
    rebased.ended += events.size();
    for (Event& event : events) rebased.events.push_back(std::move(event));
  }
  rebased.standing = std::move(tried);
}

// ---- the overrides file

void Changes::add_of_file(OverrideStore& store, const config::Loaded& file) const {
  const int64_t now_ms = x_loop.clock.wall_ms();
  for (OverrideEntry entry : x_of_file) {
    if (!applies(entry, file.config) || is_over(entry, now_ms)) continue;
    entry.file_value = entry.replaced = file_value(file.config, entry);
    const OverrideEntry* known = find_same(x_overrides.all(), entry);
    entry.since_ms = known == nullptr ? now_ms : known->since_ms;
    store.set(std::move(entry));
  }
}

std::vector<Event> Changes::events_of_file(const OverrideStore& next) const {
  std::vector<Event> events;
  for (const OverrideEntry& entry : x_overrides.all()) {
    if (entry.layer != Layer::kFile || find_same(next.all(), entry) != nullptr) continue;
    events.push_back(ended_event(entry, "override_ended", "removed_from_overrides_file"));
    events.back().actor = entry.actor;
  }
  for (const OverrideEntry& entry : next.all()) {
    if (entry.layer != Layer::kFile || find_same(x_overrides.all(), entry) != nullptr) continue;
    Event event = ended_event(entry, "override_set", entry.reason);
    std::swap(event.before, event.after);
    event.actor = entry.actor;
    events.push_back(std::move(event));
  }
  return events;
}

Changed Changes::take_file(std::vector<OverrideEntry> entries) {
  x_refused_file.reset();
  std::vector<OverrideEntry> before = std::exchange(x_of_file, std::move(entries));
  OverrideStore next = x_overrides;
  next.take_if([](const OverrideEntry& entry) { return entry.layer == Layer::kFile; });
  add_of_file(next, file());
  std::vector<Event> events = events_of_file(next);
  Changed changed = become(std::move(next), std::move(events));
  if (!changed.problems.empty()) x_refused_file = std::exchange(x_of_file, std::move(before));
  return changed;
}

void Changes::try_file_again() {
  if (!x_refused_file) return;
  if (take_file(*std::exchange(x_refused_file, std::nullopt)).problems.empty()) {
    log::info("overrides file in force after another change");
  }
}

}  // namespace outrigger::admin
