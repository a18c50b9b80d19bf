// What differs from the file: who set it, why and until when. One entry for each key that a merge
// patch wrote, and one for a forced state. The store only remembers; Changes makes it so. Owned by
// Changes; control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace outrigger::admin {

struct OverrideEntry {
  config::Target target;
  std::string key;         // "circuit.open_for"; "state" is a forced state
  std::string value;       // JSON
  std::string file_value;  // JSON; what the file gave when it was set
  std::string who;
  std::string why;
  int64_t since_ms = 0;             // wall time
  std::optional<int64_t> until_ms;  // wall time; nothing: until it is taken back

  bool is_state() const { return key == kStateKey; }
  // "circuit" or "state": the kind that the gauge tells.
  std::string_view kind() const { return std::string_view(key).substr(0, key.find('.')); }

  static constexpr std::string_view kStateKey = "state";
};

class OverrideStore {
 public:
  // Replaces the entry of that key, and those above and below it: a merge patch did the same.
  void set(OverrideEntry entry);
  // A key returned to the file, with those above and below it. Returns whether anything was there.
  bool erase(const config::Target& target, std::string_view key);

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

  // A merge patch over a target's whole policy that makes the entries so; "{}" when there are none.
  std::string patch_of(const config::Target& target) const;

 private:
  std::vector<OverrideEntry> x_entries;
};

// A merge patch that returns the keys to the file.
std::string returning_patch(const std::vector<std::string>& keys);

// {"overrides": [...]}, and the form to paste into the file, with who, why and until as comments.
std::string to_json(const std::vector<OverrideEntry>& entries);
std::string to_yaml(const std::vector<OverrideEntry>& entries);

}  // namespace outrigger::admin
