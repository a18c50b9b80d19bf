#include "proxy/upstream/pools.hpp"

#include <utility>

#include "proxy/chain/exchange.hpp"
#include "proxy/upstream/h1_call.hpp"
#include "proxy/upstream/h2_call.hpp"

namespace outrigger::upstream {
namespace {

// Without TLS nobody can ask the endpoint: it is taken to speak what its caller spoke.
bool speaks_http2(config::Protocol protocol, const chain::Leg& leg) {
  if (protocol != config::Protocol::kAuto) return protocol == config::Protocol::kHttp2;
  return leg.request().version == http::Version::kHttp2;
}

}  // namespace

chain::CallPtr start_attempt(chain::Leg& leg, const CallSettings& settings, Pools& pools,
                             EndpointLease lease, std::string_view name, int64_t connect_by_ms) {
  Arena& arena = leg.exchange().arena();
  // The endpoint may be forgotten before the call's log line is written.
  const std::string_view kept = arena.copy(name);
  Attempt* attempt = nullptr;
  if (speaks_http2(settings.protocol, leg)) {
    attempt = arena.make<H2Call>(leg, settings, pools.http2, std::move(lease), kept);
  } else {
    attempt = arena.make<H1Call>(leg, settings, pools.http1, std::move(lease), kept);
  }
  chain::CallPtr owner(attempt, {&pools.http1.upstream().runtime.loop.reaper});
  attempt->begin(connect_by_ms);
  return owner;
}

}  // namespace outrigger::upstream
