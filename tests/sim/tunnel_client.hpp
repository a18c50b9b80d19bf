// A TunnelClient is a caller that wants a tunnel: by CONNECT, by an Upgrade, or by speaking
// something else than HTTP where that is carried. It may send ahead of the answer, and leave at any
// moment; once it has its tunnel, it is one end of it (tunnel_end.hpp). An answer that is none is
// one as to any call. Owned by the World; one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/sim/answer_check.hpp"
#include "tests/sim/caller.hpp"
#include "tests/sim/message_reader.hpp"
#include "tests/sim/tunnel_end.hpp"

namespace outrigger::sim {

class TunnelClient final : public Caller,
                           public io::StreamEvents,
                           public io::ConnectEvents,
                           private MessageEvents {
 public:
  // Draws what it wants and comes at `at_ms`.
  TunnelClient(const CallerContext& context, int64_t at_ms);

  bool is_over() const override { return x_over; }
  std::string state() const override;

 private:
  enum class Way : uint8_t {
    kConnectService,  // of HTTP
    kConnectOpaque,   // a service that is not read
    kConnectAddress,
    kUpgrade,
    kListener,    // that is a service which is not read
    kRedirected,  // to where nobody is configured
    kClaimed,     // to an address of a service which is not read
    kCount
  };

  void draw_call();
  void draw_manners();
  std::string head() const;
  void start();
  void ask();
  void leave();
  void stop(std::string_view why);

  void on_connected(io::StreamPtr stream) override;
  void on_connect_failed(Cause cause) override;
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override {}

  void read_heads();
  void take_tunnel(std::string_view head, std::string_view behind);
  void on_head(const Head& head) override;
  void on_body(std::string_view bytes) override {
    if (!x_complete) x_answer.body(bytes);
  }
  void on_message_end() override;
  bool is_deaf() const override { return x_stream == nullptr; }
  void on_tunnel_over();

  void note(std::string_view what, uint64_t b = 0) {
    x_context.ledger.note(now_ms(), what, x_id, b);
  }
  void violation(const std::string& what);
  bool is_gentle() const { return x_context.plan.gentle; }
  bool is_bytes() const { return x_way >= Way::kListener; }
  Call& call() const { return *x_context.ledger.find(x_id); }
  int64_t now_ms() const { return x_context.loop.now_ms(); }
  Random& random() const { return x_context.random; }

  const CallerContext x_context;
  const Way x_way;
  const uint32_t x_id;
  io::OperationPtr x_connect;
  io::StreamPtr x_stream;  // before there is a tunnel
  testing::VirtualLoop::Event x_start;
  testing::VirtualLoop::Event x_leave;
  MessageReader x_reader{MessageReader::Side::kResponses, *this};
  AnswerCheck x_answer;
  std::unique_ptr<TunnelEnd> x_end;
  std::string x_text;          // heads that are not complete
  bool x_is_answered = false;  // by something else
  bool x_complete = false;     // and that is all there

  // Manners.
  size_t x_early_bytes = 0;   // that it sends ahead of the answer
  bool x_says_close = false;  // it may end its way ahead of the answer
  bool x_left = false;
  bool x_over = false;
};

}  // namespace outrigger::sim
