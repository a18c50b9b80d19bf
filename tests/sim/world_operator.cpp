// What operators do to the process of a World, and the end of the process.
#include <csignal>
#include <map>

#include "tests/sim/certificates.hpp"
#include "tests/sim/world.hpp"

namespace outrigger::sim {
namespace {

// {"retry": {"attempts": 3}, "balance": "random"}.
std::string patch_of(const Act& act) {
  std::map<std::string, std::string> sections;
  std::string patch = "{";
  const auto append = [](std::string& to, const std::string& name, const std::string& value) {
    to += (to.size() > 1 ? "," : "") + ("\"" + name + "\":" + value);
  };
  for (const Act::Key& key : act.keys) {
    const std::string value = key.value.empty() ? "null" : key.value;
    const size_t dot = key.key.find('.');
    if (dot == std::string::npos) {
      append(patch, key.key, value);
    } else {
      std::string& section = sections.try_emplace(key.key.substr(0, dot), "{").first->second;
      append(section, key.key.substr(dot + 1), value);
    }
  }
  for (const auto& [name, members] : sections) append(patch, name, members + "}");
  return patch + "}";
}

struct Question {
  std::string method;
  std::string path;
  std::string body;
};

Question question_of(const Act& act) {
  if (act.keys.empty()) {
    return {"DELETE", "/overrides" + (act.service.empty() ? "" : "/" + act.service), ""};
  }
  const std::string ttl = act.ttl_ms > 0 ? "?ttl=" + std::to_string(act.ttl_ms) + "ms" : "";
  if (act.keys.front().key != kStateKey) {
    return {"PATCH", "/services/" + act.service + "/policy" + ttl, patch_of(act)};
  }
  const std::string& force = act.keys.front().value;
  return {"PUT", "/circuits/" + act.service + "/state" + ttl,
          "{\"state\":\"" + (force.empty() ? "auto" : force) + "\"}"};
}

}  // namespace

void World::operate() {
  x_kept.fails = random().chance(0.1) ? "No space left on device" : "";
  if (x_operator.is_busy()) return;
  const Act act = x_plan.draw_act(random());
  const Question question = question_of(act);
  x_ledger.note(now_ms(), "operator: " + question.method + " " + question.path + question.body);
  x_overrides.ask(act, now_ms());
  x_operator.ask(
      question.method, question.path, question.body, [this](int status, const std::string& body) {
        const bool kept = body.find("\"persisted\":true") != std::string::npos;
        x_ledger.note(now_ms(), "operator: answer", static_cast<uint64_t>(status), kept ? 1 : 0);
        if (status != 0) x_overrides.answer(status, kept, seen());
      });
}

OverridesModel::Seen World::seen() {
  x_seen_forces.clear();
  for (size_t i = 0; i < x_plan.passthrough(); ++i) {
    using upstream::CircuitState;
    const CircuitState state = service(i)->circuit().state();
    const bool is_forced =
        state == CircuitState::kForcedOpen || state == CircuitState::kForcedClosed;
    x_seen_forces[x_plan.services[i].name] = is_forced ? upstream::to_string(state) : "";
  }
  const admin::ConfigState& state = x_plane->config_state();
  return {x_good_files.at(state.running_hash), x_plane->loaded().config, x_seen_forces, now_ms()};
}

// What is in force is one file under whole changes, whenever something of it is another.
void World::check_overrides() {
  uint64_t forces = 0;
  for (size_t i = 0; i < x_plan.passthrough(); ++i) {
    forces = forces << 8 | static_cast<uint64_t>(service(i)->circuit().state());
  }
  const admin::ConfigState& state = x_plane->config_state();
  const bool is_same = forces == x_checked_forces && state.effective_hash == x_checked_hash &&
                       state.running_hash == x_checked_file;
  if (is_same) return;
  x_checked_forces = forces;
  x_checked_hash = state.effective_hash;
  x_checked_file = state.running_hash;
  x_overrides.look(seen());
}

// Orderly or not, the process goes and another takes its place at once: with the files as they are
// by now, or the last good ones, under what was kept of the overrides.
void World::restart() {
  x_is_restart_due = false;
  if (x_draining) return;
  x_ledger.note(now_ms(), "control: restart");
  x_ledger.note_restart(now_ms());
  x_operator.break_off();
  x_overrides.look(seen());
  x_kept.fails.clear();
  end_workers();
  if (x_ledger.is_violated()) return;
  add_counted_tunnels();
  x_overrides.restart(x_plan.keeps_overrides);
  x_control.set_after_each([](void*) {}, nullptr);
  x_plane.reset();
  x_control.drop_posts();
  x_workers.begin_anew();
  mend_files();
  start_again();
  for (size_t service = 0; service < x_plan.passthrough(); ++service) send_list(service);
  x_overrides.look(seen());
}

// Without these nothing starts: what the configuration names, and addresses that are free.
void World::mend_files() {
  x_files.set(kSecretFile, x_secret);
  x_files.set(kCertificateFile, certificates()[0].certificate);
  x_files.set(kKeyFile, certificates()[0].key);
  x_certificate = 0;
  if (!x_is_file_bad) return;
  const config::Texts texts{{kFile, x_files.read_now(kFile)}};
  if (config::load_texts(texts, {}).ok()) draw_good_file();
}

void World::start_again() {
  config::Texts texts{{kFile, x_files.read_now(kFile)}};
  config::Loaded first = config::load_texts(texts, {});
  std::optional<app::RefusedFiles> refused;
  if (!first.ok()) {
    refused = {texts, first.problems};
    texts = x_last_good;
    first = config::load_texts(texts, {});
  }
  start(first, texts, refused ? &*refused : nullptr);
}

}  // namespace outrigger::sim
