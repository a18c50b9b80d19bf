// The neighbour as a registry knows it, and what one kind of registry wants to be told of it: which
// requests, and what their answers mean. No state; one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config/model_endpoints.hpp"
#include "proxy/base/clock.hpp"
#include "proxy/client/client.hpp"

namespace outrigger::registration {

struct Instance {
  config::Registration config;
  Address address;  // with the port

  // One of a kind in the registry, and the same after a restart: "billing-10.0.3.7-8080".
  std::string id() const;
};

// How the neighbour is, with a sentence of what it said.
struct Condition {
  bool is_well = true;
  std::string why;
};

enum class Verdict : uint8_t {
  kDone,
  kForgotten,  // the registry does not know the instance (any more)
  kRefused,    // anything else
};

class Protocol {
 public:
  virtual ~Protocol() = default;

  // Enters it, or overwrites what is there.
  virtual client::Request enter(const Instance& instance, const Condition& condition) const = 0;
  // Says that it is still there, and how it is.
  virtual client::Request renew(const Instance& instance, const Condition& condition) const = 0;
  virtual client::Request leave(const Instance& instance) const = 0;
  // Whether another condition is told by enter() rather than renew().
  virtual bool enters_again_when_changed() const = 0;
  virtual Verdict verdict_of(const client::Answer& answer) const = 0;
};

// https://developer.hashicorp.com/consul/api-docs/agent/service, with a check of the kind that
// `health.by` says.
std::unique_ptr<Protocol> consul_protocol();
// https://github.com/Netflix/eureka/wiki/Eureka-REST-operations. The clock outlives it.
std::unique_ptr<Protocol> eureka_protocol(const Clock& clock);

}  // namespace outrigger::registration
