// The one form of a path on which routes are decided; the bytes that came are what is forwarded.
// (RFC 3986 section 6.2.2.) Percent-encoded unreserved characters are decoded and the hex digits of
// the others written in upper case, a '%' that begins no escape becomes "%25"; then runs of '/'
// become one and dot segments are removed. So
// "%2e%2e" is a dot segment, "%2F" never is a separator, and bytes above 0x7F stay encoded, which
// keeps overlong UTF-8 from meaning anything. ";params" belong to their segment. Pure functions;
// any thread.
#pragma once

#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::http {

// `path` is origin form without the query, or "*". A path that has its canonical form already is
// returned as it is, without a copy.
std::string_view canonical_path(std::string_view path, Arena& arena);

// Origin form, or the "*" of OPTIONS (RFC 9112 section 3.2), in characters that a target may have.
// "//" by itself could be meant as an authority and is refused; "//a" is the path that it says.
inline bool is_origin_target(std::string_view target, Method method) {
  if (target.starts_with('/')) return target != "//";
  return target == "*" && method == Method::kOptions;
}

// Whether "%00" stands in it: the codec refuses such a target, so no route ever sees one.
bool has_encoded_nul(std::string_view path);

}  // namespace outrigger::http
