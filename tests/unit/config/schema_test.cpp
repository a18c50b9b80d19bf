#include <algorithm>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/config/rich_file.hpp"
#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::ordered_json;

// A checker for the part of JSON Schema that the product's schema uses: enough to prove that the
// schema and the configurations it speaks of agree.
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

Json as_json(const std::string& yaml) {
  std::vector<Problem> problems;
  const Node node = parse_yaml(FileText{0, "f", yaml}, no_environment(), problems);
  EXPECT_THAT(texts(problems), IsEmpty());
  return Json::parse(to_json(node, false));
}

TEST(Schema, AcceptsWhatTheReaderAccepts) {
  const Json root = Json::parse(schema());
  SchemaCheck check(root);
  EXPECT_THAT(check(as_json(rich_file())), IsEmpty());
  EXPECT_THAT(check(as_json(effective(good(rich_file())))), IsEmpty());
  EXPECT_THAT(check(as_json(effective(Config{}))), IsEmpty());
  EXPECT_THAT(check(as_json("services: {a: }")), IsEmpty());
  EXPECT_THAT(check(as_json("services: {a: {circuit: false, timeout: {request: \"$${T:-1s}\"}}}")),
              IsEmpty());
}

TEST(Schema, RefusesWhatTheReaderRefuses) {
  const Json root = Json::parse(schema());
  SchemaCheck check(root);
  for (const std::string_view text :
       {"admni: {}", "workers: many", "services: {a: {tiemout: {}}}",
        "services: {a: {timeout: {request: 5}}}", "services: {a: {retry: {attempts: 0}}}",
        "services: {a: {retry: {on: [conect]}}}", "services: {a: {health_check: {path: /}}}",
        "services: {a: {endpoints: {union: [{dsn: {}}]}}}", "unmatched: drop",
        "listeners: [{filters: [fault]}]", "services: {a: {endpoints: orginal}}",
        "services: {a: {endpoints: {union: [original]}}}", "listeners: [{opaque_ports: [0]}]",
        "listeners: [{opaque_ports: {alas: [1]}}]", "services: {a: {protocol: udp}}",
        "services: {a: {retry: {budget: 0.5}}}"}) {
    EXPECT_THAT(check(as_json(std::string(text))), Not(IsEmpty())) << text;
  }
}

// Every property that the schema has, by its path; the names of free maps and places in lists are
// left out.
void collect_schema(const Json& root, const Json& schema, const std::string& path,
                    std::set<std::string>& keys, int depth = 0) {
  if (schema.contains("$ref") && depth < 2) {
    collect_schema(root, root.at("$defs").at("endpoints"), path, keys, depth + 1);
  }
  if (schema.contains("properties")) {
    for (const auto& [key, member] : schema.at("properties").items()) {
      keys.insert(path + "/" + key);
      collect_schema(root, member, path + "/" + key, keys, depth);
    }
  }
  for (const char* word : {"items", "additionalProperties"}) {
    if (schema.contains(word) && schema.at(word).is_object()) {
      collect_schema(root, schema.at(word), path, keys, depth);
    }
  }
  if (schema.contains("anyOf")) {
    for (const Json& one : schema.at("anyOf")) collect_schema(root, one, path, keys, depth);
  }
}

// Every key of a value, by the same paths: a key that the schema does not know is a free name.
void collect_value(const std::set<std::string>& known, const Json& value, const std::string& path,
                   std::set<std::string>& keys) {
  if (value.is_array()) {
    for (const Json& item : value) collect_value(known, item, path, keys);
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) {
    const std::string inner = path + "/" + key;
    if (known.contains(inner)) keys.insert(inner);
    collect_value(known, member, known.contains(inner) ? inner : path, keys);
  }
}

TEST(Schema, HasExactlyTheKeysOfTheEffectiveOutput) {
  const Json root = Json::parse(schema());
  std::set<std::string> in_schema;
  collect_schema(root, root, "", in_schema);
  std::set<std::string> in_output;
  collect_value(in_schema, as_json(effective(good(rich_file()))), "", in_output);
  std::vector<std::string> missing;
  for (const std::string& key : in_schema) {
    // What the output never has: nested sources beyond the first level, the short forms of lists,
    // of `defaults` all but what passthrough takes, and profiles, which are filled in.
    const bool shorthand = key.ends_with("/without") || key.ends_with("/also");
    const bool nested = key.find("/union/") != std::string::npos ||
                        key.find("/first_of/") != std::string::npos ||
                        key.starts_with("/services/endpoints/");
    const bool of_defaults = key.starts_with("/defaults/") || key.starts_with("/profiles/");
    const bool of_routes = key.starts_with("/services/routes/");
    if (shorthand || nested || of_defaults || of_routes) continue;
    if (!in_output.contains(key)) missing.push_back(key);
  }
  EXPECT_THAT(missing, IsEmpty());
  EXPECT_GT(in_output.size(), 150U);
}

TEST(Schema, DocumentsEveryKey) {
  const std::string text = schema();
  EXPECT_THAT(text, Not(HasSubstr("\"description\": \"\"")));
}

}  // namespace
}  // namespace outrigger::config::test
