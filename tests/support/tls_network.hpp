// A TlsNetwork puts TLS on every connection of the network below it, on both sides: what works over
// a Network works over it, unchanged. It knows no timeout. A handshake that fails is reported to
// the connecting side as its cause, and forgotten on the accepting one.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/tls_handshake.hpp"

namespace outrigger::testing {

class TlsNetwork final : public io::Network {
 public:
  TlsNetwork(io::Network& below, const io::TlsLoop& loop, io::TlsServerContextPtr server,
             io::TlsClientContextPtr client, std::string server_name)
      : x_below(below),
        x_loop(loop),
        x_server(std::move(server)),
        x_client(std::move(client)),
        x_server_name(std::move(server_name)) {}

  // What handshakes came to, on either side.
  std::vector<io::TlsInfo> agreed;
  std::vector<Cause> failed;

  io::OperationPtr connect(const Address& to, io::ConnectEvents& events) override {
    return std::make_unique<Connect>(*this, to, events);
  }
  Result<io::ListenerPtr> listen(const Address& at, io::AcceptEvents& events) override {
    auto listener = std::make_unique<Accept>(*this, events);
    auto below = x_below.listen(at, *listener);
    if (!below) return below;
    listener->below = std::move(*below);
    return io::ListenerPtr(std::move(listener));
  }
  Result<io::ListenerPtr> listen_on(io::BoundSocketPtr socket, io::AcceptEvents& events) override {
    auto listener = std::make_unique<Accept>(*this, events);
    auto below = x_below.listen_on(std::move(socket), *listener);
    if (!below) return below;
    listener->below = std::move(*below);
    return io::ListenerPtr(std::move(listener));
  }

 private:
  class Connect final : public io::Operation,
                        public io::ConnectEvents,
                        public io::TlsHandshakeEvents {
   public:
    Connect(TlsNetwork& network, const Address& to, io::ConnectEvents& events)
        : x_network(network), x_events(events), x_connect(network.x_below.connect(to, *this)) {}

   private:
    void on_connected(io::StreamPtr stream) override {
      if (is_linked()) return;
      x_handshake = std::make_unique<io::TlsHandshake>(
          x_network.x_loop, std::move(stream), x_network.x_client, x_network.x_server_name, *this);
    }
    void on_connect_failed(Cause cause) override {
      if (!is_linked()) x_events.on_connect_failed(cause);
    }
    void on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) override {
      x_network.agreed.push_back(info);
      if (!is_linked()) x_events.on_connected(std::move(stream));
    }
    void on_handshake_failed(Cause cause, std::string_view) override {
      x_network.failed.push_back(cause);
      on_connect_failed(cause);
    }

    TlsNetwork& x_network;
    io::ConnectEvents& x_events;
    io::OperationPtr x_connect;
    io::OperationPtr x_handshake;
  };

  class Accept final : public io::Listener, public io::AcceptEvents {
   public:
    Accept(TlsNetwork& network, io::AcceptEvents& events) : x_network(network), x_events(events) {}

    Address address() const override { return below->address(); }
    void accept_waiting() override { below->accept_waiting(); }

    io::ListenerPtr below;

   private:
    struct Pending final : io::TlsHandshakeEvents {
      explicit Pending(Accept& by) : owner(by) {}
      void on_handshake_done(io::StreamPtr stream, const io::TlsInfo& info) override {
        over = true;
        owner.x_network.agreed.push_back(info);
        owner.x_events.on_accepted(std::move(stream));
      }
      void on_handshake_failed(Cause cause, std::string_view) override {
        over = true;
        owner.x_network.failed.push_back(cause);
      }
      Accept& owner;
      bool over = false;
      io::OperationPtr handshake;
    };

    void on_accepted(io::StreamPtr stream) override {
      std::erase_if(x_pending, [](const auto& pending) { return pending->over; });
      Pending& pending = *x_pending.emplace_back(std::make_unique<Pending>(*this));
      pending.handshake = std::make_unique<io::TlsHandshake>(x_network.x_loop, std::move(stream),
                                                             x_network.x_server, pending);
    }
    void on_accept_refused() override { x_events.on_accept_refused(); }

    TlsNetwork& x_network;
    io::AcceptEvents& x_events;
    std::vector<std::unique_ptr<Pending>> x_pending;
  };

  io::Network& x_below;
  io::TlsLoop x_loop;
  io::TlsServerContextPtr x_server;
  io::TlsClientContextPtr x_client;
  std::string x_server_name;
};

}  // namespace outrigger::testing
