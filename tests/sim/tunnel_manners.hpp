// How one end of a tunnel behaves: when it speaks, how much, how it listens and how it ends. Drawn
// before the tunnel is there. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/base/random.hpp"

namespace outrigger::sim {

struct TunnelManners {
  enum class Ending : uint8_t {
    kFinish,  // when it has said all
    kLast,    // the same, but after its peer
    kClose,   // when it has said all; it does not listen any more
    kReset,   // the same, by a reset
    kNever,
  };

  size_t bytes = 0;  // that it says
  size_t piece_most = 1;
  int64_t first_ms = 0;  // before the first of them
  int64_t pause_ms = 0;  // between pieces
  bool waits = false;    // until it has heard something
  bool echoes = false;   // says no more than it has heard
  Ending ending = Ending::kFinish;
  int64_t patience_ms = 0;          // so long it waits for its peer
  std::optional<size_t> stalls_at;  // after so many bytes it does not read for a while
  int64_t stall_ms = 0;
};

// `trouble`: how often it does what a good peer does not.
TunnelManners draw_tunnel_manners(Random& random, double trouble);

}  // namespace outrigger::sim
