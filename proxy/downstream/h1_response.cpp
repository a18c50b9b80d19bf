#include <array>

#include "proxy/downstream/cut_connection.hpp"
#include "proxy/downstream/h1_connection.hpp"
#include "proxy/downstream/patience.hpp"
#include "proxy/http/h1_write.hpp"

namespace outrigger::downstream {
namespace {

constexpr size_t kFlushFrom = 32 * 1024;

}  // namespace

void H1Connection::send_interim(int status, std::string_view reason, const http::Fields& fields) {
  // RFC 9110 section 15.2.
  if (x_version == http::Version::kHttp10) return;
  if (status == 100) x_expects = false;
  http::ResponseHead head;
  head.status = status;
  head.reason = reason;
  head.fields = fields;
  write_head(head, false);
}

void H1Connection::send_head(const http::ResponseHead& head) {
  x_framing = head.tunnel ? http::Framing::kUntilClose : http::framing_towards(x_version, head);
  // Bytes that were sent ahead of a tunnel that is refused are of no known protocol.
  const bool ahead = x_tunnel || (x_upgrading && x_ahead && x_body == nullptr);
  if (x_framing == http::Framing::kUntilClose || ahead || x_context.ends_connections() ||
      !can_skip_rest()) {
    x_last = true;
  }
  const bool upgraded = x_upgrading && head.tunnel;
  x_upgrading = false;
  x_tunnel = x_tunnel_open = head.tunnel;
  write_head(head, x_last);
  if (upgraded) begin_tunnel();
}

void H1Connection::write_head(const http::ResponseHead& head, bool close) {
  const http::ResponseWriting writing{x_version, x_method, close, x_context.via()};
  put(http::response_head_bound(head, writing),
      [&](char* to) { return http::write_response_head(to, head, writing); });
}

template <class Write>
void H1Connection::put(size_t bound, Write write) {
  io::Outbox& outbox = runtime().outbox;
  const bool in_place = bound <= io::Outbox::kScratchBytes;
  char* const begin =
      in_place ? outbox.reserve(*x_stream, bound) : x_exchange->arena().array<char>(bound);
  const auto size = static_cast<size_t>(write(begin) - begin);
  in_place ? outbox.commit(size) : outbox.append_lasting(*x_stream, {begin, size});
  count_sent(size);
}

void H1Connection::send_body(std::string_view bytes) {
  if (x_framing == http::Framing::kNone || bytes.empty()) return;
  io::Outbox& outbox = runtime().outbox;
  count_sent(bytes.size());
  if (x_framing == http::Framing::kChunked) {
    std::array<char, http::kChunkSizeBound> size;
    const char* const end = http::write_chunk_size(size.data(), bytes.size());
    const std::string_view size_line(size.data(), static_cast<size_t>(end - size.data()));
    outbox.append(*x_stream, size_line);
    outbox.append_lasting(*x_stream, bytes);
    outbox.append(*x_stream, http::kChunkEnd);
    count_sent(size_line.size() + http::kChunkEnd.size());
  } else {
    outbox.append_lasting(*x_stream, bytes);
  }
  // So that is_congested() tells the upstream to wait before it reads the next piece.
  if (bytes.size() >= kFlushFrom) outbox.flush();
}

void H1Connection::send_end(const http::Fields* trailers) {
  if (x_framing == http::Framing::kChunked) {
    static const http::Fields kNone;
    const http::Fields& fields = trailers != nullptr ? *trailers : kNone;
    put(http::last_chunk_bound(fields),
        [&](char* to) { return http::write_last_chunk(to, fields); });
  }
  if (x_body != nullptr && x_last) x_owes = true;
  if (x_body != nullptr && !x_last) skip_rest();
  x_tunnel = x_tunnel_open = false;
  x_body = nullptr;
  std::exchange(x_exchange, nullptr)->end({chain::Outcome::Kind::kDone, nullptr});
  if (x_last || x_ended) {
    begin_close();
  } else {
    take_buffered();
  }
  if (!x_taking) settle();
}

void H1Connection::send_half_close() { x_stream->finish(); }

// What came of the answer goes on; then the caller must not take a part for the whole, also where
// the body ends with the connection.
void H1Connection::abort(const Error& error) {
  runtime().outbox.flush();
  std::exchange(x_exchange, nullptr)->end({chain::Outcome::Kind::kFailed, &error});
  CutConnection::cut(x_context, take_arrival(), std::move(x_stream));
  end(chain::Outcome::Kind::kFailed);
}

void H1Connection::want_request_body() {
  if (!x_taking) settle();
}

// A caller that still waits for a 100 may never send its body. Of a chunked one nobody knows how
// long it is: one that has been short so far may be, and take_rest() sees to the bound.
bool H1Connection::can_skip_rest() const {
  if (x_body == nullptr) return true;
  if (x_expects && x_body->body_bytes() == 0) return false;
  const bool chunked = x_exchange->request().framing == http::Framing::kChunked;
  return (chunked ? static_cast<int64_t>(x_body->body_bytes()) : missing_bytes()) <= kRestMax;
}

void H1Connection::skip_rest() {
  x_linger.begin(now_ms());
  if (x_exchange->request().framing == http::Framing::kChunked) {
    x_rest = std::make_unique<Rest>();
    x_rest->reader = *x_body;
  } else {
    x_skip = static_cast<uint32_t>(missing_bytes());
  }
}

int64_t H1Connection::missing_bytes() const {
  return x_exchange->request().content_length - static_cast<int64_t>(x_body->body_bytes());
}

void H1Connection::count_sent(size_t bytes) {
  x_context.series.downstream_bytes_out.add(bytes);
  x_written += static_cast<uint32_t>(bytes);
  if (x_write_timer.is_armed()) return;
  x_taken = x_written - static_cast<uint32_t>(bytes);
  x_idle_writes = 0;
  runtime().loop.timers.arm(x_write_timer,
                            now_ms() + x_context.config.timeout.write_stall_ms / kStallLooks);
}

}  // namespace outrigger::downstream
