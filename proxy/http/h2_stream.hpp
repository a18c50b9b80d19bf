// One HTTP/2 stream as its owner sees it: the base class of a server's exchange and of a client's
// call. The session calls it; it calls the session. The owner makes it, and H2Session::release()
// or the end of the session parts them. It is never destroyed within one of its own callbacks. One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::http {

struct HeadLimits;

// RFC 9113 section 7. A code that is none of these stands as it came.
enum class H2Code : uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFlowControlError = 0x3,
  kSettingsTimeout = 0x4,
  kStreamClosed = 0x5,
  kFrameSizeError = 0x6,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kCompressionError = 0x9,
  kConnectError = 0xa,
  kEnhanceYourCalm = 0xb,
  kInadequateSecurity = 0xc,
  kHttp11Required = 0xd,
};

// "ENHANCE_YOUR_CALM"; "UNKNOWN" for a code that is none of them.
std::string_view to_string(H2Code code);

// Why a stream ended before both sides were complete, so that it can be made into an Error.
struct H2Close {
  Cause cause = Cause::kReset;
  Sent sent = Sent::kMaybe;
  H2Code code = H2Code::kNoError;  // of RST_STREAM or GOAWAY, the peer's or ours
  bool by_peer = true;             // false: the codec refused what the peer sent
};

struct H2StreamTag {};

class H2Stream : public ListNode<H2StreamTag> {
 public:
  H2Stream() = default;
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;

  // -- what the peer sends. Within these the owner may call the session, also release().

  // Where the text and the fields of heads and trailers are copied to.
  virtual Arena& arena() = 0;
  // Client: what bounds the heads and trailers of the answer, if not the limits of the connection.
  // They live until release().
  virtual const HeadLimits* head_limits() const { return nullptr; }
  // Server. With kNone the head is good; its framing is kNone (no body follows), kLength, or
  // kChunked for a body of unknown length. Else the request is to be answered with that cause
  // (kRequestHeadTooLarge, kTargetTooLong, kMethodRefused, kUnknownExpectation), the head has what
  // was known (at least `method`, perhaps kOther), and nothing else of the request comes: no
  // on_data, no on_end. Malformed requests never get here: see on_closed.
  virtual void on_request(RequestHead& /*head*/, Cause /*cause*/) {}
  // Client. Interim (status < 200; as many as the peer likes) and then final. `framing` as above.
  virtual void on_response(ResponseHead& /*head*/) {}
  // `bytes` last until the call returns. Each byte is given back by H2Session::consume(), or all
  // that remain by release().
  virtual void on_data(std::string_view bytes) = 0;
  // The peer's side is complete. Null: no trailers; else they live as long as the arena.
  virtual void on_end(const Fields* trailers) = 0;
  // Both sides were complete and the session has forgotten the stream (only consume and release
  // still may be called). Server: also when the answer is complete before the request is, whose
  // rest the session reads past. Client: also when the peer ends it with RST_STREAM(NO_ERROR). All
  // that was to be sent has been given out by H2Session::write().
  virtual void on_done() {}
  // The stream ended before that; nothing else comes. Never after reset() or release() of ours.
  virtual void on_closed(const H2Close& close) = 0;

  // -- what is sent, pulled by the session as the windows and the connection take it, from within
  // H2Session::write(). When nothing is ready and the body has not ended, the session waits for
  // H2Session::resume().

  // The next bytes of the body, in one piece; empty: none at hand. They last until body_sent().
  virtual std::string_view body_ready() { return {}; }
  // So many of them were taken.
  virtual void body_sent(size_t /*bytes*/) {}
  // Nothing follows what body_ready() shows.
  virtual bool body_ended() const { return true; }
  // Asked once, when the body has ended. Null: no trailers.
  virtual const Fields* trailers_out() const { return nullptr; }

  // -- what is known of it

  // 0 before it is submitted or has come.
  int32_t id() const { return x_id; }
  // Belongs to a session and has neither ended on both sides nor been closed.
  bool is_open() const { return x_open; }
  bool is_peer_done() const { return x_peer_done; }
  // Our side has gone out whole, its end with it.
  bool is_all_sent() const { return x_sent_all; }
  // Bytes received whose window was not given back yet.
  size_t unconsumed() const { return x_unconsumed; }

 protected:
  // Requires: released, or the session is gone.
  virtual ~H2Stream() = default;

 private:
  friend class H2Session;
  friend struct H2Callbacks;

  size_t x_unconsumed = 0;
  int64_t x_opened_ms = 0;
  int64_t x_due = -1;  // bytes of DATA that the peer has still to send; negative: any number
  int32_t x_id = 0;
  H2Code x_peer_code = H2Code::kNoError;  // of the RST_STREAM that came
  Method x_method = Method::kGet;         // of the request
  bool x_attached = false;                // to a session, until release
  bool x_open = false;
  bool x_asks_tunnel = false;
  bool x_tunnel = false;  // was accepted; each way ends by itself
  bool x_head_sent = false;
  bool x_head_read = false;  // the request, or the final response
  bool x_peer_done = false;
  bool x_sent_all = false;
  bool x_sends_body = false;
  bool x_guessed = false;  // opened before the peer said how many it allows
  bool x_deaf = false;     // what the peer still sends is dropped
  bool x_reset_by_peer = false;
};

}  // namespace outrigger::http
