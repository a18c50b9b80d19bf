// A tunnel that an H2Client wants on one of its streams: by CONNECT, or by extended CONNECT in
// place of an Upgrade. What it may do is what a TunnelClient may, of which only asking is another
// thing. Owned by the client; one thread.
#pragma once

#include <memory>

#include "tests/sim/answer_check.hpp"
#include "tests/sim/h2_client_stream.hpp"
#include "tests/sim/h2_tunnel_stream.hpp"
#include "tests/sim/tunnel_end.hpp"

namespace outrigger::sim {

class H2Client;
struct CallerContext;

class H2ClientTunnel final : public H2ClientStream {
 public:
  explicit H2ClientTunnel(H2Client& client);
  ~H2ClientTunnel() override;

  void begin() override;
  uint32_t call() const override { return x_id; }
  void on_fields(const Head& head) override;
  void on_data(std::string_view bytes) override;
  void on_message_end() override;
  void on_closed(uint32_t code) override;
  void on_flushed() override;
  void on_lost(bool excused) override;

 private:
  void draw_call();
  FieldList fields() const;
  void leave();
  void end(std::string_view why);
  bool is_upgrade() const;
  bool is_gentle() const;
  const CallerContext& context() const;
  int64_t now_ms() const;

  H2Client& x_client;
  const uint32_t x_id;
  AnswerCheck x_answer;
  std::unique_ptr<TunnelEnd> x_end;
  std::shared_ptr<H2Tunnel> x_tunnel;  // what is on the stream, also before it is a tunnel
  io::StreamPtr x_asking;              // its stream until then
  testing::VirtualLoop::Event x_leave;
  std::string x_to;          // its authority
  size_t x_early_bytes = 0;  // that it sends ahead of the answer
  bool x_complete = false;   // an answer that is no tunnel
};

}  // namespace outrigger::sim
