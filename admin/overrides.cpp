#include "admin/overrides.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "config/key_path.hpp"
#include "config/write.hpp"
#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

using config::Node;
using Kind = OverrideEntry::Kind;

bool same(const config::Target& a, const config::Target& b) {
  return a.service == b.service && a.route == b.route;
}

Node shown_value(const OverrideEntry& entry, const std::string& json) {
  Node value = parse_json_value(json);
  if (entry.is_setting()) config::redact_value(value, entry.key);
  return value;
}

// As an item of the overrides file.
Node item_of(const OverrideEntry& entry) {
  Node item = Node::map();
  const auto add = [&](std::string_view key, std::string_view text) {
    if (!text.empty()) item.set(key, Node::string(text));
  };
  add("service", entry.target.service);
  add("route", entry.target.route);
  add("endpoint", entry.endpoint);
  if (entry.is_setting()) {
    config::put_at(item.set("set", Node::map()), entry.key, shown_value(entry, entry.value));
  } else {
    add(entry.kind == Kind::kLog ? "log" : "state", entry.state());
  }
  if (entry.until_ms) add("until", iso_time(*entry.until_ms));
  add("reason", entry.reason);
  add("by", entry.by.empty() ? entry.actor : entry.by);
  return item;
}

// A comment ends with its line, whatever somebody gave as the reason.
std::string comment(std::string line) {
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return "# " + line + "\n";
}

std::string comment_of(const OverrideEntry& entry) {
  std::string line = entry.target.service;
  if (!entry.target.route.empty()) line += "/" + entry.target.route;
  if (!entry.endpoint.empty()) line += " " + entry.endpoint;
  line += " " + std::string(entry.what()) + ": " + shown_json(entry, entry.value) +
          ", in the file " + shown_json(entry, entry.file_value);
  if (!entry.actor.empty()) line += "; by " + entry.actor;
  line += " at " + iso_time(entry.since_ms);
  if (entry.until_ms) line += " until " + iso_time(*entry.until_ms);
  if (!entry.reason.empty()) line += ": " + entry.reason;
  return comment(std::move(line));
}

}  // namespace

bool OverrideEntry::is_of_same(const OverrideEntry& other) const {
  return kind == other.kind && same(target, other.target) && endpoint == other.endpoint &&
         key == other.key;
}

std::string_view OverrideEntry::what() const {
  constexpr auto kNames =
      std::to_array<std::string_view>({"", "state", "endpoint_state", "log.level"});
  return is_setting() ? std::string_view(key) : kNames[static_cast<size_t>(kind)];
}

std::string_view OverrideEntry::kind_name() const {
  constexpr auto kNames = std::to_array<std::string_view>({"", "state", "endpoint", "log"});
  if (!is_setting()) return kNames[static_cast<size_t>(kind)];
  return std::string_view(key).substr(0, key.find('.'));
}

std::string_view OverrideEntry::state() const {
  return value.size() < 2 ? std::string_view()
                          : std::string_view(value).substr(1, value.size() - 2);
}

// ---- the store

void OverrideStore::set(OverrideEntry entry) {
  erase(entry);
  x_entries.push_back(std::move(entry));
}

void OverrideStore::erase(const OverrideEntry& like, bool whole) {
  std::erase_if(x_entries, [&](const OverrideEntry& other) {
    if (other.layer != like.layer || other.kind != like.kind) return false;
    if (!like.is_setting()) return other.is_of_same(like);
    return same(other.target, like.target) && (config::is_within(like.key, other.key) ||
                                               (whole && config::is_within(other.key, like.key)));
  });
}

std::optional<int64_t> OverrideStore::next_end_ms() const {
  std::optional<int64_t> next;
  for (const OverrideEntry& entry : x_entries) {
    if (entry.until_ms && (!next || *entry.until_ms < *next)) next = entry.until_ms;
  }
  return next;
}

const OverrideEntry* OverrideStore::top(const OverrideEntry& like) const {
  const OverrideEntry* found = nullptr;
  for (const OverrideEntry& entry : x_entries) {
    if (!entry.is_of_same(like)) continue;
    if (found == nullptr || entry.layer > found->layer) found = &entry;
  }
  return found;
}

const OverrideEntry* OverrideStore::setting(const config::Target& target,
                                            std::string_view key) const {
  const OverrideEntry* found = nullptr;
  for (const OverrideEntry& entry : x_entries) {
    if (!entry.is_setting() || entry.target.service != target.service) continue;
    const bool is_own = entry.target.route == target.route;
    if (!is_own && !entry.target.route.empty()) continue;
    if (!config::is_within(key, entry.key)) continue;
    const auto rank = [](const OverrideEntry& of) {
      return std::pair(!of.target.route.empty(), of.layer);
    };
    if (found == nullptr || rank(entry) > rank(*found)) found = &entry;
  }
  return found;
}

std::vector<config::Override> OverrideStore::layers() const {
  std::vector<config::Override> layers;
  for (const Layer layer : {Layer::kFile, Layer::kAdmin}) {
    const auto first = static_cast<std::ptrdiff_t>(layers.size());
    for (const OverrideEntry& entry : x_entries) {
      if (entry.layer != layer || !entry.is_setting()) continue;
      auto over = std::find_if(layers.begin() + first, layers.end(), [&](const auto& other) {
        return same({other.service, other.route}, entry.target);
      });
      if (over == layers.end()) {
        over = layers.insert(over, {entry.target.service, entry.target.route, Node::map()});
      }
      config::put_at(over->policy, entry.key, parse_json_value(entry.value));
    }
  }
  return layers;
}

// ---- as text

std::string shown_json(const OverrideEntry& entry, const std::string& value) {
  return config::to_json(shown_value(entry, value), false);
}

Event ended_event(const OverrideEntry& entry, std::string_view kind, std::string_view reason) {
  Event event;
  event.kind = kind;
  event.service = entry.target.service;
  event.route = entry.target.route;
  event.endpoint = entry.endpoint;
  event.reason = reason;
  event.from = entry.what();
  event.before = shown_json(entry, entry.value);
  event.after = shown_json(entry, entry.file_value);
  return event;
}

std::string_view to_string(OverrideEntry::Layer layer) {
  return layer == OverrideEntry::Layer::kFile ? "file" : "admin";
}

// The parser only takes objects.
Node parse_json_value(const std::string& json) {
  std::vector<config::Problem> problems;
  const Node wrapped = config::parse_json("{\"v\":" + json + "}", problems);
  const Node* value = wrapped.find("v");
  return value == nullptr ? Node{} : *value;
}

std::string to_json(const OverrideEntry& entry) {
  std::string text = "{\"id\":";
  append_json_string(text, entry.id);
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    text.append(",\"").append(key).append("\":");
    append_json_string(text, value);
  };
  add("layer", to_string(entry.layer));
  add("service", entry.target.service);
  add("route", entry.target.route);
  add("endpoint", entry.endpoint);
  add("key", entry.what());
  text.append(",\"value\":").append(shown_json(entry, entry.value));
  text.append(",\"file_value\":").append(shown_json(entry, entry.file_value));
  text.append(",\"replaced\":").append(shown_json(entry, entry.replaced));
  add("actor", entry.actor);
  add("by", entry.by);
  add("reason", entry.reason);
  add("since", iso_time(entry.since_ms));
  if (entry.until_ms) add("until", iso_time(*entry.until_ms));
  return text + "}";
}

std::string to_json(const std::vector<OverrideEntry>& entries) {
  std::string text = "{\"overrides\":[";
  for (const OverrideEntry& entry : entries) {
    if (text.back() == '}') text += ',';
    text += to_json(entry);
  }
  return text + "]}";
}

std::string to_yaml(const std::vector<OverrideEntry>& entries) {
  std::string text;
  Node file = Node::map();
  for (const OverrideEntry& entry : entries) {
    text += comment_of(entry);
    if (!entry.is_setting() || !entry.target.route.empty()) {
      text += comment("- " + config::to_flow(item_of(entry)));
      continue;
    }
    config::put_at(file, config::joined("services", entry.target.service) + "." + entry.key,
                   shown_value(entry, entry.value));
  }
  if (file.entries.empty()) return text.empty() ? "# nothing differs from the file\n" : text;
  return text + config::to_yaml(file);
}

}  // namespace outrigger::admin
