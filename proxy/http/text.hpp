// The character classes of RFC 9110 section 5.6 and small questions about text that every part of
// the codec asks. Bytes only: nothing here depends on a locale. Pure functions; any thread.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace outrigger::http {

enum CharClass : uint8_t {
  kTokenChar = 1 << 0,   // tchar
  kHostChar = 1 << 1,    // of a registered name, see authority.hpp
  kTargetChar = 1 << 2,  // may stand in a request target: 0x21-0x7E without '#'
  kValueChar = 1 << 3,   // HTAB, SP, VCHAR, obs-text
  kDigitChar = 1 << 4,
  kLowerTokenChar = 1 << 5,  // tchar without upper case: names in HTTP/2
};

namespace detail {
constexpr std::array<uint8_t, 256> char_classes() {
  constexpr std::string_view kToken = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kHost = "-._~!$&'()*+;=";
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const char text = static_cast<char>(c);
    const bool digit = c >= '0' && c <= '9';
    const bool alnum = digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    uint8_t& to = classes[static_cast<size_t>(c)];
    if (alnum || (c != 0 && kToken.find(text) != std::string_view::npos)) to |= kTokenChar;
    if ((to & kTokenChar) != 0 && !(c >= 'A' && c <= 'Z')) to |= kLowerTokenChar;
    if (alnum || (c != 0 && kHost.find(text) != std::string_view::npos)) to |= kHostChar;
    if (c > 0x20 && c < 0x7F && c != '#') to |= kTargetChar;
    if (c == '\t' || (c >= 0x20 && c != 0x7F)) to |= kValueChar;
    if (digit) to |= kDigitChar;
  }
  return classes;
}
}  // namespace detail

inline constexpr std::array<uint8_t, 256> kCharClasses = detail::char_classes();

constexpr uint8_t classes_of(char c) { return kCharClasses[static_cast<uint8_t>(c)]; }

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// Whether every byte of `text` has the class; true for empty text.
constexpr bool all_of_class(std::string_view text, CharClass wanted) {
  uint8_t common = wanted;
#pragma GCC unroll 8
  for (const char c : text) common &= classes_of(c);
  return common != 0;
}

// Whether every byte may stand in a field's value: what all_of_class says, sixteen at a time.
inline bool is_value_text(std::string_view text) {
#ifdef __SSE2__
  constexpr size_t kStep = 16;
  const auto is_good = [](const char* from) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i least = _mm_max_epu8(part, _mm_set1_epi8(0x20));
    const __m128i good =
        _mm_or_si128(_mm_cmpeq_epi8(part, least), _mm_cmpeq_epi8(part, _mm_set1_epi8('\t')));
    const __m128i deleted = _mm_cmpeq_epi8(part, _mm_set1_epi8(0x7F));
    return _mm_movemask_epi8(_mm_andnot_si128(deleted, good)) == 0xFFFF;
  };
  if (text.size() >= kStep) {
    const char* const last = text.data() + text.size() - kStep;
    for (const char* at = text.data(); at < last; at += kStep) {
      if (!is_good(at)) return false;
    }
    return is_good(last);
  }
#endif
  return all_of_class(text, kValueChar);
}

// Whether it holds what some reader takes for the end of a line or of the text: CR, LF, NUL (RFC
// 9110 section 5.5).
inline bool may_split(std::string_view text) {
  return !is_value_text(text) &&
         text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

// How many bytes at the beginning of `text` may stand in a request target.
inline size_t target_prefix(std::string_view text) {
  size_t at = 0;
#ifdef __SSE2__
  // Targets are the longest thing that is read byte by byte.
  for (; at + 16 <= text.size(); at += 16) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i above = _mm_cmpgt_epi8(part, _mm_set1_epi8(0x20));  // signed: not for 0x80 and up
    const __m128i wrong = _mm_or_si128(_mm_cmpeq_epi8(part, _mm_set1_epi8(0x7F)),
                                       _mm_cmpeq_epi8(part, _mm_set1_epi8('#')));
    const auto good = static_cast<uint32_t>(_mm_movemask_epi8(_mm_andnot_si128(wrong, above)));
    if (good != 0xFFFF) return at + static_cast<size_t>(std::countr_one(good));
  }
#endif
  while (at < text.size() && (classes_of(text[at]) & kTargetChar) != 0) ++at;
  return at;
}

constexpr bool is_token(std::string_view text) {
  return !text.empty() && all_of_class(text, kTokenChar);
}

// Without SP and HTAB at both ends, and only those (0x85 and 0xA0 are not white space here).
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// 1*DIGIT, leading zeros allowed; -1 for anything else and for more than INT64_MAX.
constexpr int64_t parse_decimal(std::string_view text) {
  if (text.empty()) return -1;
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    const int digit = c - '0';
    if (value > (INT64_MAX - digit) / 10) return -1;
    value = value * 10 + digit;
  }
  return value;
}

}  // namespace outrigger::http
