// How a message maps between HTTP/2 and the heads that know no version: the one place that decides
// it (RFC 9113 sections 8.2 and 8.3, RFC 9110 section 7.6). Reading is stricter than the RFC where
// the HTTP/1 codec is, and milder with answers; the table stands in h2_map.cpp. The reader is part
// of a session; the rest are plain values. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/error.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/http/hop.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::http {

// Reads one header block, field by field as HPACK gives them. Nothing is copied that goes beyond
// the limits; what is wrong is remembered, and said at the end.
class H2HeadReader {
 public:
  enum class Kind : uint8_t { kRequest, kResponse, kTrailers, kResponseTrailers };

  explicit H2HeadReader(const HeadLimits& limits) : x_limits(limits) {}

  void begin(Kind kind, Arena& arena);
  // After begin(), for this block: what holds instead of the limits of all. They must live as long.
  void bound(const HeadLimits& limits) { x_bounds = &limits; }
  // A block that nobody wants: everything is dropped.
  void begin_ignored();
  void add(std::string_view name, std::string_view value);

  // After the last field. `ended`: END_STREAM came with the block. kNone: the head is good.
  // kMalformedRequest: RST_STREAM(PROTOCOL_ERROR). Others: an answer, see H2Stream::on_request.
  Cause finish_request(bool ended, RequestHead& head);
  // kNone, kMalformedResponse or kResponseHeadTooLarge. `method` is that of the request.
  Cause finish_response(bool ended, Method method, ResponseHead& head);
  // Without what no trailer may carry. kNone, or malformed or too large as `side` has it.
  Cause finish_trailers(Side side, Fields& trailers);
  // How many heads as large as may be would hold what came beyond the one that was taken.
  uint64_t excess() const { return x_dropped / x_limits.head_bytes; }

 private:
  struct Pseudo {
    std::string_view method;
    std::string_view scheme;
    std::string_view authority;
    std::string_view path;
    std::string_view status;
    std::string_view protocol;
  };

  // A bit of x_pseudo_seen.
  static constexpr uint8_t kSchemeBit = 1 << 1;
  static constexpr uint8_t kAuthorityBit = 1 << 2;
  static constexpr uint8_t kPathBit = 1 << 3;
  static constexpr uint8_t kProtocolBit = 1 << 5;

  bool is_answer() const { return x_kind == Kind::kResponse || x_kind == Kind::kResponseTrailers; }
  bool is_trailers() const {
    return x_kind == Kind::kTrailers || x_kind == Kind::kResponseTrailers;
  }
  bool charge(std::string_view name, std::string_view value);
  void add_pseudo(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::string_view value);
  bool is_apart(Name id, std::string_view name, std::string_view value);
  void take_cookies();
  bool take_tunnel(RequestHead& head) const;
  Cause take_target(RequestHead& head) const;
  bool take_authority(RequestHead& head) const;
  bool take_length(bool ended, bool bodiless, Framing& framing, int64_t& length) const;
  int64_t length_declared() const;

  const HeadLimits& x_limits;
  const HeadLimits* x_bounds = &x_limits;
  Arena* x_arena = nullptr;  // null: ignored
  Kind x_kind = Kind::kRequest;
  Pseudo x_pseudo;
  uint8_t x_pseudo_seen = 0;  // a bit each, in that order
  Fields x_fields;
  Fields x_crumbs;  // of Cookie
  std::string_view x_host;
  std::string_view x_proxy_authorization;
  FramingFields x_framing;  // its Content-Length
  uint32_t x_bytes = 0;
  uint32_t x_count = 0;    // without pseudo-fields
  uint64_t x_dropped = 0;  // bytes that nobody wants any more
  uint64_t x_seen = 0;     // bit n: a field with Name n
  bool x_te_trailers = false;
  bool x_malformed = false;
  bool x_too_large = false;
};

struct H2RequestWriting {
  std::string_view authority;        // :authority; empty: that of the head
  std::string_view scheme = "http";  // "https" over TLS
  std::string_view via;              // our pseudonym; empty: no Via
};

struct H2ResponseWriting {
  Method method = Method::kGet;  // of the request
  std::string_view via;
};

// What of RequestHead::upgrade goes out as :protocol, which is one name: the first of those that
// are offered without a version. Empty: there is none.
std::string_view h2_protocol_of(std::string_view upgrade);

}  // namespace outrigger::http
