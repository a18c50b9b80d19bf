#include "proxy/downstream/sniffer.hpp"

#include <algorithm>

#include "proxy/http/text.hpp"

namespace outrigger::downstream {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kMethodMax = 24;
constexpr char kTlsHandshake = 22;  // RFC 8446 section 5.1

bool is_method_char(char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }
bool is_target_char(char c) { return c > ' ' && c != '\x7f'; }

// "HTTP/1.1" and its line end, or as much of them as there is.
Speech look_for_version(std::string_view text) {
  constexpr std::string_view kVersion = "HTTP/d.d\r\n";
  for (size_t i = 0; i < std::min(text.size(), kVersion.size()); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    // A line that ends with LF alone is HTTP/1's to refuse.
    if (kVersion[i] == '\r' && text[i] == '\n') return Speech::kHttp1;
    if (kVersion[i] == 'd' ? !digit : text[i] != kVersion[i]) return Speech::kOpaque;
  }
  return text.size() < kVersion.size() ? Speech::kUnclear : Speech::kHttp1;
}

}  // namespace

Speech Sniffer::look(std::string_view bytes) {
  const std::string_view begun = bytes.substr(0, kPreface.size());
  if (kPreface.starts_with(begun)) {
    return begun.size() == kPreface.size() ? Speech::kHttp2 : Speech::kUnclear;
  }
  if (bytes.front() == kTlsHandshake && x_expected != Expected::kHttp) {
    switch (x_hello.read(bytes)) {
      case io::ClientHelloReader::State::kMore:
        return Speech::kUnclear;
      case io::ClientHelloReader::State::kDone:
        return Speech::kTls;
      case io::ClientHelloReader::State::kNotTls:
        break;
    }
  }
  if (x_expected != Expected::kAnything) return Speech::kHttp1;
  const Speech speech = look_for_request_line(bytes);
  // So long a target is for HTTP/1 to refuse.
  const bool enough = speech == Speech::kUnclear && bytes.size() >= kBytesMax;
  return enough ? Speech::kHttp1 : speech;
}

Speech Sniffer::look_for_request_line(std::string_view bytes) {
  while (x_part != Part::kVersion) {
    const bool method = x_part == Part::kMethod;
    const auto belongs = method ? is_method_char : is_target_char;
    while (x_at < bytes.size() && belongs(bytes[x_at])) ++x_at;
    if (method && x_at > kMethodMax) return Speech::kOpaque;
    if (x_at == bytes.size()) return Speech::kUnclear;
    if (x_at == x_part_begin || bytes[x_at] != ' ') return Speech::kOpaque;
    // A caller that asks for a tunnel here means another proxy.
    if (method && bytes.substr(0, x_at) == "CONNECT") return Speech::kOpaque;
    x_part = method ? Part::kTarget : Part::kVersion;
    x_part_begin = ++x_at;
  }
  return look_for_version(bytes.substr(x_part_begin));
}

}  // namespace outrigger::downstream
