// An Attempt is what every call to an endpoint has in common, whatever it speaks: the endpoint it
// holds, what it is called there, and its one verdict for the endpoint's circuit and the metrics.
// Lives in the arena of its exchange; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/policy.hpp"
#include "metrics/series.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/chain/grpc_attempt.hpp"
#include "proxy/chain/terminal.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/http/h2_stream.hpp"
#include "proxy/http/path_rewrite.hpp"
#include "proxy/io/stream.hpp"
#include "proxy/upstream/endpoint_view.hpp"
#include "proxy/upstream/upstream_runtime.hpp"

namespace outrigger::upstream {

// What an attempt takes from the policies of its route. Outlives every call.
struct CallSettings {
  int64_t connect_timeout_ms = 1000;
  http::HeadLimits head_limits;
  config::Protocol protocol = config::Protocol::kAuto;
  config::Authority authority;
  bool proxy = false;                        // calls for a proxy go as their caller wrote them
  std::optional<http::PathRewrite> path;     // how it differs from what the caller wrote
  config::Matcher endpoint_failures;         // what the endpoint's circuit counts
  config::Methods repeatable;                // methods that may be sent twice
  std::vector<std::string> repeatable_grpc;  // and of gRPC: see covers()
  int64_t hold_head_ms = 0;                  // of the answer to a gRPC call: chain::GrpcHead
  metrics::ServiceSeries* series = nullptr;
  bool count_by_endpoint = false;
  bool notes_latency = false;                 // of endpoints: their service balances by it
  std::optional<config::HashKey> hash_key{};  // by which its service balances
};

// It is told what a proxy is told, so it is spoken to in HTTP/1.1.
inline bool is_for_proxy(chain::CallLeg leg, const CallSettings& settings) {
  return settings.proxy && leg.request().is_for_proxy();
}
// The Host that goes to the endpoint, which is called `name`.
std::string_view authority_sent(chain::CallLeg leg, const CallSettings& settings,
                                std::string_view name);
// Its host: whom the endpoint's certificate must be for. Empty where it has none.
std::string_view server_name_wanted(chain::CallLeg leg, const CallSettings& settings,
                                    std::string_view name);

class Attempt : public chain::Call {
 public:
  // Until `connect_by_ms` there must be a connection.
  virtual void begin(int64_t connect_by_ms) = 0;
  // Instead of begin(): here is one that was just made, in clear text and not yet started. Where
  // the pool has better or no room for it, it is closed.
  virtual void begin_on(io::StreamPtr stream, int64_t connect_by_ms) = 0;
  // Instead of begin(): it is known already that there is none.
  virtual void fail_to_connect(Cause cause) = 0;
  // A call waited so long for a connection.
  static void note_connected(chain::CallLeg leg, const CallSettings& settings, int64_t took_ns);

 protected:
  // `name` is the endpoint as the log and the Host of `authority: upstream` show it. The lease is
  // empty for passthrough.
  Attempt(chain::CallLeg leg, const CallSettings& settings, UpstreamRuntime& upstream,
          EndpointLease lease, std::string_view name);

  UpstreamRuntime& upstream() const { return x_upstream; }
  int64_t age_ns() const { return upstream().runtime.loop.clock.precise_ns() - x_started_ns; }
  void note_begun();
  void note_connected() { note_connected(x_leg, x_settings, age_ns()); }
  void note_spoken(http::Version version);
  std::string_view server_name() const { return server_name_wanted(x_leg, x_settings, x_name); }
  // The head as it goes to the endpoint. Nothing: the caller's time is over.
  std::optional<http::RequestHead> request_head() const;

  // An interim answer has come. False: so many, so fast, tell nobody anything.
  bool take_interim();
  // The final head, which lives as long as the exchange, goes to the leg; that of a gRPC call may
  // be held back (chain::GrpcHead), for good or bad is often told by its trailers alone.
  void deliver_head(http::ResponseHead& head);
  bool is_head_held() const { return x_grpc != nullptr && x_grpc->head.is_held(); }
  // Both require: it is held.
  void release_head() { x_grpc->head.release(); }
  void release_head_with(const http::Fields* trailers) { x_grpc->head.release_with(trailers); }

  // -- the verdict; the first one counts
  // A part of the body: whatever the trailers say, the endpoint has answered.
  void settle_body() {
    if (!x_settled) settle_good();
  }
  void settle_end(const http::Fields* trailers);
  // The error for the leg. `h2_code`: see Error.
  Error settle_failure(Cause cause, Sent sent, http::H2Code h2_code = http::H2Code::kNoError);
  // The same where the endpoint gave up for the caller's deadline.
  Error settle_late();
  void settle_cancelled() noexcept;
  // Nothing more comes of it.
  void release_endpoint();

  const chain::CallLeg x_leg;
  const CallSettings& x_settings;

 private:
  // What a gRPC call has once there is a head. A good head settles a stream that is silent behind
  // it.
  struct GrpcAnswer {
    explicit GrpcAnswer(Attempt& attempt)
        : head(attempt.x_leg), settles(Timer::of<&Attempt::settle_body>(attempt)) {}

    chain::GrpcHead head;
    Timer settles;
  };

  void settle_good() { settle(metrics::AttemptOutcome::kSuccess, false); }
  void settle_by_answer(const http::ResponseHead& head, int grpc_status);
  void settle_timeout(const Error& error) noexcept;
  // So that a deadline of the caller's own tells nothing of the endpoint: its service's circuit has
  // the same rule.
  bool is_young() const;
  // No verdict on the endpoint: nullopt.
  void settle(metrics::AttemptOutcome outcome, std::optional<bool> endpoint_failed);

  UpstreamRuntime& x_upstream;
  EndpointLease x_lease;
  const std::string_view x_name;
  GrpcAnswer* x_grpc = nullptr;
  const int64_t x_started_ns;
  int64_t x_interims_until_ms = 0;  // those that came were due by then
  bool x_settled = false;
};

}  // namespace outrigger::upstream
