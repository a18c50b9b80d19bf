#include "admin/operations.hpp"

#include <algorithm>
#include <array>

namespace outrigger::admin {
namespace {

using http::Method;

constexpr auto kNoBody = BodyKind::kNone;

constexpr std::array kOperations = {
    Operation{Method::kGet, "/", Access::kOpen, false, kNoBody, "", get_index},
    Operation{Method::kGet, "/healthz", Access::kOpen, true, kNoBody, "", get_healthz},
    Operation{Method::kGet, "/startupz", Access::kOpen, true, kNoBody, "", get_startupz},
    Operation{Method::kGet, "/readyz", Access::kOpen, true, kNoBody, "", get_readyz},
    Operation{Method::kGet, "/metrics", Access::kOpen, true, kNoBody, "", get_metrics},
    Operation{Method::kGet, "/openapi.yaml", Access::kOpen, false, kNoBody, "", get_openapi},
    Operation{Method::kGet, "/api/v1/status", Access::kRead, false, kNoBody, "", get_status},
    Operation{Method::kGet, "/api/v1/services", Access::kRead, false, kNoBody, "", get_services},
    Operation{Method::kGet, "/api/v1/services/{service}", Access::kRead, false, kNoBody, "",
              get_service},
    Operation{Method::kGet, "/api/v1/services/{service}/policy", Access::kRead, false, kNoBody,
              "route", get_policy},
    Operation{Method::kPatch, "/api/v1/services/{service}/policy", Access::kWrite, false,
              BodyKind::kMergePatch, "route,ttl,dry_run,reason", patch_policy},
    Operation{Method::kPut, "/api/v1/services/{service}/endpoints/{endpoint}/state", Access::kWrite,
              false, BodyKind::kJson, "ttl,reason", put_endpoint_state},
    Operation{Method::kGet, "/api/v1/circuits", Access::kRead, false, kNoBody, "", get_circuits},
    Operation{Method::kGet, "/api/v1/circuits/{service}", Access::kRead, false, kNoBody, "",
              get_circuit},
    Operation{Method::kPatch, "/api/v1/circuits/{service}", Access::kWrite, false,
              BodyKind::kMergePatch, "ttl,dry_run,reason", patch_circuit},
    Operation{Method::kPut, "/api/v1/circuits/{service}/state", Access::kWrite, false,
              BodyKind::kJson, "ttl,reason", put_circuit_state},
    Operation{Method::kGet, "/api/v1/circuits/{service}/{route}", Access::kRead, false, kNoBody, "",
              get_circuit},
    Operation{Method::kPatch, "/api/v1/circuits/{service}/{route}", Access::kWrite, false,
              BodyKind::kMergePatch, "ttl,dry_run,reason", patch_circuit},
    Operation{Method::kPut, "/api/v1/circuits/{service}/{route}/state", Access::kWrite, false,
              BodyKind::kJson, "ttl,reason", put_circuit_state},
    Operation{Method::kGet, "/api/v1/overrides", Access::kRead, false, kNoBody, "format",
              get_overrides},
    Operation{Method::kDelete, "/api/v1/overrides", Access::kWrite, false, kNoBody, "id,reason",
              delete_overrides},
    Operation{Method::kGet, "/api/v1/overrides/{service}", Access::kRead, false, kNoBody, "format",
              get_overrides},
    Operation{Method::kDelete, "/api/v1/overrides/{service}", Access::kWrite, false, kNoBody,
              "id,reason", delete_overrides},
    Operation{Method::kGet, "/api/v1/events", Access::kRead, false, kNoBody, "", get_events},
    Operation{Method::kGet, "/api/v1/live", Access::kRead, false, kNoBody, "", get_live},
    Operation{Method::kGet, "/api/v1/unmatched", Access::kRead, false, kNoBody, "", get_unmatched},
    Operation{Method::kDelete, "/api/v1/cache/{service}", Access::kWrite, false, kNoBody, "reason",
              delete_cache},
    Operation{Method::kGet, "/api/v1/config", Access::kRead, false, kNoBody, "", get_config},
    Operation{Method::kPost, "/api/v1/config/reload", Access::kWrite, false, kNoBody, "reason",
              post_config_reload},
    Operation{Method::kPost, "/api/v1/config/check", Access::kWrite, false, BodyKind::kYaml, "",
              post_config_check},
    Operation{Method::kGet, "/api/v1/schema", Access::kRead, false, kNoBody, "", get_schema},
    Operation{Method::kGet, "/api/v1/explain", Access::kRead, false, kNoBody, "method,url",
              get_explain},
    Operation{Method::kPut, "/api/v1/log", Access::kWrite, false, BodyKind::kJson, "ttl,reason",
              put_log},
    Operation{Method::kGet, "/api/v1/registrations", Access::kRead, false, kNoBody, "",
              get_registrations},
    Operation{Method::kPost, "/api/v1/deregister", Access::kWrite, false, kNoBody, "reason",
              post_deregister},
    Operation{Method::kPost, "/api/v1/drain", Access::kWrite, false, kNoBody, "reason", post_drain},
};

// Whether the segments are what the template says; fills `path`.
bool matches(std::string_view pattern, Request& request) {
  request.path.clear();
  size_t at = 0;
  pattern.remove_prefix(1);
  while (!pattern.empty()) {
    const size_t slash = std::min(pattern.find('/'), pattern.size());
    const std::string_view piece = pattern.substr(0, slash);
    pattern.remove_prefix(std::min(slash + 1, pattern.size()));
    if (at == request.segments.size()) return false;
    const std::string& segment = request.segments[at++];
    if (piece.starts_with('{')) {
      if (segment.empty()) return false;
      request.path.emplace(piece.substr(1, piece.size() - 2), segment);
    } else if (piece != segment) {
      return false;
    }
  }
  return at == request.segments.size();
}

}  // namespace

std::span<const Operation> operations() { return kOperations; }

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kPatch:
      return "PATCH";
    case Method::kPut:
      return "PUT";
    case Method::kPost:
      return "POST";
    case Method::kDelete:
      return "DELETE";
    default:
      return "";
  }
}

const Operation* find_operation(Request& request, bool metrics_address, std::string& allow) {
  const Method wanted = request.method == Method::kHead ? Method::kGet : request.method;
  for (const Operation& operation : kOperations) {
    if (metrics_address && !operation.on_metrics_address) continue;
    if (!matches(operation.path, request)) continue;
    if (operation.method == wanted) return &operation;
    if (!allow.empty()) allow += ", ";
    allow += operation.method == Method::kGet ? "GET, HEAD" : to_string(operation.method);
  }
  return nullptr;
}

}  // namespace outrigger::admin
