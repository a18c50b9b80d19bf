// What comes in for a stream, and how streams end.
#include "proxy/http/h2_callbacks.hpp"
#include "proxy/http/h2_session.hpp"

namespace outrigger::http {

namespace {

// The bytes of DATA that must follow such a head; -1: any.
int64_t due_after(Framing framing, int64_t content_length, bool tunnel) {
  if (tunnel || framing == Framing::kChunked) return -1;
  return framing == Framing::kLength ? content_length : 0;
}

}  // namespace

H2Close H2Session::malformed() const {
  const bool server = x_role == H2Role::kServer;
  return {server ? Cause::kMalformedRequest : Cause::kMalformedResponse, Sent::kMaybe,
          H2Code::kProtocolError, false};
}

// A header block of the stream is complete.
void H2Session::take_block(H2Stream& stream, bool ended) {
  if (stream.x_deaf) return;
  if (stream.x_head_read) return take_trailers(stream, ended);
  x_role == H2Role::kServer ? take_request(stream, ended) : take_response(stream, ended);
}

void H2Session::take_request(H2Stream& stream, bool ended) {
  stream.x_head_read = true;
  RequestHead head;
  Cause cause = x_reader.finish_request(ended, head);
  if (cause == Cause::kNone && head.asks_tunnel() && !x_limits.tunnels) {
    cause = head.tunnel ? Cause::kMethodRefused : Cause::kMalformedRequest;
  }
  if (cause == Cause::kMalformedRequest) return refuse(stream, malformed());
  stream.x_method = head.method;
  if (cause != Cause::kNone) {
    // It is answered, but as much a nuisance as if it were malformed.
    stream.x_deaf = true;
    stream.x_peer_done = ended;
    stream.on_request(head, cause);
    return charge_fault();
  }
  stream.x_asks_tunnel = head.asks_tunnel();
  stream.x_due = due_after(head.framing, head.content_length, stream.x_asks_tunnel);
  x_guard.on_message();
  const int32_t id = stream.x_id;
  stream.on_request(head, Cause::kNone);
  if (ended && find(id) == &stream) end_peer(stream, nullptr);
}

void H2Session::take_response(H2Stream& stream, bool ended) {
  ResponseHead head;
  const Cause cause = x_reader.finish_response(ended, stream.x_method, head);
  if (cause != Cause::kNone) {
    H2Close close = malformed();
    close.cause = cause;
    return refuse(stream, close);
  }
  if (stream.x_asks_tunnel && head.status / 100 == 2) {
    head.status = 101;
    head.tunnel = stream.x_tunnel = true;
    // Whatever it declares (RFC 9110 section 8.6).
    head.framing = Framing::kNone;
    head.content_length = -1;
  }
  stream.x_head_read = head.status >= 200 || head.tunnel;
  if (stream.x_head_read) {
    x_guard.on_message();
    stream.x_due = due_after(head.framing, head.content_length, head.tunnel);
  }
  const int32_t id = stream.x_id;
  stream.on_response(head);
  if (ended && find(id) == &stream) end_peer(stream, nullptr);
}

void H2Session::take_trailers(H2Stream& stream, bool ended) {
  const Side side = x_role == H2Role::kServer ? Side::kRequest : Side::kResponse;
  auto& trailers = *stream.arena().make<Fields>();
  const Cause cause = x_reader.finish_trailers(side, trailers);
  // A tunnel has bytes and an end, no fields (RFC 9113 section 8.5).
  const bool tunnel = x_role == H2Role::kServer ? stream.x_asks_tunnel : stream.x_tunnel;
  if (cause != Cause::kNone || !ended || tunnel) {
    H2Close close = malformed();
    if (cause != Cause::kNone) close.cause = cause;
    return refuse(stream, close);
  }
  end_peer(stream, trailers.empty() ? nullptr : &trailers);
}

// RFC 9113 section 8.1.1: no more than was declared, and none before the head.
void H2Session::take_data(H2Stream& stream, std::string_view bytes) {
  stream.x_unconsumed += bytes.size();
  const auto count = static_cast<int64_t>(bytes.size());
  if (!stream.x_head_read || (stream.x_due >= 0 && count > stream.x_due)) {
    return refuse(stream, malformed());
  }
  if (stream.x_due >= 0) stream.x_due -= count;
  stream.on_data(bytes);
}

void H2Session::take_reset(int32_t id, H2Code code) {
  H2Stream* const stream = find(id);
  if (stream == nullptr) return;
  stream->x_reset_by_peer = true;
  stream->x_peer_code = code;
  charge_reset(*stream);
}

void H2Session::end_peer(H2Stream& stream, const Fields* trailers) {
  if (stream.x_deaf) {
    stream.x_peer_done = true;
    return;
  }
  // RFC 9113 section 8.1.1: no less than was declared, and not without a head.
  if (!stream.x_head_read || stream.x_due > 0) return refuse(stream, malformed());
  stream.x_peer_done = true;
  if (x_role == H2Role::kClient) x_guard.on_answer();
  stream.on_end(trailers);
}

// Our side of it has gone out whole.
void H2Session::end_ours(H2Stream& stream) {
  stream.x_sent_all = true;
  if (x_role == H2Role::kServer && !stream.x_deaf) x_guard.on_answer();
  const bool rest = x_role == H2Role::kServer && !stream.x_peer_done && !stream.x_tunnel;
  if (rest) read_past(stream);
}

// What the peer sent on this stream cannot be taken.
void H2Session::refuse(H2Stream& stream, const H2Close& why) {
  nghttp2_submit_rst_stream(x_session, NGHTTP2_FLAG_NONE, stream.x_id,
                            static_cast<uint32_t>(why.code));
  close(stream, why);
}

void H2Session::close(H2Stream& stream, const H2Close& why) {
  forget(stream);
  stream.on_closed(why);
}

// nghttp2 has closed the stream, with `code` if it was reset by either side.
void H2Session::end(H2Stream& stream, H2Code code) {
  const bool server = x_role == H2Role::kServer;
  const bool ours_done = stream.x_sent_all || !server;
  const bool peer_done = stream.x_peer_done || server;
  if (code == H2Code::kNoError && ours_done && peer_done) {
    forget(stream);
    return stream.on_done();
  }
  H2Close why{Cause::kReset, Sent::kMaybe, code, true};
  if (!server && stream.x_id > x_peer_last_id) {
    why.cause = Cause::kRefusedStream;
    why.sent = Sent::kNeverFree;
  } else if (!stream.x_reset_by_peer) {
    why = malformed();
    why.code = code;
  } else if (!server && code == H2Code::kRefusedStream) {
    why.cause = Cause::kRefusedStream;
    // That it was one too many is our guess, not the peer's trouble.
    const bool guessed = stream.x_guessed && x_settled && streams_max() < assumed_max();
    why.sent = guessed ? Sent::kNeverFree : Sent::kNever;
  }
  close(stream, why);
}

}  // namespace outrigger::http
