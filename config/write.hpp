#pragma once
// A configuration as a tree of values, every default filled in: what is printed as YAML or answered
// as JSON.

#include <cstdint>

#include "config/model.hpp"
#include "config/node.hpp"

namespace outrigger::config {

enum class Secrets : uint8_t { kRedacted, kShown };

Node write_policy(Policy policy, Secrets secrets);
// A value that stands at a path of a policy: what looks secret in it is redacted.
void redact_value(Node& value, std::string_view path);
Node write_config(Config config, Secrets secrets);

}  // namespace outrigger::config
