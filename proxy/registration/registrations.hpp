// Registrations keep the neighbour in registries: entered once it is well, told of at each
// interval, entered again when a registry has forgotten it, and taken out before the end. Owned by
// the control plane; its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/discovery/registry_server.hpp"
#include "proxy/io/files.hpp"
#include "proxy/registration/own_address.hpp"

namespace outrigger::registration {

class Membership;

// Where one of them stands; of the metric `registrations`.
enum class State : uint8_t {
  kPending,     // not entered yet: the neighbour is not well, or has no address
  kRegistered,  // others find it
  kFailing,     // the registry did not take the latest word; what it shows meanwhile is its own
  kLeft,        // taken out, since we end
};
inline constexpr size_t kStates = 4;
std::string_view to_string(State state);

// A change of state, for the event log.
struct Change {
  std::string registry;
  std::string name;
  State to = State::kPending;
  std::string why;  // a sentence for people
};

class RegistrationEvents {
 public:
  virtual void on_registration(const Change& change) = 0;

 protected:
  ~RegistrationEvents() = default;
};

// What registrations need of the world. All of it outlives them.
struct Surroundings {
  LoopContext loop;
  io::Files& files;
  discovery::RegistryAccess access;
  AddressTowards address_towards;
};

class Registrations {
 public:
  // Leaving the registries takes at most so long.
  static constexpr int64_t kLeaveMs = 2'000;

  Registrations(Surroundings surroundings, RegistrationEvents& events);
  ~Registrations();
  Registrations(const Registrations&) = delete;
  Registrations& operator=(const Registrations&) = delete;

  // Another configuration. What stays is not entered again; what goes is taken out.
  void apply(const config::Config& config);
  // Takes the neighbour out, for good. `done` is called once, maybe from inside: nobody finds it
  // any more, or a registry could not be told in kLeaveMs.
  void leave(std::function<void()> done);
  // Still being taken out.
  bool is_leaving() const { return x_leaving > 0; }

  struct Entry {
    std::string registry;
    std::string name;
    std::string address;  // IP:PORT; empty: not found yet
    State state = State::kPending;
    std::string said;  // why, for people
  };
  std::vector<Entry> entries() const;

 private:
  void note_left();

  const Surroundings x_surroundings;
  RegistrationEvents& x_events;
  std::vector<std::unique_ptr<Membership>> x_members;
  std::vector<std::unique_ptr<Membership>> x_former;  // of configurations before, being taken out
  bool x_has_left = false;
  size_t x_leaving = 0;
  std::vector<std::function<void()>> x_waiting;
};

}  // namespace outrigger::registration
