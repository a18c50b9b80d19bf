#include "proxy/upstream/tunnel.hpp"

namespace outrigger::upstream {

void Tunnel::send() {
  while (x_stream.unsent() == 0) {
    const std::string_view piece = x_leg.body_ready();
    if (piece.empty()) break;
    x_stream.write(piece);
    x_series.upstream_bytes_out.add(piece.size());
    x_leg.body_consume(piece.size());
  }
  if (x_finished || !x_leg.body_ended()) return;
  x_finished = true;
  x_stream.finish();
}

void Tunnel::on_read(std::string_view bytes) {
  x_series.upstream_bytes_in.add(bytes.size());
  x_leg.push_body(bytes);
}

void Tunnel::on_end() {
  x_ended = true;
  if (!is_over()) x_leg.push_half_close();
}

void Tunnel::on_congestion(bool congested) {
  congested ? x_stream.pause_reading() : x_stream.resume_reading();
}

}  // namespace outrigger::upstream
