// A DnsSource is the A and AAAA records of a name, with a port, asked again when their TTL has run
// out, a little later at random so that a fleet does not ask in step. A name without addresses (RFC
// 2308) is an empty list; no usable answer keeps the last one (RFC 8767). Owned by a tree of
// sources; control thread.
#pragma once

#include <string>

#include "config/model.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/backoff.hpp"
#include "proxy/discovery/source.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::discovery {

class DnsSource final : public Source, private io::ResolveEvents {
 public:
  static constexpr size_t kMaxAddresses = 1000;
  // A TTL grows by up to this share, but never beyond ttl_max.
  static constexpr double kJitterShare = 0.1;

  // `registry` and `memory` are only read here. Requires: 1 <= port <= 65535.
  DnsSource(LoopContext loop, std::shared_ptr<io::Network> network,
            const config::DnsRegistryConfig& registry, const Memory& memory, std::string name,
            uint16_t port, SourceEvents& events);

  void start() override;
  void remember(Memory& memory) const override;
  int64_t age_ms() const override { return x_loop.clock.now_ms() - x_answered_at_ms; }
  int64_t lapsed_ms() const override { return x_is_failing ? age_ms() : 0; }

 private:
  void on_resolved(io::Resolved answer) override;
  void on_resolve_failed(Cause cause, bool empty) override;
  void ask();
  void answer(AddressList list, int64_t ask_again_in_ms);
  void ask_in(int64_t ms);
  int64_t wait_for(int64_t ttl_s);

  LoopContext x_loop;
  const std::shared_ptr<io::Network> x_network;
  const int64_t x_ttl_min_ms;
  const int64_t x_ttl_max_ms;
  const std::string x_name;
  const uint16_t x_port;
  const std::string x_key;
  std::optional<Known> x_known;  // before start()
  bool x_is_failing = false;
  int64_t x_answered_at_ms = 0;
  Backoff x_after_error{kErrorBackoffMinMs, kErrorBackoffMaxMs};
  Backoff x_after_empty;
  io::OperationPtr x_lookup;
  Timer x_again = Timer::of<&DnsSource::ask>(*this);
};

}  // namespace outrigger::discovery
