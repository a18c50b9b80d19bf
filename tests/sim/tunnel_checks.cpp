// What must hold of tunnels, and of the connections that are nothing else.
#include <algorithm>

#include "proxy/chain/classify.hpp"
#include "tests/sim/world.hpp"

namespace outrigger::sim {

void World::count_tunnel(const chain::Exchange& exchange, const chain::Outcome& outcome) {
  const bool is_opaque = exchange.request().version == http::Version::kNone;
  if (is_opaque && chain::is_call(exchange, outcome)) ++x_opaque_ended;
}

// What the metrics of this process say, which go with it.
void World::add_counted_tunnels() {
  for (unsigned worker = 0; worker < x_plan.workers; ++worker) {
    for (const char* name : {"bytes", "passthrough"}) {
      const auto series = process().shards.service(worker, {name, {}});
      for (const auto& counter : series->tcp_connections) x_opaque_counted += counter.value();
      const auto success = static_cast<size_t>(metrics::RequestOutcome::kSuccess);
      x_opaque_good += series->tcp_connections[success].value();
    }
  }
}

// What the metrics say of opaque connections is what their callers saw of them.
void World::check_tunnels() {
  if (!x_plan.opaque || x_ledger.is_violated()) return;
  if (const std::string wrong = x_ledger.tunnels.check_over(x_plan.gentle); !wrong.empty()) {
    return x_ledger.violation("in a tunnel, " + wrong);
  }
  uint64_t begun = 0;
  uint64_t heard = 0;
  uint64_t finished = 0;
  uint64_t whole = 0;
  for (const auto& [id, end] : x_ledger.tunnels.clients()) {
    if (x_ledger.find(id)->asks != Asks::kBytes || !end.is_open) continue;
    ++begun;
    heard += end.heard > 0 ? 1 : 0;
    finished += end.finished ? 1 : 0;
    whole += end.ended && end.peer != nullptr && end.peer->ended ? 1 : 0;
  }
  add_counted_tunnels();
  const uint64_t counted = x_opaque_counted;
  const uint64_t succeeded = x_opaque_good;
  const auto must_be = [&](bool holds, const std::string& what) {
    if (holds) return;
    x_ledger.violation("of " + std::to_string(begun) + " opaque connections " +
                       std::to_string(counted) + " are counted, " + std::to_string(succeeded) +
                       " as good; " + what);
  };
  must_be(counted == x_opaque_ended, std::to_string(x_opaque_ended) + " ended");
  must_be(counted >= heard && counted <= begun, std::to_string(heard) + " heard something");
  must_be(succeeded >= whole, std::to_string(whole) + " were whole");
  must_be(succeeded <= finished, std::to_string(finished) + " callers ended their way");
}

}  // namespace outrigger::sim
