// A Membership is the neighbour in one registry, from the first question whether it is well to the
// moment it is taken out. At each interval the neighbour is asked, and what it says goes on to the
// registry. Owned by Registrations; control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/discovery/backoff.hpp"
#include "proxy/registration/instance.hpp"
#include "proxy/registration/registrations.hpp"

namespace outrigger::registration {

// The registry that it is in: exactly one of them.
struct RegistrySettings {
  std::optional<config::ConsulRegistryConfig> consul;
  std::optional<config::EurekaRegistryConfig> eureka;

  bool operator==(const RegistrySettings&) const = default;
};

class Membership {
 public:
  static constexpr double kJitterShare = 0.1;
  // A registry, or the neighbour, that says nothing for so long has failed.
  static constexpr int64_t kAnswerMs = 5'000;
  // Leaving is tried again so soon.
  static constexpr int64_t kLeaveAgainMs = 200;

  Membership(const Surroundings& surroundings, RegistrationEvents& events,
             const config::Registration& config, const RegistrySettings& registry);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  bool is_of(const config::Registration& config, const RegistrySettings& registry) const {
    return x_instance.config == config && x_registry == registry;
  }
  // An entry of that one in that registry overwrites the entry of this one.
  bool is_overwritten_by(const config::Registration& config,
                         const RegistrySettings& registry) const;
  Registrations::Entry entry() const;
  State state() const { return x_state; }

  // `done` is called once, never from inside: it is out, or could not be taken out in time.
  void leave(std::function<void()> done);

 private:
  void on_due();
  void ask_neighbour();
  void tell_registry(Condition condition);
  void on_told(const Result<client::Answer>& answer);
  void on_left(const Result<client::Answer>& answer);
  void send_leave();
  void end_leaving();
  void again_in(int64_t ms);
  bool find_address();
  std::string sentence_of(const Result<client::Answer>& answer) const;
  void enter_state(State state, const std::string& why);
  void send(client::Request request, void (Membership::*then)(const Result<client::Answer>&));
  int64_t interval_ms() const { return x_instance.config.health.interval_ms; }

  const Surroundings& x_surroundings;
  RegistrationEvents& x_events;
  const RegistrySettings x_registry;
  const std::unique_ptr<Protocol> x_protocol;
  discovery::RegistryServer x_server;
  Instance x_instance;
  std::string x_found_by;  // how its address was found
  std::unique_ptr<client::Client> x_neighbour;
  State x_state = State::kPending;
  std::string x_said;         // why it is pending or failing, the last time that was told
  bool x_is_entered = false;  // as far as we know
  bool x_was_sent = false;    // an entry has gone out: the registry may have it
  Condition x_told;           // of which the registry heard last
  Condition x_telling;
  client::Client* x_asked = nullptr;  // the server that was told last
  bool x_is_telling = false;          // x_call tells the registry
  io::OperationPtr x_call;            // to the neighbour or the registry
  discovery::Backoff x_after_error{discovery::kErrorBackoffMinMs, discovery::kErrorBackoffMaxMs};
  Timer x_again = Timer::of<&Membership::on_due>(*this);
  Timer x_leave_again = Timer::of<&Membership::send_leave>(*this);
  std::function<void()> x_left;  // set: it is being taken out
};

}  // namespace outrigger::registration
