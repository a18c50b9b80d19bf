// The OverridesModel knows what operators asked for, and so what may be in force: always one file
// under whole changes, never half of one. When the process does a thing is not seen at once (a
// change that is on its way, an override whose time is about to end, what was kept when the process
// died), so it holds every state that may be, and drops those that what is seen rules out. None
// left is a violation. Owned by the World; one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "tests/sim/ledger.hpp"

namespace outrigger::sim {

// One change that an operator asks for.
struct Act {
  struct Key {
    std::string key;    // "retry.attempts"; kStateKey: of the service's circuit
    std::string value;  // JSON; empty: what is below holds again
  };
  std::string service;    // empty: of all
  std::vector<Key> keys;  // none: all that is held ends
  int64_t ttl_ms = 0;     // 0: for ever
  bool is_wrong = false;  // it is to be refused
};

inline constexpr const char* kStateKey = "state";

class OverridesModel {
 public:
  // Of each service: how its circuit is forced, "" where it is not.
  using Forces = std::map<std::string, std::string>;
  using File = std::shared_ptr<const config::Loaded>;

  // What the process shows of itself.
  struct Seen {
    const File& file;  // that is in force, without overrides
    const config::Config& config;
    const Forces& forces;
    int64_t now_ms;
  };

  explicit OverridesModel(Ledger& ledger) : x_ledger(ledger) {}

  void ask(Act act, int64_t now_ms);
  // The answer to it. `kept`: it is on disk.
  void answer(int status, bool kept, const Seen& seen);
  // Another process, over what this one has kept, if it keeps anything.
  void restart(bool keeps);
  void look(const Seen& seen);

 private:
  struct Held {
    std::string service;
    std::string key;
    std::string value;
    std::string file_value;  // below it when it was set
    int64_t from_ms;         // it was set then, or later
    int64_t to_ms;           // or earlier
    int64_t ttl_ms;

    bool is_setting() const { return key != kStateKey; }
    bool operator==(const Held&) const = default;
  };
  struct State {
    std::vector<Held> held;
    bool has_asked = false;  // what was asked for is done
    bool operator==(const State&) const = default;
  };

  void widen(int64_t now_ms);
  static void add(std::vector<State>& states, State state);
  State with_asked(const State& state, int64_t now_ms) const;
  void rebase(const File& file);
  const config::Loaded& under(const State& state);
  bool explains(const State& state, const Seen& seen);
  static std::string text_of(const State& state);

  Ledger& x_ledger;
  File x_file;
  std::vector<State> x_possible{State{}};
  std::vector<State> x_kept{State{}};  // what may be on disk
  std::optional<Act> x_asked;
  int64_t x_asked_ms = 0;
  std::map<std::string, config::Loaded> x_known;  // by what is over the file
};

}  // namespace outrigger::sim
