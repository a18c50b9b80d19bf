#pragma once
// Reading, checking, printing and overriding configurations. Everything here is pure but for the
// files it is told to read; it is used on the control thread and by the command line. The result
// is a plain Config, which is immutable from then on.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/model.hpp"
#include "config/named_file.hpp"
#include "config/problem.hpp"
#include "config/texts.hpp"
#include "config/yaml.hpp"

namespace outrigger::config {

// The variables of this process.
Environment process_environment();

struct Loaded {
  Config config;                  // only to be used when there is no problem
  std::vector<Problem> problems;  // every mistake, in the order of the file
  Document document;              // the layers it was read from
  std::vector<NamedFile> named;   // in the order of reading; their contents are not looked at

  bool ok() const { return problems.empty(); }
};

Loaded load_text(std::string_view name, std::string_view text, const Environment& environment);
// Several files, merged in order: maps merge, everything else replaces.
Loaded load_texts(const Texts& texts, const Environment& environment);
// The same from the disk, at once; paths as of with_slashes().
Loaded load_files(const std::vector<std::string>& paths, const Environment& environment);
// To be checked only, by somebody whose variables are not ours: of a value with a `${NAME}` in it
// nothing is known, so nothing is wrong with it.
Loaded load_unexpanded(std::string_view name, std::string_view text);
// The layers once more, after one of them changed.
Loaded compile(Document document);

// YAML with every default filled in. It reads back to an equal Config, but for plain header values
// that look secret: those are redacted.
std::string effective(const Config& config);
// The JSON Schema (2020-12) of the file.
std::string schema();
// A hash of the effective configuration, the same in every process.
uint64_t fingerprint(const Config& config);

// The items of a file that a service names under `endpoints: {file: PATH}`.
struct EndpointList {
  std::vector<StaticEndpoint> endpoints;
  std::vector<Problem> problems;
};
EndpointList load_endpoints(std::string_view name, std::string_view text);

// Whose policy: a service's, or that of one of its named routes.
struct Target {
  std::string service;
  std::string route;  // empty: the service's own
};

// The named route of that service itself; null: it has none.
const RouteConfig* find_route(const Config& config, const Target& target);
// Whether the file itself has that service or route, so that a patch can say something over it.
bool is_in_file(const Config& config, const Target& target);
// The policy in effect. `route` may be one of another service that leads to this one: then what is
// the target's part of it. Null: there is no such service or route.
const Policy* policy_of(const Config& config, const Target& target);
// Whether there is a circuit for these calls alone: of the service, or of a route for this target.
bool has_circuit(const Config& config, const Target& target);

// Why a patch may not write the key at a path; nothing: it may. For those that it sets to null,
// which no reader sees.
std::optional<std::string> why_not_patched(const Target& target, std::string_view path);

// The same files under other overrides. Nothing of `loaded` changes; the result is what would be.
// Problems name the path, as a patch has no lines.
Loaded with_overrides(const Loaded& loaded, std::vector<Override> overrides);

// A section, or a key in it (`circuit.open_for`), as compact JSON. Empty strings: no such target,
// section or key.
struct SettingText {
  std::string file;        // what the file gives, defaults included
  std::string effective;   // with the overrides
  std::string overridden;  // only what the override says; empty when it says nothing
};
SettingText read_setting(const Loaded& loaded, const Target& target, std::string_view key);

// Where something is written, for `explain`. Nothing: it is built in, or an override.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;

  bool operator==(const Place&) const = default;
};
// `key` is a path with dots from the target's map; empty is the service or route itself. The
// nearest layer that says it is named: the route, the service, or `defaults`.
std::optional<Place> where(const Loaded& loaded, const Target& target, std::string_view key = {});

// What says a value of a policy, the lowest first.
enum class Layer : uint8_t { kBuiltIn, kDefaults, kProfile, kService, kRoute, kOverride };
struct Setting {
  std::string key;  // a path with dots; see key_path.hpp
  Node value;       // in effect: a scalar or a list, secrets redacted
  Layer layer = Layer::kBuiltIn;
  std::optional<Place> place;  // nothing: built in, or an override
};
// All of them, in the order of the effective output; none when there is no such target.
std::vector<Setting> settings_of(const Loaded& loaded, const Target& target);
std::optional<Place> where_listener(const Loaded& loaded, std::string_view name);
// A path from the top of the file: `admin.address`, `unmatched`.
std::optional<Place> where_key(const Loaded& loaded, std::string_view path);

}  // namespace outrigger::config
