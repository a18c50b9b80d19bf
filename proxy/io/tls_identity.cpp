#include "proxy/io/tls_identity.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <openssl/x509v3.h>

namespace outrigger::io {
namespace {

constexpr std::string_view kSpiffe = "spiffe://";
constexpr size_t kNameMost = 253;

struct Free {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(ASN1_OCTET_STRING* address) const { ASN1_OCTET_STRING_free(address); }
};

// The subjectAltNames of one type, which is that of an IA5 string.
std::vector<std::string> alternative_names(const X509* certificate, int type) {
  const std::unique_ptr<GENERAL_NAMES, Free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> found;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != type) continue;
    const ASN1_IA5STRING* const text = name->d.ia5;
    found.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       static_cast<size_t>(ASN1_STRING_length(text)));
  }
  return found;
}

std::string common_name_of(const X509* certificate) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int count =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (count < 0) return {};
  std::string name(reinterpret_cast<const char*>(text), static_cast<size_t>(count));
  OPENSSL_free(text);
  return name;
}

bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

std::string identity_of(const X509* certificate) {
  for (std::string& uri : alternative_names(certificate, GEN_URI)) {
    if (uri.starts_with(kSpiffe)) return std::move(uri);
  }
  std::vector<std::string> names = alternative_names(certificate, GEN_DNS);
  return names.empty() ? common_name_of(certificate) : std::move(names.front());
}

bool has_spiffe_id(const X509* certificate, std::string_view id) {
  const std::vector<std::string> uris = alternative_names(certificate, GEN_URI);
  return uris.size() == 1 && uris.front() == id;
}

bool is_ip(const std::string& name) {
  return std::unique_ptr<ASN1_OCTET_STRING, Free>(a2i_IPADDRESS(name.c_str())) != nullptr;
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMost && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_label_char);
}

}  // namespace outrigger::io
