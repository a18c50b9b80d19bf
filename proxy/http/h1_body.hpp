// Reads the body of one HTTP/1 message from the bytes of its connection: counted, chunked (RFC 9112
// section 7.1) or until the connection closes. Data comes out as views into the bytes that went in.
// The chunked reader is our own, because llhttp takes a bare LF, white space and signs where the
// grammar has none; nothing ambiguous may pass. Owned by an exchange or connection; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/error.hpp"
#include "proxy/http/fields.hpp"
#include "proxy/http/line_scan.hpp"
#include "proxy/http/message.hpp"
#include "proxy/http/side.hpp"

namespace outrigger::http {

class BodyReader {
 public:
  enum class Kind : uint8_t {
    kData,   // `data` is a piece of the body
    kEnd,    // the message is complete, trailers() are there
    kMore,   // nothing more can be said about these bytes
    kError,  // malformed: see `cause`; the connection must be closed
  };
  struct Step {
    Kind kind = Kind::kMore;
    Cause cause = Cause::kNone;
    std::string_view data;
    size_t consumed = 0;  // of the bytes given
  };

  // A message without a body.
  BodyReader() = default;
  // `length` counts with Framing::kLength only. A trailer section may have `trailer_bytes`.
  BodyReader(Side side, Framing framing, int64_t length, uint32_t trailer_bytes = 64 * 1024);

  // Call it again and again, each time without the bytes that were consumed, until kMore, kEnd or
  // kError. What a kMore leaves (a part of a trailer section) must come again, with more behind it.
  // Trailers go into `arena`. Bounded: the extensions of one chunk to 4 KiB, and chunks that hold
  // next to nothing to a million at once and 250,000 in each second, see kChunkCost.
  Step feed(std::string_view bytes, Arena& arena, int64_t now_ms);

  // True from the last byte of a counted body on, even before the step kEnd.
  bool ended() const { return x_state == State::kEnded; }
  // Whether the end of the connection, now, is the end of the message rather than a truncation.
  bool complete_at_eof() const { return ended() || x_state == State::kUntilClose; }
  // Without those that no trailer may carry: see is_trailer_name().
  const Fields& trailers() const { return x_trailers; }
  uint64_t body_bytes() const { return x_body_bytes; }

 private:
  enum class State : uint8_t {
    kEnded,
    kFailed,
    kLength,
    kUntilClose,
    kSizeStart,
    kSize,
    kSizeBlank,
    kExtension,
    kQuoted,
    kEscaped,
    kSizeLf,
    kChunkData,
    kDataCr,
    kDataLf,
    kTrailers,
  };

  Step feed_framing(std::string_view bytes, Arena& arena, int64_t now_ms);
  Step feed_trailers(std::string_view bytes, Arena& arena);
  Cause read_trailers(std::string_view section, Arena& arena);
  Cause mend_trailers(std::string_view section, Arena& arena);
  Step take_data(std::string_view bytes);
  Step fail(Cause as_request = Cause::kMalformedRequest);
  bool take_framing(char c, int64_t now_ms);
  bool take_size(char c);
  bool take_extension(char c);
  bool end_size_line(int64_t now_ms);
  bool charge_chunk(int64_t now_ms);

  uint64_t x_remaining = 0;  // of the counted body, or of this chunk
  uint64_t x_body_bytes = 0;
  int64_t x_charged_ms = 0;  // when x_debt was right
  uint32_t x_debt = 0;       // what chunks cost that neither their bytes nor time have paid
  uint32_t x_trailer_limit = 0;
  LineScan x_scan;  // of the trailer section
  Fields x_trailers;
  State x_state = State::kEnded;
  Side x_side = Side::kRequest;
  uint8_t x_digits = 0;
  uint16_t x_extension_bytes = 0;  // of this chunk
};

}  // namespace outrigger::http
