// One accepted connection of an Origin that speaks HTTP/2: many requests at once, each on a stream
// (h2_origin_stream.hpp). Here is what happens to the connection as a whole: SETTINGS that change,
// GOAWAY, deafness, its end at any byte. Owned by the origin's door until the run ends; its stream
// goes earlier. One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/h2_origin_stream.hpp"
#include "tests/sim/h2_tunnel_stream.hpp"
#include "tests/sim/h2_wire.hpp"
#include "tests/sim/origin.hpp"
#include "tests/sim/origin_tunnel.hpp"

namespace outrigger::sim {

class Origin::H2Connection final : public io::StreamEvents, private H2WireEvents {
 public:
  H2Connection(Origin& origin, testing::VirtualLoop& loop, io::StreamPtr stream,
               std::string_view begun);
  virtual ~H2Connection();

  // -- for its streams
  Origin& origin() const { return x_origin; }
  testing::VirtualLoop& loop() const { return x_loop; }
  H2Wire& wire() { return x_wire; }
  void flush_soon() { x_flush.arm(); }
  // Takes no more streams, and those that it has not looked at neither.
  void go_away_now();
  // Takes no more streams, when those that are on their way have come.
  void leave_slowly();
  // Breaks or ends, when so many more bytes have gone out.
  void die_after(size_t bytes, bool reset);
  void send_garbage();
  std::shared_ptr<H2Tunnel> carry(int32_t id);

 private:
  void on_read(std::string_view bytes) override;
  void on_end() override { drop("origin: the proxy ended"); }
  void on_broken() override;
  void on_drained() override { flush_soon(); }

  void on_field(int32_t id, std::string_view name, std::string_view value) override;
  void on_fields(int32_t id, const Head& head) override;
  void on_data(int32_t id, std::string_view bytes) override;
  void on_message_end(int32_t id) override;
  void on_closed(int32_t id, uint32_t code) override;
  void on_wrong(const std::string& what) override;

  void draw_settings();
  void go_away(int32_t last, uint32_t code = 0);
  // The highest id whose request was looked at.
  int32_t last_begun() const;
  void flush();
  void change();
  void grow();
  void on_idle();
  void drop(std::string_view why);
  void die();
  H2Stream* find(int32_t id);
  void note(std::string_view what, uint64_t a = 0, uint64_t b = 0) {
    x_origin.x_context.ledger.note(x_loop.now_ms(), what, a, b);
  }
  Random& random() const { return x_origin.x_context.random; }
  bool is_gentle() const { return x_origin.x_context.plan.gentle; }

  Origin& x_origin;
  testing::VirtualLoop& x_loop;
  io::StreamPtr x_stream;
  H2Wire::Settings x_settings;
  H2Wire x_wire;
  std::map<int32_t, std::unique_ptr<H2Stream>> x_streams;
  std::vector<std::unique_ptr<Tunnel>> x_tunnels;
  testing::VirtualLoop::Event x_flush;
  testing::VirtualLoop::Event x_change;
  testing::VirtualLoop::Event x_idle;
  testing::VirtualLoop::Event x_go;    // after the notice of it
  testing::VirtualLoop::Event x_grow;  // windows that were tiny
  std::optional<size_t> x_bytes_left;  // then it dies
  std::string x_garbage;               // behind what goes out next
  bool x_dies_by_reset = false;
  bool x_deaf = false;
  bool x_leaving = false;  // GOAWAY was sent
  int32_t x_last_taken = INT32_MAX;
};

}  // namespace outrigger::sim
