// Heads of HTTP/1 messages (RFC 9112 sections 2 to 6): finding where one ends among the bytes of a
// connection, and reading a complete one. The start line is read here, so that any method is
// possible and every refusal has its exact cause; llhttp reads the fields, once, and what it lets
// pass against the RFC is refused here too. Owned by a connection; one thread. Bodies are
// h1_body.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/result.hpp"
#include "proxy/http/line_scan.hpp"
#include "proxy/http/message.hpp"
#include "proxy/http/side.hpp"

namespace outrigger::http {

struct HeadLimits {
  uint32_t head_bytes = 64 * 1024;
  uint32_t target_bytes = 8 * 1024;
  uint32_t fields = 100;
};

// Looks for the end of the next head in the unconsumed bytes of a connection. It remembers how far
// it looked: a head that comes byte by byte costs linear time.
class HeadEnd {
 public:
  enum class State : uint8_t { kMore, kFound, kRefused };
  struct Look {
    State state = State::kMore;
    Cause cause = Cause::kNone;  // of kRefused
    size_t begin = 0;            // of kFound: the head is bytes [begin, end), with its empty line
    size_t end = 0;
  };

  explicit HeadEnd(Side side) : x_side(side) {}

  // `bytes` holds what it held in the last call, and more behind it. As soon as it can be known,
  // refuses with kMalformedRequest (kMalformedResponse) a line that ends in LF alone (but an answer
  // whose lines all do), more than two empty lines before a request, and what is not HTTP/1: a TLS
  // ClientHello, a PROXY header, the HTTP/2 preface; with kTargetTooLong a request line, with
  // kRequestHeadTooLarge (kResponseHeadTooLarge) a head that is too long.
  Look look(std::string_view bytes, const HeadLimits& limits);

  // For the next head of the connection.
  void reset() { *this = HeadEnd(x_side); }
  // Whether the first byte of a head has come.
  bool began() const { return x_began; }

 private:
  Look refuse(Cause as_request) const;
  Look start(std::string_view bytes);
  LineScan::Found find_end(std::string_view bytes);

  LineScan x_scan;
  uint32_t x_begin = 0;  // after empty lines
  Side x_side;
  bool x_began = false;  // the first byte of a head was there
  bool x_known = false;  // it looks like HTTP/1
  bool x_lf = false;     // an answer whose first line ends in LF alone
};

// `head` is one complete head, from HeadEnd, already in the arena: every view of the result points
// into it. Refuses with kMalformedRequest, kMethodRefused, kTargetTooLong, kUnknownExpectation,
// kRequestHeadTooLarge (too many fields), kUnknownTransferCoding or kUnsupportedVersion; after any
// of them the connection must be closed.
Result<RequestHead, Cause> parse_request_head(std::string_view head, Arena& arena,
                                              const HeadLimits& limits);

// Takes Expect out of the fields of a request of any version (RFC 9110 section 10.1.1). False: it
// names something else than 100-continue; a field that names nothing expects nothing. `may_ask`:
// there is content to wait with, and the version knows how.
bool take_expect(RequestHead& head, bool may_ask);

// What the request was to which a response head answers.
struct Asked {
  Method method = Method::kGet;
  std::string_view upgrade;  // RequestHead::upgrade as it was sent; empty: a 101 is unasked
};

// The same for a response, interim (1xx) or final. What is wrong but plain is mended: see
// mend.hpp. Refuses with kMalformedResponse or kResponseHeadTooLarge; the connection must not be
// used again.
Result<ResponseHead, Cause> parse_response_head(std::string_view head, const Asked& asked,
                                                Arena& arena, const HeadLimits& limits);

}  // namespace outrigger::http
