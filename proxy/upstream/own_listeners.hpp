// The addresses that this process listens on. No call is sent to one of them: it would come back to
// us for ever (508). One for each configuration, immutable once the workers have it, but for the
// addresses of this host, which come and go; any thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/base/address.hpp"
#include "proxy/base/published.hpp"

namespace outrigger::upstream {

class OwnListeners {
 public:
  // Of this host, for listeners on 0.0.0.0 or [::]. Ports do not count.
  using Interfaces = Published<std::vector<Address>>;

  void add(const Address& listener) { x_listeners.push_back(listener); }
  void set_interfaces(std::shared_ptr<const Interfaces> latest) {
    x_interfaces = std::move(latest);
  }

  // By whatever address of this host, also one that a translator leads here (NAT64).
  bool contains(const Address& address) const;

 private:
  bool leads_to_us(const Address& address) const;
  bool is_this_host(const Address& address) const;

  std::vector<Address> x_listeners;
  std::shared_ptr<const Interfaces> x_interfaces;
};

}  // namespace outrigger::upstream
