#include "proxy/upstream/own_listeners.hpp"

#include <algorithm>

namespace outrigger::upstream {

bool OwnListeners::contains(const Address& address) const {
  if (leads_to_us(address)) return true;
  const auto translated = address.translated();
  return translated && leads_to_us(*translated);
}

bool OwnListeners::leads_to_us(const Address& address) const {
  return std::any_of(x_listeners.begin(), x_listeners.end(), [&](const Address& own) {
    if (own.port() != address.port()) return false;
    if (own == address) return true;
    if (!own.is_ip() || !address.is_ip()) return false;
    // 0.0.0.0 as a destination is this host as well.
    return own.is_any() ? is_this_host(address) : address.is_any() && is_this_host(own);
  });
}

bool OwnListeners::is_this_host(const Address& address) const {
  if (address.is_loopback() || address.is_any()) return true;
  const auto interfaces = x_interfaces == nullptr ? nullptr : x_interfaces->get();
  if (interfaces == nullptr) return false;
  return std::any_of(interfaces->begin(), interfaces->end(), [&](const Address& ours) {
    return std::equal(ours.ip().begin(), ours.ip().end(), address.ip().begin(), address.ip().end());
  });
}

}  // namespace outrigger::upstream
