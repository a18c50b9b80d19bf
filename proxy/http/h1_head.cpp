#include "proxy/http/h1_head.hpp"

#include <algorithm>

#include "proxy/http/authority.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/h1_fields.hpp"
#include "proxy/http/hop.hpp"
#include "proxy/http/mend.hpp"
#include "proxy/http/path.hpp"
#include "proxy/http/text.hpp"
#include "proxy/http/upgrade.hpp"

namespace outrigger::http {
namespace {

constexpr size_t kMaxMethod = 64;

using Refusal = Failure<Cause>;
Refusal malformed() { return failure(Cause::kMalformedRequest); }

struct RequestLine {
  std::string_view method;
  std::string_view target;
  Version version;
};

// "HTTP/1.1" and "HTTP/1.0"; any other HTTP/d.d is a version that is not supported, the rest no
// HTTP.
Result<Version, Cause> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return Version::kHttp11;
  if (text == "HTTP/1.0") return Version::kHttp10;
  const bool shaped = text.size() == 8 && text.starts_with("HTTP/") && text[6] == '.' &&
                      parse_decimal(text.substr(5, 1)) >= 0 && parse_decimal(text.substr(7)) >= 0;
  return failure(shaped ? Cause::kUnsupportedVersion : Cause::kMalformedRequest);
}

// `line` is without its CRLF. Exactly one space stands between the parts (RFC 9112 section 3).
Result<RequestLine, Cause> parse_request_line(std::string_view line, uint32_t target_bytes) {
  size_t at = 0;
  while (at < line.size() && (classes_of(line[at]) & kTokenChar) != 0) ++at;
  if (at == 0 || at > kMaxMethod || at == line.size() || line[at] != ' ') return malformed();
  const std::string_view method = line.substr(0, at);
  line.remove_prefix(at + 1);
  at = target_prefix(line);
  if (at > target_bytes) return failure(Cause::kTargetTooLong);
  if (at == 0 || at == line.size() || line[at] != ' ') return malformed();
  const Result<Version, Cause> version = parse_version(line.substr(at + 1));
  if (!version) return failure(version.error());
  return RequestLine{method, line.substr(0, at), *version};
}

// Authority form (RFC 9112 section 3.2.3): where the tunnel leads, always with a port.
bool take_tunnel_target(std::string_view target, RequestHead& head) {
  const auto authority = split_authority(target);
  head.authority = head.proxy_target = target;
  head.tunnel = true;
  return authority && authority->has_port && !authority->host.empty();
}

// The length of a scheme and the "://" behind it (RFC 3986 section 3.1); 0: there is none.
size_t scheme_prefix(std::string_view target) {
  constexpr std::string_view kEnd = "://";
  const size_t size = target.find(kEnd);
  if (size == 0 || size == std::string_view::npos) return 0;
  const auto is_alpha = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  const auto may_follow = [&](char c) {
    return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  const std::string_view scheme = target.substr(0, size);
  const bool good =
      is_alpha(scheme.front()) && std::all_of(scheme.begin(), scheme.end(), may_follow);
  return good ? size + kEnd.size() : 0;
}

// The forms of RFC 9112 section 3.2 into origin form (or "*") and, for absolute and authority form,
// the authority.
bool take_target(std::string_view target, RequestHead& head, Arena& arena) {
  if (head.method == Method::kConnect) return take_tunnel_target(target, head);
  head.target = target;
  if (target.front() == '/' || target == "*") return is_origin_target(target, head.method);
  const size_t prefix = scheme_prefix(target);
  if (prefix == 0) return false;
  head.absolute_form = true;
  head.proxy_target = target;
  target.remove_prefix(prefix);
  const size_t end = std::min(target.find_first_of("/?"), target.size());
  head.authority = target.substr(0, end);
  head.target = target.substr(end);
  if (head.target.empty()) {
    head.target = head.method == Method::kOptions ? "*" : "/";
  } else if (head.target.front() == '?') {
    head.target = arena.concat({"/", head.target});
  }
  return is_authority(head.authority);
}

// RFC 9112 section 3.2: exactly one Host in HTTP/1.1, valid even where the target overrides it.
bool take_host(const FieldSection& section, RequestHead& head) {
  if (section.hosts == 0) return head.version == Version::kHttp10;
  if (section.hosts > 1 || !is_authority(section.host)) return false;
  if (!head.absolute_form && !head.tunnel) head.authority = section.host;
  return true;
}

bool valid_max_forwards(const Fields& fields) {
  return fields.count(Name::kMaxForwards) == 1 &&
         parse_decimal(fields.value(Name::kMaxForwards)) >= 0;
}

bool wishes_keep_alive(const HopFields& hop, Version version) {
  return !hop.close() && (version == Version::kHttp11 || hop.keep_alive());
}

// An Upgrade may be ignored (RFC 9110 section 7.8), and so it is behind a body of which nobody
// knows yet where it ends: the tunnel begins there.
std::string_view upgrade_of(const HopFields& hop, const RequestHead& head, Arena& arena) {
  if (head.tunnel || head.version != Version::kHttp11) return {};
  if (head.framing == Framing::kChunked) return {};
  return carried_protocols(hop.upgrade(), arena);
}

// What follows from the fields. kNone: the head is good.
Cause apply_request_fields(FieldSection& section, RequestHead& head, Arena& arena) {
  const Result<BodyFraming, Cause> body = request_framing(section.framing, head.version);
  if (!body) return body.error();
  head.framing = body->framing;
  head.content_length = body->framing == Framing::kLength ? body->length : 0;
  if (!take_host(section, head)) return Cause::kMalformedRequest;
  head.fields = section.fields;
  HopFields& hop = section.hop;
  if (!hop.apply(Side::kRequest, head.fields)) return Cause::kMalformedRequest;
  if (section.saw(Name::kTrailer) && head.framing != Framing::kChunked) {
    head.fields.remove(Name::kTrailer);
  }
  head.keep_alive = wishes_keep_alive(hop, head.version);
  head.te_trailers = hop.te_trailers();
  head.upgrade = upgrade_of(hop, head, arena);
  if (head.is_for_proxy()) head.proxy_authorization = hop.proxy_authorization();
  if (head.tunnel) {
    const bool body_follows = head.framing == Framing::kChunked || head.content_length > 0;
    if (body_follows) return Cause::kMalformedRequest;
    head.framing = Framing::kNone;
  }
  if (section.saw(Name::kMaxForwards) && !valid_max_forwards(head.fields)) {
    return Cause::kMalformedRequest;
  }
  if (section.saw(Name::kExpect)) {
    const bool may_ask = head.version == Version::kHttp11 && head.framing != Framing::kNone;
    if (!take_expect(head, may_ask)) return Cause::kUnknownExpectation;
  }
  return Cause::kNone;
}

struct StatusLine {
  Version version;
  int status;
  std::string_view reason;
};

// RFC 9112 section 4; the space before an absent reason may be missing, as many servers leave it
// out, and the one before the status may be several (section 2.3 for a later minor version).
Result<StatusLine, Cause> parse_status_line(std::string_view line) {
  std::string_view protocol = line.substr(0, 8);
  const bool later = protocol.starts_with("HTTP/1.") && protocol > "HTTP/1.1" &&
                     parse_decimal(protocol.substr(7)) >= 0;
  if (later) protocol = "HTTP/1.1";
  const Result<Version, Cause> version = parse_version(protocol);
  if (!version || line.size() < 12 || line[8] != ' ') return malformed();
  line.remove_prefix(std::min(line.find_first_not_of(' ', 8), line.size()));
  const int64_t status = line.size() < 3 ? -1 : parse_decimal(line.substr(0, 3));
  if (status < 100) return malformed();
  std::string_view reason = line.substr(3);
  if (!reason.empty()) {
    if (reason.front() != ' ' || may_split(reason)) return malformed();
    reason.remove_prefix(1);
    if (!all_of_class(reason, kValueChar)) reason = {};  // which means nothing to a machine
  }
  return StatusLine{*version, static_cast<int>(status), reason};
}

bool shares_protocol(std::string_view asked, std::string_view chosen) {
  bool shared = false;
  for_each_element(chosen, [&](std::string_view one) {
    for_each_element(asked, [&](std::string_view other) { shared |= same_name(one, other); });
  });
  return shared;
}

bool begins_crlf(std::string_view text) { return text.starts_with("\r\n"); }

}  // namespace

bool take_expect(RequestHead& head, bool may_ask) {
  bool known = true;
  bool asked = false;
  for (const Field& field : head.fields) {
    if (field.id != Name::kExpect) continue;
    for_each_element(field.value, [&](std::string_view expectation) {
      known &= same_name(expectation, "100-continue");
      asked = true;
    });
  }
  head.fields.remove(Name::kExpect);
  head.expects_continue = known && asked && may_ask;
  return known;
}

Result<RequestHead, Cause> parse_request_head(std::string_view head, Arena& arena,
                                              const HeadLimits& limits) {
  const std::string_view line = first_line(head);
  std::string_view rest = head.substr(line.size());
  const Result<RequestLine, Cause> start = parse_request_line(line, limits.target_bytes);
  if (!start) return failure(start.error());
  if (!begins_crlf(rest)) return malformed();
  rest.remove_prefix(2);

  RequestHead request;
  request.method_text = start->method;
  request.method = method_from(start->method);
  request.version = start->version;
  if (request.method == Method::kTrace) return failure(Cause::kMethodRefused);
  if (!take_target(start->target, request, arena)) return malformed();
  if (has_encoded_nul(request.path())) return malformed();

  FieldSection section;
  Cause cause = parse_fields(Side::kRequest, rest, arena, limits.fields, section);
  if (cause == Cause::kNone) cause = apply_request_fields(section, request, arena);
  if (cause != Cause::kNone) return failure(cause);
  return request;
}

Result<ResponseHead, Cause> parse_response_head(std::string_view head, const Asked& asked,
                                                Arena& arena, const HeadLimits& limits) {
  constexpr Cause kMalformed = Cause::kMalformedResponse;
  const std::string_view line = first_line(head);
  std::string_view rest = head.substr(line.size());
  const Result<StatusLine, Cause> start = parse_status_line(line);
  const bool lf = rest.starts_with('\n');
  if (!start || !(lf || begins_crlf(rest))) return failure(kMalformed);
  rest.remove_prefix(lf ? 1 : 2);

  FieldSection section;
  const Cause cause = lf ? mend_fields(rest, arena, limits.fields, section)
                         : parse_fields(Side::kResponse, rest, arena, limits.fields, section);
  if (cause != Cause::kNone) return failure(cause);
  ResponseHead response;
  response.status = start->status;
  response.version = start->version;
  response.reason = start->reason;
  response.fields = section.fields;
  HopFields& hop = section.hop;
  const bool hop_good = hop.apply(Side::kResponse, response.fields);
  // Whatever it declares (RFC 9110 section 9.3.6).
  if (asked.method == Method::kConnect && start->status / 100 == 2) {
    response.tunnel = true;
    if (!hop_good) return failure(kMalformed);
    return response;
  }
  const Result<BodyFraming, Cause> body =
      response_framing(section.framing, start->version, start->status, asked.method);
  if (!hop_good || !body) return failure(kMalformed);
  response.framing = body->framing;
  response.content_length = body->length;
  response.keep_alive_s = hop.keep_alive_s();
  // What a server means to follow that we do not read comes behind our back, on a connection that
  // we think is idle.
  response.keep_alive = wishes_keep_alive(hop, start->version) && body->plain && !section.has_gap &&
                        body->framing != Framing::kUntilClose;
  const bool trailers = body->framing == Framing::kChunked;
  if (section.saw(Name::kTrailer) && !trailers) response.fields.remove(Name::kTrailer);
  if (response.status == 426) response.upgrade = hop.upgrades_named();
  if (response.status == 101) {
    if (!shares_protocol(asked.upgrade, hop.upgrade())) return failure(kMalformed);
    response.upgrade = hop.upgrade();
    response.tunnel = true;
  }
  return response;
}

}  // namespace outrigger::http
