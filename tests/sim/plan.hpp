// The Plan is what is drawn from the seed before a run begins: how many of everything there are,
// what the configuration says, and the bounds that follow from it for every call, whichever version
// of the configuration it ran under. Plain data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "config/policy.hpp"
#include "proxy/base/random.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/overrides_model.hpp"
#include "tests/support/pipe_network.hpp"

namespace outrigger::sim {

inline uint32_t between(Random& random, uint32_t low, uint32_t high) {  // both included
  return low + random.below(high - low + 1);
}

// Of a connection, on either side of the proxy.
testing::PipeOptions draw_pipe(Random& random, bool gentle);

// gRPC methods that every service but "passthrough" lets repeat.
inline constexpr const char* kRepeatableGrpc = "/again.S/";

// Over all versions of a service's policy.
struct Bounds {
  int attempts_most = 1;
  int unsent_most = 0;
  double budget_most = 0;
  int64_t request_most_ms = 0;  // to the response head
  int64_t timeout_least_ms = std::numeric_limits<int64_t>::max();
  int64_t connect_least_ms = std::numeric_limits<int64_t>::max();
  int64_t connect_most_ms = 0;
  bool has_few_connections = false;  // calls may wait for one
  int64_t outstanding_most = 0;
  int64_t queue_most = 0;
  // A share of the request is what an attempt may have that nothing else bounds.
  int64_t request_least_ms = std::numeric_limits<int64_t>::max();
  bool is_patched = false;

  int64_t least_ms() const {
    return is_patched ? std::min(timeout_least_ms, request_least_ms / std::max(2, attempts_most))
                      : timeout_least_ms;
  }
};

// Where the worker listens: for HTTP and what is redirected, and for bytes alone.
inline constexpr const char* kOutbound = "127.0.0.1:15001";
// Every configuration names them.
inline constexpr const char* kSecretFile = "/secret";
inline constexpr const char* kCertificateFile = "/admin.pem";
inline constexpr const char* kKeyFile = "/admin.key";
inline constexpr const char* kOpaqueListener = "127.0.0.1:15002";
// A server of bytes that nobody configured, and an address that the opaque service claims.
inline constexpr const char* kOpaqueAddress = "10.8.0.1:9000";
inline constexpr const char* kClaimedAddress = "10.7.0.1:5432";

struct ServicePlan {
  std::string name;  // its host
  int endpoints = 1;
  config::Methods repeatable;
  bool repeats_grpc = true;  // kRepeatableGrpc
  std::optional<size_t> alternate;
  bool alternate_any_method = false;
  bool stale = false;
  bool respond = false;
  bool omit = false;
  bool has_deadline_header = false;
  bool watches = false;  // `timeout.request: auto`: nothing bounds gRPC calls but their caller
  Bounds bounds;

  bool may_repeat(const Call& call) const {
    const bool by_grpc = repeats_grpc && call.is_grpc && call.path.starts_with(kRepeatableGrpc);
    return by_grpc || repeatable.has(call.method);
  }
};

// "passthrough" is the last of the services: nobody's host. The one before it is opaque, if any is.
struct Plan {
  explicit Plan(Random& random);

  void draw_operator(Random random);

  // A configuration with policies drawn anew; the bounds grow to hold for it too.
  std::string draw_config(Random& random);

  // What an operator asks for; the bounds grow to hold under it too.
  Act draw_act(Random& random);

  // Of hundreds of calls some wait for their turn, and a pause may come upon that.
  int64_t gentle_connect_ms() const { return is_busy ? 10'000 : 5'000; }
  size_t passthrough() const { return services.size() - 1; }

  bool gentle = false;   // nothing but what a good proxy hides from its callers
  double awkward = 0;    // share of what peers do that is honest and yet strains a guard
  bool is_busy = false;  // hundreds of calls on few connections
  unsigned workers = 1;
  int calls = 0;
  int tunnels = 0;  // clients that want one; only where a service is opaque
  std::optional<size_t> opaque;
  bool has_patient_servers = false;  // of tunnels; else the callers are
  int64_t span_ms = 0;               // within which the clients come
  int64_t keepalive_ms = 0;
  int64_t body_idle_ms = 0;
  int64_t head_ms = 0;
  int64_t write_stall_ms = 0;
  bool short_of_memory = false;  // nobody may be slow
  int64_t stall_ms = 0;      // of callers that stop taking an answer; shorter than that when gentle
  double http2_callers = 0;  // share
  bool drains = false;
  bool is_storm = false;      // everybody at once, and nothing works: what the retry budget is for
  bool is_cut_short = false;  // the workers go while calls run
  bool shuffles = false;
  bool operates = false;         // somebody changes policies by the admin API
  bool keeps_overrides = false;  // over a restart
  bool restarts = false;
  std::string via;
  std::vector<ServicePlan> services;

 private:
  Act draw_patch(size_t service, Random& random);
  std::string draw_opaque(ServicePlan& service, Random& random);
  std::string draw_service(ServicePlan& service, Random& random);
};

// The body of `fallback: respond`, and a field that `headers` sets.
inline constexpr const char* kRespondBody = "stand-in";
inline constexpr const char* kPolicyField = "x-policy";

}  // namespace outrigger::sim
