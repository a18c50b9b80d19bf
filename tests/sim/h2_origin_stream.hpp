// One request that an origin got over HTTP/2, and the script by which it is answered. Owned by its
// connection, until the stream is closed on both sides; one thread.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/sim/h2_tunnel_stream.hpp"
#include "tests/sim/head.hpp"
#include "tests/sim/origin.hpp"

namespace outrigger::sim {

class Origin::H2Stream {
 public:
  H2Stream(H2Connection& connection, int32_t stream);
  ~H2Stream() { stop(); }

  // Its request is that of call `id`, whatever else may come of it.
  void arrive(std::string_view id);
  void on_head(const Head& head);
  void on_data(std::string_view bytes);
  void on_message_end();
  void on_flushed();
  // It was looked at: an answer to it was begun, or it may have had an effect.
  bool is_begun() const { return x_begun; }
  bool has_body() const { return x_body_read > 0; }
  // Nobody has looked at it: the proxy may believe that.
  void send_back();
  // The connection is gone.
  void stop();

 private:
  struct Step {
    enum class Kind : uint8_t {
      kWait,
      kInterim,
      kHead,
      kBody,
      kEnd,
      kReset,
      kDie,
      kGoAway,
      kGarbage,
      kTunnel
    };
    Kind kind;
    int64_t after_ms = 0;
    FieldList fields{};  // of a head or trailers
    std::string bytes{};
    bool has_body = false;
    uint32_t code = 0;
  };

  void answer();
  void write_script();
  void write_head(int status, const Answer& answer, bool bare, const FieldList& extra);
  void write_body(size_t size, size_t most);
  void write_malformed();
  // Instead of an answer, if one was asked for and it agrees.
  bool write_tunnel(Answer& answer);
  FieldList draw_trailers(Answer& answer);
  int64_t draw_silence(const Call& call) const;
  bool watches(const Call& call) const;
  Step& step(Step::Kind kind, int64_t after_ms = 0);
  void begin_step();
  void play();
  void take(const Step& step);
  void open_window();
  void note(std::string_view what, uint64_t b = 0);
  void violation(const std::string& what);
  OriginContext& context() const;
  Random& random() const { return context().random; }

  H2Connection& x_connection;
  const int32_t x_stream;
  testing::VirtualLoop::Event x_next;
  testing::VirtualLoop::Event x_open;
  std::deque<Step> x_script;
  std::shared_ptr<H2Tunnel> x_tunnel;
  H2Behaviour x_behaviour = H2Behaviour::kGood;
  uint32_t x_id = 0;
  size_t x_attempt = 0;
  size_t x_body_read = 0;
  size_t x_untaken = 0;         // bytes whose window was not given back
  int64_t x_take_ms = 0;        // after so long it is; 0: at once
  bool x_asked_tunnel = false;  // then nothing more comes before one is there
  bool x_has_head = false;
  bool x_arrived = false;  // the ledger knows that it did
  bool x_sent_back = false;
  bool x_begun = false;
  bool x_answered = false;  // the script is written
};

}  // namespace outrigger::sim
