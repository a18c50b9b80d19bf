// Looks for the empty line that ends a head or a trailer section, once over each byte however the
// bytes arrive; a line must end in CRLF (RFC 9112 section 2.2 would allow LF alone, which two
// parsers in a row read differently). Part of a HeadEnd or BodyReader.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace outrigger::http {

// What stands before the first line end; all of `text` if there is none.
inline std::string_view first_line(std::string_view text) {
  const size_t size = std::min(text.find('\n'), text.size());
  const bool crlf = size < text.size() && size > 0 && text[size - 1] == '\r';
  return text.substr(0, crlf ? size - 1 : size);
}

class LineScan {
 public:
  enum class Found : uint8_t { kMore, kEmptyLine, kBareLf };

  // The first line begins at offset `begin` of the bytes.
  explicit LineScan(size_t begin = 0)
      : x_line(static_cast<uint32_t>(begin)), x_looked(static_cast<uint32_t>(begin)) {}

  // `bytes` are those of the last call, and more. After kEmptyLine, looked() is behind that line.
  Found find_empty_line(std::string_view bytes) {
    const char* const data = bytes.data();
    const size_t size = bytes.size();
    size_t at = x_looked;
#ifdef __SSE2__
    // Lines are short, so a call of memchr for each costs more than it saves.
    for (; at + 64 <= size; at += 64) {
      if (!pass_lines(data, at, line_feeds_of_64(data + at))) return stop(data, x_looked);
    }
    for (; at + 16 <= size; at += 16) {
      if (!pass_lines(data, at, line_feeds(data + at))) return stop(data, x_looked);
    }
#endif
    for (; at < size; ++at) {
      if (data[at] != '\n') continue;
      if (!is_inner_line(data, at)) return stop(data, at);
      x_line = static_cast<uint32_t>(at + 1);
    }
    x_looked = static_cast<uint32_t>(size);
    return Found::kMore;
  }

  // The same where every line ends in LF alone; after the first such call no other.
  Found find_empty_line_of_lf(std::string_view bytes) {
    const size_t from = std::max(x_looked, x_line + 1) - 1;
    const size_t at = bytes.find("\n\n", from);
    const bool found = at != std::string_view::npos;
    x_looked = static_cast<uint32_t>(found ? at + 2 : bytes.size());
    return found ? Found::kEmptyLine : Found::kMore;
  }

  size_t line() const { return x_line; }  // where the line that has not ended begins
  size_t looked() const { return x_looked; }

 private:
#ifdef __SSE2__
  // Bit n: byte n of the 16 at `data` is LF.
  static uint64_t line_feeds(const char* data) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
    const __m128i lf = _mm_set1_epi8('\n');
    return static_cast<uint16_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(part, lf)));
  }
  static uint64_t line_feeds_of_64(const char* data) {
    return line_feeds(data) | line_feeds(data + 16) << 16 | line_feeds(data + 32) << 32 |
           line_feeds(data + 48) << 48;
  }

  // Goes past the lines that end at `ends`, bits from offset `at` on. False at one that is empty or
  // wrong: it ends at x_looked.
  bool pass_lines(const char* data, size_t at, uint64_t ends) {
    for (; ends != 0; ends &= ends - 1) {
      const size_t lf = at + static_cast<size_t>(std::countr_zero(ends));
      if (!is_inner_line(data, lf)) {
        x_looked = static_cast<uint32_t>(lf);
        return false;
      }
      x_line = static_cast<uint32_t>(lf + 1);
    }
    return true;
  }
#endif

  // The LF at `lf` ends a line in CRLF that is not empty.
  bool is_inner_line(const char* data, size_t lf) const {
    return lf > x_line + size_t{1} && data[lf - 1] == '\r';
  }

  // At the LF of an empty line, or one that is wrong.
  Found stop(const char* data, size_t lf) {
    if (lf == x_line || data[lf - 1] != '\r') return Found::kBareLf;
    x_line = x_looked = static_cast<uint32_t>(lf + 1);
    return Found::kEmptyLine;
  }

  uint32_t x_line;
  uint32_t x_looked;
};

}  // namespace outrigger::http
