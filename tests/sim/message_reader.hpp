// Reads HTTP/1 messages as an origin or a caller that believes nothing: heads, bodies and their
// ends, one after the other. Written anew, so that it shares no mistake with the product. Anything
// that is not exactly right is said in `wrong()`. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/sim/head.hpp"

namespace outrigger::sim {

class MessageEvents {
 public:
  virtual void on_head(const Head& head) = 0;
  virtual void on_body(std::string_view bytes) = 0;
  virtual void on_message_end() = 0;
  // Whether the response to come has no body whatever its head says.
  virtual bool answers_head() const { return false; }
  // No more is to be read: this object is on its way out.
  virtual bool is_deaf() const = 0;

 protected:
  ~MessageEvents() = default;
};

class MessageReader {
 public:
  enum class Side : uint8_t { kRequests, kResponses };

  MessageReader(Side side, MessageEvents& events) : x_side(side), x_events(events) {}

  void feed(std::string_view bytes);
  // The stream has ended. Completes a body that lasts until then.
  void end();

  const std::string& wrong() const { return x_wrong; }
  bool is_between() const { return x_state == State::kHead && x_text.empty(); }
  // What has come of an incomplete head.
  std::string_view partial_head() const {
    return x_state == State::kHead ? std::string_view(x_text) : std::string_view();
  }

 private:
  enum class State : uint8_t {
    kHead,
    kLength,
    kUntilClose,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailers
  };

  void take_head();
  void decide_body(const Head& head);
  void take_chunk_size();
  void body(std::string_view& bytes);
  void line(std::string_view& bytes);
  void finish();

  const Side x_side;
  MessageEvents& x_events;
  State x_state = State::kHead;
  std::string x_text;  // a head or line that is not complete
  uint64_t x_left = 0;
  std::string x_wrong;
};

}  // namespace outrigger::sim
