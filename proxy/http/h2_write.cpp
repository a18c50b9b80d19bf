// A head -> HTTP/2, the way back of h2_map.cpp:
//
//   method, target, authority, scheme   :method, :path, :authority, :scheme; of a tunnel the first
//                                       and third only (RFC 9113 section 8.5)
//   status                              :status; of a tunnel 200 (RFC 8441 section 5)
//   upgrade                             :method CONNECT with :protocol (RFC 8441 section 4)
//   fields                              in lower case (nghttp2 does it), without host, framing and
//                                       hop fields, which may only come from a filter
//   framing kLength                     content-length; also what a HEAD or 304 declares
//   te_trailers                         te: trailers
//   expects_continue                    expect: 100-continue
//   reason, keep_alive                  nothing: HTTP/2 has none of them
#include "proxy/http/h2_write.hpp"

#include "proxy/http/framing.hpp"
#include "proxy/http/hop.hpp"
#include "proxy/http/text.hpp"
#include "proxy/http/websocket.hpp"

namespace outrigger::http {
namespace {

constexpr size_t kOwnFields = 10;

constexpr uint64_t kNeverSent = kHopNames | bit_of(Name::kHost) | bit_of(Name::kContentLength) |
                                bit_of(Name::kTransferEncoding);
// Another value in each request: in the table they would only drive out what helps.
constexpr uint64_t kNotIndexed = bit_of(Name::kBaggage) | bit_of(Name::kGrpcTimeout) |
                                 bit_of(Name::kIdempotencyKey) | bit_of(Name::kTraceparent) |
                                 bit_of(Name::kTracestate) | bit_of(Name::kXRequestId);

class Block {
 public:
  Block(Arena& arena, size_t fields)
      : x_arena(arena), x_begin(arena.array<nghttp2_nv>(fields + kOwnFields)), x_end(x_begin) {}

  // A name that outlives every session; nghttp2 needs no copy of it.
  void add(std::string_view name, std::string_view value, uint8_t flags = NGHTTP2_NV_FLAG_NONE) {
    put(name, value, flags | NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
  void add_number(std::string_view name, int64_t number) { add(name, x_arena.number(number)); }
  // What proves to HTTP/1 that a WebSocket was meant has no meaning here.
  void add_fields(const Fields& fields, bool tunnel = false) {
    for (const Field& field : fields) {
      const uint64_t bit = bit_of(field.id);
      if ((bit & kNeverSent) != 0 || (tunnel && is_websocket_proof(field.name))) continue;
      const std::string_view value = trim(field.value);
      if (field.id == Name::kOther) {
        put(field.name, value, NGHTTP2_NV_FLAG_NONE);
      } else {
        const bool indexed = (bit & kNotIndexed) == 0;
        add(to_string(field.id), value, indexed ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX);
      }
    }
  }
  // RFC 9110 section 7.6.3: the version is that of the message as it was received.
  void add_via(Version received, std::string_view pseudonym) {
    if (pseudonym.empty()) return;
    const std::string_view version = received == Version::kHttp10   ? "1.0 "
                                     : received == Version::kHttp11 ? "1.1 "
                                                                    : "2 ";
    add("via", x_arena.concat({version, pseudonym}));
  }
  H2FieldSpan view() const { return {x_begin, x_end}; }

 private:
  void put(std::string_view name, std::string_view value, int flags) {
    *x_end++ = {bytes(name), bytes(value), name.size(), value.size(), static_cast<uint8_t>(flags)};
  }
  // nghttp2 only reads them.
  static uint8_t* bytes(std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  }

  Arena& x_arena;
  nghttp2_nv* x_begin;
  nghttp2_nv* x_end;
};

}  // namespace

H2FieldSpan h2_request_fields(const RequestHead& head, const H2RequestWriting& writing,
                              Arena& arena) {
  Block block(arena, head.fields.size());
  block.add(":method", head.upgrade.empty() ? head.method_text : "CONNECT");
  if (!head.upgrade.empty()) block.add(":protocol", head.upgrade);
  if (!head.tunnel) block.add(":scheme", writing.scheme);
  block.add(":authority", writing.authority.empty() ? head.authority : writing.authority);
  if (!head.tunnel) block.add(":path", head.target);
  block.add_fields(head.fields, !head.upgrade.empty());
  block.add_via(head.version, writing.via);
  if (head.framing == Framing::kLength) block.add_number("content-length", head.content_length);
  if (head.te_trailers) block.add("te", "trailers");
  if (head.expects_continue) block.add("expect", "100-continue");
  return block.view();
}

H2FieldSpan h2_response_fields(const ResponseHead& head, const H2ResponseWriting& writing,
                               Arena& arena) {
  Block block(arena, head.fields.size());
  block.add_number(":status", head.tunnel ? 200 : head.status);
  block.add_fields(head.fields, head.tunnel);
  if (head.status >= 200) block.add_via(head.version, writing.via);
  const bool never_content = head.status < 200 || head.status == 204;
  const bool declared = head.framing == Framing::kLength ||
                        (head.content_length >= 0 && is_bodiless(head.status, writing.method));
  if (declared && !never_content) block.add_number("content-length", head.content_length);
  return block.view();
}

H2FieldSpan h2_trailer_fields(const Fields& trailers, Arena& arena) {
  Block block(arena, trailers.size());
  block.add_fields(trailers);
  return block.view();
}

}  // namespace outrigger::http
