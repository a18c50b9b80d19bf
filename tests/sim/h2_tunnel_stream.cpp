#include "tests/sim/h2_tunnel_stream.hpp"

#include <utility>

namespace outrigger::sim {

H2Tunnel::H2Tunnel(testing::VirtualLoop& loop, H2Wire& wire, int32_t id,
                   std::function<void()> flush)
    : x_wire(&wire),
      x_id(id),
      x_flush(std::move(flush)),
      x_deliver(loop, [this] { deliver(); }),
      x_loop(loop) {}

void H2Tunnel::on_data(std::string_view bytes) {
  if (x_wire == nullptr) return;
  x_arrived += bytes;
  x_deliver.arm_at(x_loop.now_ms() + x_wire->take_ms(0));
}

void H2Tunnel::on_message_end() {
  x_ended = true;
  x_deliver.arm();
}

void H2Tunnel::on_flushed() {
  if (x_writes && x_wire != nullptr && x_wire->unsent(x_id) == 0) x_deliver.arm();
}

void H2Tunnel::on_closed() {
  x_wire = nullptr;
  x_broken = x_broken || !is_complete();
  x_deliver.arm();
}

// Any of these may end the stream.
void H2Tunnel::deliver() {
  if (x_events != nullptr && x_reading && !x_arrived.empty()) {
    const std::string bytes = std::exchange(x_arrived, {});
    if (x_wire != nullptr) x_wire->open_stream(x_id, bytes.size());
    x_flush();
    x_events->on_read(bytes);
  }
  const bool all_read = x_reading && x_arrived.empty() && x_ended;
  if (x_events != nullptr && all_read && !std::exchange(x_told_end, true)) x_events->on_end();
  if (x_events != nullptr && x_broken) return std::exchange(x_events, nullptr)->on_broken();
  const bool drained = x_wire == nullptr || x_wire->unsent(x_id) == 0;
  if (x_events != nullptr && drained && std::exchange(x_writes, false)) x_events->on_drained();
}

H2TunnelStream::~H2TunnelStream() {
  x_tunnel->x_events = nullptr;
  if (x_tunnel->x_wire == nullptr || x_tunnel->is_complete()) return;
  x_tunnel->x_wire->reset(x_tunnel->x_id, NGHTTP2_CANCEL);
  x_tunnel->x_flush();
}

void H2TunnelStream::start(io::StreamEvents& events) {
  x_tunnel->x_events = &events;
  x_tunnel->x_deliver.arm();
}

void H2TunnelStream::resume_reading() {
  x_tunnel->x_reading = true;
  x_tunnel->x_deliver.arm();
}

void H2TunnelStream::write(std::span<const std::string_view> pieces) {
  if (x_tunnel->x_wire == nullptr) return;
  for (const std::string_view piece : pieces) x_tunnel->x_wire->send(x_tunnel->x_id, piece);
  x_tunnel->x_writes = true;
  x_tunnel->x_flush();
}

size_t H2TunnelStream::unsent() const {
  return x_tunnel->x_wire == nullptr ? 0 : x_tunnel->x_wire->unsent(x_tunnel->x_id);
}

void H2TunnelStream::finish() {
  x_tunnel->x_finished = true;
  if (x_tunnel->x_wire == nullptr) return;
  x_tunnel->x_wire->finish(x_tunnel->x_id);
  x_tunnel->x_flush();
}

void H2TunnelStream::abort() {
  x_tunnel->x_events = nullptr;
  if (x_tunnel->x_wire == nullptr) return;
  std::exchange(x_tunnel->x_wire, nullptr)->reset(x_tunnel->x_id, NGHTTP2_CANCEL);
  x_tunnel->x_flush();
}

}  // namespace outrigger::sim
