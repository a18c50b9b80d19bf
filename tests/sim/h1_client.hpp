// A Client is the neighbour on one connection: it sends a few calls, one after the other or
// pipelined, whole or in drops, reads the answers as fast as it likes, and may leave at any moment.
// It checks that every answer is complete and was made for its call. Owned by the World; one
// thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/ledger.hpp"
#include "tests/sim/message_reader.hpp"
#include "tests/sim/plan.hpp"
#include "tests/support/pipe_network.hpp"

namespace outrigger::sim {

class Client final : public io::StreamEvents, public io::ConnectEvents, private MessageEvents {
 public:
  // Draws its calls and comes at `at_ms`.
  Client(const Plan& plan, Random& random, Ledger& ledger, testing::VirtualLoop& loop,
         testing::PipeNetwork& network, int calls, int64_t at_ms);

  bool is_over() const { return x_over; }
  // For the message about one that is not.
  std::string state() const;

 private:
  struct Request {
    uint32_t id;
    std::string head;
    std::string body;  // as it goes over the wire
    bool expects = false;
    bool is_http10 = false;
    bool is_last = false;
  };

  void draw_request(bool is_last);
  std::string draw_body(const Call& call, Request& request);
  void draw_manners();

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
  void check_answer(const Head& head);
  void check_complete();
  void check_unanswered(bool reset);

  Call& call() { return *x_ledger.find(x_requests[x_answered].id); }
  const ServicePlan& service() { return x_plan.services[call().service]; }
  void note(std::string_view what, uint64_t a = 0, uint64_t b = 0) {
    x_ledger.note(x_loop.now_ms(), what, a, b);
  }
  void violation(const std::string& what);

  const Plan& x_plan;
  Random& x_random;
  Ledger& x_ledger;
  testing::VirtualLoop& x_loop;
  testing::PipeNetwork& x_network;
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
  std::string x_out;   // to send
  std::string x_held;  // a body that waits for 100
  uint64_t x_sent = 0;

  // Manners.
  bool x_pipelines = false;
  size_t x_drop_bytes = 0;  // > 0: sends in drops of at most so many
  int64_t x_drop_ms = 0;
  int64_t x_read_pause_ms = 0;  // after each read
  bool x_stalls_once = false;   // a long pause, longer than the proxy waits
  std::optional<uint64_t> x_leaves_at_byte;
  bool x_leaves_by_reset = true;
  bool x_half_closes = false;  // ends its side after the last request
  bool x_lingers = false;      // lets the proxy close

  // The answer that is being read.
  uint32_t x_answer_id = 0;  // 0: the proxy's own
  size_t x_answer_attempt = 0;
  size_t x_answer_bytes = 0;
  int x_status = 0;
  std::string x_marking;  // Proxy-Status
  bool x_in_body = false;
  bool x_continued = false;
  bool x_closes = false;  // the proxy said so
  bool x_left = false;    // by its own will
  int64_t x_left_ms = 0;
  bool x_over = false;
};

}  // namespace outrigger::sim
