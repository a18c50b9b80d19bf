#include "proxy/inject/config_maps.hpp"

#include <algorithm>
#include <utility>

#include "config/manifest.hpp"
#include "proxy/inject/pod_template.hpp"

namespace outrigger::inject {
namespace {

using config::Node;

constexpr std::string_view kOpening = "---\n# Written by outrigger inject.\n";

std::string document(const std::string& name_space, const std::string& name,
                     std::string_view config) {
  Node metadata = Node::map();
  metadata.set("name", Node::string(name));
  if (!name_space.empty()) metadata.set("namespace", Node::string(name_space));
  Node data = Node::map();
  data.set(kConfigFile, Node::string(config));
  Node root = Node::map();
  root.set("apiVersion", Node::string("v1"));
  root.set("kind", Node::string("ConfigMap"));
  root.set("metadata", std::move(metadata));
  root.set("data", std::move(data));
  return std::string(kOpening) + config::manifest_yaml(root);
}

}  // namespace

bool ConfigMaps::is_ours(std::string_view document) { return document.starts_with(kOpening); }

void ConfigMaps::add(const Workload& workload, const Settings& settings) {
  std::pair name(workload.name_space, settings.config_map);
  if (!settings.writes_config) return;
  if (std::find(x_names.begin(), x_names.end(), name) == x_names.end()) {
    x_names.push_back(std::move(name));
  }
}

void ConfigMaps::append_to(std::string& text) {
  if (x_written == x_names.size()) return;
  const bool ends_line = text.ends_with('\n');
  if (!ends_line) text += '\n';
  for (; x_written < x_names.size(); ++x_written) {
    text += document(x_names[x_written].first, x_names[x_written].second, x_config);
  }
  if (!ends_line) text.pop_back();
}

void ConfigMaps::restore_end(std::string& text, std::string_view ours) {
  if (!ours.ends_with('\n') && text.ends_with('\n')) text.pop_back();
}

}  // namespace outrigger::inject
