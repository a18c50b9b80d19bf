// What is open to one endpoint at this moment, and what it was last found to speak: over all
// workers, for people to look at. Nothing is decided by it. Shared by the Endpoint and the pools of
// each worker; any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace outrigger::upstream {

// What an endpoint was found to speak, where ALPN decides.
enum class Agreed : uint8_t { kNothing, kHttp1, kHttp2 };

struct EndpointConnections {
  std::atomic<int64_t> http1{0};
  std::atomic<int64_t> http2{0};
  std::atomic<Agreed> agreed{Agreed::kNothing};
};

}  // namespace outrigger::upstream
