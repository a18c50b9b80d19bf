#include "tests/sim/overrides_model.hpp"

#include <algorithm>
#include <utility>

#include "admin/overrides.hpp"
#include "admin/settings.hpp"
#include "config/key_path.hpp"

namespace outrigger::sim {
namespace {

// Timers are never early, and a little late; behind a pause what came meanwhile is first.
constexpr int64_t kLateMs = 5;

std::string value_below(const config::Loaded& file, const std::string& service,
                        const std::string& key) {
  return admin::setting_json(file.config, {service, ""}, key);
}

}  // namespace

// ---- what happens

void OverridesModel::ask(Act act, int64_t now_ms) {
  for (std::vector<State>* states : {&x_possible, &x_kept}) {
    for (State& state : *states) state.has_asked = false;
  }
  x_asked = std::move(act);
  x_asked_ms = now_ms;
}

void OverridesModel::answer(int status, bool kept, const Seen& seen) {
  if (status == 0) return;  // it may have been done
  look(seen);
  const bool is_done = status == 200 || status == 202;
  if (is_done && x_asked->is_wrong) x_ledger.violation("an operator's mistake is taken");
  if (!is_done && !x_asked->is_wrong) {
    x_ledger.violation("an operator's change is refused: " + std::to_string(status));
  }
  const auto differs = [&](const State& state) { return state.has_asked != is_done; };
  std::erase_if(x_possible, differs);
  if (x_possible.empty()) x_ledger.violation("an operator's change is not in force");
  // What was on disk before is gone; what came since may be there.
  if (kept && is_done) std::erase_if(x_kept, differs);
  if (!is_done) std::erase_if(x_kept, differs);
  x_asked.reset();
}

void OverridesModel::restart(bool keeps) {
  x_asked.reset();
  x_file.reset();  // whichever it is now, what was kept is put over it anew
  x_possible = keeps ? x_kept : std::vector<State>{State{}};
}

// ---- what may be

void OverridesModel::add(std::vector<State>& states, State state) {
  if (std::find(states.begin(), states.end(), state) == states.end()) {
    states.push_back(std::move(state));
  }
}

OverridesModel::State OverridesModel::with_asked(const State& state, int64_t now_ms) const {
  const Act& act = *x_asked;
  State next = state;
  next.has_asked = true;
  const auto is_of = [&](const Held& held) {
    return act.service.empty() || held.service == act.service;
  };
  if (act.keys.empty()) std::erase_if(next.held, is_of);
  for (const Act::Key& key : act.keys) {
    std::erase_if(next.held, [&](const Held& held) { return is_of(held) && held.key == key.key; });
    if (key.value.empty()) continue;
    const bool is_setting = key.key != kStateKey;
    next.held.push_back({act.service, key.key, key.value,
                         is_setting ? value_below(*x_file, act.service, key.key) : "", x_asked_ms,
                         now_ms, act.ttl_ms});
  }
  return next;
}

// All that may have happened by now without a word.
void OverridesModel::widen(int64_t now_ms) {
  for (size_t i = 0; i < x_possible.size(); ++i) {
    const State state = x_possible[i];
    for (const Held& held : state.held) {
      if (held.ttl_ms == 0 || held.from_ms + held.ttl_ms > now_ms) continue;
      State without = state;
      std::erase(without.held, held);
      add(x_possible, std::move(without));
    }
    if (x_asked && !x_asked->is_wrong && !state.has_asked && x_file != nullptr) {
      add(x_possible, with_asked(state, now_ms));
    }
  }
  std::erase_if(x_possible, [&](const State& state) {
    return std::any_of(state.held.begin(), state.held.end(), [&](const Held& held) {
      const int64_t due_ms = held.to_ms + held.ttl_ms;
      return held.ttl_ms > 0 && now_ms - due_ms > kLateMs + x_ledger.paused_ms(due_ms, now_ms);
    });
  });
}

// What the new file says otherwise than the one before ends the override over it.
void OverridesModel::rebase(const File& file) {
  x_file = file;
  x_known.clear();
  std::vector<State> next;
  for (State& state : x_possible) {
    std::erase_if(state.held, [&](const Held& held) {
      return held.is_setting() && value_below(*file, held.service, held.key) != held.file_value;
    });
    add(next, std::move(state));
  }
  x_possible = std::move(next);
}

const config::Loaded& OverridesModel::under(const State& state) {
  const auto [known, is_new] = x_known.try_emplace(text_of(state));
  if (!is_new) return known->second;
  std::map<std::string, config::Node> policies;
  for (const Held& held : state.held) {
    if (!held.is_setting()) continue;
    config::Node& policy = policies.try_emplace(held.service, config::Node::map()).first->second;
    config::put_at(policy, held.key, admin::parse_json_value(held.value));
  }
  std::vector<config::Override> layers;
  for (auto& [service, policy] : policies) layers.push_back({service, "", std::move(policy)});
  return known->second = config::with_overrides(*x_file, std::move(layers));
}

std::string OverridesModel::text_of(const State& state) {
  std::vector<std::string> lines;
  for (const Held& held : state.held) {
    if (held.is_setting()) lines.push_back(held.service + "." + held.key + "=" + held.value);
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line + " ";
  return text;
}

bool OverridesModel::explains(const State& state, const Seen& seen) {
  for (const auto& entry : seen.forces) {
    const auto held = std::find_if(state.held.begin(), state.held.end(), [&](const Held& one) {
      return !one.is_setting() && one.service == entry.first;
    });
    if (entry.second != (held == state.held.end() ? "" : held->value)) return false;
  }
  const config::Loaded& loaded = under(state);
  if (!loaded.ok()) return false;
  config::Config config = loaded.config;
  const config::FileBytes& secret = seen.config.passthrough.headers.response.set.front().content;
  config::fill_contents(config, [&](const std::string&) { return secret; });
  return config == seen.config;
}

void OverridesModel::look(const Seen& seen) {
  widen(seen.now_ms);
  if (x_file != seen.file) {
    rebase(seen.file);
    widen(seen.now_ms);
  }
  std::string what;
  for (const State& state : x_possible) what += "\n  " + text_of(state);
  std::erase_if(x_possible, [&](const State& state) { return !explains(state, seen); });
  for (const State& state : x_possible) add(x_kept, state);
  if (x_possible.empty()) {
    x_ledger.violation("what is in force is no file under whole changes, of these:" + what);
  }
}

}  // namespace outrigger::sim
