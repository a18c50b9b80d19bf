#pragma once
// A configuration as a tree of values, every default filled in: what is printed as YAML or answered
// as JSON.

#include <cstdint>

#include "config/config.hpp"
#include "config/node.hpp"

namespace outrigger::config {

enum class Secrets : uint8_t { kRedacted, kShown };

Node write_policy(Policy policy, Secrets secrets);
// The policy of a service or route, with the weights of what a route leads to. Null: there is no
// such target.
Node write_target(const Config& config, const Target& target, Secrets secrets);
// A value that stands at a path of a policy: what looks secret in it is redacted.
void redact_value(Node& value, std::string_view path);
Node write_config(Config config, Secrets secrets);

}  // namespace outrigger::config
