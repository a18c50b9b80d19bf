#pragma once
// A configuration as a tree of values, every default filled in: what is printed as YAML or answered
// as JSON.

#include <cstdint>

#include "config/model.hpp"
#include "config/node.hpp"

namespace outrigger::config {

enum class Secrets : uint8_t { kRedacted, kShown };

Node write_policy(Policy policy, Secrets secrets);
Node write_config(Config config, Secrets secrets);

}  // namespace outrigger::config
