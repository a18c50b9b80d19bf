// The addresses of this host's network interfaces. Any thread; control path.
#pragma once

#include <vector>

#include "proxy/base/address.hpp"

namespace outrigger::io {

// Port 0; empty when they cannot be read.
std::vector<Address> interface_addresses();

}  // namespace outrigger::io
