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

namespace outrigger::http {

// `path` is origin form without the query, or "*". A path that has its canonical form already is
// returned as it is, without a copy.
std::string_view canonical_path(std::string_view path, Arena& arena);

// Whether "%00" stands in it: the codec refuses such a target, so no route ever sees one.
bool has_encoded_nul(std::string_view path);

}  // namespace outrigger::http
