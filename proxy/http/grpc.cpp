#include "proxy/http/grpc.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/http/h2_stream.hpp"

namespace outrigger::http {
namespace {

constexpr int kCancelled = 1;
constexpr int kPermissionDenied = 7;
constexpr int kResourceExhausted = 8;
constexpr int kUnimplemented = 12;
constexpr int kInternal = 13;
constexpr int kUnavailable = 14;
constexpr int kUnauthenticated = 16;
constexpr int kLast = kUnauthenticated;

// The type is case-insensitive (RFC 9110 section 8.3.1); what follows it is a suffix, parameters or
// nothing.
bool is_grpc_type(std::string_view type) {
  if (type.size() < kGrpcContentType.size()) return false;
  if (!same_name(type.substr(0, kGrpcContentType.size()), kGrpcContentType)) return false;
  const std::string_view rest = type.substr(kGrpcContentType.size());
  return rest.empty() || rest[0] == '+' || rest[0] == ';' || rest[0] == ' ' || rest[0] == '\t';
}

// What is no number of a status says as much as UNKNOWN.
int parse_status(std::string_view text) {
  int code = kGrpcUnknown;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, code);
  const bool known = error == std::errc{} && at == end && code >= 0 && code <= kLast;
  return known ? code : kGrpcUnknown;
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '%'; }

}  // namespace

bool is_grpc(const RequestHead& head) {
  return head.method == Method::kPost && is_grpc_type(head.fields.value(Name::kContentType));
}

int grpc_status(const ResponseHead& head) {
  constexpr int kHttpOk = 200;
  if (const Field* field = head.fields.find(Name::kGrpcStatus)) return parse_status(field->value);
  const bool to_come = head.status == kHttpOk && head.framing != Framing::kNone &&
                       is_grpc_type(head.fields.value(Name::kContentType));
  return to_come ? kGrpcPending : grpc_status_of(head.status);
}

int grpc_status(const Fields* trailers) {
  const Field* field = trailers != nullptr ? trailers->find(Name::kGrpcStatus) : nullptr;
  return field != nullptr ? parse_status(field->value) : kGrpcUnknown;
}

int grpc_status_of(int http_status) {
  switch (http_status) {
    case 400:
      return kInternal;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
      return kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return kUnavailable;
    default:
      return kGrpcUnknown;
  }
}

int grpc_status_of_reset(uint32_t h2_code) {
  switch (static_cast<H2Code>(h2_code)) {
    case H2Code::kRefusedStream:
      return kUnavailable;
    case H2Code::kCancel:
      return kCancelled;
    case H2Code::kEnhanceYourCalm:
      return kResourceExhausted;
    case H2Code::kInadequateSecurity:
      return kPermissionDenied;
    default:
      return kInternal;
  }
}

void make_trailers_only(ResponseHead& head, const Fields* trailers, Arena& arena) {
  head.framing = Framing::kNone;
  head.content_length = -1;
  if (trailers == nullptr) return;
  for (const Field& field : *trailers) head.fields.add(arena, field);
}

std::optional<int64_t> parse_grpc_timeout_ms(std::string_view text) {
  constexpr size_t kDigitsMax = 8;
  if (text.size() < 2 || text.size() > kDigitsMax + 1) return std::nullopt;
  int64_t count = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto [at, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || at != end || count < 0) return std::nullopt;
  constexpr int64_t kPerMs = 1'000;
  switch (text.back()) {  // 8 digits of hours are far below what 64 bits of milliseconds hold
    case 'H':
      return count * 3'600'000;
    case 'M':
      return count * 60'000;
    case 'S':
      return count * kPerMs;
    case 'm':
      return count;
    case 'u':
      return (count + kPerMs - 1) / kPerMs;
    case 'n':
      return (count + kPerMs * kPerMs - 1) / (kPerMs * kPerMs);
    default:
      return std::nullopt;
  }
}

std::string_view format_grpc_timeout(int64_t ms, Arena& arena) {
  struct Unit {
    int64_t ms;
    std::string_view letter;
  };
  constexpr std::array kUnits = {Unit{1, "m"}, Unit{1'000, "S"}, Unit{60'000, "M"},
                                 Unit{3'600'000, "H"}};
  constexpr int64_t kMost = 99'999'999;
  for (const Unit& unit : kUnits) {
    if (ms / unit.ms <= kMost) return arena.concat({arena.number(ms / unit.ms), unit.letter});
  }
  return arena.concat({arena.number(kMost), kUnits.back().letter});
}

std::string_view encode_grpc_message(std::string_view text, Arena& arena) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  if (std::all_of(text.begin(), text.end(), is_plain)) return arena.copy(text);
  char* const begin = arena.array<char>(text.size() * 3);
  char* at = begin;
  for (const char c : text) {
    if (is_plain(c)) {
      *at++ = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *at++ = '%';
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
  }
  return {begin, static_cast<size_t>(at - begin)};
}

std::string grpc_frame(std::string_view message) {
  std::string frame(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame += static_cast<char>(message.size() >> static_cast<unsigned>(shift) & 0xFF);
  }
  return frame.append(message);
}

}  // namespace outrigger::http
