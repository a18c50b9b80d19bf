// One HTTP/2 connection (RFC 9113) without the connection: bytes in, events out, bytes out; for
// both roles. It frames, compresses, keeps the windows and bounds what a peer can drive; a guard
// (h2_guard.hpp) looks at every frame before nghttp2 does, and h2_map.hpp judges every head. Owned
// by the connection, which does the I/O, the timeouts and the closing. Nobody destroys it within a
// callback of its own. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/base/intrusive_list.hpp"
#include "proxy/http/h2_guard.hpp"
#include "proxy/http/h2_map.hpp"
#include "proxy/http/h2_stream.hpp"
#include "proxy/http/message.hpp"

struct nghttp2_session;

namespace outrigger::http {

enum class H2Role : uint8_t { kServer, kClient };

struct H2Limits {
  HeadLimits head;
  uint32_t streams = 100;  // at once: that the peer of a server may open, or a client will
  uint32_t streams_assumed = UINT32_MAX;  // client: before the peer has said how many it allows
  bool tunnels = false;                   // server: takes CONNECT, also that of RFC 8441
  uint32_t stream_window_bytes = 256 * 1024;
  uint32_t connection_window_bytes = 1024 * 1024;
  H2Flood flood;
};

// Implemented by the owner of the session. No callback may destroy it or call receive() or write().
class H2SessionEvents {
 public:
  // Server: a request begins. Null refuses it with REFUSED_STREAM.
  virtual H2Stream* on_new_stream() { return nullptr; }
  // The peer opens and takes no more streams; those above `last_stream_id` were closed unseen
  // (their on_closed follows). It may come twice.
  virtual void on_goaway(int32_t /*last_stream_id*/, H2Code /*code*/) {}
  // The peer's SETTINGS are known, or changed: may_open() may say something else now.
  virtual void on_settings() {}
  virtual void on_ping_ack() {}
  // Server: a request was answered before it was complete. end_rests() is due in
  // Linger::kSilenceMs.
  virtual void on_rest() {}
  // Server: as many streams are open as may be, or no longer.
  virtual void on_full(bool /*full*/) {}
  // What the peer sent cannot be taken: the connection ends, see H2Session::receive(). Once.
  virtual void on_fault(Http2Fault /*reason*/, std::string_view /*text*/) {}
  // write() has something to give: it must be called before the loop sleeps. Not said again before
  // write() gave less than there was room for.
  virtual void on_want_write() = 0;

 protected:
  ~H2SessionEvents() = default;
};

class H2Session final : private H2Guard::Streams {
 public:
  // Our preface and SETTINGS are the first that write() gives; on_want_write says nothing of them.
  H2Session(H2Role role, const H2Limits& limits, const Clock& clock, H2SessionEvents& events);
  // Parts from its streams silently.
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // -- the connection's bytes

  // Whatever came, in any pieces; a server's begin with the client preface. False: no more is read,
  // because of an error of the peer (fault()) or because everything is done; what write() still
  // gives is to be sent, then the connection closed, and lose() called if streams are open.
  [[nodiscard]] bool receive(std::string_view bytes);
  // Fills `into` with what is to be sent; the count. Less than its size: nothing more now. Not to
  // be called while an earlier piece has not gone out: nothing else bounds the bytes that wait.
  // Pulls bodies from the streams.
  [[nodiscard]] size_t write(std::span<char> into);
  bool wants_write() const;
  // Nothing is to be read or sent any more: GOAWAY was sent or came and all streams are done.
  bool is_over() const;
  // Why the peer was refused; kNoError: it was not.
  H2Code fault() const { return x_fault; }
  // The connection is gone, or given up: every open stream gets on_closed with `cause`, or, if its
  // head never was in what write() gave, with Sent::kNeverFree.
  void lose(Cause cause, Sent sent = Sent::kMaybe);

  // -- heads. The text is copied. Hop fields never go out. `has_body` decides whether a body is
  // pulled from the stream; of `head.framing` only kLength counts, as content-length.

  // Client. Requires: may_open(). False: it could not be opened; the stream stays free.
  [[nodiscard]] bool submit_request(H2Stream& stream, const RequestHead& head,
                                    const H2RequestWriting& writing, bool has_body);
  // Server. Without a body, END_STREAM goes with the head, or after trailers_out() if there are
  // such. No-op if the stream is not open.
  void submit_response(H2Stream& stream, const ResponseHead& head, const H2ResponseWriting& writing,
                       bool has_body);
  void submit_interim(H2Stream& stream, int status, const Fields& fields);

  // -- streams. All are no-ops for a stream that is not attached (any more).

  // body_ready() or body_ended() has something to say again.
  void resume(H2Stream& stream);
  // Bytes of on_data have left on the other side, or were dropped: the peer may send as many more.
  void consume(H2Stream& stream, size_t bytes);
  // Ends the stream with RST_STREAM; nothing is called any more. The owner still releases it.
  void reset(H2Stream& stream, H2Code code);
  // The owner goes away: a stream that is open is reset (CANCEL), its window given back.
  void release(H2Stream& stream);

  // Server: callers that have not noticed in time that their requests are answered are told to
  // stop, with RST_STREAM(NO_ERROR) (RFC 9113 section 8.1). How long until it is due again; 0: it
  // is not.
  int64_t end_rests();

  // -- the connection

  // Answered by on_ping_ack.
  void ping();
  // Server, first of two: streams may still come, but the peer is asked to open none.
  void submit_shutdown_notice();
  // The final one: streams that were begun are finished, later ones ignored.
  void submit_goaway(H2Code code);
  // Gives up at once because of `code`; write() still has a GOAWAY to give.
  void terminate(H2Code code);

  // Those that are open on either side; of a server also those whose rest is read past.
  uint32_t streams_open() const { return x_streams_open; }
  // Client: a stream can be opened now.
  bool may_open() const;
  // Client: how many streams the peer allows at once, at most `limits.streams`.
  uint32_t streams_max() const;
  // Client: the peer's SETTINGS are known and let us ask for tunnels by extended CONNECT (RFC 8441
  // section 3).
  bool takes_tunnels() const;
  // Client: how many it takes them to be before the peer has said so.
  uint32_t assumed_max() const { return std::min(x_limits.streams, x_limits.streams_assumed); }
  // No stream can be opened any more: GOAWAY was sent or is about to be, a client got one, or there
  // was a fault.
  bool is_closing() const { return x_closing; }
  bool is_settled() const { return x_settled; }  // the peer's SETTINGS have come
  // The peer has acknowledged ours.
  bool is_acknowledged() const { return x_acknowledged; }

 private:
  friend struct H2Callbacks;

  struct RestTag;
  class Rest;

  H2Guard::Stream state_of(int32_t id) const override;
  uint32_t open_streams() const override { return x_streams_open; }
  void feed(std::string_view bytes);
  void put(std::string_view bytes);
  void fail(H2Code code, std::string_view text, Http2Fault reason = Http2Fault::kProtocol);
  void note_fault(H2Code code, std::string_view text, Http2Fault reason);
  void charge_reset(const H2Stream& stream);
  void charge_fault();
  void charge_excess();
  void end_resets();
  void want_write();
  void announce_streams();

  // -- streams
  void attach(H2Stream& stream, int32_t id);
  void forget(H2Stream& stream);
  void read_block(H2Stream& stream, H2HeadReader::Kind kind);
  void ignore_block();
  H2Stream* find(int32_t id) const;
  H2Stream* find_unsent(int32_t id);
  void take_block(H2Stream& stream, bool ended);
  void take_request(H2Stream& stream, bool ended);
  void take_response(H2Stream& stream, bool ended);
  void take_trailers(H2Stream& stream, bool ended);
  void take_data(H2Stream& stream, std::string_view bytes);
  void take_reset(int32_t id, H2Code code);
  void end_peer(H2Stream& stream, const Fields* trailers);
  void end_ours(H2Stream& stream);
  void read_past(H2Stream& stream);
  void end_rest(Rest& rest);
  void refuse(H2Stream& stream, const H2Close& why);
  void close(H2Stream& stream, const H2Close& why);
  void end(H2Stream& stream, H2Code code);
  H2Close malformed() const;

  const Clock& x_clock;
  H2SessionEvents& x_events;
  const H2Limits x_limits;
  nghttp2_session* x_session = nullptr;
  H2Guard x_guard;
  H2HeadReader x_reader;
  const H2Stream* x_reading = nullptr;  // whose header block is being read, into its arena
  List<H2Stream, H2StreamTag> x_streams;
  std::array<char, 15> x_first_settings;  // server: see announce_streams()
  std::span<char> x_out;                  // room that is left, within write()
  std::string_view x_unsent;              // of the last piece that nghttp2 gave
  H2Code x_fault = H2Code::kNoError;
  List<Rest, RestTag> x_rests;
  uint32_t x_streams_open = 0;
  int32_t x_peer_last_id = INT32_MAX;  // of the peer's GOAWAY
  const H2Role x_role;
  bool x_want_said = false;
  bool x_closing = false;
  bool x_settled = false;
  bool x_acknowledged = false;
  bool x_writing = false;
  bool x_lost = false;
};

}  // namespace outrigger::http
