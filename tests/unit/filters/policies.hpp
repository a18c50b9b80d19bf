// The fallbacks and retries that several tests of this folder set. Plain values, each made for one
// test.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/policy.hpp"

namespace outrigger::testing {

template <class Action>
config::Fallback on_any(Action action) {
  config::Fallback entry;
  entry.on.any = true;
  entry.action = std::move(action);
  return entry;
}

inline config::Fallback service(const std::string& name, std::optional<int64_t> within_ms = {}) {
  return on_any(config::FallbackService{name, within_ms});
}

inline config::Policy with(std::vector<config::Fallback> entries) {
  config::Policy policy;
  policy.fallback = std::move(entries);
  return policy;
}

// No circuit, no waiting in between.
inline config::Policy with_attempts(int attempts) {
  config::Policy policy;
  policy.retry->attempts = attempts;
  policy.retry->backoff = {0, 0};
  policy.circuit.reset();
  return policy;
}

}  // namespace outrigger::testing
