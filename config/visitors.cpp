#include "config/visitors.hpp"

namespace outrigger::config {
namespace {

bool has_patch(const Entry& entry) {
  const Node& value = entry.value;
  const auto is_patch = [](const Node& node) { return has_patch(Entry{"", {}, node}); };
  return entry.mark.is_of_patch() || value.mark.is_of_patch() ||
         std::any_of(value.entries.begin(), value.entries.end(), has_patch) ||
         std::any_of(value.items.begin(), value.items.end(), is_patch);
}

}  // namespace

bool ReadVisitor::refuse_patch(const Entry& entry) {
  if (!has_patch(entry)) return false;
  x_reader.problem(entry.mark, not_live(entry.key));
  return true;
}

void ReadVisitor::refuse(std::string_view name, std::string_view why) {
  x_refused.push_back(name);
  if (const Entry* entry = x_map.entry(name)) {
    x_reader.problem(entry->mark, in_quotes(name) + ' ' + std::string(why));
  }
}

void ReadVisitor::finish(std::string_view free_prefix) {
  const auto claims = [](const std::vector<std::string_view>& names, const std::string& key) {
    return std::find(names.begin(), names.end(), key) != names.end();
  };
  for (const Entry& entry : x_map.entries) {
    const bool free = !free_prefix.empty() && entry.key.starts_with(free_prefix);
    if (free || claims(x_known, entry.key) || claims(x_refused, entry.key)) continue;
    if (x_reader.is_later(entry.mark, x_section, entry.key, &entry.value)) continue;
    x_reader.unknown(entry.mark, "key", entry.key, x_known);
  }
}

void SchemaVisitor::add(std::string_view name, Node schema, Node default_value,
                        std::string_view doc, Live live) {
  Node property = Node::map();
  property.set("description", Node::string(doc));
  if (live == Live::kNo) property.set("x-live", Node::scalar("false"));
  if (!default_value.is_null()) property.set("default", std::move(default_value));
  for (Entry& entry : schema.entries) property.set(entry.key, std::move(entry.value));
  x_properties.set(name, std::move(property));
}

Node SchemaVisitor::take() {
  Node object = Node::map();
  object.set("type", Node::string("object"));
  object.set("additionalProperties", Node::scalar("false"));
  object.set("properties", std::move(x_properties));
  return object;
}

}  // namespace outrigger::config
