// What differs from the file: who set it, why and until when. One entry for each key that a merge
// patch wrote, one for a forced circuit, an endpoint's state, the level of the log. Two layers lie
// over the configuration: the overrides file, and over that what operators do here. The store only
// remembers; Changes makes it so. Owned by Changes; control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/events.hpp"
#include "config/config.hpp"

namespace outrigger::admin {

struct OverrideEntry {
  enum class Layer : uint8_t { kFile, kAdmin };
  enum class Kind : uint8_t { kSetting, kCircuit, kEndpoint, kLog };

  Layer layer = Layer::kAdmin;
  Kind kind = Kind::kSetting;
  std::string id;
  config::Target target;   // no service: of the process
  std::string endpoint;    // kEndpoint: its address
  std::string key;         // kSetting: "circuit.open_for"; see config/key_path.hpp
  std::string value;       // JSON
  std::string file_value;  // JSON; what the configuration gave when it was set
  std::string replaced;    // JSON; what was in effect when it was set
  std::string actor;
  std::string by;  // whoever an entry of the overrides file claims to be from
  std::string reason;
  int64_t since_ms = 0;             // wall time
  std::optional<int64_t> until_ms;  // wall time; nothing: until it is taken back

  bool is_setting() const { return kind == Kind::kSetting; }
  // Whether both are about the same thing, in whatever layer.
  bool is_of_same(const OverrideEntry& other) const;
  // "circuit.open_for", "state", "endpoint_state", "log.level".
  std::string_view what() const;
  // What the gauge tells: "circuit", "retry", ..., "state", "endpoint", "log".
  std::string_view kind_name() const;
  // The value of a state, without its quotes.
  std::string_view state() const;
};

class OverrideStore {
 public:
  using Layer = OverrideEntry::Layer;
  using Kind = OverrideEntry::Kind;

  // Replaces what is of the same thing in its layer, and settings above and below its key: a merge
  // patch did the same.
  void set(OverrideEntry entry);
  // Returns a key of that layer to what is below. Nothing is below a key that is only emptied, so
  // with `whole` false entries below the key stay.
  void erase(const OverrideEntry& like, bool whole = true);

  const std::vector<OverrideEntry>& all() const { return x_entries; }
  // Takes out those that `ends` is true for.
  template <class F>
  std::vector<OverrideEntry> take_if(F ends) {
    std::vector<OverrideEntry> taken;
    std::vector<OverrideEntry> kept;
    for (OverrideEntry& entry : x_entries) {
      (ends(entry) ? taken : kept).push_back(std::move(entry));
    }
    x_entries = std::move(kept);
    return taken;
  }
  // The earliest end of all.
  std::optional<int64_t> next_end_ms() const;

  // What is in force of the same state: the uppermost layer's. Null: nobody says anything.
  const OverrideEntry* top(const OverrideEntry& like) const;
  // The uppermost entry that says a setting of a target, or of the service of that route.
  const OverrideEntry* setting(const config::Target& target, std::string_view key) const;

  // The settings as layers over the file, the lower ones first.
  std::vector<config::Override> layers() const;

 private:
  std::vector<OverrideEntry> x_entries;
};

std::string_view to_string(OverrideEntry::Layer layer);

// Any JSON value, as a tree.
config::Node parse_json_value(const std::string& json);

// What a value of the entry looks like to others: as JSON, without secrets.
std::string shown_json(const OverrideEntry& entry, const std::string& value);
// It ended, or was removed.
Event ended_event(const OverrideEntry& entry, std::string_view kind, std::string_view reason);

// Of one entry. Values of fields that look secret are redacted.
std::string to_json(const OverrideEntry& entry);
// {"overrides": [...]}.
std::string to_json(const std::vector<OverrideEntry>& entries);
// To paste into the configuration or into the overrides file, with who, why and until as comments.
// What a configuration cannot say (states, routes) are items of the overrides file, behind `#`.
std::string to_yaml(const std::vector<OverrideEntry>& entries);

}  // namespace outrigger::admin
