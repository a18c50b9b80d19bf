// How long a caller may take nothing of its answer. One that pauses is no attack as long as what it
// keeps is not much for the process: it has as long as a stream may be idle. `write_stall` is for
// one that is dead, and for times when memory is short. By the owners of downstream connections;
// one thread.
#pragma once

#include <cstdint>

#include "proxy/downstream/server_context.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::downstream {

// A stalled caller is looked at so often within write_stall.
inline constexpr int kStallLooks = 4;

// Whether one that has taken nothing for `stalled_ms`, at least write_stall, may go on.
bool may_stall(const ServerContext& context, const io::Stream& stream, int64_t stalled_ms);

}  // namespace outrigger::downstream
