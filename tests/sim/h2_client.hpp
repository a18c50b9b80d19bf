// An H2Client is a caller that speaks HTTP/2 with prior knowledge: one connection, several calls
// and tunnels on it at once or one after the other (h2_client_stream.hpp), and what a caller may do
// with a connection: change its SETTINGS, say GOAWAY, leave at any byte, stop reading. Owned by the
// World; one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/caller.hpp"
#include "tests/sim/h2_client_stream.hpp"
#include "tests/sim/h2_wire.hpp"

namespace outrigger::sim {

class H2Client final : public Caller,
                       public io::StreamEvents,
                       public io::ConnectEvents,
                       public H2WireEvents {
 public:
  // Draws its calls and comes at `at_ms`.
  H2Client(const CallerContext& context, int calls, int64_t at_ms);

  bool is_over() const override { return x_over; }
  std::string state() const override;

  // -- for its streams
  const CallerContext& context() const { return x_context; }
  H2Wire& wire() { return *x_wire; }
  void flush_soon() { x_flush.arm(); }
  // It waits for nothing more.
  void on_stream_over();

 private:
  void on_connected(io::StreamPtr stream) override;
  void on_connect_failed(Cause cause) override;
  void on_read(std::string_view bytes) override;
  void on_end() override { stop("client: the proxy ended"); }
  void on_broken() override;
  void on_drained() override { flush_soon(); }

  void on_fields(int32_t id, const Head& head) override;
  void on_data(int32_t id, std::string_view bytes) override;
  void on_message_end(int32_t id) override;
  void on_closed(int32_t id, uint32_t code) override;
  void on_goaway(int32_t last, uint32_t code) override;
  void on_wrong(const std::string& what) override;

  void draw_manners();
  void draw_settings();
  void begin_next();
  void flush();
  void change();
  void leave(bool reset);
  void stop(std::string_view why);
  H2ClientStream* find(int32_t id);
  int64_t now_ms() const { return x_context.loop.now_ms(); }
  Random& random() const { return x_context.random; }
  void note(std::string_view what, uint64_t a = 0, uint64_t b = 0) {
    x_context.ledger.note(now_ms(), what, a, b);
  }

  const CallerContext x_context;
  io::OperationPtr x_connect;
  io::StreamPtr x_stream;
  H2Wire::Settings x_settings;
  std::optional<H2Wire> x_wire;  // once connected
  std::vector<std::unique_ptr<H2ClientStream>> x_calls;
  size_t x_begun = 0;
  testing::VirtualLoop::Event x_start;
  testing::VirtualLoop::Event x_next;
  testing::VirtualLoop::Event x_flush;
  testing::VirtualLoop::Event x_change;
  testing::VirtualLoop::Event x_grow;  // windows that were tiny
  testing::VirtualLoop::Event x_leave;
  testing::VirtualLoop::Event x_read_on;

  // Manners.
  int64_t x_gap_ms = 0;    // between the calls; negative: one after the other
  bool x_lingers = false;  // lets the proxy close
  bool x_leaves_by_reset = false;
  bool x_stops_reading = false;        // once, for longer than the proxy waits
  std::optional<size_t> x_bytes_left;  // then it leaves

  bool x_refused = false;  // the proxy takes no more calls
  bool x_left = false;     // by its own will
  bool x_over = false;
};

}  // namespace outrigger::sim
