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
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(ASN1_OCTET_STRING* address) const { ASN1_OCTET_STRING_free(address); }
};

std::vector<std::string> uris_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, Free> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> uris;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

std::string subject_of(const X509* certificate) {
  const std::unique_ptr<BIO, Free> text(BIO_new(BIO_s_mem()));
  if (text == nullptr) return {};
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(text.get(), &bytes);
  return count <= 0 ? std::string() : std::string(bytes, static_cast<size_t>(count));
}

bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

std::string identity_of(const X509* certificate) {
  for (std::string& uri : uris_of(certificate)) {
    if (uri.starts_with(kSpiffe)) return std::move(uri);
  }
  return subject_of(certificate);
}

bool has_spiffe_id(const X509* certificate, std::string_view id) {
  const std::vector<std::string> uris = uris_of(certificate);
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
