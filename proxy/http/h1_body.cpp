#include "proxy/http/h1_body.hpp"

#include <algorithm>
#include <utility>

#include "proxy/http/hop.hpp"
#include "proxy/http/mend.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr int kMaxSizeDigits = 16;
constexpr uint16_t kMaxExtensionBytes = 4 * 1024;
// A chunk costs what this many bytes of a body do, and each byte of an extension 16 of them. Its
// own bytes pay for it, and time: a server that writes every character by itself makes 100,000
// chunks in a second at most, a heartbeat one.
constexpr uint64_t kChunkCost = 64;
constexpr uint64_t kExtensionByteCost = 16;
constexpr uint64_t kPaidByMs = 250 * kChunkCost;
constexpr uint64_t kMaxDebt = 1'000'000 * kChunkCost;
// A field takes 32 bytes at least, as RFC 9113 section 6.5.2 counts them.
constexpr size_t kMaxTrailers = 100;
constexpr size_t kTrailerBytes = 32;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyReader::BodyReader(Side side, Framing framing, int64_t length, uint32_t trailer_bytes)
    : x_trailer_limit(trailer_bytes), x_side(side) {
  switch (framing) {
    case Framing::kNone:
      break;
    case Framing::kLength:
      x_remaining = static_cast<uint64_t>(std::max<int64_t>(length, 0));
      if (x_remaining > 0) x_state = State::kLength;
      break;
    case Framing::kChunked:
      x_state = State::kSizeStart;
      break;
    case Framing::kUntilClose:
      x_state = State::kUntilClose;
      break;
  }
}

BodyReader::Step BodyReader::fail(Cause as_request) {
  x_state = State::kFailed;
  return {Kind::kError, cause_of(x_side, as_request), {}, 0};
}

BodyReader::Step BodyReader::take_data(std::string_view bytes) {
  const size_t size = static_cast<size_t>(std::min<uint64_t>(bytes.size(), x_remaining));
  x_remaining -= size;
  x_body_bytes += size;
  return {Kind::kData, Cause::kNone, bytes.substr(0, size), size};
}

BodyReader::Step BodyReader::feed(std::string_view bytes, Arena& arena, int64_t now_ms) {
  switch (x_state) {
    case State::kEnded:
      return {Kind::kEnd, Cause::kNone, {}, 0};
    case State::kFailed:
      return fail();
    case State::kLength: {
      if (bytes.empty()) return {};
      const Step step = take_data(bytes);
      if (x_remaining == 0) x_state = State::kEnded;
      return step;
    }
    case State::kUntilClose:
      if (bytes.empty()) return {};
      x_body_bytes += bytes.size();
      return {Kind::kData, Cause::kNone, bytes, bytes.size()};
    default:
      return feed_framing(bytes, arena, now_ms);
  }
}

BodyReader::Step BodyReader::feed_framing(std::string_view bytes, Arena& arena, int64_t now_ms) {
  size_t at = 0;
  while (x_state != State::kTrailers) {
    if (at == bytes.size()) return {Kind::kMore, Cause::kNone, {}, at};
    if (x_state == State::kChunkData) {
      Step step = take_data(bytes.substr(at));
      step.consumed += at;
      if (x_remaining == 0) x_state = State::kDataCr;
      return step;
    }
    if (!take_framing(bytes[at++], now_ms)) return fail();
  }
  Step step = feed_trailers(bytes.substr(at), arena);
  step.consumed += at;
  return step;
}

// One byte of chunk framing. False: malformed or out of bounds.
bool BodyReader::take_framing(char c, int64_t now_ms) {
  switch (x_state) {
    case State::kSizeStart:
    case State::kSize:
    case State::kSizeBlank:
      return take_size(c);
    case State::kExtension:
    case State::kQuoted:
    case State::kEscaped:
      return take_extension(c);
    case State::kSizeLf:
      return c == '\n' && end_size_line(now_ms);
    case State::kDataCr:
      x_state = State::kDataLf;
      return c == '\r';
    case State::kDataLf:
      x_state = State::kSizeStart;
      return c == '\n';
    default:
      return false;
  }
}

// chunk-size = 1*HEXDIG; white space only as the BWS before an extension. Some servers write sizes
// of one width, with blanks behind them.
bool BodyReader::take_size(char c) {
  if (const int digit = hex_value(c); digit >= 0 && x_state != State::kSizeBlank) {
    if (x_state == State::kSizeStart) {
      x_state = State::kSize;
      x_digits = 0;
      x_extension_bytes = 0;
    }
    if (++x_digits > kMaxSizeDigits) return false;
    x_remaining = x_remaining << 4U | static_cast<uint64_t>(digit);
    return true;
  }
  if (x_state == State::kSizeStart) return false;
  if (c == ';' || c == ' ' || c == '\t') {
    x_state = c == ';' ? State::kExtension : State::kSizeBlank;
    return ++x_extension_bytes <= kMaxExtensionBytes;
  }
  if (c != '\r' || (x_state == State::kSizeBlank && x_side == Side::kRequest)) return false;
  x_state = State::kSizeLf;
  return true;
}

// Extensions are not looked at and not passed on, but a quoted string must not hide the end of the
// line.
bool BodyReader::take_extension(char c) {
  if (x_state == State::kExtension && c == '\r') {
    x_state = State::kSizeLf;
    return true;
  }
  if (++x_extension_bytes > kMaxExtensionBytes || (classes_of(c) & kValueChar) == 0) return false;
  if (x_state == State::kEscaped) {
    x_state = State::kQuoted;
  } else if (c == '"') {
    x_state = x_state == State::kQuoted ? State::kExtension : State::kQuoted;
  } else if (c == '\\' && x_state == State::kQuoted) {
    x_state = State::kEscaped;
  }
  return true;
}

bool BodyReader::end_size_line(int64_t now_ms) {
  if (x_remaining > INT64_MAX) return false;
  x_state = x_remaining == 0 ? State::kTrailers : State::kChunkData;
  return charge_chunk(now_ms);
}

bool BodyReader::charge_chunk(int64_t now_ms) {
  const uint64_t cost = kChunkCost + x_extension_bytes * kExtensionByteCost;
  if (now_ms != x_charged_ms) {
    const auto passed_ms = static_cast<uint64_t>(now_ms - std::exchange(x_charged_ms, now_ms));
    const uint64_t paid = std::min(passed_ms, kMaxDebt / kPaidByMs) * kPaidByMs;
    x_debt -= static_cast<uint32_t>(std::min<uint64_t>(paid, x_debt));
  }
  const uint64_t owed = x_debt + cost;
  x_debt = static_cast<uint32_t>(owed - std::min(owed, x_remaining));
  return x_debt <= kMaxDebt;
}

// Waits for the whole section in the connection's buffer, then reads it once.
BodyReader::Step BodyReader::feed_trailers(std::string_view bytes, Arena& arena) {
  const LineScan::Found found = x_scan.find_empty_line(bytes);
  if (found == LineScan::Found::kBareLf) return fail();
  if (x_scan.looked() > x_trailer_limit) return fail(Cause::kRequestHeadTooLarge);
  if (found == LineScan::Found::kMore) return {};
  const std::string_view section = bytes.substr(0, x_scan.looked() - 2);
  const Cause cause = section.empty() ? Cause::kNone : read_trailers(arena.copy(section), arena);
  if (cause != Cause::kNone) return fail(cause);
  x_state = State::kEnded;
  return {Kind::kEnd, Cause::kNone, {}, section.size() + 2};
}

// `section` is lines that each end in CRLF, without the empty one. The grammar is that of header
// fields; llhttp would apply its framing rules to names that are merely dropped here.
Cause BodyReader::read_trailers(std::string_view section, Arena& arena) {
  if (x_side == Side::kResponse) return mend_trailers(section, arena);
  for (size_t count = 0; !section.empty(); ++count) {
    if (count == kMaxTrailers) return Cause::kRequestHeadTooLarge;
    const std::string_view line = first_line(section);
    section.remove_prefix(line.size() + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Cause::kMalformedRequest;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (!is_token(name) || !all_of_class(value, kValueChar)) return Cause::kMalformedRequest;
    const Name id = intern(name);
    if (is_trailer_name(x_side, name, id)) x_trailers.add(arena, {name, value, id});
  }
  return Cause::kNone;
}

Cause BodyReader::mend_trailers(std::string_view section, Arena& arena) {
  FieldSection read;
  const Cause cause =
      mend_fields(section, arena, static_cast<uint32_t>(x_trailer_limit / kTrailerBytes), read);
  if (cause == Cause::kResponseHeadTooLarge) return Cause::kRequestHeadTooLarge;
  if (cause != Cause::kNone) return Cause::kMalformedRequest;
  x_trailers = read.fields;
  x_trailers.keep_if(
      [](const Field& field) { return is_trailer_name(Side::kResponse, field.name, field.id); });
  return Cause::kNone;
}

}  // namespace outrigger::http
