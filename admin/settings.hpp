// Questions about the settings of one service or named route, answered as JSON text. Pure functions
// over a configuration; they compile nothing, unlike config::read_setting. Control thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/write.hpp"

namespace outrigger::admin {

// The policy in effect at a path with dots ("circuit", "circuit.open_for"); empty where nothing is.
// With secrets it is for comparing and keeping, not for showing.
std::string setting_json(const config::Config& config, const config::Target& target,
                         std::string_view key,
                         config::Secrets secrets = config::Secrets::kRedacted);
// Only what the overrides say about a section; empty when they say nothing.
std::string overridden_json(const config::Loaded& loaded, const config::Target& target,
                            std::string_view section);

// One key that a merge patch writes: its path and JSON value; empty: the key returns to what is
// below.
struct PatchedKey {
  std::string key;
  std::string value;
  bool is_null = false;  // with all that is in it
};
// Every key that the patch of `section` writes. Requires: the patch is a JSON object.
std::vector<PatchedKey> patched_keys(std::string_view section, std::string_view merge_patch);

// What is wrong with those of them that have no value, which the configuration never sees.
std::vector<config::Problem> refused_nulls(const config::Target& target, std::string_view section,
                                           std::string_view merge_patch);

// The sections of the policy in effect that the patch writes to, as one object.
std::string sections_json(const config::Config& config, const config::Target& target,
                          std::string_view merge_patch);

}  // namespace outrigger::admin
