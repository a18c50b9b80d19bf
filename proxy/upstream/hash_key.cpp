#include "proxy/upstream/hash_key.hpp"

#include <algorithm>

#include "proxy/base/hash.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::upstream {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::string_view unquoted(std::string_view value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

std::optional<uint64_t> hash_of_text(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return stable_hash(text);
}

// Without the port, which differs with each connection.
std::optional<uint64_t> hash_of_source(const Address& caller) {
  const auto ip = caller.ip();
  return hash_of_text({reinterpret_cast<const char*>(ip.data()), ip.size()});
}

// In "a=1; b=2".
std::string_view value_in(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    const size_t end = std::min(cookies.find(';'), cookies.size());
    const std::string_view pair = trimmed(cookies.substr(0, end));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (equals < pair.size() && pair.substr(0, equals) == name) {
      return unquoted(pair.substr(equals + 1));
    }
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
  }
  return {};
}

}  // namespace

// HTTP/2 callers may send each cookie in a field of its own (RFC 9113 section 8.2.3).
std::string_view cookie_value(const http::Fields& fields, std::string_view name) {
  for (const http::Field& field : fields) {
    if (field.id != http::Name::kCookie) continue;
    const std::string_view value = value_in(field.value, name);
    if (!value.empty()) return value;
  }
  return {};
}

std::optional<uint64_t> hash_of(chain::CallLeg leg, const config::HashKey& key) {
  switch (key.kind) {
    case config::HashKey::Kind::kSource:
      return hash_of_source(leg.exchange().caller());
    case config::HashKey::Kind::kHeader: {
      const http::Field* field = leg.request().fields.find(key.name);
      return hash_of_text(field == nullptr ? std::string_view() : field->value);
    }
    case config::HashKey::Kind::kCookie:
      return hash_of_text(cookie_value(leg.request().fields, key.name));
  }
  return std::nullopt;
}

}  // namespace outrigger::upstream
