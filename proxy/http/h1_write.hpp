// Writes HTTP/1 heads and chunk framing into memory that the caller gives: always HTTP/1.1, always
// with exactly one framing, nothing of the peer's spelling of it (RFC 9112). `..._bound` says how
// much room a head may need; `write_...` returns the end of what it wrote. Nothing here allocates
// or fails. Values must be free of CR, LF and NUL, which both codecs and the configuration see to.
// Any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/http/message.hpp"

namespace outrigger::http {

struct RequestWriting {
  bool close = false;    // Connection: close
  std::string_view via;  // our pseudonym; empty: no Via
  // Says what only a proxy is told: proxy_target and proxy_authorization.
  bool to_proxy = false;
};

// How the body of `head` is framed towards a server that speaks HTTP/1.1. Over HTTP/2 trailers may
// follow a body of known length; where Trailer promises them, the body goes on in chunks.
Framing framing_towards_server(const RequestHead& head);

// Origin-form (or "*") request line, or, for a proxy, what the caller wrote; Host from `authority`,
// fields, framing. TE: trailers where the caller took trailers, since this proxy passes them on
// (RFC 9110 section 10.1.4).
size_t request_head_bound(const RequestHead& head, const RequestWriting& writing);
char* write_request_head(char* to, const RequestHead& head, const RequestWriting& writing);

struct ResponseWriting {
  Version client = Version::kHttp11;
  Method method = Method::kGet;  // of the request
  bool close = false;            // close after this response
  std::string_view via;
};

// How the body of `head` is framed towards a client of that version: what has no length is chunked
// for HTTP/1.1 and ends with the connection for HTTP/1.0. Promised trailers are chunked, as above.
Framing framing_towards(Version client, const ResponseHead& head);

size_t response_head_bound(const ResponseHead& head, const ResponseWriting& writing);
char* write_response_head(char* to, const ResponseHead& head, const ResponseWriting& writing);

// "1f\r\n". Requires: size > 0 and kChunkSizeBound bytes of room. kChunkEnd follows the data.
inline constexpr size_t kChunkSizeBound = 18;
inline constexpr std::string_view kChunkEnd = "\r\n";
char* write_chunk_size(char* to, size_t size);

// The last chunk, the trailers and the empty line.
size_t last_chunk_bound(const Fields& trailers);
char* write_last_chunk(char* to, const Fields& trailers);

// The registered reason phrase (RFC 9110 section 15), or "".
std::string_view reason_of(int status);

}  // namespace outrigger::http
