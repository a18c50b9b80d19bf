// JSON text to the tree of values that YAML gives too.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "config/text.hpp"
#include "config/yaml.hpp"

namespace outrigger::config {
namespace {

using Json = nlohmann::ordered_json;

// The parser is told of every level, so that a deep document ends early and not on the stack.
Json parse_bounded(std::string_view text, std::string& problem) {
  bool too_deep = false;
  const Json::parser_callback_t guard = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > static_cast<int>(kMaxYamlDepth);
    return !too_deep;
  };
  Json json = Json::parse(text, guard, false);
  if (too_deep) {
    problem = "nested deeper than " + std::to_string(kMaxYamlDepth) + " levels";
  } else if (json.is_discarded()) {
    problem = "this is not JSON";
  } else if (!json.is_object()) {
    problem = "this is not a JSON object";
  }
  return json;
}

Node to_node(const Json& json) {
  if (json.is_object()) {
    Node node = Node::map();
    for (const auto& [key, value] : json.items()) {
      node.entries.push_back(Entry{key == "true" ? "on" : key, {}, to_node(value)});
    }
    return node;
  }
  if (json.is_array()) {
    Node node = Node::list();
    for (const Json& item : json) node.items.push_back(to_node(item));
    return node;
  }
  if (json.is_null()) return {};
  if (json.is_string()) return Node::string(json.get_ref<const std::string&>());
  return Node::scalar(json.dump());
}

}  // namespace

Node parse_json(std::string_view text, std::vector<Problem>& problems) {
  std::string problem;
  if (text.size() > kMaxYamlBytes) {
    problem = "the document is larger than 1MiB";
  } else if (const Json json = parse_bounded(text, problem); problem.empty()) {
    return to_node(json);
  }
  problems.push_back(Problem{"", 0, 0, "", problem});
  return {};
}

}  // namespace outrigger::config
