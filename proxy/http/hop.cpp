#include "proxy/http/hop.hpp"

#include <array>

#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr uint8_t kMaxNominated = 32;  // times all fields: what a head may make us compare

constexpr std::array<std::string_view, 16> kProtected = {
    "host",
    "content-length",
    "transfer-encoding",
    "authorization",
    "cookie",
    "set-cookie",
    "proxy-authorization",
    "expect",
    "max-forwards",
    "via",
    "forwarded",
    "x-real-ip",
    "connection",
    "content-type",
    "upgrade",
    "te",
};

// For answers: their sender is trusted with these as much as with its body, but for what would
// change how the answer is read after it was read.
constexpr uint64_t kNeverTrailer =
    kHopNames | bit_of(Name::kAuthorization) | bit_of(Name::kContentLength) |
    bit_of(Name::kContentType) | bit_of(Name::kCookie) | bit_of(Name::kExpect) |
    bit_of(Name::kHost) | bit_of(Name::kMaxForwards) | bit_of(Name::kProxyAuthenticate) |
    bit_of(Name::kSetCookie) | bit_of(Name::kTrailer) | bit_of(Name::kTransferEncoding);

bool has_prefix(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
}

bool has_element(std::string_view list, std::string_view wanted) {
  bool found = false;
  for_each_element(list, [&](std::string_view element) { found |= same_name(element, wanted); });
  return found;
}

std::string_view unquoted(std::string_view element) {
  const bool quoted = element.size() >= 2 && element.front() == '"' && element.back() == '"';
  return quoted ? element.substr(1, element.size() - 2) : element;
}

int64_t keep_alive_timeout(std::string_view value) {
  int64_t seconds = 0;
  for_each_element(value, [&](std::string_view element) {
    constexpr std::string_view kTimeout = "timeout=";
    if (!has_prefix(element, kTimeout)) return;
    const int64_t said = parse_decimal(element.substr(kTimeout.size()));
    if (said > 0) seconds = said;
  });
  return seconds;
}

}  // namespace

bool is_protected_name(std::string_view name) {
  if (has_prefix(name, "x-forwarded-")) return true;
  for (const std::string_view known : kProtected) {
    if (same_name(name, known)) return true;
  }
  return false;
}

bool imitates_protected_name(std::string_view name) {
  std::array<char, 64> dashed;
  if (name.find('_') == std::string_view::npos || name.size() > dashed.size()) return false;
  for (size_t i = 0; i < name.size(); ++i) dashed[i] = name[i] == '_' ? '-' : name[i];
  return is_protected_name({dashed.data(), name.size()});
}

bool is_trailer_name(Side side, std::string_view name, Name id) {
  if (id != Name::kOther && (bit_of(id) & kNeverTrailer) != 0) return false;
  if (same_name(name, "content-encoding") || same_name(name, "content-range")) return false;
  return side == Side::kResponse || (!is_protected_name(name) && !imitates_protected_name(name));
}

void HopFields::take(const Field& field, Arena& arena) {
  switch (field.id) {
    case Name::kConnection:
      if (x_connection_count < kMaxLines) {
        x_connections[x_connection_count++] = field.value;
      } else {
        x_within_bounds = false;
      }
      break;
    case Name::kUpgrade:
      if (field.value.empty()) break;
      if (x_upgrade_count++ == 0) {
        x_upgrade = field.value;
      } else if (x_upgrade_count <= kMaxLines) {
        x_upgrade = arena.concat({x_upgrade, ", ", field.value});
      } else {
        x_upgrade_count = kMaxLines;
        x_within_bounds = false;
      }
      break;
    case Name::kTe:
      x_te_trailers |= has_element(field.value, "trailers");
      break;
    case Name::kKeepAlive:
      x_keep_alive_s = keep_alive_timeout(field.value);
      break;
    case Name::kProxyAuthorization:
      x_proxy_authorization = field.value;
      break;
    default:
      break;
  }
}

// False: it is fit for an answer only.
bool HopFields::read_connection(std::string_view value, Side side, Fields& fields) {
  bool good = true;
  for_each_element(value, [&](std::string_view element) {
    if (side == Side::kResponse) element = unquoted(element);
    if (same_name(element, "close")) {
      x_close = true;
    } else if (same_name(element, "keep-alive")) {
      x_keep_alive = true;
    } else if (same_name(element, "upgrade")) {
      x_upgrade_nominated = true;
    } else if (!is_token(element) || x_nominated == kMaxNominated) {
      good = false;
    } else if (is_protected_name(element)) {
      good &= is_hop_field(intern(element));
    } else {
      ++x_nominated;
      fields.remove(element);
    }
  });
  return good;
}

bool HopFields::apply(Side side, Fields& fields) {
  bool good = x_within_bounds;
  for (size_t i = 0; i < x_connection_count; ++i) {
    const std::string_view value = x_connections[i];
    if (value == "keep-alive") {  // nearly every one
      x_keep_alive = true;
    } else {
      good &= read_connection(value, side, fields);
    }
  }
  return good || side == Side::kResponse;
}

}  // namespace outrigger::http
