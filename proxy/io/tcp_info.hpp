// What the kernel tells about a TCP connection. A file of its own, since the kernel's declaration,
// which has more than the C library's, cannot be included beside that.
#pragma once

#include <cstdint>
#include <optional>

namespace outrigger::io {

// The tcpi_bytes_acked of tcp_info(7): a SYN and a FIN of ours count one each. None when `fd` is
// not TCP.
std::optional<uint64_t> tcp_bytes_acked(int fd);
// The tcpi_last_ack_recv.
std::optional<int64_t> tcp_ms_since_ack(int fd);

}  // namespace outrigger::io
