#include "tests/support/certificates.hpp"

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "proxy/base/assert.hpp"

namespace outrigger::testing {
namespace {

template <class Write>
std::string pem(Write write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  OUTRIGGER_ASSERT(write(bio) == 1);
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<size_t>(count));
  BIO_free(bio);
  return text;
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  OUTRIGGER_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// What no configuration could say.
void add_dns_name(X509* certificate, const std::string& name) {
  GENERAL_NAME* const general = GENERAL_NAME_new();
  ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
  GENERAL_NAME_set0_value(general, GEN_DNS, text);
  GENERAL_NAMES* const names = GENERAL_NAMES_new();
  sk_GENERAL_NAME_push(names, general);
  X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
  GENERAL_NAMES_free(names);
}

void name(X509_NAME* subject, const std::string& text) {
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0);
}

}  // namespace

void TestAuthority::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void TestAuthority::Free::operator()(x509_st* certificate) const { X509_free(certificate); }

TestAuthority::TestAuthority(const TestAuthority* above) {
  std::string pattern = "/tmp/outrigger-tls-XXXXXX";
  x_directory = mkdtemp(pattern.data());
  x_key.reset(EVP_EC_gen("P-256"));
  x_certificate =
      make(x_key.get(), {.subject = "authority " + x_directory, .names = ""}, true, above);
  write("ca.pem", pem([&](BIO* bio) { return PEM_write_bio_X509(bio, x_certificate.get()); }));
}

TestAuthority::~TestAuthority() { std::filesystem::remove_all(x_directory); }

void TestAuthority::issue(const std::string& file, const CertificateSpec& spec) {
  const Key key(EVP_EC_gen("P-256"));
  write(file, make(key.get(), spec, false, this).get(), key.get());
}

void TestAuthority::issue_self_signed(const std::string& file, const CertificateSpec& spec) {
  const Key key(EVP_EC_gen("P-256"));
  write(file, make(key.get(), spec, false, nullptr).get(), key.get());
}

TestAuthority::Certificate TestAuthority::make(evp_pkey_st* key, const CertificateSpec& spec,
                                               bool is_ca, const TestAuthority* above) {
  static std::atomic<int64_t> serial = 1;
  Certificate made(X509_new());
  X509* const certificate = made.get();
  X509* const issuer = above == nullptr ? certificate : above->x_certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), spec.valid_from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.valid_until_s);
  name(X509_get_subject_name(certificate), spec.subject);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  X509_set_pubkey(certificate, key);
  extend(certificate, issuer, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (!spec.raw_name.empty()) {
    add_dns_name(certificate, spec.raw_name);
  } else if (!spec.names.empty()) {
    extend(certificate, issuer, NID_subject_alt_name, spec.names);
  }
  evp_pkey_st* const signer = above == nullptr ? key : above->x_key.get();
  OUTRIGGER_ASSERT(X509_sign(certificate, signer, EVP_sha256()) > 0);
  return made;
}

void TestAuthority::write(const std::string& file, x509_st* certificate, evp_pkey_st* key) {
  write(file + ".pem", pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }));
  write(file + ".key", pem([&](BIO* bio) {
          return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
        }));
}

void TestAuthority::write(const std::string& file, const std::string& text) {
  std::ofstream(path(file)) << text;
}

std::string TestAuthority::read(const std::string& file) const {
  std::ifstream in(path(file));
  return {std::istreambuf_iterator<char>(in), {}};
}

io::TlsServerOptions TestAuthority::server(const std::string& file, bool client_ca) const {
  return {.cert_file = path(file + ".pem"),
          .key_file = path(file + ".key"),
          .client_ca_file = client_ca ? path("ca.pem") : ""};
}

io::TlsClientOptions TestAuthority::client(const std::string& file) const {
  io::TlsClientOptions options;
  options.ca_file = path("ca.pem");
  if (file.empty()) return options;
  options.cert_file = path(file + ".pem");
  options.key_file = path(file + ".key");
  return options;
}

io::TlsServerContextPtr load(const io::TlsServerOptions& options) {
  auto loaded = io::TlsServerContext::load(options, std::time(nullptr));
  OUTRIGGER_ASSERT(loaded);
  return *loaded;
}

io::TlsClientContextPtr load(const io::TlsClientOptions& options) {
  auto loaded = io::TlsClientContext::load(options, std::time(nullptr));
  OUTRIGGER_ASSERT(loaded);
  return *loaded;
}

}  // namespace outrigger::testing
