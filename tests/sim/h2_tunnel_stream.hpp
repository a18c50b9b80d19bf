// A tunnel over one stream of an H2Wire, as a connection of its own: what is written becomes DATA,
// an end END_STREAM, a reset RST_STREAM, and windows are given back as bytes are read. The wire's
// owner and the stream share its state, an H2Tunnel, for either may go first. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/sim/h2_wire.hpp"
#include "tests/support/pipe_network.hpp"

namespace outrigger::sim {

class H2Tunnel {
 public:
  // `flush`: something waits to be sent.
  H2Tunnel(testing::VirtualLoop& loop, H2Wire& wire, int32_t id, std::function<void()> flush);

  // -- what the wire's owner tells
  void on_data(std::string_view bytes);
  void on_message_end();
  // The wire has been asked for its output.
  void on_flushed();
  // Nothing more happens on the wire's stream, or on the wire.
  void on_closed();

 private:
  friend class H2TunnelStream;

  bool is_complete() const { return x_ended && x_finished; }
  void deliver();

  H2Wire* x_wire;  // null: nothing more happens on it
  const int32_t x_id;
  std::function<void()> x_flush;
  testing::VirtualLoop::Event x_deliver;
  testing::VirtualLoop& x_loop;
  io::StreamEvents* x_events = nullptr;
  std::string x_arrived;
  bool x_reading = true;
  bool x_writes = false;    // and has not been told that all has gone
  bool x_finished = false;  // our way has ended
  bool x_ended = false;     // the peer's has
  bool x_told_end = false;
  bool x_broken = false;
};

class H2TunnelStream final : public io::Stream {
 public:
  explicit H2TunnelStream(std::shared_ptr<H2Tunnel> tunnel) : x_tunnel(std::move(tunnel)) {}
  ~H2TunnelStream() override;

  void start(io::StreamEvents& events) override;
  void pause_reading() override { x_tunnel->x_reading = false; }
  void resume_reading() override;
  void write(std::span<const std::string_view> pieces) override;
  using io::Stream::write;
  size_t unsent() const override;
  void finish() override;
  void abort() override;
  bool is_broken() const override { return x_tunnel->x_broken; }
  std::optional<uint64_t> bytes_acked() const override { return std::nullopt; }
  Address peer() const override { return {}; }

 private:
  std::shared_ptr<H2Tunnel> x_tunnel;
};

}  // namespace outrigger::sim
