#include <algorithm>

#include "proxy/http/h1_head.hpp"
#include "proxy/http/line_scan.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr size_t kMaxMethod = 64;
constexpr size_t kMaxEmptyLines = 2;

enum class Guess : uint8_t { kYes, kNo, kUnknown };

// Whether `bytes` begin with `prefix`, as far as they are there.
Guess begins_with(std::string_view bytes, std::string_view prefix) {
  if (bytes.starts_with(prefix)) return Guess::kYes;
  return prefix.starts_with(bytes) ? Guess::kUnknown : Guess::kNo;
}

// A TLS record begins with 0x16 and PROXY v2 (after its two empty lines) with NUL: no token.
Guess is_request(std::string_view bytes) {
  if ((classes_of(bytes.front()) & kTokenChar) == 0) return Guess::kNo;
  if (bytes.front() != 'P') return Guess::kYes;
  for (const std::string_view foreign : {"PRI * HTTP/2", "PROXY "}) {
    switch (begins_with(bytes, foreign)) {
      case Guess::kYes:
        return Guess::kNo;
      case Guess::kUnknown:
        return Guess::kUnknown;
      case Guess::kNo:
        break;
    }
  }
  return Guess::kYes;
}

// What is wrong with the length of a request line that may not be complete yet.
Cause judge_request_line(std::string_view line, uint32_t target_bytes) {
  constexpr size_t kVersionBytes = sizeof("HTTP/1.1\r\n") - 1;
  if (line.size() <= target_bytes) return Cause::kNone;
  const size_t space = line.substr(0, kMaxMethod + 1).find(' ');
  if (space == std::string_view::npos) {
    return line.size() > kMaxMethod ? Cause::kMalformedRequest : Cause::kNone;
  }
  const std::string_view rest = line.substr(space + 1);
  const size_t target = std::min(rest.find(' '), rest.size());
  if (target > target_bytes) return Cause::kTargetTooLong;
  return rest.size() > target + 1 + kVersionBytes ? Cause::kMalformedRequest : Cause::kNone;
}

}  // namespace

HeadEnd::Look HeadEnd::refuse(Cause as_request) const {
  return {State::kRefused, cause_of(x_side, as_request), 0, 0};
}

// Skips empty lines (RFC 9112 section 2.2) and looks whether what follows may be HTTP/1 at all.
HeadEnd::Look HeadEnd::start(std::string_view bytes) {
  size_t at = 0;
  if (x_side == Side::kRequest) {
    while (bytes.substr(at).starts_with("\r\n")) {
      at += 2;
      if (at > 2 * kMaxEmptyLines) return refuse(Cause::kMalformedRequest);
    }
  }
  const std::string_view rest = bytes.substr(at);
  if (rest.empty() || (rest == "\r" && x_side == Side::kRequest)) return {};
  x_began = true;
  const Guess guess = x_side == Side::kRequest ? is_request(rest) : begins_with(rest, "HTTP/1.");
  if (guess == Guess::kNo) return refuse(Cause::kMalformedRequest);
  if (guess == Guess::kUnknown) return {};
  x_known = true;
  x_begin = static_cast<uint32_t>(at);
  x_scan = LineScan(at);
  return {};
}

// An LF alone is a line end where the first line has none other; behind a CRLF it may be a way to
// put a second answer into a field of the first.
LineScan::Found HeadEnd::find_end(std::string_view bytes) {
  if (x_lf) return x_scan.find_empty_line_of_lf(bytes);
  const LineScan::Found found = x_scan.find_empty_line(bytes);
  if (found != LineScan::Found::kBareLf || x_side == Side::kRequest) return found;
  const size_t first = bytes.find('\n', x_begin);
  if (first == x_begin || bytes[first - 1] == '\r') return found;
  x_lf = true;
  x_scan = LineScan(first);
  return x_scan.find_empty_line_of_lf(bytes);
}

HeadEnd::Look HeadEnd::look(std::string_view bytes, const HeadLimits& limits) {
  if (!x_known) {
    const Look first = start(bytes);
    if (!x_known) return first;
  }
  const bool in_first_line = x_scan.line() == x_begin;
  const LineScan::Found found = find_end(bytes);
  if (found == LineScan::Found::kBareLf) return refuse(Cause::kMalformedRequest);
  const size_t size = x_scan.looked() - x_begin;
  if (in_first_line && x_side == Side::kRequest && size > limits.target_bytes) {
    const Cause cause =
        judge_request_line(first_line(bytes.substr(x_begin, size)), limits.target_bytes);
    if (cause != Cause::kNone) return refuse(cause);
  }
  if (size > limits.head_bytes) return refuse(Cause::kRequestHeadTooLarge);
  if (found == LineScan::Found::kMore) return {};
  return {State::kFound, Cause::kNone, x_begin, x_scan.looked()};
}

}  // namespace outrigger::http
