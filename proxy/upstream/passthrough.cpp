#include "proxy/upstream/passthrough.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "proxy/chain/exchange.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/io/race.hpp"
#include "proxy/upstream/deferred_call.hpp"

namespace outrigger::upstream {
namespace {

Cause cause_of(const std::vector<io::Answer>& answers) {
  const auto is = [](io::Verdict verdict) {
    return [verdict](const io::Answer& answer) { return answer.verdict == verdict; };
  };
  const bool is_late = std::ranges::any_of(answers, is(io::Verdict::kSilence)) &&
                       std::ranges::none_of(answers, is(io::Verdict::kError));
  return is_late ? Cause::kDnsTimeout : Cause::kDnsError;
}

int64_t time_to_live_ms(const std::vector<io::Answer>& answers) {
  int64_t ttl_s = std::numeric_limits<int64_t>::max();
  for (const io::Answer& answer : answers) {
    if (answer.verdict == io::Verdict::kRecords) ttl_s = std::min(ttl_s, answer.ttl_s);
  }
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  return ttl_s == kNone ? PassthroughClient::kTtlMinMs
                        : std::clamp(ttl_s, PassthroughClient::kTtlMinMs / 1000,
                                     PassthroughClient::kTtlMaxMs / 1000) *
                              1000;
}

}  // namespace

// Waits for the addresses of its name, and for one of them to answer; then it is the attempt's.
class PassthroughCall final : public DeferredCall, public NameWaiter, public io::RaceEvents {
 public:
  PassthroughCall(PassthroughClient& client, const CallSettings& settings, chain::CallLeg leg,
                  bool by_name)
      : x_client(client), x_settings(settings), x_leg(leg), x_by_name(by_name) {}

  void begin();
  void on_looked_up() override;

  void reap() override { this->~PassthroughCall(); }

 private:
  void on_race_won(const Address& address, io::StreamPtr stream) override;
  void on_race_lost(Cause cause) override;
  void on_timeout() {
    if (x_race != nullptr) return on_race_lost(Cause::kConnectTimeout);
    stop_waiting();
    fail(Cause::kDnsTimeout);
  }
  void stop_waiting() noexcept override {
    x_timer.cancel();
    ListNode<>::unlink();
    if (x_race != nullptr) loop().reaper.doom(std::move(x_race));
  }

  void go_to_name();
  void go_to(const Address& address);
  void race_from(const Address& first);
  Attempt* make_attempt_at(const Address& address);
  bool is_usable(const Address& found) const;
  bool is_own(const Address& address) const {
    return x_client.upstream().own_listeners->contains(address);
  }
  bool is_tried(const Address& address) const;
  Address with_port(const Address& found) const { return Address::from_bytes(found.ip(), x_port); }
  void fail(Cause cause);
  const LoopContext& loop() const { return x_client.upstream().runtime.loop; }

  PassthroughClient& x_client;
  const CallSettings& x_settings;
  const chain::CallLeg x_leg;
  Timer x_timer = Timer::of<&PassthroughCall::on_timeout>(*this);
  PassthroughClient::Name* x_name = nullptr;  // valid while this is in a list of it
  io::OperationPtr x_race;
  Address x_first;  // of the race
  std::string_view x_host;
  int64_t x_started_ns = 0;     // the race
  int64_t x_connect_by_ms = 0;  // the lookup and the connect together
  uint16_t x_port = 80;
  const bool x_by_name;
};

chain::CallPtr PassthroughTerminal::start(chain::CallLeg leg) {
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
    return go_to(*original);
  }
  if (!x_by_name) return fail(Cause::kNoEndpoint);
  const auto authority = http::split_authority(x_leg.request().authority);
  if (!authority) return fail(Cause::kUnknownHost);
  x_host = authority->host;
  if (authority->has_port) x_port = authority->port;
  if (const auto literal = Address::from_ip(x_host, x_port)) return go_to(*literal);

  std::string host(x_host);
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  x_name = &x_client.look_up(host);
  if (x_name->lookup == nullptr || !x_name->addresses.empty()) return on_looked_up();
  x_name->waiters.push_back(*this);
  loop().timers.arm(x_timer, x_connect_by_ms);
}

void PassthroughCall::on_looked_up() {
  x_timer.cancel();
  if (x_name->failure != Cause::kNone) return fail(x_name->failure);
  go_to_name();
}

// ---- which address

void PassthroughCall::go_to_name() {
  const Address* chosen = nullptr;
  for (const Address& found : x_name->addresses) {
    if (!is_usable(found)) continue;
    const bool tried = is_tried(with_port(found));
    if (chosen == nullptr || !tried) chosen = &found;
    if (!tried) break;
  }
  if (chosen == nullptr) return fail(Cause::kDnsError);
  const Address address = with_port(*chosen);
  if (!x_leg.tried().ids().empty()) x_name->begin_with(*chosen);
  const Pools* pools = x_client.find_pools(address);
  const bool proven = x_name->reached || (pools != nullptr && pools->has_connection());
  proven ? go_to(address) : race_from(address);
}

// A name that nobody configured must not lead to this host or its link.
bool PassthroughCall::is_usable(const Address& found) const {
  if (x_client.x_options.trusts_names || x_name->host == "localhost") return true;
  const auto is_local = [](const Address& address) {
    return address.is_loopback() || address.is_link_local() || address.is_any();
  };
  const auto translated = found.translated();
  return !is_local(found) && !(translated && is_local(*translated));
}

bool PassthroughCall::is_tried(const Address& address) const {
  const Pools* pools = x_client.find_pools(address);
  return pools != nullptr && x_leg.tried().contains(chain::id_of(*pools));
}

void PassthroughCall::go_to(const Address& address) {
  if (is_own(address)) return fail(Cause::kLoop);
  Pools* pools = x_client.pools_of(address);
  if (pools == nullptr) return fail(Cause::kOverload);
  x_leg.tried().add(chain::id_of(*pools));
  go_on_as(start_attempt(x_leg, x_settings, *pools, EndpointLease(), address.to_string(),
                         x_connect_by_ms));
}

// ---- the race

// One family alone is reached or it is not: its addresses are tried one after the other.
void PassthroughCall::race_from(const Address& first) {
  std::vector<Address> addresses{first};
  bool both_families = false;
  for (const Address& found : x_name->addresses) {
    const Address address = with_port(found);
    if (address == first || !is_usable(found) || is_tried(address) || is_own(address)) continue;
    addresses.push_back(address);
    both_families = both_families || address.kind() != first.kind();
  }
  if (!both_families || is_own(first)) return go_to(first);
  x_first = first;
  x_started_ns = loop().clock.precise_ns();
  x_name->racers.push_back(*this);
  loop().timers.arm(x_timer, x_connect_by_ms);
  x_race = std::make_unique<io::Race>(loop(), x_client.upstream().network, addresses, *this);
}

void PassthroughCall::on_race_won(const Address& address, io::StreamPtr stream) {
  x_name->note_reached(Address::from_bytes(address.ip(), 0));
  stop_waiting();
  Attempt::note_connected(x_leg, x_settings, loop().clock.precise_ns() - x_started_ns);
  if (Attempt* attempt = make_attempt_at(address)) {
    attempt->begin_on(std::move(stream), x_connect_by_ms);
  }
}

void PassthroughCall::on_race_lost(Cause cause) {
  stop_waiting();
  if (Attempt* attempt = make_attempt_at(x_first)) attempt->fail_to_connect(cause);
}

// Null: it has failed.
Attempt* PassthroughCall::make_attempt_at(const Address& address) {
  Pools* pools = x_client.pools_of(address);
  if (pools == nullptr) return fail(Cause::kOverload), nullptr;
  x_leg.tried().add(chain::id_of(*pools));
  Attempt* attempt = nullptr;
  const std::string_view name = x_leg.exchange().arena().copy(address.to_string());
  go_on_as(make_attempt(x_leg, x_settings, *pools, EndpointLease(), name, attempt));
  return attempt;
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

void PassthroughClient::close_idle_connections() {
  for (auto& [address, pool] : x_pools) pool->close_idle();
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
  const bool is_asked = found.lookup != nullptr && !found.awaits_family;
  if (is_asked) x_upstream.names.version();  // a corrected resolv.conf counts at once
  if (!is_asked && x_upstream.now_ms() >= found.expires_ms) {
    found.awaits_family = false;
    x_upstream.runtime.loop.reaper.doom(std::move(found.lookup));
    found.lookup =
        x_upstream.names.resolve({.name = host, .known_as = found.known.known_as()}, found);
  }
  return found;
}

// One that nobody waits for; if all are waited for, the bound on lookups under way holds anyway.
void PassthroughClient::forget_the_oldest() {
  Name* oldest = nullptr;
  x_recent.for_each([&](Name& name) {
    if (name.waiters.empty() && name.racers.empty()) oldest = &name;
  });
  if (oldest == nullptr) return;
  if (oldest->lookup != nullptr) x_upstream.runtime.loop.reaper.doom(std::move(oldest->lookup));
  x_names.erase(std::string(oldest->host));
}

void PassthroughClient::Name::on_resolved(const io::Resolved& resolved) {
  const int64_t now_ms = client.x_upstream.now_ms();
  const Address before = addresses.empty() ? Address() : addresses.front();
  if (known.take(resolved, now_ms)) {
    set_addresses(resolved.answers);
    // The family that comes late is no news of the one that is in use.
    const bool is_front = !addresses.empty() && addresses.front() == before;
    reached = reached && awaits_family && is_front;
  }
  failure = addresses.empty() ? cause_of(resolved.answers) : Cause::kNone;
  const int64_t ends_ms = now_ms + time_to_live_ms(resolved.answers);
  // The family that came first is due when it said.
  const bool is_late = std::exchange(awaits_family, !resolved.is_complete);
  expires_ms = is_late ? std::min(expires_ms, ends_ms) : ends_ms;
  if (awaits_family) expires_ms = std::max(expires_ms, now_ms + kPatienceMs);
  if (!awaits_family) client.x_upstream.runtime.loop.reaper.doom(std::move(lookup));
  tell_waiters();
}

// The family that was reached last comes first, else the one that answered first.
void PassthroughClient::Name::set_addresses(const std::vector<io::Answer>& answers) {
  addresses.clear();
  const auto add = [&](io::RecordType type) {
    const std::vector<Address>& more = known.family(type).addresses;
    addresses.insert(addresses.end(), more.begin(), more.end());
  };
  for (const io::Answer& answer : answers) add(answer.type);
  for (const io::RecordType type : io::kAddressTypes) {
    if (std::ranges::find(answers, type, &io::Answer::type) == answers.end()) add(type);
  }
  std::rotate(addresses.begin(),
              std::find_if(addresses.begin(), addresses.end(),
                           [&](const Address& address) { return address.kind() == family; }),
              addresses.end());
}

// The addresses before it failed a moment ago: later calls need not find that out again. Whether it
// is any better is still to be seen.
void PassthroughClient::Name::begin_with(const Address& address) {
  reached = false;
  std::rotate(addresses.begin(), std::find(addresses.begin(), addresses.end(), address),
              addresses.end());
}

// Meanwhile there may have been another answer, without it.
void PassthroughClient::Name::note_reached(const Address& address) {
  begin_with(address);
  family = address.kind();
  reached = !addresses.empty() && addresses.front() == address;
}

void PassthroughClient::Name::tell_waiters() {
  while (!waiters.empty()) waiters.pop_front().on_looked_up();
}

Pools* PassthroughClient::find_pools(const Address& address) const {
  const auto found = x_pools.find(address);
  return found != x_pools.end() ? found->second.get() : nullptr;
}

Pools* PassthroughClient::pools_of(const Address& address) {
  if (Pools* found = find_pools(address)) return found;
  if (x_pools.size() >= kPoolsMax) {
    std::erase_if(x_pools, [](const auto& entry) { return entry.second->is_empty(); });
    if (x_pools.size() >= kPoolsMax) return nullptr;
  }
  auto pool = std::make_unique<Pools>(x_upstream, address, x_pool_settings, x_options.tls,
                                      std::make_shared<EndpointConnections>());
  return x_pools.emplace(address, std::move(pool)).first->second.get();
}

}  // namespace outrigger::upstream
