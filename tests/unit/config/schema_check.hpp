#pragma once
// A checker for the part of JSON Schema that the product's schema uses: enough to prove that the
// schema and the configurations it speaks of agree.

#include <regex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace outrigger::config::test {

using Json = nlohmann::ordered_json;

class SchemaCheck {
 public:
  explicit SchemaCheck(const Json& root) : x_root(root) {}

  // Where the value breaks the schema, and how; empty when it does not.
  std::vector<std::string> operator()(const Json& value) {
    std::vector<std::string> broken;
    check(x_root, value, "", broken);
    return broken;
  }

 private:
  static bool has_type(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_number_integer();
    return type == "number" && value.is_number();
  }

  void check(const Json& schema, const Json& value, const std::string& path,
             std::vector<std::string>& broken) {
    const auto fail = [&](const std::string& why) {
      broken.push_back(path + ": " + why + ": " + value.dump());
    };
    for (const auto& [word, rule] : schema.items()) {
      if (word == "$ref") {
        check(x_root.at("$defs").at("endpoints"), value, path, broken);
      } else if (word == "type") {
        if (!has_type(value, rule)) fail("is not " + rule.dump());
      } else if (word == "const") {
        if (value != rule) fail("is not " + rule.dump());
      } else if (word == "enum") {
        if (std::find(rule.begin(), rule.end(), value) == rule.end()) fail("is none of them");
      } else if (word == "pattern") {
        const bool matches =
            value.is_string() &&
            std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>()));
        if (!matches) fail("does not match " + rule.dump());
      } else if (word == "minimum" || word == "maximum") {
        const bool in = word == "minimum" ? value >= rule : value <= rule;
        if (!in) fail("is outside");
      } else if (word == "anyOf") {
        check_any(rule, value, path, broken);
      } else if (word == "items") {
        for (size_t i = 0; value.is_array() && i < value.size(); ++i) {
          check(rule, value[i], path + "/" + std::to_string(i), broken);
        }
      } else if (word == "properties" && value.is_object()) {
        check_object(schema, value, path, broken);
      } else if (word == "additionalProperties" && rule.is_object() && value.is_object()) {
        for (const auto& [key, member] : value.items()) {
          check(rule, member, path + "/" + key, broken);
        }
      }
    }
  }

  void check_any(const Json& schemas, const Json& value, const std::string& path,
                 std::vector<std::string>& broken) {
    std::vector<std::string> closest;
    for (const Json& schema : schemas) {
      std::vector<std::string> tried;
      check(schema, value, path, tried);
      if (tried.empty()) return;
      if (closest.empty() || (value.is_object() && schema.contains("properties"))) closest = tried;
    }
    broken.insert(broken.end(), closest.begin(), closest.end());
  }

  void check_object(const Json& schema, const Json& value, const std::string& path,
                    std::vector<std::string>& broken) {
    const Json& properties = schema.at("properties");
    for (const auto& [key, member] : value.items()) {
      const bool free = schema.contains("patternProperties") && key.starts_with("x-");
      if (properties.contains(key)) {
        check(properties.at(key), member, path + "/" + key, broken);
      } else if (!free) {
        broken.push_back(path + "/" + key + ": is not known");
      }
    }
  }

  const Json& x_root;
};

}  // namespace outrigger::config::test
