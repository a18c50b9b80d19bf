#include "proxy/discovery/static_source.hpp"

#include "proxy/base/assert.hpp"

namespace outrigger::discovery {

AddressList to_addresses(const std::vector<config::StaticEndpoint>& endpoints) {
  AddressList list;
  list.reserve(endpoints.size());
  for (const config::StaticEndpoint& endpoint : endpoints) {
    auto address = Address::parse(endpoint.address);
    OUTRIGGER_ASSERT(address);
    list.push_back({std::move(*address), endpoint.weight, false, endpoint.zone.value_or("")});
  }
  return list;
}

}  // namespace outrigger::discovery
