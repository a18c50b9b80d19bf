// How a connection to a host that has vanished, of which no FIN or RST will ever come, ends all the
// same: it is broken, as by a reset. Plain options of a TCP socket; any thread.
#pragma once

#include <cstdint>

namespace outrigger::io {

// The kernel asks a peer that has been silent for a minute whether it is still there, and again
// each 10 s (SO_KEEPALIVE). What a listening socket accepts inherits it.
void probe_when_silent(int fd);

// What was sent may stay unacknowledged, or untaken by a peer whose window is closed, for so long
// (TCP_USER_TIMEOUT, RFC 5482); 0: for as long as the kernel likes, a quarter of an hour.
void bound_unacked(int fd, int64_t ms);

}  // namespace outrigger::io
