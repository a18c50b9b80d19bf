#include "admin/overrides.hpp"

#include <algorithm>
#include <map>

#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

using config::Node;

bool same(const config::Target& a, const config::Target& b) {
  return a.service == b.service && a.route == b.route;
}

bool is_within(std::string_view key, std::string_view outer) {
  return key.starts_with(outer) && (key.size() == outer.size() || key[outer.size()] == '.');
}

Node& map_in(Node& parent, std::string_view key) {
  for (config::Entry& entry : parent.entries) {
    if (entry.key == key && entry.value.is_map()) return entry.value;
  }
  return parent.set(key, Node::map());
}

// Puts `value` at a path with dots.
void put(Node& root, std::string_view key, Node value) {
  Node* at = &root;
  for (size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
    at = &map_in(*at, key.substr(0, dot));
    key.remove_prefix(dot + 1);
  }
  at->set(key, std::move(value));
}

// Any JSON value: the parser only takes objects.
Node parse_value(const std::string& json) {
  std::vector<config::Problem> problems;
  const Node wrapped = config::parse_json("{\"v\":" + json + "}", problems);
  const Node* value = wrapped.find("v");
  return value == nullptr ? Node{} : *value;
}

std::string comment_of(const OverrideEntry& entry) {
  std::string line = entry.target.service;
  if (!entry.target.route.empty()) line += "/" + entry.target.route;
  line += " " + entry.key + ": " + entry.value + ", in the file " + entry.file_value;
  if (!entry.who.empty()) line += "; by " + entry.who;
  line += " at " + iso_time(entry.since_ms);
  if (entry.until_ms) line += " until " + iso_time(*entry.until_ms);
  if (!entry.why.empty()) line += ": " + entry.why;
  // A comment ends with its line, whatever somebody gave as the reason.
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return "# " + line + "\n";
}

}  // namespace

void OverrideStore::set(OverrideEntry entry) {
  erase(entry.target, entry.key);
  x_entries.push_back(std::move(entry));
}

bool OverrideStore::erase(const config::Target& target, std::string_view key) {
  return std::erase_if(x_entries, [&](const OverrideEntry& other) {
           return same(other.target, target) &&
                  (is_within(other.key, key) || is_within(key, other.key));
         }) > 0;
}

std::optional<int64_t> OverrideStore::next_end_ms() const {
  std::optional<int64_t> next;
  for (const OverrideEntry& entry : x_entries) {
    if (entry.until_ms && (!next || *entry.until_ms < *next)) next = entry.until_ms;
  }
  return next;
}

std::string OverrideStore::patch_of(const config::Target& target) const {
  Node patch = Node::map();
  for (const OverrideEntry& entry : x_entries) {
    if (same(entry.target, target) && !entry.is_state()) {
      put(patch, entry.key, parse_value(entry.value));
    }
  }
  return config::to_json(patch, false);
}

std::string returning_patch(const std::vector<std::string>& keys) {
  Node patch = Node::map();
  for (const std::string& key : keys) put(patch, key, Node{});
  return config::to_json(patch, false);
}

std::string to_json(const std::vector<OverrideEntry>& entries) {
  std::string text = "{\"overrides\":[";
  for (const OverrideEntry& entry : entries) {
    if (text.back() == '}') text += ',';
    text += "{\"service\":";
    append_json_string(text, entry.target.service);
    const auto add = [&](std::string_view key, std::string_view value) {
      if (value.empty()) return;
      text.append(",\"").append(key).append("\":");
      append_json_string(text, value);
    };
    add("route", entry.target.route);
    add("key", entry.key);
    text.append(",\"value\":").append(entry.value);
    text.append(",\"file_value\":").append(entry.file_value);
    add("who", entry.who);
    add("why", entry.why);
    add("since", iso_time(entry.since_ms));
    if (entry.until_ms) add("until", iso_time(*entry.until_ms));
    text += '}';
  }
  return text + "]}";
}

std::string to_yaml(const std::vector<OverrideEntry>& entries) {
  std::string text;
  Node file = Node::map();
  for (const OverrideEntry& entry : entries) {
    text += comment_of(entry);
    // A forced state is not a setting, and a route stands in a list of the file: both only as
    // comments.
    if (entry.is_state() || !entry.target.route.empty()) continue;
    put(map_in(map_in(file, "services"), entry.target.service), entry.key,
        parse_value(entry.value));
  }
  if (file.entries.empty()) return text.empty() ? "# nothing differs from the file\n" : text;
  return text + config::to_yaml(file);
}

}  // namespace outrigger::admin
