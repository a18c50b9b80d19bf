#include "proxy/registration/instance.hpp"

#include <algorithm>

namespace outrigger::registration {

// Colons, of IPv6 addresses, are no good in paths and names of checks.
std::string Instance::id() const {
  std::string id = config.name + '-' + address.ip_string() + '-' + std::to_string(config.port);
  std::ranges::replace(id, ':', '_');
  return id;
}

}  // namespace outrigger::registration
