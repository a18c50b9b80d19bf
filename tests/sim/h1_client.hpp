// An H1Client is a caller that speaks HTTP/1: it sends a few calls, one after the other or
// pipelined, whole or in drops, reads the answers as fast as it likes, and may leave at any moment.
// It checks that every answer is complete and was made for its call. Owned by the World; one
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/answer_check.hpp"
#include "tests/sim/caller.hpp"
#include "tests/sim/message_reader.hpp"

namespace outrigger::sim {

class H1Client final : public Caller,
                       public io::StreamEvents,
                       public io::ConnectEvents,
                       private MessageEvents {
 public:
  // Draws its calls and comes at `at_ms`.
  H1Client(const CallerContext& context, int calls, int64_t at_ms);

  bool is_over() const override { return x_over; }
  std::string state() const override;

 private:
  struct Request {
    uint32_t id;
    std::string head;
    std::string body;  // as it goes over the wire
    bool expects = false;
    bool is_http10 = false;
    bool is_chunked = false;
    bool is_last = false;
  };

  void draw_request(bool is_last);
  std::string draw_body(const Call& call, Request& request);
  void draw_manners();
  size_t total_bytes() const;

  // -- sending
  void start();
  void begin_request();
  void go_on();
  void send_some();
  void on_deadline();
  void leave(bool reset);
  void stop(std::string_view why);

  // -- reading
  void on_connected(io::StreamPtr stream) override;
  void on_connect_failed(Cause cause) override;
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override {}
  void on_head(const Head& head) override;
  void on_body(std::string_view bytes) override;
  void on_message_end() override;
  bool answers_head() const override;
  bool is_deaf() const override { return x_stream == nullptr; }
  void check_interim(int status);
  void check_left();
  void check_unanswered(bool reset);

  void note(std::string_view what, uint64_t a = 0, uint64_t b = 0) {
    x_context.ledger.note(now_ms(), what, a, b);
  }
  void violation(const std::string& what);
  int64_t now_ms() const { return x_context.loop.now_ms(); }
  Random& random() const { return x_context.random; }

  const CallerContext x_context;
  io::OperationPtr x_connect;
  io::StreamPtr x_stream;
  MessageReader x_reader{MessageReader::Side::kResponses, *this};
  testing::VirtualLoop::Event x_start;
  testing::VirtualLoop::Event x_send;
  testing::VirtualLoop::Event x_expect;
  testing::VirtualLoop::Event x_leave;
  testing::VirtualLoop::Event x_read_on;

  std::vector<Request> x_requests;
  size_t x_begun = 0;  // requests whose head is on its way
  size_t x_answered = 0;
  int64_t x_answered_ms = 0;  // when the last answer was complete
  std::string x_out;          // to send
  std::string x_held;         // a body that waits for 100
  uint64_t x_sent = 0;

  // Manners.
  bool x_pipelines = false;
  size_t x_drop_bytes = 0;  // > 0: sends in drops of at most so many
  int64_t x_drop_ms = 0;
  int64_t x_read_pause_ms = 0;               // after each read
  bool x_stalls_once = false;                // a long pause, longer than the proxy waits
  std::optional<uint64_t> x_stalls_at_byte;  // of what it sends, once
  int64_t x_stall_ms = 0;
  std::optional<uint64_t> x_leaves_at_byte;
  bool x_leaves_by_reset = true;
  bool x_half_closes = false;  // ends its side after the last request
  bool x_lingers = false;      // lets the proxy close

  std::optional<AnswerCheck> x_answer;  // that is being read
  bool x_continued = false;
  bool x_closes = false;  // the proxy said so
  bool x_left = false;    // by its own will
  int64_t x_left_ms = 0;
  bool x_over = false;
};

}  // namespace outrigger::sim
