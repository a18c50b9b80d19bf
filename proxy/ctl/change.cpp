#include "proxy/ctl/change.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/key_path.hpp"
#include "proxy/ctl/understood.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;

Json value_from(const std::string& text) {
  const Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

// Whether the value is there now: a map is made where there is none on the way.
bool put(Json& root, std::string_view path, Json value) {
  Json* at = &root;
  while (true) {
    const std::string key = config::take_key(path);
    if (path.empty()) {
      if (at->contains(key)) return false;
      (*at)[key] = std::move(value);
      return true;
    }
    at = &(*at)[key];
    if (at->is_null()) *at = Json::object();
    if (!at->is_object()) return false;
  }
}

std::string name_text(const Name& name) {
  return name.route.empty() ? name.service : name.service + "/" + name.route;
}

bool is_of(const Json& entry, const ChangedKey& key) {
  return text_at(entry, "service") == key.target.service &&
         text_at(entry, "route") == key.target.route &&
         text_at(entry, "endpoint") == key.endpoint &&
         config::is_within(text_at(entry, "key"), key.key);
}

bool is_ours(const Json& entry) { return text_at(entry, "layer") == "admin"; }

// Of the service as a whole where nothing else of it was changed, else of each by its id.
std::string undo_of(const Json& overrides, const std::vector<ChangedKey>& keys) {
  const std::string& service = keys.front().target.service;
  std::string ids;
  bool is_all = !service.empty();
  for (const Json& entry : overrides) {
    if (!is_ours(entry)) continue;
    const bool is_meant =
        std::ranges::any_of(keys, [&](const ChangedKey& key) { return is_of(entry, key); });
    if (is_meant) ids += " " + text_at(entry, "id");
    if (!is_meant && text_at(entry, "service") == service) is_all = false;
  }
  return ids.empty() || !is_all ? ids : " " + service;
}

std::string until_of(const Json& overrides, const ChangedKey& key, const Look& look) {
  for (const Json& entry : overrides) {
    if (!is_ours(entry) || !is_of(entry, key)) continue;
    const auto until_ms = wall_ms_of(text_at(entry, "until"));
    if (!until_ms) return "until it is undone";
    // What is left is a moment less than what was asked for.
    constexpr int64_t kMomentMs = 999;
    return "until " + clock_time(*until_ms, look.now_ms) + " (" +
           short_time(*until_ms - look.now_ms + kMomentMs) + ")";
  }
  return "as without an override";
}

std::string arrow(const ChangedKey& key) {
  return key.before == key.after ? key.after + " (as before)" : key.before + " -> " + key.after;
}

std::string subject(const ChangedKey& key) {
  std::string text = name_text(key.target);
  if (!key.endpoint.empty()) text += " " + key.endpoint;
  if (!text.empty()) text += "  ";
  return text + key.key;
}

ChangedKey key_of(const Json& entry) {
  return {{text_at(entry, "service"), text_at(entry, "route")},
          text_at(entry, "endpoint"),
          text_at(entry, "key"),
          value_text(entry.at("value")),
          value_text(entry.at("file_value"))};
}

Result<std::vector<ChangedKey>> failed() {
  return failure(std::string("the sidecar's answer is none that this version understands"));
}

std::vector<ChangedKey> between(const Json& before, const Json& after, const Name& target,
                                const std::vector<std::string>& keys) {
  std::vector<ChangedKey> list;
  list.reserve(keys.size());
  for (const std::string& key : keys) {
    list.push_back({target, "", key, setting_text(before, key), setting_text(after, key)});
  }
  return list;
}

}  // namespace

Name name_from(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {std::string(text), ""};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

Result<Patch> patch_from(const std::vector<std::string>& pairs) {
  Patch patch;
  Json body = Json::object();
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return failure("\"" + pair + "\" is not key=value, such as retry.attempts=1");
    }
    const std::string key = pair.substr(0, equals);
    if (!put(body, key, value_from(pair.substr(equals + 1)))) {
      return failure("\"" + key + "\" is given twice");
    }
    patch.keys.push_back(key);
  }
  patch.body = body.dump();
  return patch;
}

Result<std::vector<ChangedKey>> policy_changes(std::string_view before, std::string_view after,
                                               const Name& target, const Patch& patch) {
  const Json was = Json::parse(before, nullptr, false);
  const Json is = Json::parse(after, nullptr, false);
  if (!was.is_object() || !is.is_object()) return failed();
  return between(was.value("policy", Json()), is.value("policy", Json()), target, patch.keys);
}

Result<std::vector<ChangedKey>> dry_changes(std::string_view body, const Name& target,
                                            const Patch& patch) {
  const Json said = Json::parse(body, nullptr, false);
  if (!said.is_object()) return failed();
  return between(said.value("before", Json()), said.value("after", Json()), target, patch.keys);
}

std::string dry_view(const std::vector<ChangedKey>& keys, std::string_view body) {
  std::string out;
  for (const ChangedKey& key : keys) {
    out += harmless(subject(key) + "  " + arrow(key)) + "   not changed: a dry run\n";
  }
  const Json said = Json::parse(body, nullptr, false);
  const Json circuit = said.is_object() ? said.value("circuit", Json()) : Json();
  if (circuit.is_object() && circuit.value("would_open", false)) {
    out += "the circuit would open at once: " + text_at(circuit, "reason") + "\n";
  }
  return out;
}

Text change_view(const std::vector<ChangedKey>& keys, std::string_view overrides, const Look& look,
                 std::string_view command) {
  return understood<Json>(overrides, [&](const Json& answer) {
    const Json& entries = answer.at("overrides");
    const std::string undo = undo_of(entries, keys);
    std::string out;
    for (const ChangedKey& key : keys) {
      out += harmless(subject(key) + "  " + arrow(key)) + "   " + until_of(entries, key, look);
      if (!undo.empty()) out += "   undo: " + std::string(command) + " undo" + undo;
      out += '\n';
    }
    return out;
  });
}

Text undone_view(std::string_view before, std::string_view after) {
  return understood<Json>(before, [&](const Json& was) {
    const Json is = Json::parse(after);
    const auto stands = [&](const Json& entry) {
      return std::ranges::any_of(is.at("overrides"), [&](const Json& other) {
        return text_at(other, "id") == text_at(entry, "id");
      });
    };
    std::string out;
    for (const Json& entry : was.at("overrides")) {
      if (stands(entry)) continue;
      ChangedKey key = key_of(entry);
      // What the overrides file says shows again.
      for (const Json& other : is.at("overrides")) {
        if (key_of(other).key == key.key && is_of(other, key)) {
          key.after = value_text(other.at("value"));
        }
      }
      out += harmless(subject(key) + "  " + arrow(key)) + "\n";
    }
    return out.empty() ? std::string("there was nothing to undo\n") : out;
  });
}

}  // namespace outrigger::ctl
