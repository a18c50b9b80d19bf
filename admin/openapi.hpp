// The OpenAPI document of the admin API, as the binary serves it: admin/openapi.yaml, built in. A
// constant; any thread.
#pragma once

#include <string_view>

namespace outrigger::admin {

extern const std::string_view kOpenApiYaml;

}  // namespace outrigger::admin
