// A StaticSource is the list that the configuration itself holds. It answers once, from inside
// start(), and is never old. Owned by a tree of sources; control thread.
#pragma once

#include "config/model.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

// Requires: addresses as the reader of the configuration lets them through.
AddressList to_addresses(const std::vector<config::StaticEndpoint>& endpoints);

class StaticSource final : public Source {
 public:
  StaticSource(const std::vector<config::StaticEndpoint>& endpoints, SourceEvents& events)
      : Source(events), x_fixed(to_addresses(endpoints)) {}

  void start() override { report(x_fixed); }
  void remember(Memory&) const override {}
  int64_t age_ms() const override { return 0; }
  int64_t lapsed_ms() const override { return 0; }

 private:
  const AddressList x_fixed;
};

}  // namespace outrigger::discovery
