// JSON text to the tree of values that YAML gives too, and back.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "config/manifest.hpp"
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

// JSON has no lines here; values are counted instead, so that a value that is read twice (for a
// service and its route) is known to be the same.
Node to_node(const Json& json, int& count, bool ours = true) {
  const Mark mark{-1, 0, ++count};
  Node node;
  if (json.is_object()) {
    node = Node::map();
    for (const auto& [key, value] : json.items()) {
      const Mark key_mark{-1, 0, ++count};
      node.entries.push_back(
          Entry{ours && key == "true" ? "on" : key, key_mark, to_node(value, count, ours)});
    }
  } else if (json.is_array()) {
    node = Node::list();
    for (const Json& item : json) node.items.push_back(to_node(item, count, ours));
  } else if (json.is_string()) {
    node = Node::string(json.get_ref<const std::string&>());
  } else if (!json.is_null()) {
    node = Node::scalar(json.dump());
  }
  node.mark = mark;
  return node;
}

Json to_value(const Node& node) {
  Json json;
  switch (node.kind) {
    case Node::Kind::kNull:
      break;
    case Node::Kind::kScalar: {
      if (!node.quoted) json = Json::parse(node.text, nullptr, false);
      if (!json.is_number() && !json.is_boolean()) json = node.text;
      break;
    }
    case Node::Kind::kList:
      json = Json::array();
      for (const Node& item : node.items) json.push_back(to_value(item));
      break;
    case Node::Kind::kMap:
      json = Json::object();
      for (const Entry& entry : node.entries) json[entry.key] = to_value(entry.value);
      break;
  }
  return json;
}

}  // namespace

std::string to_json(const Node& node, bool pretty) {
  return to_value(node).dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

Node parse_json(std::string_view text, std::vector<Problem>& problems) {
  std::string problem;
  if (text.size() > kMaxYamlBytes) {
    problem = "the document is larger than 1MiB";
  } else if (const Json json = parse_bounded(text, problem); problem.empty()) {
    int count = 0;
    return to_node(json, count);
  }
  problems.push_back(Problem{"", 0, 0, "", problem});
  return {};
}

Result<Node> parse_manifest_json(std::string_view text) {
  std::string problem;
  const Json json = parse_bounded(text, problem);
  if (!problem.empty()) return failure(problem);
  int count = 0;
  return to_node(json, count, false);
}

std::string manifest_json(const Node& node) { return to_json(node, true); }

}  // namespace outrigger::config
