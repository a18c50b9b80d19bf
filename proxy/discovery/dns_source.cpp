#include "proxy/discovery/dns_source.hpp"

#include <algorithm>

namespace outrigger::discovery {
namespace {

// A name without addresses is asked for less and less often, within the bounds of a TTL.
Backoff after_empty(int64_t ttl_min_ms, int64_t ttl_max_ms) {
  return {ttl_min_ms, std::clamp(kErrorBackoffMaxMs, ttl_min_ms, ttl_max_ms)};
}

}  // namespace

DnsSource::DnsSource(LoopContext loop, std::shared_ptr<io::Network> network,
                     const config::DnsRegistryConfig& registry, const Memory& memory,
                     std::string name, uint16_t port, SourceEvents& events)
    : Source(events),
      x_loop(loop),
      x_network(std::move(network)),
      x_ttl_min_ms(std::max<int64_t>(1, registry.ttl_min_ms)),
      x_ttl_max_ms(std::max(x_ttl_min_ms, registry.ttl_max_ms)),
      x_name(std::move(name)),
      x_port(port),
      x_key("dns " + registry.name + " " + x_name + ":" + std::to_string(port)),
      x_after_empty(after_empty(x_ttl_min_ms, x_ttl_max_ms)) {
  const auto known = memory.find(x_key);
  if (known != memory.end()) x_known = known->second;
}

void DnsSource::start() {
  if (x_known) {
    x_is_failing = true;  // it is not in touch before an answer of its own
    x_answered_at_ms = x_known->at_ms;
    report(std::move(x_known->list));
  }
  ask();
}

void DnsSource::remember(Memory& memory) const {
  if (answered()) memory[x_key] = {list(), x_answered_at_ms};
}

// The lookup before this one has ended, and dies here rather than in its own report.
void DnsSource::ask() { x_lookup = x_network->resolve(x_name, *this); }

void DnsSource::on_resolved(io::Resolved resolved) {
  AddressList list;
  std::ranges::sort(resolved.addresses);
  for (const Address& found : resolved.addresses) {
    if (list.size() == kMaxAddresses) break;
    const Address address = Address::from_bytes(found.ip(), x_port);
    if (list.empty() || list.back().address != address) list.push_back({address});
  }
  x_after_empty.reset();
  answer(std::move(list), wait_for(resolved.ttl_s));
}

// A little later than the TTL says, at random, but within what the registry is configured to.
int64_t DnsSource::wait_for(int64_t ttl_s) {
  const auto longest = static_cast<double>(x_ttl_max_ms) / (1 + kJitterShare);
  const double ttl_ms =
      std::clamp(static_cast<double>(ttl_s) * 1000, static_cast<double>(x_ttl_min_ms),
                 std::max(static_cast<double>(x_ttl_min_ms), longest));
  const auto later = static_cast<int64_t>(ttl_ms * x_loop.random.between(1, 1 + kJitterShare));
  return std::min(later, x_ttl_max_ms);
}

void DnsSource::on_resolve_failed(Cause cause, bool empty) {
  if (empty) return answer({}, x_after_empty.next_ms(x_loop.random));
  x_is_failing = true;
  ask_in(x_after_error.next_ms(x_loop.random));
  report_failure(SourceKind::kDns, x_name + (cause == Cause::kDnsTimeout
                                                 ? ": no name server answered in time"
                                                 : ": the name servers gave no usable answer"));
}

void DnsSource::answer(AddressList list, int64_t ask_again_in_ms) {
  x_is_failing = false;
  x_after_error.reset();
  x_answered_at_ms = x_loop.clock.now_ms();
  ask_in(ask_again_in_ms);
  report(std::move(list));
}

void DnsSource::ask_in(int64_t ms) { x_loop.timers.arm(x_again, x_loop.clock.now_ms() + ms); }

}  // namespace outrigger::discovery
