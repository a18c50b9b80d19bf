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

  // For a server of HTTP that hears of a tunnel only by its first byte.
  void speak_first() {
    waits = echoes = false;
    if (bytes == 0) is_patient = false;
  }

  size_t bytes = 0;  // that it says
  size_t piece_most = 1;
  int64_t first_ms = 0;  // before the first of them
  int64_t pause_ms = 0;  // between pieces
  bool waits = false;    // until it has heard something
  bool echoes = false;   // says no more than it has heard
  Ending ending = Ending::kFinish;
  int64_t patience_ms = 0;          // so long it waits for its peer
  bool is_patient = false;          // for the end of it as long as it takes
  std::optional<size_t> stalls_at;  // after so many bytes it does not read for a while
  int64_t stall_ms = 0;
};

// `trouble`: how often it does what a good peer does not. Of two ends at most one may be patient.
TunnelManners draw_tunnel_manners(Random& random, double trouble, bool is_patient);

}  // namespace outrigger::sim
