#include "proxy/io/race.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/base/assert.hpp"

namespace outrigger::io {

Race::Race(const LoopContext& loop, Network& network, std::span<const Address> addresses,
           RaceEvents& events)
    : x_loop(loop), x_network(network), x_events(events) {
  OUTRIGGER_ASSERT(!addresses.empty());
  std::vector<Address> first;  // of the family that the list begins with
  std::vector<Address> second;
  for (const Address& address : addresses) {
    (address.kind() == addresses.front().kind() ? first : second).push_back(address);
  }
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) enter(first[i]);
    if (i < second.size()) enter(second[i]);
  }
  begin_next();
}

void Race::enter(const Address& address) {
  if (x_connects.size() < kAddressesMax) x_connects.emplace_back(*this, address);
}

void Race::begin_next() {
  if (is_cancelled() || x_begun == x_connects.size()) return;
  Connect& connect = x_connects[x_begun++];
  connect.operation = x_network.connect(connect.to, connect);
  x_loop.timers.arm(x_head_start, x_loop.clock.now_ms() + kHeadStartMs);
}

void Race::win(const Connect& winner, StreamPtr stream) {
  if (is_cancelled()) return x_loop.reaper.doom(std::move(stream));
  stop();
  x_events.on_race_won(winner.to, std::move(stream));
}

// There is no point in waiting for one that has failed already.
void Race::fail(Connect& connect, Cause cause) {
  if (is_cancelled()) return;
  x_loop.reaper.doom(std::move(connect.operation));
  connect.failure = cause;
  if (++x_failed < x_connects.size()) return begin_next();
  stop();
  x_events.on_race_lost(verdict());
}

// The verdict of the first one that says something of the other side.
Cause Race::verdict() const {
  const auto theirs =
      std::find_if(x_connects.begin(), x_connects.end(),
                   [](const Connect& connect) { return connect.failure != Cause::kOverload; });
  return theirs != x_connects.end() ? *theirs->failure : Cause::kOverload;
}

void Race::stop() {
  x_head_start.cancel();
  for (Connect& connect : x_connects) {
    if (connect.operation != nullptr) x_loop.reaper.doom(std::move(connect.operation));
  }
}

}  // namespace outrigger::io
