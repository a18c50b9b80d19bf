// The values that only `tls` has, and what must hold between its keys.
#include <algorithm>

#include "config/describe.hpp"
#include "config/text.hpp"
#include "proxy/base/address.hpp"

namespace outrigger::config {
namespace {

constexpr std::string_view kSpiffe = "spiffe://";
constexpr size_t kSpiffeMost = 2048;
constexpr size_t kAlpnMost = 255;

// spiffe://TRUST-DOMAIN/PATH (SPIFFE-ID section 2).
bool is_spiffe_id(std::string_view text) {
  if (!text.starts_with(kSpiffe) || text.size() > kSpiffeMost) return false;
  const std::string_view rest = text.substr(kSpiffe.size());
  const bool plain = std::all_of(rest.begin(), rest.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '?' && c != '#' && c != '@' && c != ':' && c != '%';
  });
  return plain && !rest.empty() && rest.front() != '/' && rest.back() != '/';
}

bool is_server_name(std::string_view text) {
  if (text.find(':') == std::string_view::npos) return is_dns_name(text);
  return static_cast<bool>(Address::parse("[" + std::string(text) + "]:1"));
}

bool is_alpn(std::string_view text) { return !text.empty() && text.size() <= kAlpnMost; }

}  // namespace

Text spiffe_kind() { return {"a SPIFFE id", "write spiffe://TRUST-DOMAIN/PATH", &is_spiffe_id}; }

Text server_name_kind() {
  return {"a host name or an IP", "write it without a port", &is_server_name};
}

Text alpn_kind() { return {"the name of a protocol", "h2 and http/1.1 are such names", &is_alpn}; }

void check(Reader& reader, const Node& node, const ServerTls& tls) {
  if (tls.cert_file.empty() && node.find("cert_file") == nullptr) {
    reader.problem(node.mark, "\"tls\" has no \"cert_file\"; which certificate is shown?");
  }
  if (tls.key_file.empty() && node.find("key_file") == nullptr) {
    reader.problem(node.mark, "\"tls\" has no \"key_file\"; the certificate needs its key");
  }
}

void check(Reader& reader, const Node& node, const ClientTls& tls) {
  if (tls.cert_file.has_value() == tls.key_file.has_value()) return;
  reader.problem(mark_of(node, tls.cert_file ? "cert_file" : "key_file"),
                 "\"cert_file\" and \"key_file\" need each other");
}

}  // namespace outrigger::config
