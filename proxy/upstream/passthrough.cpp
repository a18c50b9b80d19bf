#include "proxy/upstream/passthrough.hpp"

#include <algorithm>

#include "proxy/chain/exchange.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/upstream/deferred_call.hpp"

namespace outrigger::upstream {

// Waits for the addresses of its name; then it is the attempt's.
class PassthroughCall final : public DeferredCall, public NameWaiter {
 public:
  PassthroughCall(PassthroughClient& client, const CallSettings& settings, chain::Leg& leg,
                  bool by_name)
      : x_client(client), x_settings(settings), x_leg(leg), x_by_name(by_name) {}

  void begin();
  void on_looked_up() override;

  void reap() override { this->~PassthroughCall(); }

 private:
  void stop_waiting() noexcept override {
    x_timer.cancel();
    ListNode<>::unlink();
  }
  void on_timeout() {
    stop_waiting();
    fail(Cause::kDnsTimeout);
  }
  void go(std::span<const Address> addresses, bool any_address);
  void attempt(Pools& pools);
  void fail(Cause cause);

  PassthroughClient& x_client;
  const CallSettings& x_settings;
  chain::Leg& x_leg;
  Timer x_timer = Timer::of<&PassthroughCall::on_timeout>(*this);
  PassthroughClient::Name* x_name = nullptr;
  std::string_view x_host;
  int64_t x_connect_by_ms = 0;  // the lookup and the connect together
  uint16_t x_port = 80;
  const bool x_by_name;
};

chain::CallPtr PassthroughTerminal::start(chain::Leg& leg) {
  auto* call = leg.exchange().arena().make<PassthroughCall>(
      x_client, x_settings, leg, x_unredirected == Unredirected::kByName);
  chain::CallPtr owner(call, {&x_client.upstream().runtime.loop.reaper});
  call->begin();
  return owner;
}

void PassthroughCall::begin() {
  UpstreamRuntime& upstream = x_client.upstream();
  x_connect_by_ms = upstream.now_ms() + x_settings.connect_timeout_ms;
  if (const Address* original = x_leg.exchange().original_destination()) {
    x_port = original->port();
    return go({original, 1}, true);
  }
  if (!x_by_name) return fail(Cause::kNoEndpoint);
  const auto authority = http::split_authority(x_leg.request().authority);
  if (!authority) return fail(Cause::kUnknownHost);
  x_host = authority->host;
  if (authority->has_port) x_port = authority->port;
  if (const auto literal = Address::from_ip(x_host, x_port)) return go({&*literal, 1}, true);

  std::string host(x_host);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  x_name = &x_client.look_up(host);
  if (x_name->lookup == nullptr) return on_looked_up();
  x_name->waiters.push_back(*this);
  upstream.runtime.loop.timers.arm(x_timer, x_connect_by_ms);
}

void PassthroughCall::on_looked_up() {
  x_timer.cancel();
  if (x_name->failure != Cause::kNone) return fail(x_name->failure);
  go(x_name->addresses, x_name->host == "localhost");
}

// A name that nobody configured must not lead to this host or its link: that is how a public name
// is made to reach what trusts local callers (DNS rebinding).
void PassthroughCall::go(std::span<const Address> addresses, bool any_address) {
  Pools* chosen = nullptr;
  bool full = false;
  for (const Address& found : addresses) {
    if (!any_address && (found.is_loopback() || found.is_link_local() || found.is_any())) continue;
    const Address address = Address::from_bytes(found.ip(), x_port);
    if (x_client.upstream().own_listeners.contains(address)) return fail(Cause::kLoop);
    Pools* pool = x_client.pools_of(address);
    full = full || pool == nullptr;
    if (pool == nullptr) continue;
    if (chosen == nullptr) chosen = pool;
    if (x_leg.tried().contains(pool)) continue;
    chosen = pool;
    if (x_name != nullptr && !x_leg.tried().ids().empty()) x_name->begin_with(found);
    break;
  }
  if (chosen == nullptr) return fail(full ? Cause::kOverload : Cause::kDnsError);
  attempt(*chosen);
}

void PassthroughCall::attempt(Pools& pools) {
  x_leg.tried().add(&pools);
  go_on_as(start_attempt(x_leg, x_settings, pools, EndpointLease(),
                         pools.http1.address().to_string(), x_connect_by_ms));
}

void PassthroughCall::fail(Cause cause) {
  Error error;
  error.cause = cause;
  error.detail = x_host;
  x_leg.deliver_error(error);
}

// ---- names

PassthroughClient::~PassthroughClient() = default;

void PassthroughClient::set_pool(const config::Pool& settings) {
  x_pool_settings = settings;
  for (auto& [address, pool] : x_pools) pool->set_settings(settings);
}

PassthroughClient::Name& PassthroughClient::look_up(const std::string& host) {
  auto& name = x_names[host];
  if (name == nullptr) {
    name = std::make_unique<Name>(*this, host);
    if (x_names.size() > kNamesMax) forget_the_oldest();
  }
  Name& found = *x_names[host];
  found.unlink();
  x_recent.push_front(found);
  if (found.lookup == nullptr && x_upstream.now_ms() >= found.expires_ms) {
    found.lookup = x_upstream.network.resolve(host, found);
  }
  return found;
}

// One that nobody waits for; if all are waited for, the bound on lookups under way holds anyway.
void PassthroughClient::forget_the_oldest() {
  Name* oldest = nullptr;
  x_recent.for_each([&](Name& name) {
    if (name.waiters.empty()) oldest = &name;
  });
  if (oldest == nullptr) return;
  if (oldest->lookup != nullptr) x_upstream.runtime.loop.reaper.doom(std::move(oldest->lookup));
  x_names.erase(std::string(oldest->host));
}

void PassthroughClient::Name::on_resolved(io::Resolved answer) {
  addresses = std::move(answer.addresses);
  failure = addresses.empty() ? Cause::kDnsError : Cause::kNone;
  expires_ms = client.x_upstream.now_ms() + std::clamp(answer.ttl_s * 1000, kTtlMinMs, kTtlMaxMs);
  tell_waiters();
}

// An answer that came before serves on while the servers are silent (RFC 8767).
void PassthroughClient::Name::on_resolve_failed(Cause cause, bool empty) {
  if (addresses.empty() || empty) {
    addresses.clear();
    failure = cause;
  }
  expires_ms = client.x_upstream.now_ms() + kTtlMinMs;
  tell_waiters();
}

// The addresses before it failed a moment ago: later calls need not find that out again.
void PassthroughClient::Name::begin_with(const Address& address) {
  std::rotate(addresses.begin(), std::find(addresses.begin(), addresses.end(), address),
              addresses.end());
}

void PassthroughClient::Name::tell_waiters() {
  client.x_upstream.runtime.loop.reaper.doom(std::move(lookup));
  while (!waiters.empty()) waiters.pop_front().on_looked_up();
}

Pools* PassthroughClient::pools_of(const Address& address) {
  if (const auto found = x_pools.find(address); found != x_pools.end()) return found->second.get();
  if (x_pools.size() >= kPoolsMax) {
    std::erase_if(x_pools, [](const auto& entry) { return entry.second->is_empty(); });
    if (x_pools.size() >= kPoolsMax) return nullptr;
  }
  auto pool = std::make_unique<Pools>(x_upstream, address, x_pool_settings, nullptr,
                                      std::make_shared<EndpointConnections>());
  return x_pools.emplace(address, std::move(pool)).first->second.get();
}

}  // namespace outrigger::upstream
