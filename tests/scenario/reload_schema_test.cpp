// Each key of the schema is changed by a reload and back, whichever keys there are: it is in force
// on every worker without a restart, or it is `workers`. No key is named here but to make a file in
// which the others may stand. A policy's key is changed in one layer at least.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "proxy/app/control_plane.hpp"
#include "tests/support/tls_town.hpp"

namespace outrigger::testing {
namespace {

using Json = nlohmann::json;
using Path = std::vector<std::string>;  // "0": the first item of a list

// What is off by default would not let its keys be told apart.
constexpr const char* kBase = R"(
requires: '>=0.0.1'
admin:
  tokens: [{name: a, role: viewer, file: '@/token'}]
  tls: {cert_file: '@/server.pem', key_file: '@/server.key'}
registries:
  consul:
    url: https://consul.test
    tls: {ca_file: '@/ca.pem', cert_file: '@/client.pem', key_file: '@/client.key'}
  eureka:
    urls: ['https://eureka.test']
    tls: {ca_file: '@/ca.pem', cert_file: '@/client.pem', key_file: '@/client.key'}
  kubernetes: {}
  dns: {}
listeners:
  - name: outbound
    address: '127.0.0.1:15001'
    tls: {cert_file: '@/server.pem', key_file: '@/server.key', client_ca_file: '@/ca.pem'}
defaults:
  tls: {ca_file: '@/ca.pem', cert_file: '@/client.pem', key_file: '@/client.key'}
  circuit: {slow_call: 1s}
  fallback: [{on: [any], omit: no_content}]
register: [{in: consul, name: a, port: 80, health: {http: /a}}]
profiles:
  quick: {fallback: [{service: stock}], health_check: {http: /a}}
  x-walk: {timeout: {request: 3s}}
services:
  orders:
    endpoints: {static: ['10.0.0.1:80']}
    routes: [{name: r, match: {path: /r, accept: {type: a/b}}, to: {self: 1, stock: 1}}]
    fallback: [{grpc: /shop.Stock/*, respond: {grpc_status: 0}}]
  other: {profile: quick, endpoints: {static: ['10.0.0.3:80']}}
  stock: {endpoints: {static: ['10.0.0.2:80']}}
)";

std::string in_words(const Path& path) {
  std::string words;
  for (const std::string& name : path) words += (words.empty() ? "" : ".") + name;
  return words;
}

// Whether an entry of that name is read by this form; where entries have kinds their names tell.
bool is_of_kind(const Json& form, const std::string& name) {
  if (!form.contains("properties") || !form["properties"].contains("kind")) return true;
  return form["properties"]["kind"].dump().find('"' + name + '"') != std::string::npos;
}

// The keys below a schema, each with its own schema. Of a map by name the first one that the base
// has, of each kind.
void collect(const Json& schema, const Json& base, const Path& path,
             std::vector<std::pair<Path, Json>>& keys) {
  if (schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items()) {
      Path inner = path;
      inner.push_back(name);
      keys.emplace_back(inner, property);
      const bool has = base.is_object() && base.contains(name);
      collect(property, has ? base[name] : Json(), inner, keys);
    }
    return;
  }
  for (const Json& form : schema.value("anyOf", Json::array())) collect(form, base, path, keys);
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object() &&
      base.is_object()) {
    const Json& entry = schema["additionalProperties"];
    for (const Json& form : entry.value("anyOf", Json::array({entry}))) {
      for (const auto& [name, value] : base.items()) {
        if (!is_of_kind(form, name)) continue;
        Path inner = path;
        inner.push_back(name);
        collect(form, value, inner, keys);
        break;
      }
    }
  }
  Path inner = path;
  if (schema.contains("items") && base.is_array() && !base.empty() && base[0].is_object()) {
    inner.emplace_back("0");
    collect(schema["items"], base[0], inner, keys);
  }
}

// Values that the schema allows, the likely ones first.
void propose(const Json& schema, const Json& now, const std::vector<std::string>& texts,
             std::vector<Json>& values) {
  if (schema.contains("$ref") && values.empty()) {
    static const Json kRoot = Json::parse(config::schema());
    return propose(kRoot.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))), now,
                   texts, values);
  }
  if (schema.value("type", "") == "array") values.push_back(Json::array());
  if (schema.value("type", "") == "object") values.push_back(Json::object());
  for (const Json& word : schema.value("enum", Json::array())) values.push_back(word);
  const std::string pattern = schema.value("pattern", "");
  if (pattern.find("(ms|s|m|h)") != std::string::npos) {
    for (const char* text : {"70ms", "7s", "700s"}) values.emplace_back(text);
  }
  if (pattern.find("MiB") != std::string::npos) values.insert(values.end(), {"70KiB", "7GiB"});
  if (pattern.find('%') != std::string::npos) values.emplace_back("30%");
  if (pattern.find("/") != std::string::npos) values.emplace_back("70/s");
  if (schema.value("type", "") == "integer") {
    const auto least = schema.value("minimum", int64_t{0});
    values.emplace_back(least + 1);
    values.emplace_back(least + 2);
    values.emplace_back(schema.value("maximum", int64_t{1'000}));
  }
  if (schema.value("type", "") == "boolean") {
    values.emplace_back(true);
    values.emplace_back(false);
  }
  if (schema.value("type", "") == "string" && pattern.empty()) {
    for (const std::string& text : texts) values.emplace_back(text);
  }
  for (const Json& form : schema.value("anyOf", Json::array())) propose(form, now, texts, values);
  if (schema.contains("items")) {
    std::vector<Json> items;
    propose(schema["items"], {}, texts, items);
    const auto least = schema.value("minItems", size_t{1});
    for (const Json& item : items) values.push_back(Json(least, item));
  }
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
    std::vector<Json> items;
    propose(schema["additionalProperties"], {}, texts, items);
    const bool has = now.is_object() && !now.empty();
    const std::string name = has ? now.begin().key() : "x-walk";
    for (const Json& item : items) values.push_back(Json{{name, item}});
  }
  if (schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items()) {
      std::vector<Json> items;
      propose(property, {}, texts, items);
      for (const Json& item : items) values.push_back(Json{{name, item}});
    }
  }
}

Json& at(Json& document, const Path& path) {
  Json* node = &document;
  for (const std::string& name : path) {
    if (node->is_array()) {
      node = &(*node)[0];
      continue;
    }
    // What is written in short is written out, to hold the key.
    if (!node->is_object()) *node = Json::object();
    node = &(*node)[name];
  }
  return *node;
}

// The document with that value, in the ways in which it could be meant: beside what stands there,
// instead of all else in its item of a list, or as an item of a list.
std::vector<Json> with(const Json& base, const Path& path, const Json& value) {
  std::vector<Json> all{base, base, base};
  at(all[0], path) = value;
  const auto item = std::find(path.rbegin(), path.rend(), "0");
  if (item != path.rend()) {
    at(all[1], Path(path.begin(), item.base())) = Json::object();
    at(all[1], path) = value;
  }
  if (path.size() > 1) {
    at(all[2], Path(path.begin(), path.end() - 1)) = Json::array({Json{{path.back(), value}}});
  }
  return all;
}

// Without the layer that it stands in.
std::string key_of(const Path& path) {
  std::string key = in_words(path);
  for (const char* layer :
       {"defaults.", "profiles.quick.", "services.orders.routes.0.", "services.orders."}) {
    if (key.starts_with(layer)) return key.substr(std::string(layer).size());
  }
  return key;
}

class SchemaWalk : public TlsTown {
 public:
  explicit SchemaWalk(const std::string& base) : TlsTown(base) {
    for (const char* name : {"server.pem", "server.key", "client.pem", "client.key", "ca.pem"}) {
      authority.write("copy-" + std::string(name), authority.read(name));
      x_texts.push_back(authority.path("copy-" + std::string(name)));
    }
    authority.write("token2", "another");
    x_texts.push_back(authority.path("token2"));
    x_texts.emplace_back("eureka");  // a name that the base has, for what must be one
  }

  // Whether some other value of that key was in force, and the old one after it.
  bool change_and_back(const Json& base, const Path& path, const Json& schema) {
    std::vector<Json> values;
    Json now = base;
    propose(schema, at(now, path), x_texts, values);
    if (values.size() == 1) return true;  // there is no other
    for (const Json& value : values) {
      for (const Json& changed : with(base, path, value)) {
        config::Loaded loaded = config::load_text(kFile, changed.dump(), {});
        if (!loaded.ok() || loaded.config == plane->loaded().config) continue;
        if (!put_in_force(std::move(loaded), path)) continue;
        EXPECT_TRUE(put_in_force(config::load_text(kFile, base.dump(), {}), {})) << in_words(path);
        return true;
      }
    }
    return false;
  }

 private:
  bool put_in_force(config::Loaded loaded, const Path& path) {
    const config::Config wanted = loaded.config;
    std::optional<admin::Reloaded> outcome;
    plane->take(std::move(loaded), {"test", "", std::nullopt},
                [&](const admin::Reloaded& reloaded) { outcome = reloaded; });
    EXPECT_TRUE(loop.run_until([&] { return outcome.has_value(); }, 1'000));
    run();
    if (!outcome->problems.empty()) return false;
    EXPECT_TRUE(outcome->awaits_restart.empty() || path == Path{"workers"}) << in_words(path);
    for (const auto& worker : workers) {
      config::Config in_force = worker->snapshot().config;
      config::fill_contents(in_force, [](const std::string&) { return nullptr; });
      EXPECT_EQ(in_force == wanted, true) << in_words(path);
    }
    return true;
  }

  std::vector<std::string> x_texts{
      "x-walk",       "127.0.0.1:15999",     "10.9.9.9", "10.9.9.0/24",   "10.9.9.0/24:80", "/walk",
      "walk.example", "spiffe://walk/it",    "WALK",     "/shop.Walk/It", ">=0.0",          "stock",
      "orders",       "https://walk.example"};
};

TEST(ReloadSchema, EachKeyIsChangedByAReloadAndBackOrIsWorkers) {
  SchemaWalk town(kBase);
  const Json schema = Json::parse(config::schema());
  // The base once more, as JSON, which is YAML too.
  Json base = Json::parse(config::to_json(town.plane->loaded().document.root, false));
  ASSERT_TRUE(town.reload(base.dump()).empty());
  std::vector<std::pair<Path, Json>> keys;
  collect(schema, base, {}, keys);
  EXPECT_GT(keys.size(), 150u);
  std::set<std::string> unchanged;
  std::set<std::string> changed;
  for (const auto& [path, property] : keys) {
    auto& outcome = town.change_and_back(base, path, property) ? changed : unchanged;
    outcome.insert(key_of(path));
  }
  std::string list;
  for (const std::string& key : unchanged) list += changed.contains(key) ? "" : key + "\n";
  EXPECT_EQ(list, "") << "no other value of these could be found";
}

}  // namespace
}  // namespace outrigger::testing
