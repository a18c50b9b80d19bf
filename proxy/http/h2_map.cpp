// HTTP/2 -> a head that knows no version. "refused" is a malformed message: RST_STREAM
// (PROTOCOL_ERROR), and the budget of early resets is charged. What is refused of a request only is
// what could mean another thing to a server behind us; of an answer it is mended.
//
//   RFC 9113     what comes                              becomes
//   8.2          name empty, with upper case, no token   refused; of an answer upper case passes,
//                                                        and what is no name is left out
//   8.2.1        name or value with CR, LF or NUL        refused
//                with another control character          refused; of an answer a blank
//                with a blank at either end              trimmed
//   8.2.2        connection, keep-alive, upgrade,        refused; of an answer left out
//                proxy-connection, transfer-encoding
//   8.2.2        te                                      te_trailers; refused unless "trailers"
//   8.2.3        cookie, cookie, ...                     one Cookie, joined with "; " without those
//                                                        that are empty, and one field of the limit
//   8.3          pseudo-field unknown, twice, after a    refused
//                field, of the other kind, in trailers
//   8.3.1        :method                                 method; a token of at most 64 characters
//                TRACE                                   kMethodRefused
//   8.5          CONNECT: neither :scheme nor :path      tunnel, to an :authority with a port
//   8441 4       CONNECT with :protocol                  GET with upgrade, as HTTP/1 asks for it
//   8.3.1        :scheme                                 http or https, which says nothing about
//                                                        the connection; else refused
//   8.3.1        :path                                   target: origin form, "*" with OPTIONS;
//                                                        too long: kTargetTooLong; else refused
//   8.3.1        :authority, host                        authority; one of them at least, at most
//                                                        one host, and the same; else refused
//   8.3.2        :status                                 status, 100 to 999 without 101
//   8441 5       2xx to what asked for a tunnel          101, tunnel
//   8.1.1        content-length                          framing; refused if no number, or more
//                                                        than 0 where the message ends, and if
//                                                        twice, of an answer if they differ; where
//                                                        no content follows, it cannot be wrong
//   8.2.2        other hop fields (RFC 9110 7.6.1)       left out, as in HTTP/1
//   -            names that imitate others with '_'      left out of a request, as in HTTP/1
//   9110 10.1.1  expect                                  expects_continue, or kUnknownExpectation
//   9110 7.6.2   max-forwards                            one number, else refused
//   9110 6.5.1   trailers                                without what no trailer may carry
//
// That DATA sums up to content-length is for the session. The way back stands in h2_write.cpp.
#include "proxy/http/h2_map.hpp"

#include <algorithm>

#include "proxy/http/authority.hpp"
#include "proxy/http/mend.hpp"
#include "proxy/http/path.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr size_t kMaxMethod = 64;
constexpr size_t kFieldOverhead = 32;  // RFC 9113 section 6.5.2
// Added for each field of an answer, so that a head of either version is as long: ": " and CRLF.
constexpr size_t kAnswerFieldOverhead = 4;

constexpr uint64_t kNeverHere = bit_of(Name::kConnection) | bit_of(Name::kKeepAlive) |
                                bit_of(Name::kProxyConnection) | bit_of(Name::kUpgrade) |
                                bit_of(Name::kTransferEncoding);

bool is_lower_token(std::string_view name, Name id) {
  if (id != Name::kOther) return name == to_string(id);
  return !name.empty() && all_of_class(name, kLowerTokenChar);
}

bool is_scheme(std::string_view scheme) { return scheme == "http" || scheme == "https"; }

}  // namespace

void H2HeadReader::begin(Kind kind, Arena& arena) {
  begin_ignored();
  x_kind = kind;
  x_arena = &arena;
}

void H2HeadReader::begin_ignored() {
  x_arena = nullptr;
  x_bounds = &x_limits;
  x_pseudo = {};
  x_pseudo_seen = 0;
  x_fields = {};
  x_crumbs = {};
  x_host = x_proxy_authorization = {};
  x_framing = {};
  x_bytes = 0;
  x_count = 0;
  x_dropped = 0;
  x_seen = 0;
  x_te_trailers = false;
  x_malformed = false;
  x_too_large = false;
}

// Before anything is copied: one byte of HPACK can stand for four thousand. The crumbs of a Cookie
// are one field.
bool H2HeadReader::charge(std::string_view name, std::string_view value) {
  const size_t overhead = is_answer() ? kAnswerFieldOverhead : kFieldOverhead;
  const size_t bytes = name.size() + value.size() + overhead;
  if (bytes > x_bounds->head_bytes - x_bytes) return false;
  x_bytes += static_cast<uint32_t>(bytes);
  if (name.starts_with(':') || (!x_crumbs.empty() && name == to_string(Name::kCookie))) return true;
  return ++x_count <= x_bounds->fields;
}

void H2HeadReader::add(std::string_view name, std::string_view value) {
  if (x_arena == nullptr || x_malformed || x_too_large) {
    x_dropped += name.size() + value.size() + kFieldOverhead;
    return;
  }
  if (!charge(name, value)) {
    x_too_large = true;
  } else if (name.starts_with(':')) {
    add_pseudo(name, value);
  } else {
    add_field(name, trim(value));
  }
}

void H2HeadReader::add_pseudo(std::string_view name, std::string_view value) {
  struct Known {
    std::string_view name;
    Kind kind;
    std::string_view Pseudo::*to;
  };
  static constexpr Known kKnown[] = {{":method", Kind::kRequest, &Pseudo::method},
                                     {":scheme", Kind::kRequest, &Pseudo::scheme},
                                     {":authority", Kind::kRequest, &Pseudo::authority},
                                     {":path", Kind::kRequest, &Pseudo::path},
                                     {":status", Kind::kResponse, &Pseudo::status},
                                     {":protocol", Kind::kRequest, &Pseudo::protocol}};
  uint8_t bit = 1;
  for (const Known& known : kKnown) {
    // Their last letters tell them apart.
    if (name.back() == known.name.back() && name == known.name) {
      x_malformed |= known.kind != x_kind || !is_value_text(value) || x_count > 0 ||
                     (x_pseudo_seen & bit) != 0;
      if (x_malformed) return;
      x_pseudo_seen |= bit;
      x_pseudo.*known.to = x_arena->copy(value);
      return;
    }
    bit = static_cast<uint8_t>(bit << 1);
  }
  x_malformed = true;
}

void H2HeadReader::add_field(std::string_view name, std::string_view value) {
  const Name id = intern(name);
  if (is_answer()) {
    const bool named = is_token(name);
    x_malformed |= may_split(value) || (!named && may_split(name));
    if (!named || (bit_of(id) & kNeverHere) != 0) return;
  } else {
    x_malformed |= !is_lower_token(name, id) || (bit_of(id) & kNeverHere) != 0;
    x_malformed |= !is_value_text(value);
  }
  if (x_malformed || is_apart(id, name, value)) return;
  x_seen |= bit_of(id);
  Fields& to = id == Name::kCookie ? x_crumbs : x_fields;
  Field& field = to.append(*x_arena);
  field.name = id == Name::kOther ? x_arena->copy(name) : to_string(id);
  field.value = x_arena->copy(value);
  if (is_answer()) field.value = without_controls(field.value, *x_arena);
  field.id = id;
}

// Not one of the message's fields: it says something of the message, or ends here.
bool H2HeadReader::is_apart(Name id, std::string_view name, std::string_view value) {
  const Side side = is_answer() ? Side::kResponse : Side::kRequest;
  if (is_trailers()) return !is_trailer_name(side, name, id);
  if (id == Name::kContentLength) {
    x_malformed |= side == Side::kRequest && x_framing.content_lengths > 0;
    x_framing.add({to_string(id), x_arena->copy(value), id});
  } else if (id == Name::kHost) {
    x_malformed |= side == Side::kRequest && (x_seen & bit_of(id)) != 0;
    x_host = x_arena->copy(value);
  } else if (id == Name::kTe) {
    x_malformed |= side == Side::kRequest && !same_name(value, "trailers");
    x_te_trailers = true;
  } else if (id == Name::kProxyAuthorization) {
    x_proxy_authorization = x_arena->copy(value);
  } else {
    const bool imitates = id == Name::kOther && side == Side::kRequest && has_underscore(name) &&
                          imitates_protected_name(name);
    return imitates || is_hop_field(id);
  }
  x_seen |= bit_of(id);
  return true;
}

// RFC 9113 section 8.2.3. Crumbs that are empty would leave a delimiter at the end.
void H2HeadReader::take_cookies() {
  if (x_crumbs.empty()) return;
  if (x_crumbs.size() == 1) return x_fields.add(*x_arena, *x_crumbs.begin());
  size_t bytes = 0;
  for (const Field& crumb : x_crumbs) bytes += crumb.value.size() + 2;
  char* const begin = x_arena->array<char>(bytes);
  char* to = begin;
  for (const Field& crumb : x_crumbs) {
    if (crumb.value.empty()) continue;
    if (to != begin) to = std::copy_n("; ", 2, to);
    to = std::copy(crumb.value.begin(), crumb.value.end(), to);
  }
  x_fields.add(*x_arena, Name::kCookie, {begin, static_cast<size_t>(to - begin)});
}

// A CONNECT is a tunnel to its authority, or to what the protocol says at its path. What HTTP/1
// may not switch to may not be asked for here.
bool H2HeadReader::take_tunnel(RequestHead& head) const {
  if ((x_seen & bit_of(Name::kContentLength)) != 0) return false;
  if ((x_pseudo_seen & kProtocolBit) == 0) {
    const auto authority = split_authority(x_pseudo.authority);
    head.tunnel = true;
    return (x_pseudo_seen & (kSchemeBit | kPathBit)) == 0 && authority && authority->has_port;
  }
  head.upgrade = x_pseudo.protocol;
  head.method = Method::kGet;
  head.method_text = "GET";
  return is_token(head.upgrade) && !same_name(head.upgrade, "h2c");
}

Cause H2HeadReader::take_target(RequestHead& head) const {
  if (head.tunnel) return Cause::kNone;
  const std::string_view path = x_pseudo.path;
  if (path.size() > x_limits.target_bytes) return Cause::kTargetTooLong;
  head.target = path;
  const bool good = is_origin_target(path, head.method) && target_prefix(path) == path.size() &&
                    !has_encoded_nul(head.path());
  return good ? Cause::kNone : Cause::kMalformedRequest;
}

bool H2HeadReader::take_authority(RequestHead& head) const {
  const bool has_host = (x_seen & bit_of(Name::kHost)) != 0;
  const bool has_pseudo = (x_pseudo_seen & kAuthorityBit) != 0;
  if (has_host && has_pseudo && !same_host(x_host, x_pseudo.authority)) return false;
  head.authority = has_pseudo ? x_pseudo.authority : x_host;
  return is_authority(head.authority);
}

// -1: nothing, or nothing that could be one length.
int64_t H2HeadReader::length_declared() const {
  if (!is_answer()) return parse_decimal(x_framing.content_length);
  return x_framing.repeats ? length_in_list(x_framing.content_length) : -1;
}

// False: what is declared is no length, or cannot be. -1: nothing is declared.
bool H2HeadReader::take_length(bool ended, bool bodiless, Framing& framing, int64_t& length) const {
  const bool declared = x_framing.content_lengths > 0;
  length = length_declared();
  if (declared && length < 0 && !(bodiless && is_answer())) return false;
  if (bodiless) {
    framing = Framing::kNone;
    return true;
  }
  if (ended && length > 0) return false;
  framing = declared ? Framing::kLength : ended ? Framing::kNone : Framing::kChunked;
  return true;
}

Cause H2HeadReader::finish_request(bool ended, RequestHead& head) {
  constexpr Cause kMalformed = Cause::kMalformedRequest;
  head.version = Version::kHttp2;
  head.method_text = x_pseudo.method;
  head.method = method_from(x_pseudo.method);
  if (x_malformed) return kMalformed;
  if (x_too_large) {
    head.fields = x_fields;  // which tell how to answer
    return Cause::kRequestHeadTooLarge;
  }
  if (!is_token(head.method_text) || head.method_text.size() > kMaxMethod) return kMalformed;
  const bool connect = head.method == Method::kConnect;
  if (connect ? !take_tunnel(head) : (x_pseudo_seen & kProtocolBit) != 0) return kMalformed;
  if (!head.tunnel && !is_scheme(x_pseudo.scheme)) return kMalformed;
  head.absolute_form = x_pseudo.scheme == "http";
  if (!take_authority(head)) return kMalformed;
  if (const Cause cause = take_target(head); cause != Cause::kNone) return cause;
  int64_t length = -1;
  if (!take_length(ended, head.asks_tunnel(), head.framing, length)) return kMalformed;
  head.content_length = head.framing == Framing::kLength ? length : 0;
  take_cookies();
  head.fields = x_fields;
  head.te_trailers = x_te_trailers;
  head.proxy_authorization = x_proxy_authorization;
  if ((x_seen & bit_of(Name::kMaxForwards)) != 0 &&
      (head.fields.count(Name::kMaxForwards) != 1 ||
       parse_decimal(head.fields.value(Name::kMaxForwards)) < 0)) {
    return kMalformed;
  }
  if (head.method == Method::kTrace) return Cause::kMethodRefused;
  const bool expects = (x_seen & bit_of(Name::kExpect)) != 0;
  return expects && !take_expect(head, !ended) ? Cause::kUnknownExpectation : Cause::kNone;
}

Cause H2HeadReader::finish_response(bool ended, Method method, ResponseHead& head) {
  constexpr Cause kMalformed = Cause::kMalformedResponse;
  if (x_malformed) return kMalformed;
  if (x_too_large) return Cause::kResponseHeadTooLarge;
  const int64_t status = x_pseudo.status.size() == 3 ? parse_decimal(x_pseudo.status) : -1;
  // RFC 9113 section 8.6 takes 101 away; section 8.1 lets no interim response end the stream.
  if (status < 100 || status == 101 || (status < 200 && ended)) return kMalformed;
  head.status = static_cast<int>(status);
  head.version = Version::kHttp2;
  const bool bodiless = is_bodiless(head.status, method);
  if (!take_length(ended, bodiless, head.framing, head.content_length)) return kMalformed;
  if (head.status < 200 || head.status == 204) head.content_length = -1;
  take_cookies();
  head.fields = x_fields;
  return Cause::kNone;
}

Cause H2HeadReader::finish_trailers(Side side, Fields& trailers) {
  if (x_malformed) return cause_of(side, Cause::kMalformedRequest);
  if (x_too_large) return cause_of(side, Cause::kRequestHeadTooLarge);
  trailers = x_fields;
  return Cause::kNone;
}

std::string_view h2_protocol_of(std::string_view upgrade) {
  constexpr std::string_view kWebSocket = "websocket";
  std::string_view found;
  for_each_element(upgrade, [&](std::string_view name) {
    if (found.empty() && is_token(name)) found = name;
  });
  // HTTP/1 does not mind its case, RFC 8441 has it so.
  return same_name(found, kWebSocket) ? kWebSocket : found;
}

}  // namespace outrigger::http
