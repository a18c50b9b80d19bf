// One call of an H2Client: what it sends and when, how it takes the answer, whether it loses
// interest. Its answer is checked as every caller's is. Owned by the client; one thread.
#pragma once

#include <optional>
#include <string>

#include "tests/sim/answer_check.hpp"
#include "tests/sim/caller.hpp"
#include "tests/sim/h2_client_stream.hpp"

namespace outrigger::sim {

class H2Client;

class H2ClientCall final : public H2ClientStream {
 public:
  explicit H2ClientCall(H2Client& client);

  void begin() override;
  uint32_t call() const override { return x_drawn.id; }
  void on_fields(const Head& head) override;
  void on_data(std::string_view bytes) override;
  void on_message_end() override;
  void on_closed(uint32_t code) override;
  void on_lost(bool excused) override;

 private:
  void draw_manners();
  void send_some();
  void take();
  void cancel();
  void lose_patience();
  void end(std::string_view why, uint64_t code);
  const CallerContext& context() const;
  Random& random() const { return context().random; }
  int64_t now_ms() const { return context().loop.now_ms(); }

  H2Client& x_client;
  const DrawnCall x_drawn;
  const bool x_has_body;
  AnswerCheck x_check;
  std::string x_body;  // that is still to be sent
  std::optional<Head> x_trailers;
  size_t x_untaken = 0;  // bytes whose window was not given back
  testing::VirtualLoop::Event x_send;
  testing::VirtualLoop::Event x_take;
  testing::VirtualLoop::Event x_cancel;
  testing::VirtualLoop::Event x_patience;

  // Manners.
  size_t x_piece_most = 30'000;
  int64_t x_pause_ms = 0;        // between the pieces
  bool x_stops_sending = false;  // in the midst of the body
  int64_t x_stall_ms = 0;        // once, in the midst of the body
  bool x_ends_late = false;      // in a frame of its own, as httpx does
  bool x_expects = false;
  bool x_sends_trailers = false;
  int64_t x_take_ms = 0;  // after so long it takes what came; 0: at once
  bool x_stalls = false;  // at first, for plan.stall_ms
  std::optional<int64_t> x_cancel_ms;
  bool x_cancelled = false;

  bool x_continued = false;
  bool x_complete = false;  // the answer
};

}  // namespace outrigger::sim
