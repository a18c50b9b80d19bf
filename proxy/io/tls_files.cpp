#include "proxy/io/tls_files.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace outrigger::io {
namespace {

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

std::string quoted(const std::string& path) { return '"' + path + '"'; }

// Lives no longer than `text`.
BioPtr as_bio(const std::string& text) {
  ERR_clear_error();
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int64_t unix_s(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

std::string date(int64_t unix_time_s) {
  const std::time_t time = unix_time_s;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

// PEM that ends too early or is damaged is told apart from PEM that simply has an end.
bool at_the_end() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

Result<OpensslPtr<EVP_PKEY>> read_key(const std::string& path, const PemReader& read) {
  const auto text = read(path);
  if (!text) return failure(text.error());
  const BioPtr file = as_bio(*text);
  bool asked = false;
  const auto no_password = [](char*, int, int, void* was_asked) {
    *static_cast<bool*>(was_asked) = true;
    return -1;
  };
  OpensslPtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(file.get(), nullptr, no_password, &asked));
  ERR_clear_error();
  if (key != nullptr) return key;
  if (asked) return failure(quoted(path) + " is encrypted; write the key without a password");
  return failure(quoted(path) + " holds no private key in PEM");
}

// Empty when `certificate` is valid.
std::string why_invalid(const X509* certificate, const std::string& path, int64_t now_unix_s) {
  const int64_t from_s = unix_s(X509_get0_notBefore(certificate));
  const int64_t until_s = unix_s(X509_get0_notAfter(certificate));
  if (now_unix_s > until_s) {
    return "a certificate in " + quoted(path) + " has expired, on " + date(until_s);
  }
  if (now_unix_s < from_s) {
    return "a certificate in " + quoted(path) + " is not valid yet, until " + date(from_s);
  }
  return {};
}

}  // namespace

Result<std::string> read_pem(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) text.assign(std::istreambuf_iterator<char>(file), {});
  if (file && !file.bad()) return text;
  if (errno == ENOENT) return failure(quoted(path) + ": there is no such file");
  return failure(quoted(path) + " cannot be read: " + std::strerror(errno));
}

std::string openssl_reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "unknown failure" : reason;
}

Result<std::vector<OpensslPtr<X509>>> read_certificates(const std::string& path,
                                                        const PemReader& read) {
  const auto text = read(path);
  if (!text) return failure(text.error());
  const BioPtr file = as_bio(*text);
  std::vector<OpensslPtr<X509>> certificates;
  while (X509* next = PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(next);
  }
  const bool whole = at_the_end();
  const std::string why = openssl_reason();
  if (!whole) return failure(quoted(path) + " holds a damaged certificate: " + why);
  if (certificates.empty()) return failure(quoted(path) + " holds no certificate in PEM");
  return certificates;
}

Result<TlsIdentity> read_identity(const std::string& cert_file, const std::string& key_file,
                                  int64_t now_unix_s, const PemReader& read) {
  auto chain = read_certificates(cert_file, read);
  if (!chain) return failure(chain.error());
  auto key = read_key(key_file, read);
  if (!key) return failure(key.error());
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    ERR_clear_error();
    return failure("the key in " + quoted(key_file) + " is not that of the certificate in " +
                   quoted(cert_file));
  }
  int64_t expires_unix_s = std::numeric_limits<int64_t>::max();
  for (const auto& certificate : *chain) {
    const std::string why = why_invalid(certificate.get(), cert_file, now_unix_s);
    if (!why.empty()) return failure(why);
    expires_unix_s = std::min(expires_unix_s, unix_s(X509_get0_notAfter(certificate.get())));
  }
  return TlsIdentity{std::move(*chain), std::move(*key), expires_unix_s};
}

Result<std::vector<OpensslPtr<X509>>> read_roots(const std::string& ca_file,
                                                 const PemReader& read) {
  auto certificates = read_certificates(ca_file, read);
  if (!certificates) return certificates;
  for (const auto& certificate : *certificates) {
    if (X509_check_ca(certificate.get()) != 0) return certificates;
  }
  return failure(quoted(ca_file) + " holds no certificate of a CA");
}

}  // namespace outrigger::io
