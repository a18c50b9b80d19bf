#include "tests/sim/watched_network.hpp"

#include <utility>

namespace outrigger::sim {

// Silent once it was given to the Reaper, as every stream.
class WatchedNetwork::Stream final : public io::Stream, private io::StreamEvents {
 public:
  Stream(WatchedNetwork& network, io::StreamPtr below)
      : x_network(network), x_below(std::move(below)) {}
  ~Stream() override { x_network.x_loop.outbox().forget(*this); }

  void start(io::StreamEvents& events) override {
    x_events = &events;
    x_below->start(*this);
  }
  void pause_reading() override { x_below->pause_reading(); }
  void resume_reading() override { x_below->resume_reading(); }
  void write(std::span<const std::string_view> pieces) override {
    x_below->write(pieces);
    x_network.x_most_unsent = std::max(x_network.x_most_unsent, x_below->unsent());
  }
  size_t unsent() const override { return x_below->unsent(); }
  void finish() override { x_below->finish(); }
  void abort() override {
    x_network.x_loop.outbox().forget(*this);
    x_aborted = true;
    x_below->abort();
  }
  bool is_broken() const override { return x_below->is_broken(); }
  std::optional<uint64_t> bytes_acked() const override { return x_below->bytes_acked(); }
  Address peer() const override { return x_below->peer(); }
  std::optional<Address> original_destination() const override {
    return x_below->original_destination();
  }

 private:
  bool is_silent() const { return is_linked() || x_aborted; }

  void on_read(std::string_view bytes) override {
    if (!is_silent()) x_events->on_read(bytes);
  }
  void on_end() override {
    if (!is_silent()) x_events->on_end();
  }
  void on_broken() override {
    if (!is_silent()) x_events->on_broken();
  }
  void on_drained() override {
    if (!is_silent()) x_events->on_drained();
  }

  WatchedNetwork& x_network;
  io::StreamPtr x_below;
  io::StreamEvents* x_events = nullptr;
  bool x_aborted = false;
};

class WatchedNetwork::Connect final : public io::Operation, private io::ConnectEvents {
 public:
  Connect(WatchedNetwork& network, const Address& to, io::ConnectEvents& events)
      : x_network(network), x_events(events), x_below(network.x_below.connect(to, *this)) {}

 private:
  void on_connected(io::StreamPtr stream) override {
    if (is_linked()) return x_network.x_loop.context().reaper.doom(std::move(stream));
    x_events.on_connected(std::make_unique<Stream>(x_network, std::move(stream)));
  }
  void on_connect_failed(Cause cause) override {
    if (!is_linked()) x_events.on_connect_failed(cause);
  }

  WatchedNetwork& x_network;
  io::ConnectEvents& x_events;
  io::OperationPtr x_below;
};

class WatchedNetwork::Listener final : public io::Listener, public io::AcceptEvents {
 public:
  Listener(WatchedNetwork& network, io::AcceptEvents& events)
      : x_network(network), x_events(events) {}

  void listen_by(io::ListenerPtr below) { x_below = std::move(below); }
  Address address() const override { return x_below->address(); }
  void accept_waiting() override { x_below->accept_waiting(); }

 private:
  void on_accepted(io::StreamPtr stream) override {
    if (is_linked()) return stream->abort();
    x_events.on_accepted(std::make_unique<Stream>(x_network, std::move(stream)));
  }
  void on_accept_refused() override {
    if (!is_linked()) x_events.on_accept_refused();
  }

  WatchedNetwork& x_network;
  io::AcceptEvents& x_events;
  io::ListenerPtr x_below;
};

io::OperationPtr WatchedNetwork::connect(const Address& to, io::ConnectEvents& events) {
  return std::make_unique<Connect>(*this, to, events);
}

Result<io::ListenerPtr> WatchedNetwork::listen(const Address& at, io::AcceptEvents& events) {
  auto listener = std::make_unique<Listener>(*this, events);
  auto below = x_below.listen(at, *listener);
  if (!below) return below;
  listener->listen_by(std::move(*below));
  return io::ListenerPtr(std::move(listener));
}

Result<io::ListenerPtr> WatchedNetwork::listen_on(io::BoundSocketPtr socket,
                                                  io::AcceptEvents& events) {
  auto listener = std::make_unique<Listener>(*this, events);
  auto below = x_below.listen_on(std::move(socket), *listener);
  if (!below) return below;
  listener->listen_by(std::move(*below));
  return io::ListenerPtr(std::move(listener));
}

}  // namespace outrigger::sim
