// One accepted connection of an Origin that speaks HTTP/1: reads one request after the other, and
// plays the script of the answer to each. Owned by the origin's door until the run ends; its stream
// goes earlier. One thread.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/sim/message_reader.hpp"
#include "tests/sim/origin.hpp"
#include "tests/sim/origin_tunnel.hpp"

namespace outrigger::sim {

class Origin::H1Connection final : public io::StreamEvents, private MessageEvents {
 public:
  H1Connection(Origin& origin, testing::VirtualLoop& loop, io::StreamPtr stream,
               std::string_view begun);

 private:
  struct Step {
    enum class Kind : uint8_t { kSend, kWait, kResume, kDone, kSwitch, kFinish, kReset };
    Kind kind;
    int64_t after_ms = 0;
    std::string bytes{};
  };

  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override {}

  void on_head(const Head& head) override;
  void on_body(std::string_view bytes) override;
  void on_message_end() override;
  bool is_deaf() const override { return x_stream == nullptr; }

  bool check_head(const Head& head);
  // Whose request it is; 0: nobody's.
  static uint32_t id_of(std::string_view head);
  void answer();
  void write_script();
  bool agrees_to_tunnel() const;
  void switch_to_tunnel();
  std::string head_of(int status, const std::string& framing);
  std::string malformed();
  void send(std::string bytes);
  void send_body(size_t size, bool chunked, size_t most);
  void step(Step::Kind kind, int64_t after_ms = 0, std::string bytes = {});
  void play();
  void begin_step();
  void on_idle();
  void drop(bool reset);
  void note(std::string_view what, uint64_t b = 0) {
    context().ledger.note(x_loop.now_ms(), what, x_id, b);
  }
  void violation(const std::string& what);
  OriginContext& context() { return x_origin.x_context; }
  Random& random() { return x_origin.x_context.random; }

  Origin& x_origin;
  testing::VirtualLoop& x_loop;
  io::StreamPtr x_stream;
  MessageReader x_reader{MessageReader::Side::kRequests, *this};
  testing::VirtualLoop::Event x_next;
  testing::VirtualLoop::Event x_idle;
  std::unique_ptr<Tunnel> x_tunnel;
  std::deque<Step> x_script;
  Behaviour x_behaviour = Behaviour::kGood;
  uint32_t x_id = 0;
  size_t x_attempt = 0;
  size_t x_body_read = 0;
  uint32_t x_served = 0;
  std::string x_method;
  std::string x_websocket_key;
  int64_t x_late_bytes_ms = 0;  // when bytes went that belong to no request; 0: none did
  bool x_answered = false;      // the script of this request is written
  bool x_answering = false;     // and plays
  bool x_reading_request = false;
  bool x_may_be_reused = true;
  bool x_asked_tunnel = false;  // then nothing more comes before one is there
  bool x_finished = false;
  bool x_expects = false;
};

}  // namespace outrigger::sim
