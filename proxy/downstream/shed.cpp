#include "proxy/downstream/shed.hpp"

#include <algorithm>
#include <tuple>

namespace outrigger::downstream {
namespace {

struct Candidate {
  Connection* connection;
  Holding holding;
};

bool goes_first(const Candidate& a, const Candidate& b) {
  const auto rank = [](const Holding& holding) {
    const bool by_age = holding.kind == Holding::Kind::kIdle;
    return std::make_tuple(holding.kind, by_age ? holding.since_ms : -holding.bytes);
  };
  return rank(a.holding) < rank(b.holding);
}

}  // namespace

int64_t shed_connections(const std::vector<Acceptor*>& acceptors, int64_t bytes, Shed which) {
  std::vector<Candidate> candidates;
  for (Acceptor* acceptor : acceptors) {
    acceptor->for_each_connection([&](Connection& connection) {
      Holding holding = connection.holding();
      if (holding.kind == Holding::Kind::kCalls) {
        if (which != Shed::kCallsToo) return;
        holding.bytes += connection.kernel_bytes();
      }
      candidates.push_back({&connection, holding});
    });
  }
  std::sort(candidates.begin(), candidates.end(), goes_first);
  int64_t freed = 0;
  for (const Candidate& candidate : candidates) {
    if (freed >= bytes) break;
    freed += candidate.holding.bytes;
    candidate.connection->shed();
  }
  return freed;
}

}  // namespace outrigger::downstream
