// The buffers that the kernel has for a socket. It lets them grow with what a connection carries,
// up to megabytes each, and counts them as our memory. Plain options of a socket; any thread.
#pragma once

#include <cstdint>

namespace outrigger::io {

// From now on they grow no further than 64 KiB in each direction.
void keep_buffers_small(int fd);

// What they take now; 0 where it is not known.
int64_t buffered_bytes(int fd);

}  // namespace outrigger::io
