// A EurekaSource is the instances of an application (or of a vipAddress) that are UP in Eureka,
// asked for at each `refresh`, a little sooner or later at random; the servers are tried in turn.
// An application that is not registered has no instances. Owned by a tree of sources; control
// thread.
#pragma once

#include <memory>
#include <string>

#include "config/model.hpp"
#include "proxy/discovery/poll_source.hpp"

namespace outrigger::discovery {

class EurekaSource final : public PollSource {
 public:
  static constexpr double kJitterShare = 0.1;

  EurekaSource(LoopContext loop, std::shared_ptr<RegistryServer> server,
               const config::EurekaRegistryConfig& registry, const config::EndpointSource& from,
               const Memory& memory, SourceEvents& events);

 private:
  client::Request question() override;
  client::Bounds bounds() const override { return {}; }
  Result<AddressList> read(const client::Answer& answer) override;
  int64_t next_ms() override;

  const std::string x_target;
  const int64_t x_refresh_ms;
};

}  // namespace outrigger::discovery
