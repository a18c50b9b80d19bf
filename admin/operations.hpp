// The table of what the admin API serves: method, path, who may, what comes with it. The one list
// behind routing, `Allow`, the index page and the test that holds openapi.yaml against it.
// Constants; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "admin/access.hpp"
#include "admin/resources.hpp"

namespace outrigger::admin {

enum class BodyKind : uint8_t { kNone, kJson, kMergePatch, kYaml };

// How much of it is taken.
constexpr size_t body_bytes_max(BodyKind kind) {
  return kind == BodyKind::kYaml ? config::kMaxYamlBytes : size_t{64} * 1024;
}

struct Operation {
  http::Method method;    // GET serves HEAD too
  std::string_view path;  // "/api/v1/circuits/{service}/state"
  Access access;
  bool on_metrics_address;
  BodyKind body;
  std::string_view parameters;  // of the query, comma-separated; others are refused
  Answer (*serve)(const Parts& parts, const Request& request);
};

std::span<const Operation> operations();
std::string_view to_string(http::Method method);

// What serves the request; fills its `path`. Null: nothing does, and `allow` lists the methods that
// the path has ("" when there is no such path).
const Operation* find_operation(Request& request, bool metrics_address, std::string& allow);

}  // namespace outrigger::admin
