#include "admin/settings.hpp"

#include <algorithm>

#include "config/choice.hpp"
#include "config/key_path.hpp"
#include "config/write.hpp"

namespace outrigger::admin {
namespace {

using config::Node;

// What is left of a map without the keys that are taken away.
Node without_nulls(const Node& written) {
  if (!written.is_map()) return written;
  Node left = Node::map();
  for (const config::Entry& entry : written.entries) {
    Node value = without_nulls(entry.value);
    const bool is_nothing = value.is_null() || (value.is_map() && value.entries.empty());
    if (!is_nothing) left.set(entry.key, std::move(value));
  }
  return left;
}

// Of a map of which one key is written.
PatchedKey choice(const std::string& path, const Node& written) {
  const Node chosen = without_nulls(written);
  if (chosen.entries.empty()) return {path, "", true};
  return {path, config::to_json(chosen, false), false};
}

void collect(const std::string& path, const Node& node, std::vector<PatchedKey>& keys) {
  // An empty object in place of a value takes it away, but nothing of another object.
  if (node.is_null() || (node.is_map() && node.entries.empty())) {
    keys.push_back({path, "", node.is_null()});
  } else if (node.is_map()) {
    for (const config::Entry& entry : node.entries) {
      const std::string inner = config::joined(path, entry.key);
      const bool is_whole = config::is_choice(entry.key) && entry.value.is_map();
      if (is_whole && !entry.value.entries.empty()) {
        keys.push_back(choice(inner, entry.value));
      } else {
        collect(inner, entry.value, keys);
      }
    }
  } else {
    keys.push_back({path, config::to_json(node, false), false});
  }
}

}  // namespace

std::string setting_json(const config::Config& config, const config::Target& target,
                         std::string_view key, config::Secrets secrets) {
  const Node written = config::write_target(config, target, secrets);
  if (written.is_null()) return {};
  const Node* found = config::find_at(written, key);
  return found == nullptr ? std::string() : config::to_json(*found, false);
}

std::string overridden_json(const config::Loaded& loaded, const config::Target& target,
                            std::string_view section) {
  const Node over = loaded.document.overridden({}, target.service, target.route);
  const Node* found = over.is_map() ? config::find_at(over, section) : nullptr;
  return found == nullptr ? std::string() : config::to_json(*found, false);
}

std::vector<PatchedKey> patched_keys(std::string_view section, std::string_view merge_patch) {
  std::vector<config::Problem> problems;
  std::vector<PatchedKey> keys;
  const Node patch = config::parse_json(merge_patch, problems);
  if (!patch.entries.empty()) collect(std::string(section), patch, keys);
  return keys;
}

std::vector<config::Problem> refused_nulls(const config::Target& target, std::string_view section,
                                           std::string_view merge_patch) {
  std::vector<config::Problem> problems;
  for (const PatchedKey& patched : patched_keys(section, merge_patch)) {
    if (!patched.value.empty()) continue;
    if (auto why = config::why_not_patched(target, patched.key)) {
      problems.push_back({"", 0, 0, patched.key, std::move(*why)});
    }
  }
  return problems;
}

std::string sections_json(const config::Config& config, const config::Target& target,
                          std::string_view merge_patch) {
  std::vector<config::Problem> problems;
  Node sections = Node::map();
  const Node written = config::write_target(config, target, config::Secrets::kRedacted);
  if (written.is_null()) return {};
  for (const config::Entry& entry : config::parse_json(merge_patch, problems).entries) {
    if (const Node* section = written.find(entry.key)) sections.set(entry.key, *section);
  }
  return config::to_json(sections, false);
}

}  // namespace outrigger::admin
