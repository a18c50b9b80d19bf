#include "tests/sim/tunnel_manners.hpp"

#include <iterator>

#include "tests/sim/plan.hpp"

namespace outrigger::sim {
namespace {

using Ending = TunnelManners::Ending;

void make_troublesome(TunnelManners& manners, Random& random) {
  constexpr Ending kEndings[] = {Ending::kClose, Ending::kReset, Ending::kNever};
  manners.ending = kEndings[random.below(std::size(kEndings))];
  manners.bytes = random.chance(0.3) ? 0 : random.below(static_cast<uint32_t>(manners.bytes) + 1);
  if (random.chance(0.3)) manners.stall_ms = between(random, 1'000, 20'000);
}

}  // namespace

TunnelManners draw_tunnel_manners(Random& random, double trouble, bool is_patient) {
  constexpr uint32_t kMost[] = {20, 500, 20'000, 300'000};
  TunnelManners manners;
  const uint32_t most = kMost[random.below(random.chance(0.15) ? 4 : 3)];
  manners.bytes = random.chance(0.1) ? 0 : between(random, 8, most);
  manners.piece_most = random.chance(0.2) ? 1 + manners.bytes / 10 : 1 + manners.bytes;
  manners.first_ms = random.chance(0.6) ? 0 : random.below(random.chance(0.5) ? 120 : 1'500);
  manners.pause_ms = random.chance(0.6) ? 0 : random.below(50);
  manners.waits = random.chance(0.3);
  manners.echoes = random.chance(0.2);
  manners.ending = random.chance(0.4) ? Ending::kLast : Ending::kFinish;
  manners.patience_ms = between(random, 1, 3'000);
  manners.is_patient = is_patient;
  if (random.chance(0.2)) {
    manners.stalls_at = random.below(5'000);
    manners.stall_ms = between(random, 1, 2'000);
  }
  if (random.chance(trouble)) make_troublesome(manners, random);
  return manners;
}

}  // namespace outrigger::sim
