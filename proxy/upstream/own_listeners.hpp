// The addresses that this process listens on. No call is sent to one of them: it would come back to
// us for ever (508). One for each configuration, immutable once the workers have it; any thread.
#pragma once

#include <vector>

#include "proxy/base/address.hpp"

namespace outrigger::upstream {

class OwnListeners {
 public:
  // `interfaces`: the addresses of this host, for listeners on 0.0.0.0 or [::].
  void add(const Address& listener) { x_listeners.push_back(listener); }
  void set_interfaces(std::vector<Address> addresses) { x_interfaces = std::move(addresses); }

  // By whatever address of this host, also one that a translator leads here (NAT64).
  bool contains(const Address& address) const;

 private:
  bool leads_to_us(const Address& address) const;
  bool is_this_host(const Address& address) const;

  std::vector<Address> x_listeners;
  std::vector<Address> x_interfaces;  // ports do not count
};

}  // namespace outrigger::upstream
