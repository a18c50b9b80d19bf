#include "admin/overrides_file.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>

#include "admin/settings.hpp"
#include "config/reader.hpp"
#include "config/yaml.hpp"
#include "proxy/base/json_line.hpp"
#include "proxy/base/log.hpp"
#include "proxy/upstream/circuit.hpp"
#include "proxy/upstream/endpoint.hpp"

namespace outrigger::admin {
namespace {

using config::Node;
using config::Reader;
using Kind = OverrideEntry::Kind;

constexpr int64_t kMsPerSecond = 1'000;

// "2026-11-24T05:00:00Z", of UTC, perhaps with a fraction.
std::optional<int64_t> parse_time(const std::string& text) {
  std::tm time{};
  int used = 0;
  const int read =
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &time.tm_year, &time.tm_mon,
                  &time.tm_mday, &time.tm_hour, &time.tm_min, &time.tm_sec, &used);
  constexpr int kFields = 6;
  if (read != kFields) return std::nullopt;
  std::string_view rest = std::string_view(text).substr(static_cast<size_t>(used));
  if (rest.starts_with('.')) rest.remove_prefix(std::min(rest.find('Z'), rest.size()));
  if (rest != "Z") return std::nullopt;
  constexpr int kFirstYear = 1900;
  time.tm_year -= kFirstYear;
  time.tm_mon -= 1;
  return static_cast<int64_t>(timegm(&time)) * kMsPerSecond;
}

class FileReader {
 public:
  FileReader(const config::Document& document, std::string actor)
      : x_reader(document), x_actor(std::move(actor)) {}

  void read(const Node& root) {
    constexpr auto kKeys = std::to_array<std::string_view>({"overrides", "services"});
    if (root.is_null()) return;
    if (!root.is_map()) return x_reader.problem(root.mark, "the file is not a map");
    check_keys(root, kKeys);
    if (const Node* list = root.find("overrides"); list != nullptr && !list->is_null()) {
      if (!list->is_list()) x_reader.wrong(*list, "a list", "write [{service: ..., ...}]");
      for (const Node& item : list->items) read_item(item);
    }
    if (const Node* services = root.find("services")) {
      if (!services->is_map()) return x_reader.wrong(*services, "a map of services");
      for (const config::Entry& service : services->entries) {
        OverrideEntry entry;
        entry.target.service = service.key;
        add_settings(entry, service.value);
      }
    }
  }
  OverridesFile take() { return {std::move(x_entries), x_reader.take()}; }

 private:
  void check_keys(const Node& map, std::span<const std::string_view> known) {
    for (const config::Entry& entry : map.entries) {
      const bool is_known = std::find(known.begin(), known.end(), entry.key) != known.end();
      if (!is_known) x_reader.unknown(entry.mark, "key", entry.key, known);
    }
  }

  std::string text_of(const Node& item, std::string_view key) {
    const Node* found = item.find(key);
    if (found == nullptr || found->is_null()) return {};
    if (!found->is_scalar()) x_reader.wrong(*found, "text");
    return found->text;
  }

  void read_item(const Node& item) {
    constexpr auto kKeys = std::to_array<std::string_view>(
        {"service", "route", "endpoint", "state", "set", "log", "until", "reason", "by"});
    if (!item.is_map()) return x_reader.wrong(item, "an override", "write {service: ..., ...}");
    check_keys(item, kKeys);
    OverrideEntry entry;
    entry.target = {text_of(item, "service"), text_of(item, "route")};
    entry.reason = text_of(item, "reason");
    entry.by = text_of(item, "by");
    if (const Node* until = item.find("until")) {
      entry.until_ms = parse_time(text_of(item, "until"));
      if (!entry.until_ms) x_reader.problem(until->mark, "\"until\" is like 2026-11-24T05:00:00Z");
    }
    const Node* state = item.find("state");
    const Node* set = item.find("set");
    const Node* level = item.find("log");
    const int acts = int{state != nullptr} + int{set != nullptr} + int{level != nullptr};
    if (acts != 1) return x_reader.problem(item.mark, "write one of \"state\", \"set\", \"log\"");
    if (level == nullptr && entry.target.service.empty()) {
      return x_reader.problem(item.mark, "no \"service\"");
    }
    if (set != nullptr) return add_settings(entry, *set);
    const Node& word = state != nullptr ? *state : *level;
    if (word.is_scalar()) {
      read_state(std::move(entry), word, level != nullptr, text_of(item, "endpoint"));
    } else {
      x_reader.wrong(word, "a word");
    }
  }

  void read_state(OverrideEntry entry, const Node& word, bool is_log, const std::string& endpoint) {
    bool is_right = false;
    if (is_log) {
      entry.kind = Kind::kLog;
      entry.target = {};
      is_right = log::level_from(word.text).has_value();
    } else if (endpoint.empty()) {
      entry.kind = Kind::kCircuit;
      is_right = upstream::circuit_force_from(word.text).has_value() && word.text != "auto";
    } else {
      entry.kind = Kind::kEndpoint;
      const auto address = Address::parse(endpoint);
      if (!address) return x_reader.problem(word.mark, "\"endpoint\" is not IP:PORT");
      entry.endpoint = address->to_string();
      is_right = upstream::operator_state_from(word.text).has_value() && word.text != "auto";
    }
    if (!is_right) {
      return x_reader.problem(word.mark, config::in_quotes(word.text) + " is no state to force");
    }
    append_json_string(entry.value, word.text);
    add(std::move(entry));
  }

  void add_settings(const OverrideEntry& like, const Node& set) {
    if (!set.is_map()) return x_reader.wrong(set, "a map of settings", "write {retry: ...}");
    for (PatchedKey& patched : patched_keys("", config::to_json(set, false))) {
      if (patched.value.empty()) {
        x_reader.problem(set.mark, config::in_quotes(patched.key) + " has no value");
        continue;
      }
      OverrideEntry entry = like;
      entry.kind = Kind::kSetting;
      entry.key = std::move(patched.key);
      entry.value = std::move(patched.value);
      add(std::move(entry));
    }
  }

  void add(OverrideEntry entry) {
    entry.layer = OverrideEntry::Layer::kFile;
    entry.id = "file-" + std::to_string(x_entries.size() + 1);
    entry.actor = x_actor;
    x_entries.push_back(std::move(entry));
  }

  Reader x_reader;
  const std::string x_actor;
  std::vector<OverrideEntry> x_entries;
};

}  // namespace

OverridesFile parse_overrides_file(const std::string& path, std::string_view text) {
  OverridesFile file;
  config::Document document;
  document.files.push_back(path);
  // No variables: the process has secrets among them.
  document.root = config::parse_yaml(
      {0, path, text}, [](const std::string&) { return std::nullopt; }, file.problems);
  if (!file.problems.empty()) return file;
  FileReader reader(document, "file:" + path);
  reader.read(document.root);
  return reader.take();
}

}  // namespace outrigger::admin
