#include "admin/openapi.hpp"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/admin/fixture.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::json;
using config::Node;
using testing::Caller;

Node document() {
  std::vector<config::Problem> problems;
  Node root = config::parse_yaml(
      {0, "openapi.yaml", kOpenApiYaml}, [](const std::string&) { return std::nullopt; }, problems);
  for (const config::Problem& problem : problems) ADD_FAILURE() << config::to_string(problem);
  return root;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return text;
}

// An operation as the document has it.
struct Described {
  std::string method;
  std::string path;
  const Node* item;
  const Node* operation;
};

std::vector<Described> described(const Node& root) {
  std::vector<Described> list;
  for (const config::Entry& path : root.find("paths")->entries) {
    for (const config::Entry& entry : path.value.entries) {
      if (entry.key == "parameters") continue;
      list.push_back({upper(entry.key), path.key, &path.value, &entry.value});
    }
  }
  return list;
}

// Follows `$ref` within the document.
const Node* resolved(const Node& root, const Node* node) {
  const Node* ref = node->find("$ref");
  if (ref == nullptr) return node;
  const Node* at = &root;
  std::string_view path = std::string_view(ref->text).substr(2);  // without "#/"
  while (at != nullptr && !path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    at = at->find(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return at;
}

// The query parameters of an operation.
std::set<std::string> query_of(const Node& root, const Described& described) {
  std::set<std::string> names;
  for (const Node* owner : {described.item, described.operation}) {
    const Node* list = owner->find("parameters");
    if (list == nullptr) continue;
    for (const Node& item : list->items) {
      const Node* parameter = resolved(root, &item);
      if (parameter->find("in")->text == "query") names.insert(parameter->find("name")->text);
    }
  }
  return names;
}

void check_references(const Node& root, const Node& node) {
  if (node.find("$ref") != nullptr) {
    EXPECT_NE(resolved(root, &node), nullptr) << node.find("$ref")->text;
  }
  for (const Node& item : node.items) check_references(root, item);
  for (const config::Entry& entry : node.entries) check_references(root, entry.value);
}

const Operation* served(const Described& one) {
  for (const Operation& operation : operations()) {
    if (operation.path == one.path && to_string(operation.method) == one.method) return &operation;
  }
  return nullptr;
}

class OpenApi : public testing::AdminTest {
 protected:
  // A call that should succeed.
  Caller& drive(const Operation& operation) {
    std::string path(operation.path);
    const auto fill = [&](std::string_view name, std::string_view value) {
      if (const size_t at = path.find(name); at != std::string::npos) {
        path.replace(at, name.size(), value);
      }
    };
    fill("{service}", "orders");
    fill("{route}", "reads");
    fill("{endpoint}", "10.0.0.1:8080");
    testing::Headers headers;
    std::string body;
    if (operation.body != BodyKind::kNone) {
      headers.emplace_back("content-type", "application/json");
      body = operation.body == BodyKind::kJson ? R"({"state": "shadow"})" : R"({"probes": 2})";
      if (operation.body == BodyKind::kYaml) body = R"({"services": {}})";
      if (path.ends_with("/policy")) body = R"({"retry": {"attempts": 2}})";
      if (path.find("/endpoints/") != std::string::npos) body = R"({"state": "drain"})";
      if (path.ends_with("/log")) body = R"({"level": "auto"})";
    }
    if (path.ends_with("/explain")) path += "?url=http://orders/";
    if (path.ends_with("/live")) {
      Caller& caller = begin("GET", path);
      end(caller);
      return caller;
    }
    return call(to_string(operation.method), path, headers, body);
  }
};

TEST_F(OpenApi, DescribesEverythingThatIsServed) {
  const Node root = document();
  std::set<std::string> known;
  for (const Described& one : described(root)) known.insert(one.method + " " + one.path);
  for (const Operation& operation : operations()) {
    const std::string name =
        std::string(to_string(operation.method)) + " " + std::string(operation.path);
    EXPECT_TRUE(known.contains(name)) << name;
  }
}

TEST_F(OpenApi, DescribesNothingElse) {
  const Node root = document();
  EXPECT_EQ(described(root).size(), operations().size());
  for (const Described& one : described(root)) {
    EXPECT_NE(served(one), nullptr) << one.method << " " << one.path;
  }
}

TEST_F(OpenApi, TellsStatusAndContentTypeOfEachOperation) {
  const Node root = document();
  for (const Described& one : described(root)) {
    const Operation* operation = served(one);
    ASSERT_NE(operation, nullptr) << one.path;
    const Caller& got = drive(*operation);
    const std::string what = one.method + " " + one.path;
    ASSERT_GE(got.status, 200) << what;
    ASSERT_LT(got.status, 300) << what << "\n" << got.body;
    const Node* response = one.operation->find("responses")->find(std::to_string(got.status));
    ASSERT_NE(response, nullptr) << what << " answers " << got.status;
    const Node* content = resolved(root, response)->find("content");
    EXPECT_NE(content->find(media_type_of(got.field("content-type"))), nullptr)
        << what << " is " << got.field("content-type");
    EXPECT_FALSE(one.operation->find("operationId")->text.empty());
  }
}

TEST_F(OpenApi, TellsEveryParameterOfTheQuery) {
  const Node root = document();
  for (const Described& one : described(root)) {
    std::set<std::string> served_ones;
    http::for_each_element(served(one)->parameters,
                           [&](std::string_view name) { served_ones.emplace(name); });
    EXPECT_EQ(query_of(root, one), served_ones) << one.method << " " << one.path;
  }
}

TEST_F(OpenApi, TellsWhoMayAndWhatComesWithIt) {
  const Node root = document();
  for (const Described& one : described(root)) {
    const Operation* operation = served(one);
    EXPECT_EQ(one.operation->find("security") != nullptr, operation->access == Access::kOpen)
        << one.path;
    EXPECT_EQ(one.operation->find("requestBody") != nullptr, operation->body != BodyKind::kNone)
        << one.path;
    EXPECT_EQ(operation->access == Access::kWrite, operation->method != http::Method::kGet);
  }
}

TEST_F(OpenApi, HasNoDanglingReference) {
  const Node root = document();
  check_references(root, root);
}

TEST_F(OpenApi, IsServed) {
  EXPECT_EQ(call("GET", "/openapi.yaml").body, kOpenApiYaml);
  EXPECT_TRUE(kOpenApiYaml.starts_with("openapi: 3.1.0\n"));
}

// The keys of an object that the document requires, and no key that it does not know.
TEST_F(OpenApi, KnowsEveryKeyOfCircuitsServicesEventsAndOverrides) {
  const auto service = x_control.services().find("orders");
  service->set_endpoints({{*Address::parse("10.0.0.1:8080"), 1, false}}, x_loop.now_ms());
  patch("/api/v1/circuits/orders/reads?ttl=5m&reason=x", R"({"probes": 2})");
  const Node root = document();
  const auto check = [&](const char* schema, const Json& value) {
    const Node* properties =
        root.find("components")->find("schemas")->find(schema)->find("properties");
    for (const auto& [key, ignored] : value.items()) {
      EXPECT_NE(properties->find(key), nullptr) << schema << " " << key;
    }
    const Node* required = root.find("components")->find("schemas")->find(schema)->find("required");
    if (required == nullptr) return;
    for (const Node& key : required->items) {
      EXPECT_TRUE(value.contains(key.text)) << schema << " " << key.text;
    }
  };
  check("Circuit", call("GET", "/api/v1/circuits/orders/reads").as<Json>());
  const Json shown = call("GET", "/api/v1/services/orders").as<Json>();
  check("Service", shown);
  check("Status", call("GET", "/api/v1/status").as<Json>());
  check("Endpoint", shown["endpoints"][0]);
  check("Override", call("GET", "/api/v1/overrides").as<Json>()["overrides"][0]);
  check("Event", call("GET", "/api/v1/events").as<Json>()["events"][0]);
  check("Problem", call("GET", "/nothing").as<Json>());
  check("Policy", call("GET", "/api/v1/services/orders/policy?route=reads").as<Json>());
  const Json from = call("GET", "/api/v1/services/orders/policy?route=reads").as<Json>()["from"];
  for (const auto& [key, origin] : from.items()) check("Origin", origin);
  check("PolicyDryRun", patch("/api/v1/services/orders/policy?dry_run=true", "{}").as<Json>());
  check("DryRun", patch("/api/v1/circuits/orders?dry_run=true", "{}").as<Json>());
}

}  // namespace
}  // namespace outrigger::admin
