// A WatchedNetwork is the network that a worker is given: the one in memory, with an eye on every
// stream. It remembers the most that was ever written and not yet taken, which is what a peer that
// does not read can make the worker keep. Owned by the World; one thread.
#pragma once

#include <algorithm>
#include <cstddef>

#include "proxy/io/network.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::sim {

class WatchedNetwork final : public io::Network {
 public:
  WatchedNetwork(testing::VirtualLoop& loop, io::Network& below) : x_loop(loop), x_below(below) {}

  io::OperationPtr connect(const Address& to, io::ConnectEvents& events) override;
  Result<io::ListenerPtr> listen(const Address& at, io::AcceptEvents& events) override;
  Result<io::ListenerPtr> listen_on(io::BoundSocketPtr socket, io::AcceptEvents& events) override;

  size_t most_unsent() const { return x_most_unsent; }

 private:
  class Stream;
  class Connect;
  class Listener;

  testing::VirtualLoop& x_loop;
  io::Network& x_below;
  size_t x_most_unsent = 0;
};

}  // namespace outrigger::sim
