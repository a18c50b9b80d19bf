// An EndpointCheck asks one endpoint again and again, and counts what it hears until that is enough
// to call it healthy or unhealthy. Owned by the ServiceChecks of its service; control thread.
#pragma once

#include <memory>
#include <string>

#include "config/policy.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/client/client.hpp"
#include "proxy/health/health_checks.hpp"
#include "proxy/upstream/endpoint.hpp"

namespace outrigger::health {

class Places;

// What the checks of one service have in common. Outlives them.
struct CheckContext {
  const std::string service;
  const LoopContext loop;
  io::Network& network;
  client::Client& client;
  Places& places;
  HealthEvents& events;
  config::HealthCheck settings;
};

// What one check found. `why` is a sentence for people, of a good answer too.
struct Finding {
  bool is_good = false;
  std::string why;
};

class EndpointCheck final : public ListNode<> {
 public:
  static constexpr double kJitterShare = 0.1;

  // Begins at some moment within the first interval, so that a fleet does not ask in step.
  EndpointCheck(CheckContext& context, std::shared_ptr<upstream::Endpoint> endpoint);
  // What it found is forgotten.
  ~EndpointCheck();

  const upstream::Endpoint& endpoint() const { return *x_endpoint; }
  // Generation of the list that had it last; see ServiceChecks.
  uint64_t listed_in = 0;

 private:
  friend class Places;

  void on_due();
  void begin();
  void take(const Finding& finding);
  void judge(const Finding& finding);

  CheckContext& x_context;
  const std::shared_ptr<upstream::Endpoint> x_endpoint;
  int x_good = 0;  // in a row
  int x_bad = 0;
  int64_t x_began_ms = 0;   // the latest one
  io::OperationPtr x_call;  // under way
  Timer x_again = Timer::of<&EndpointCheck::on_due>(*this);
};

// The checks under way share so many places; one that finds none is late.
class Places {
 public:
  explicit Places(size_t free) : x_free(free) {}

  // Starts it now or when a place is free.
  void want(EndpointCheck& check);
  void give_back();

 private:
  size_t x_free;
  List<EndpointCheck> x_waiting;
};

}  // namespace outrigger::health
