#include "proxy/upstream/hash_key.hpp"

#include "proxy/base/hash.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/http/cookie.hpp"

namespace outrigger::upstream {
namespace {

std::optional<uint64_t> hash_of_text(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return stable_hash(text);
}

// Without the port, which differs with each connection.
std::optional<uint64_t> hash_of_source(const Address& caller) {
  const auto ip = caller.ip();
  return hash_of_text({reinterpret_cast<const char*>(ip.data()), ip.size()});
}

}  // namespace

std::optional<uint64_t> hash_of(chain::CallLeg leg, const config::HashKey& key) {
  switch (key.kind) {
    case config::HashKey::Kind::kSource:
      return hash_of_source(leg.exchange().caller());
    case config::HashKey::Kind::kHeader: {
      if (key.name == "host") return hash_of_text(leg.request().authority);
      const http::Field* field = leg.request().fields.find(key.name);
      return hash_of_text(field == nullptr ? std::string_view() : field->value);
    }
    case config::HashKey::Kind::kCookie:
      return hash_of_text(http::cookie(leg.request().fields, key.name).value_or(""));
  }
  return std::nullopt;
}

}  // namespace outrigger::upstream
