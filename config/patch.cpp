// What a patch may write, as the schema says it.
#include "config/config.hpp"
#include "config/describe.hpp"
#include "config/key_path.hpp"

namespace outrigger::config {
namespace {

template <class Described>
Node schema_of() {
  Described built_in;
  SchemaVisitor visitor;
  describe(visitor, built_in);
  return visitor.take();
}

// Of a key in a map, whichever of its forms has it; null: none has.
const Node* property_of(const Node& schema, std::string_view key) {
  const Node* properties = schema.find("properties");
  const Node* property = properties == nullptr ? nullptr : properties->find(key);
  if (const Node* forms = schema.find("anyOf"); property == nullptr && forms != nullptr) {
    for (const Node& form : forms->items) {
      if ((property = property_of(form, key)) != nullptr) break;
    }
  }
  const Node* others = schema.find("additionalProperties");
  return property == nullptr && others != nullptr && others->is_map() ? others : property;
}

}  // namespace

std::optional<std::string> why_not_patched(const Target& target, std::string_view path) {
  static const Node of_service = schema_of<ServiceConfig>();
  static const Node of_route = schema_of<RouteConfig>();
  const Node* schema = target.route.empty() ? &of_service : &of_route;
  while (!path.empty()) {
    const std::string key = take_key(path);
    schema = property_of(*schema, key);
    if (schema == nullptr) return "unknown key " + in_quotes(key);
    if (schema->find("x-live") != nullptr) return not_live(key);
  }
  return std::nullopt;
}

}  // namespace outrigger::config
