#include "proxy/http/hop.hpp"

#include <array>

#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr size_t kMaxNominated = 32;  // times 100 fields: what a head may make us compare

constexpr std::array<std::string_view, 17> kProtected = {
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
    "x-request-id",
    "connection",
    "content-type",
    "upgrade",
    "te",
};

bool has_prefix(std::string_view name, std::string_view prefix) {
  return name.size() >= prefix.size() && same_name(name.substr(0, prefix.size()), prefix);
}

bool has_element(std::string_view list, std::string_view wanted) {
  bool found = false;
  for_each_element(list, [&](std::string_view element) { found |= same_name(element, wanted); });
  return found;
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

bool is_trailer_name(std::string_view name, Name id) {
  return !is_hop_field(id) && !is_protected_name(name) && !imitates_protected_name(name);
}

bool HopFields::keep(const Field& field) {
  switch (field.id) {
    case Name::kConnection:
      if (x_connection_count == kMaxConnections) {
        x_well_formed = false;
      } else {
        x_connections[x_connection_count++] = field.value;
      }
      break;
    case Name::kTe:
      x_te_trailers |= has_element(field.value, "trailers");
      break;
    case Name::kKeepAlive:
      x_keep_alive_s = keep_alive_timeout(field.value);
      break;
    case Name::kUpgrade:
      x_well_formed &= x_upgrade.empty();
      x_upgrade = field.value;
      break;
    default:
      break;
  }
  return true;
}

bool HopFields::read_connection(std::string_view value, Side side, Fields& fields) {
  size_t nominated = 0;
  bool good = true;
  for_each_element(value, [&](std::string_view element) {
    if (same_name(element, "close")) {
      x_close = true;
    } else if (same_name(element, "keep-alive")) {
      x_keep_alive = true;
    } else if (same_name(element, "upgrade")) {
      x_upgrade_nominated = true;
    } else if (!is_token(element) || ++nominated > kMaxNominated) {
      good = false;
    } else if (is_protected_name(element)) {
      good &= side == Side::kResponse || is_hop_field(intern(element));
    } else if (good) {
      fields.remove(element);
    }
  });
  return good;
}

bool HopFields::apply(Side side, Fields& fields) {
  for (size_t i = 0; i < x_connection_count; ++i) {
    const std::string_view value = x_connections[i];
    if (value == "keep-alive") {  // nearly every one
      x_keep_alive = true;
    } else {
      x_well_formed &= read_connection(value, side, fields);
    }
  }
  // RFC 9113 took the upgrade to h2c back; passing it on tunnels requests past every check here.
  x_upgrade_nominated = x_upgrade_nominated && !has_element(x_upgrade, "h2c");
  return x_well_formed;
}

}  // namespace outrigger::http
