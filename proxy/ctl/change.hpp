// What a write changes, as text: before -> after, until when, and the command that takes it back.
// The body of a patch from `key=value`. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/ctl/view.hpp"

namespace outrigger::ctl {

// "orders/reads" as a service and a route.
struct Name {
  std::string service;
  std::string route;  // empty: the service itself
};
Name name_from(std::string_view text);

// One key of a target, as texts.
struct ChangedKey {
  Name target;
  std::string endpoint;
  std::string key;  // as overrides name it: a path, `state`, `endpoint_state`, `log.level`
  std::string before;
  std::string after;
};

struct Patch {
  std::vector<std::string> keys;  // paths with dots
  std::string body;               // a JSON merge patch
};
// A value is JSON where it can be read as that, else a word: `attempts=1`, `open_for=30s`,
// `on=["connect"]`, `retry=off`; `null` returns a key to the file. The failure is a sentence.
Result<Patch> patch_from(const std::vector<std::string>& pairs);

// The policies in bodies of GET or PATCH; and both in that of a dry run.
Result<std::vector<ChangedKey>> policy_changes(std::string_view before, std::string_view after,
                                               const Name& target, const Patch& patch);
Result<std::vector<ChangedKey>> dry_changes(std::string_view body, const Name& target,
                                            const Patch& patch);
std::string dry_view(const std::vector<ChangedKey>& keys, std::string_view body);

// A line each. `overrides`: GET of them, after the change; `command`: "outrigger ctl".
Text change_view(const std::vector<ChangedKey>& keys, std::string_view overrides, const Look& look,
                 std::string_view command);

// What was taken back: those of `before` that are not in `after`, bodies of GET of the overrides.
Text undone_view(std::string_view before, std::string_view after);

}  // namespace outrigger::ctl
