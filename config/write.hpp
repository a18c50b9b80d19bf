#pragma once
// A configuration as a tree of values, every default filled in and secrets redacted: what is
// printed as YAML or answered as JSON.

#include "config/model.hpp"
#include "config/node.hpp"

namespace outrigger::config {

Node write_policy(Policy policy);
Node write_config(Config config);

}  // namespace outrigger::config
