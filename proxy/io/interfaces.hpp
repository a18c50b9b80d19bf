// The addresses of this host's network interfaces, for what listens on all of them. Any thread;
// control path.
#pragma once

#include <vector>

#include "proxy/base/address.hpp"

namespace outrigger::io {

// Port 0; empty when they cannot be read.
std::vector<Address> interface_addresses();

}  // namespace outrigger::io
