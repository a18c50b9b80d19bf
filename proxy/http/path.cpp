#include "proxy/http/path.hpp"

#include <algorithm>

namespace outrigger::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// "/." also starts a harmless name like "/.well-known"; that only costs the slow way.
bool may_change(std::string_view path) {
  char before = '\0';
  for (const char c : path) {
    if (c == '%' || (before == '/' && (c == '/' || c == '.'))) return true;
    before = c;
  }
  return false;
}

// A '%' that begins no escape becomes "%25": left as it is, "%6%31" would turn into an escape.
// Writes at most two bytes more for each '%'.
char* normalise_escapes(std::string_view path, char* to) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (size_t i = 0; i < path.size(); ++i) {
    const int high = path[i] == '%' && i + 2 < path.size() ? hex_digit(path[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(path[i + 2]) : -1;
    if (low < 0) {
      *to++ = path[i];
      if (path[i] == '%') {
        *to++ = '2';
        *to++ = '5';
      }
      continue;
    }
    const char decoded = static_cast<char>(high * 16 + low);
    if (is_unreserved(decoded)) {
      *to++ = decoded;
    } else {
      *to++ = '%';
      *to++ = kHex[static_cast<size_t>(high)];
      *to++ = kHex[static_cast<size_t>(low)];
    }
    i += 2;
  }
  return to;
}

// In place; RFC 3986 section 5.2.4, with empty segments left out. `text` starts with '/'.
std::string_view remove_dot_segments(char* text, size_t size) {
  char* out = text;
  size_t at = 0;
  while (at < size) {
    while (at < size && text[at] == '/') ++at;
    const size_t begin = at;
    while (at < size && text[at] != '/') ++at;
    const std::string_view segment(text + begin, at - begin);
    const bool last = at == size;
    if (segment == "..") {
      while (out > text && *--out != '/') {
      }
    } else if (!segment.empty() && segment != ".") {
      *out++ = '/';
      out = std::copy(segment.begin(), segment.end(), out);
      continue;
    }
    if (last) *out++ = '/';
  }
  return {text, static_cast<size_t>(out - text)};
}

}  // namespace

std::string_view canonical_path(std::string_view path, Arena& arena) {
  if (!path.starts_with('/') || !may_change(path)) return path;
  const auto escapes = static_cast<size_t>(std::count(path.begin(), path.end(), '%'));
  char* const copy = static_cast<char*>(arena.allocate(path.size() + 2 * escapes, 1));
  const char* const end = normalise_escapes(path, copy);
  return remove_dot_segments(copy, static_cast<size_t>(end - copy));
}

bool has_encoded_nul(std::string_view path) {
  for (size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (path.substr(at + 1).starts_with("00")) return true;
  }
  return false;
}

}  // namespace outrigger::http
