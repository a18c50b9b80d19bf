// A ConsulSource is the passing instances of a service in Consul, by blocking queries of its health
// endpoint: the registry answers when the list may have changed, so that a change comes at once and
// rest costs a question a minute. Any server may answer (`stale`), but one that has no leader takes
// nothing away. Owned by a tree of sources; control thread.
#pragma once

#include <memory>
#include <string>

#include "config/model.hpp"
#include "proxy/discovery/poll_source.hpp"

namespace outrigger::discovery {

class ConsulSource final : public PollSource {
 public:
  // The registry waits so long for a change, and up to a sixteenth more.
  static constexpr int64_t kWaitMs = 60'000;
  // Where answers come at once, whatever changes: so many, then one each kPaceMs.
  static constexpr int kBurst = 5;
  static constexpr int64_t kPaceMs = 900;

  ConsulSource(LoopContext loop, std::shared_ptr<RegistryServer> server,
               const config::ConsulRegistryConfig& registry, const config::EndpointSource& from,
               const Memory& memory, SourceEvents& events);

 private:
  client::Request question() override;
  client::Bounds bounds() const override;
  Result<AddressList> read(const client::Answer& answer) override;
  int64_t next_ms() override;
  void start_over() override { x_index = 0; }

  const std::string x_target;  // without the index
  uint64_t x_index = 0;        // of the latest answer; 0: the next one comes at once
  double x_tokens = kBurst;
  int64_t x_counted_at_ms = 0;
};

}  // namespace outrigger::discovery
