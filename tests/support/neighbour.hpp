// The neighbour of a sidecar that takes its traffic by redirect: whatever it connects to, it
// reaches the listener, which is told where it was going. Over the network of a Town.
#pragma once

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

class RedirectedNetwork final : public io::Network {
 public:
  explicit RedirectedNetwork(Town& town, const std::string& listener = "outbound")
      : x_town(town), x_listener(town.address(0, listener)) {}

  io::OperationPtr connect(const Address& to, io::ConnectEvents& events) override {
    return x_town.network.connect_redirected(to, x_listener, events);
  }
  Result<io::ListenerPtr> listen(const Address& at, io::AcceptEvents& events) override {
    return x_town.network.listen(at, events);
  }
  Result<io::ListenerPtr> listen_on(io::BoundSocketPtr socket, io::AcceptEvents& events) override {
    return x_town.network.listen_on(std::move(socket), events);
  }

 private:
  Town& x_town;
  const Address x_listener;
};

// One connection of it.
class Neighbour final : public TestClient {
 public:
  Neighbour(Town& town, const Address& to) : Neighbour(town, RedirectedNetwork(town), to) {}
  Neighbour(Town& town, std::string_view to) : Neighbour(town, *Address::parse(to)) {}

 private:
  Neighbour(Town& town, RedirectedNetwork network, const Address& to) : TestClient(network, to) {
    town.run();
  }
};

}  // namespace outrigger::testing
