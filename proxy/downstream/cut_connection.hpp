// A CutConnection is what is left of a caller's connection whose answer broke off: what had come of
// the answer goes to the caller first, then the connection is reset, so that nobody takes a part
// for the whole. A reset drops what the peer's kernel has not acknowledged, so that is waited for,
// as long as the caller takes any of it within `timeout.write_stall`. Owned by the list in its
// ServerContext; one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/downstream/connection.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::downstream {

class CutConnection final : public Connection, public io::StreamEvents {
 public:
  // At once where nothing is on its way. Nothing of `stream` waits in the Outbox.
  static void cut(ServerContext& context, Arrival arrival, io::StreamPtr stream);

  void close_if_idle() override {}
  int reset() override;
  Holding holding() override;

 private:
  CutConnection(ServerContext& context, Arrival arrival, io::StreamPtr stream);

  // Nothing more is read.
  void on_read(std::string_view /*bytes*/) override {}
  void on_end() override {}
  void on_broken() override { reset(); }
  void on_drained() override { look(); }
  void look();

  io::StreamPtr x_stream;
  Timer x_timer = Timer::of<&CutConnection::look>(*this);
  size_t x_left;  // bytes that the caller had not taken at the last look
  int64_t x_taken_ms;
  int64_t x_look_in_ms;
};

}  // namespace outrigger::downstream
