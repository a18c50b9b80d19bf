// Ends connections when memory runs out, those first whose end does least harm: what has not become
// a request yet (the largest first), then idle ones (the longest idle first), at last those whose
// calls hold most. One thread, that of the acceptors.
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/downstream/acceptor.hpp"

namespace outrigger::downstream {

enum class Shed : uint8_t { kWaiting, kCallsToo };

// Ends connections until about `bytes` come free; returns how many bytes that is, about. The memory
// itself comes free when the Reaper runs.
int64_t shed_connections(const std::vector<Acceptor*>& acceptors, int64_t bytes, Shed which);

}  // namespace outrigger::downstream
