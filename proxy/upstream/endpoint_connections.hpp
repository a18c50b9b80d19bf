// What is open to one endpoint at this moment, for people to look at, and what it was last found to
// speak: over all workers. Shared by the Endpoint and the pools of each worker; any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace outrigger::upstream {

// What an endpoint was found to speak: by ALPN, or in clear text by the SETTINGS that it sent.
enum class Agreed : uint8_t { kNothing, kHttp1, kHttp2 };

struct EndpointConnections {
  std::atomic<int64_t> http1{0};
  std::atomic<int64_t> http2{0};
  std::atomic<Agreed> agreed{Agreed::kNothing};
};

}  // namespace outrigger::upstream
