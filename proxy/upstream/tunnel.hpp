// The upstream's end of a tunnel, from its accept on: bytes between a leg and a stream, each way
// until that way's end. Held by the call, which gets the events of the stream and the leg, and
// passes them on; after each of them it asks whether the tunnel is over. One thread.
#pragma once

#include <string_view>

#include "metrics/series.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::upstream {

class Tunnel {
 public:
  // All three outlive it.
  Tunnel(chain::CallLeg leg, io::Stream& stream, metrics::WorkerSeries& series)
      : x_leg(leg), x_stream(stream), x_series(series) {}

  // The caller's bytes, as far as the upstream takes them now; after the last of them, its end.
  void send();
  void on_read(std::string_view bytes);
  void on_end();
  void on_congestion(bool congested);

  // Both ways have ended, and everything is on its way.
  bool is_over() const { return x_ended && x_finished && x_stream.unsent() == 0; }

 private:
  const chain::CallLeg x_leg;
  io::Stream& x_stream;
  metrics::WorkerSeries& x_series;
  bool x_ended = false;     // the upstream's way
  bool x_finished = false;  // the caller's
};

}  // namespace outrigger::upstream
