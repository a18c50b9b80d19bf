#include "proxy/upstream/pools.hpp"

#include <utility>

#include "proxy/chain/exchange.hpp"
#include "proxy/upstream/deferred_call.hpp"
#include "proxy/upstream/h1_call.hpp"
#include "proxy/upstream/h2_call.hpp"
#include "proxy/upstream/tunnel_call.hpp"

namespace outrigger::upstream {
namespace {

PoolTls tls_of(const Published<io::TlsClientContext>* contexts, Agreed& agreed) {
  return contexts != nullptr ? PoolTls(*contexts, agreed) : PoolTls();
}

// Few servers of WebSockets know them over HTTP/2.
bool is_best_over_http1(const CallSettings& settings, const Pools& pools, chain::CallLeg leg) {
  if (is_for_proxy(leg, settings)) return true;
  if (settings.protocol != config::Protocol::kAuto || leg.request().upgrade.empty()) return false;
  const io::TlsClientContextPtr tls = pools.http1.tls().context();
  return tls == nullptr || tls->offers_http1();
}

// Without TLS nobody can ask the endpoint. It is taken to speak HTTP/2 where it did before, where
// gRPC needs it, and where a caller chose it by itself (prior knowledge, RFC 9113 section 3.3).
// Over TLS it was we who offered it to the caller, which says nothing of the endpoint.
bool speaks_http2(const CallSettings& settings, const Pools& pools, chain::CallLeg leg) {
  if (leg.exchange().facts().http1_required || is_for_proxy(leg, settings)) return false;
  if (settings.protocol != config::Protocol::kAuto) {
    return settings.protocol == config::Protocol::kHttp2;
  }
  if (is_best_over_http1(settings, pools, leg)) return false;
  if (pools.http1.tls().is_on()) return pools.agreed() == Agreed::kHttp2;
  if (leg.request().version != http::Version::kHttp2) return false;
  const chain::Exchange& exchange = leg.exchange();
  return exchange.is_grpc() || exchange.facts().tls == nullptr || pools.spoke_http2();
}

// A caller that asked for a tunnel by CONNECT speaks TLS in it by itself.
io::TlsClientContextPtr tunnel_tls(const CallSettings& settings, const Pools& pools) {
  return settings.protocol == config::Protocol::kTcp ? pools.http1.tls().context() : nullptr;
}

}  // namespace

chain::CallPtr make_attempt(chain::CallLeg leg, const CallSettings& settings, Pools& pools,
                            EndpointLease lease, std::string_view name, Attempt*& attempt) {
  Arena& arena = leg.exchange().arena();
  if (leg.request().tunnel && !is_for_proxy(leg, settings)) {
    attempt = arena.make<TunnelCall>(leg, settings, pools.upstream(), pools.http1.address(),
                                     tunnel_tls(settings, pools), std::move(lease), name);
  } else if (speaks_http2(settings, pools, leg)) {
    attempt = arena.make<H2Call>(leg, settings, pools.http2, std::move(lease), name);
  } else {
    attempt = arena.make<H1Call>(leg, settings, pools.http1, std::move(lease), name);
  }
  return {attempt, {&pools.upstream().runtime.loop.reaper}};
}

namespace {

chain::CallPtr start(chain::CallLeg leg, const CallSettings& settings, Pools& pools,
                     EndpointLease lease, std::string_view name, int64_t connect_by_ms) {
  Attempt* attempt = nullptr;
  chain::CallPtr owner = make_attempt(leg, settings, pools, std::move(lease), name, attempt);
  attempt->begin(connect_by_ms);
  return owner;
}

// The call that comes before anybody knows what the endpoint speaks; then it is the attempt's.
class UndecidedCall final : public DeferredCall, public AgreementWaiter {
 public:
  UndecidedCall(chain::CallLeg leg, const CallSettings& settings, Pools& pools, EndpointLease lease,
                std::string_view name, int64_t connect_by_ms)
      : x_leg(leg),
        x_settings(settings),
        x_pools(pools),
        x_lease(std::move(lease)),
        x_name(name),
        x_connect_by_ms(connect_by_ms),
        x_started_ns(now_ns()) {}

  void begin() {
    x_pools.upstream().runtime.loop.timers.arm(x_timer, x_connect_by_ms);
    x_pools.find_out(*this, x_settings.connect_timeout_ms);
  }

  std::string_view wanted_name() const override {
    return server_name_wanted(x_leg, x_settings, x_name);
  }
  void on_agreed() override {
    EndpointLease lease = std::move(x_lease);
    stop_waiting();
    Attempt::note_connected(x_leg, x_settings, now_ns() - x_started_ns);
    go_on_as(start(x_leg, x_settings, x_pools, std::move(lease), x_name, x_connect_by_ms));
  }
  void on_not_reached(Cause cause) override {
    EndpointLease lease = std::move(x_lease);
    stop_waiting();
    Attempt* attempt = nullptr;
    go_on_as(make_attempt(x_leg, x_settings, x_pools, std::move(lease), x_name, attempt));
    attempt->fail_to_connect(cause);
  }
  void reap() override { this->~UndecidedCall(); }

 private:
  void on_timeout() { on_not_reached(Cause::kConnectTimeout); }
  void stop_waiting() noexcept override {
    x_timer.cancel();
    x_pools.stop_waiting(*this, x_settings.connect_timeout_ms);
    x_lease.release();
  }
  int64_t now_ns() const { return x_pools.upstream().runtime.loop.clock.precise_ns(); }

  const chain::CallLeg x_leg;
  const CallSettings& x_settings;
  Pools& x_pools;
  EndpointLease x_lease;
  const std::string_view x_name;
  const int64_t x_connect_by_ms;
  const int64_t x_started_ns;
  Timer x_timer = Timer::of<&UndecidedCall::on_timeout>(*this);
};

}  // namespace

Pools::Pools(UpstreamRuntime& upstream, const Address& address, const config::Pool& settings,
             const Published<io::TlsClientContext>* tls, std::shared_ptr<EndpointConnections> open)
    : x_open(std::move(open)),
      http1(upstream, address, settings, tls_of(tls, x_agreed), *x_open),
      http2(upstream, address, settings, tls_of(tls, x_agreed), *x_open) {}

Pools::~Pools() = default;

void Pools::set_settings(const config::Pool& settings) {
  http1.set_settings(settings);
  http2.set_settings(settings);
}

void Pools::close_idle() {
  http1.close_idle();
  http2.close_idle();
}

void Pools::retire() {
  http1.retire();
  http2.retire();
}

void Pools::find_out(AgreementWaiter& waiter, int64_t connect_timeout_ms) {
  x_waiters.push_back(waiter);
  dial_if_needed(connect_timeout_ms);
}

void Pools::stop_waiting(AgreementWaiter& waiter, int64_t connect_timeout_ms) {
  if (!waiter.is_linked()) return;
  waiter.unlink();
  if (!x_waiters.empty()) return dial_if_needed(connect_timeout_ms);
  if (x_dial != nullptr) upstream().runtime.loop.reaper.doom(std::move(x_dial));
}

// One that hangs is begun anew for those that came later.
void Pools::dial_if_needed(int64_t connect_timeout_ms) {
  if (x_waiters.empty()) return;
  const int64_t now_ms = upstream().now_ms();
  if (x_dial != nullptr) {
    if (now_ms - x_dialled_at_ms < connect_timeout_ms) return;
    upstream().runtime.loop.reaper.doom(std::move(x_dial));
  }
  x_dialled_at_ms = now_ms;
  x_dialled_name = x_waiters.front().wanted_name();
  x_dial = std::make_unique<Dial>(upstream(), http1.address(), http1.tls().context(),
                                  x_dialled_name, *this);
}

// The connection is the first one of its pool.
void Pools::on_dialled(io::StreamPtr stream, std::string_view alpn) {
  upstream().runtime.loop.reaper.doom(std::move(x_dial));
  x_agreed = alpn == "h2" ? Agreed::kHttp2 : Agreed::kHttp1;
  x_open->agreed.store(x_agreed, std::memory_order_relaxed);
  if (x_agreed == Agreed::kHttp2) {
    http2.adopt(std::move(stream), x_dialled_name);
  } else {
    H1Connection& connection = http1.adopt(std::move(stream), PoolSlot(http1), x_dialled_name);
    http1.give_back(connection, true, 0);
  }
  List<AgreementWaiter> told;
  told.splice_back(x_waiters);
  while (!told.empty()) told.pop_front().on_agreed();
}

// Those that come in answer to this begin anew.
void Pools::on_dial_failed(Cause cause) {
  upstream().runtime.loop.reaper.doom(std::move(x_dial));
  const std::string failed_name = std::move(x_dialled_name);
  List<AgreementWaiter> told;
  List<AgreementWaiter> others;
  while (!x_waiters.empty()) {
    AgreementWaiter& waiter = x_waiters.pop_front();
    const bool concerned = !is_of_one_name(cause) || waiter.wanted_name() == failed_name;
    (concerned ? told : others).push_back(waiter);
  }
  x_waiters.splice_back(others);
  dial_if_needed(0);
  while (!told.empty()) told.pop_front().on_not_reached(cause);
}

chain::CallPtr start_attempt(chain::CallLeg leg, const CallSettings& settings, Pools& pools,
                             EndpointLease lease, std::string_view name, int64_t connect_by_ms) {
  pools.http2.expect_heads(settings.head_limits.head_bytes);
  Arena& arena = leg.exchange().arena();
  // The endpoint may be forgotten before the call's log line is written.
  const std::string_view kept = arena.copy(name);
  const bool decided = leg.request().tunnel || settings.protocol != config::Protocol::kAuto ||
                       !pools.http1.tls().is_on() || pools.agreed() != Agreed::kNothing ||
                       is_best_over_http1(settings, pools, leg) ||
                       leg.exchange().facts().http1_required;
  if (decided) return start(leg, settings, pools, std::move(lease), kept, connect_by_ms);
  auto* call =
      arena.make<UndecidedCall>(leg, settings, pools, std::move(lease), kept, connect_by_ms);
  chain::CallPtr owner(call, {&pools.upstream().runtime.loop.reaper});
  call->begin();
  return owner;
}

}  // namespace outrigger::upstream
