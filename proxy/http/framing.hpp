// Where a message body ends: the one place that decides it, for both directions (RFC 9112 section
// 6). Of a request, everything is refused that two servers in a row might read differently:
// Content-Length together with Transfer-Encoding, a field twice, a list of lengths. Of an answer,
// whose work is done already, what cannot matter is passed over and what is wrong but plain is
// taken; only two different lengths, a length beside a coding, and a coding that we cannot undo
// end the call. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/error.hpp"
#include "proxy/base/result.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::http {

// What the framing fields of one head say, before it is judged.
struct FramingFields {
  std::string_view content_length;
  std::string_view transfer_encoding;
  int content_lengths = 0;  // how many fields of that name
  int transfer_encodings = 0;
  bool repeats = true;  // where there are several, each says the same as the first

  // `field` is one of the two.
  void add(const Field& field);
};

struct BodyFraming {
  Framing framing = Framing::kNone;
  int64_t length = -1;  // as declared, also where no body follows; -1: not declared
  // False: the sender may mean more to follow than we read. What comes behind is nobody's answer.
  bool plain = true;
};

// What Content-Length declares: a number, or the same one several times over (RFC 9112 section 6.3,
// rule 5). -1: anything else.
int64_t length_in_list(std::string_view value);

// kMalformedRequest, or kUnknownTransferCoding for a well-formed list of codings that is not
// exactly "chunked" but could be honoured by somebody else.
Result<BodyFraming, Cause> request_framing(const FramingFields& said, Version version);

// `method` is that of the request. kMalformedResponse.
Result<BodyFraming, Cause> response_framing(const FramingFields& said, Version version, int status,
                                            Method method);

// No body ever follows such a response (RFC 9112 section 6.3, rule 1).
bool is_bodiless(int status, Method request_method);

}  // namespace outrigger::http
