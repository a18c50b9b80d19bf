// What an H2Client has on one stream: a call (h2_client_call.hpp) or a tunnel
// (h2_client_tunnel.hpp). Owned by the client; one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "tests/sim/head.hpp"

namespace outrigger::sim {

class H2ClientStream {
 public:
  virtual ~H2ClientStream() = default;

  virtual void begin() = 0;
  virtual uint32_t call() const = 0;
  // 0 before it was begun.
  int32_t stream() const { return x_stream; }
  // Nothing more happens on it.
  bool is_over() const { return x_over; }

  virtual void on_fields(const Head& head) = 0;
  virtual void on_data(std::string_view bytes) = 0;
  virtual void on_message_end() = 0;
  virtual void on_closed(uint32_t code) = 0;
  // The wire has been asked for its output.
  virtual void on_flushed() {}
  // The connection is gone. `excused`: by the caller's own will.
  virtual void on_lost(bool excused) = 0;

 protected:
  int32_t x_stream = 0;
  bool x_over = false;
};

}  // namespace outrigger::sim
