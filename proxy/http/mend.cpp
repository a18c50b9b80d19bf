// What comes in the fields of an HTTP/1 answer and what becomes of it:
//
//   blanks before the colon               are removed
//   a line that begins with a blank       goes on with the field before it; without one before it,
//                                         it is left out
//   no colon, or a name that is no token  left out, and nothing else is read behind this answer
//   a control character in a value        becomes a blank, but not in what frames the answer
//   every line, the first too, ends in    is read so
//   LF alone
//   CR or NUL; LF where the first line    refused: that is what splits one answer into two
//   ended in CRLF
#include "proxy/http/mend.hpp"

#include <algorithm>

#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Hands out line by line, without their ends.
class Lines {
 public:
  explicit Lines(std::string_view text) : x_text(text), x_crlf(text.ends_with("\r\n")) {}

  // False: there is none but the empty one.
  bool next(std::string_view& line) {
    const std::string_view end = x_crlf ? std::string_view("\r\n") : std::string_view("\n");
    const size_t size = std::min(x_text.find(end), x_text.size());
    line = x_text.substr(0, size);
    x_text.remove_prefix(std::min(size + end.size(), x_text.size()));
    return !line.empty();
  }
  bool continues() const { return !x_text.empty() && is_blank(x_text.front()); }

 private:
  std::string_view x_text;
  bool x_crlf;
};

// The value that begins in `line`, with what the lines behind it add.
std::string_view unfolded(std::string_view line, Lines& lines, Arena& arena) {
  if (!lines.continues()) return trim(line);
  size_t bytes = line.size();
  std::string_view more;
  for (Lines ahead = lines; ahead.continues();) {
    ahead.next(more);
    bytes += 1 + more.size();
  }
  char* const begin = arena.array<char>(bytes);
  char* to = std::copy(line.begin(), line.end(), begin);
  while (lines.continues()) {
    lines.next(more);
    *to++ = ' ';
    more = trim(more);
    to = std::copy(more.begin(), more.end(), to);
  }
  return trim({begin, static_cast<size_t>(to - begin)});
}

}  // namespace

std::string_view without_controls(std::string_view value, Arena& arena) {
  if (is_value_text(value)) return value;
  char* const begin = arena.array<char>(value.size());
  std::transform(value.begin(), value.end(), begin,
                 [](char c) { return (classes_of(c) & kValueChar) != 0 ? c : ' '; });
  return trim({begin, value.size()});
}

Cause mend_fields(std::string_view section, Arena& arena, uint32_t max_fields, FieldSection& to) {
  constexpr uint64_t kFraming = bit_of(Name::kContentLength) | bit_of(Name::kTransferEncoding);
  Lines lines(section);
  std::string_view line;
  uint32_t left = max_fields;
  while (lines.next(line)) {
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = trim(line.substr(0, colon));
    const bool named = colon < line.size() && is_token(name) && !is_blank(line.front());
    const std::string_view value = unfolded(line.substr(colon), lines, arena);
    if (may_split(name) || may_split(value)) return Cause::kMalformedResponse;
    if (left-- == 0) return Cause::kResponseHeadTooLarge;
    if (!named) {
      to.has_gap |= !is_blank(line.front());
      continue;
    }
    const Name id = intern(name);
    const std::string_view text = trim(value.substr(1));  // behind the colon
    const bool frames = (bit_of(id) & kFraming) != 0;
    to.add(Side::kResponse, {name, frames ? text : without_controls(text, arena), id}, arena);
  }
  return Cause::kNone;
}

}  // namespace outrigger::http
