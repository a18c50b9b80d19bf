// One connection of an Origin that has become a tunnel, or was nothing else from its first byte on.
// Owned by the origin's door or by the connection that it was, until the run ends; its stream goes
// earlier. One thread.
#pragma once

#include <string_view>

#include "tests/sim/origin.hpp"
#include "tests/sim/tunnel_end.hpp"

namespace outrigger::sim {

class Origin::Tunnel {
 public:
  Tunnel(Origin& origin, testing::VirtualLoop& loop, io::StreamPtr stream, std::string_view begun)
      : x_end(origin.x_context.ledger, loop, origin.x_context.random,
              origin.x_context.ledger.tunnels.add_server(), manners_of(origin), [] {}) {
    x_end.open(std::move(stream), begun);
  }

 private:
  static TunnelManners manners_of(const Origin& origin) {
    const Plan& plan = origin.x_context.plan;
    return draw_tunnel_manners(origin.x_context.random, plan.gentle ? 0 : origin.x_mood.trouble / 2,
                               plan.has_patient_servers);
  }

  TunnelEnd x_end;
};

}  // namespace outrigger::sim
