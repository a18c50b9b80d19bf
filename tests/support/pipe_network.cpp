#include "tests/support/pipe_network.hpp"

#include <deque>
#include <memory>

namespace outrigger::testing {

class PipeNetwork::PipeListener final : public io::Listener {
 public:
  PipeListener(PipeNetwork& network, const Address& at, io::AcceptEvents& events)
      : x_network(network),
        x_address(at),
        x_events(events),
        x_ready(network.x_loop, [this] { accept(); }) {
    network.x_listeners[at] = this;
  }
  ~PipeListener() override {
    auto& listeners = x_network.x_listeners;
    const auto latest = listeners.find(x_address);
    if (latest != listeners.end() && latest->second == this) listeners.erase(latest);
    for (io::StreamPtr& stream : x_waiting) stream->abort();
  }

  Address address() const override { return x_address; }
  void accept_waiting() override {
    while (!is_linked() && !x_waiting.empty()) accept();
  }

  void add(io::StreamPtr stream) {
    x_waiting.push_back(std::move(stream));
    x_ready.arm();
  }

 private:
  void accept() {
    if (is_linked() || x_waiting.empty()) return;
    io::StreamPtr stream = std::move(x_waiting.front());
    x_waiting.pop_front();
    if (!x_waiting.empty()) x_ready.arm();
    if (x_network.at(x_address).out_of_descriptors) {
      stream->abort();
      return x_events.on_accept_refused();
    }
    x_events.on_accepted(std::move(stream));
  }

  PipeNetwork& x_network;
  Address x_address;
  io::AcceptEvents& x_events;
  std::deque<io::StreamPtr> x_waiting;
  VirtualLoop::Event x_ready;
};

class PipeNetwork::PipeSocket final : public io::BoundSocket {
 public:
  PipeSocket(PipeNetwork& network, const Address& at) : x_network(network), x_address(at) {
    network.x_bound.insert(at);
  }
  ~PipeSocket() override { x_network.x_bound.extract(x_address); }

  const Address& address() const override { return x_address; }

 private:
  PipeNetwork& x_network;
  const Address x_address;
};

class PipeNetwork::PipeConnect final : public io::Operation {
 public:
  PipeConnect(PipeNetwork& network, const Address& from, const Address& to,
              std::optional<Address> original, io::ConnectEvents& events)
      : x_network(network),
        x_from(from),
        x_to(to),
        x_original(std::move(original)),
        x_events(events),
        x_done(network.x_loop, [this] { finish(); }) {
    const AddressOptions& options = network.at(to);
    if (options.fate == AddressOptions::Fate::kBlackhole) return;
    x_done.arm_at(network.x_loop.now_ms() + options.connect_ms);
  }

 private:
  void finish() {
    if (is_linked()) return;
    const AddressOptions& options = x_network.at(x_to);
    const auto found = x_network.x_listeners.find(x_to);
    if (options.fate == AddressOptions::Fate::kShortage) {
      return x_events.on_connect_failed(Cause::kOverload);
    }
    if (options.fate == AddressOptions::Fate::kUnreachable) {
      return x_events.on_connect_failed(Cause::kConnectUnreachable);
    }
    if (options.fate == AddressOptions::Fate::kRefuse || found == x_network.x_listeners.end()) {
      return x_events.on_connect_failed(Cause::kConnectRefused);
    }
    ++x_network.x_connects;
    auto [ours, theirs] = make_pipe(x_network.x_loop, options.pipe, x_to, x_from, x_original);
    found->second->add(std::move(theirs));
    x_events.on_connected(std::move(ours));
  }

  PipeNetwork& x_network;
  Address x_from;
  Address x_to;
  std::optional<Address> x_original;
  io::ConnectEvents& x_events;
  VirtualLoop::Event x_done;
};

io::OperationPtr PipeNetwork::connect(const Address& to, io::ConnectEvents& events) {
  if (x_next_client_port < 50'000) x_next_client_port = 50'000;
  const auto from = to.is_ip() ? *Address::from_ip("127.0.0.1", x_next_client_port++) : to;
  return connect_from(from, to, events);
}

io::OperationPtr PipeNetwork::connect_from(const Address& from, const Address& to,
                                           io::ConnectEvents& events) {
  return std::make_unique<PipeConnect>(*this, from, to, std::nullopt, events);
}

io::OperationPtr PipeNetwork::connect_redirected(const Address& original, const Address& to,
                                                 io::ConnectEvents& events) {
  return std::make_unique<PipeConnect>(*this, *Address::parse("127.0.0.1:49000"), to, original,
                                       events);
}

Result<io::BoundSocketPtr> PipeNetwork::bind(const Address& at, bool is_port_ours) {
  Address address = at;
  if (at.is_ip() && at.port() == 0) address = Address::from_bytes(at.ip(), x_next_port++);
  if (!is_port_ours && (x_listeners.contains(address) || x_bound.contains(address))) {
    return failure("cannot listen on " + address.to_string() + ": Address already in use");
  }
  return io::BoundSocketPtr(std::make_unique<PipeSocket>(*this, address));
}

Result<io::ListenerPtr> PipeNetwork::listen(const Address& at, io::AcceptEvents& events) {
  auto socket = bind(at);
  if (!socket) return failure(socket.error());
  return listen_on(std::move(*socket), events);
}

Result<io::ListenerPtr> PipeNetwork::listen_on(io::BoundSocketPtr socket,
                                               io::AcceptEvents& events) {
  return io::ListenerPtr(std::make_unique<PipeListener>(*this, socket->address(), events));
}

AddressOptions& PipeNetwork::at(const Address& address) {
  return x_addresses.try_emplace(address, defaults).first->second;
}

}  // namespace outrigger::testing
