// A head that knows no version -> the fields of an HTTP/2 message (RFC 9113 section 8.3), as
// nghttp2 takes them. The array lives in the arena that is given, the text where the head has it.
// Nothing of the other side's framing or connection comes along. Pure functions; any thread.
#pragma once

#include <span>

#include <nghttp2/nghttp2.h>

#include "proxy/base/arena.hpp"
#include "proxy/http/h2_map.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::http {

using H2FieldSpan = std::span<const nghttp2_nv>;

// Host is :authority; content-length goes along where it is known.
H2FieldSpan h2_request_fields(const RequestHead& head, const H2RequestWriting& writing,
                              Arena& arena);
H2FieldSpan h2_response_fields(const ResponseHead& head, const H2ResponseWriting& writing,
                               Arena& arena);
H2FieldSpan h2_trailer_fields(const Fields& trailers, Arena& arena);

}  // namespace outrigger::http
