// Reading of certificates, keys and roots from PEM files. Every failure is a sentence that names
// the file and says what is wrong with it; nothing of a key is ever in one. For proxy/io only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proxy/base/result.hpp"
#include "proxy/io/tls_context.hpp"

namespace outrigger::io {

struct OpensslFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};
template <class T>
using OpensslPtr = std::unique_ptr<T, OpensslFree>;

// Our own certificate: the leaf, then its intermediates, and the key of the leaf.
struct TlsIdentity {
  std::vector<OpensslPtr<X509>> chain;  // never empty
  OpensslPtr<EVP_PKEY> key;
  int64_t expires_unix_s = 0;  // of the one that ends first
};

// Also checks that the key belongs to the leaf and that all are valid at `now_unix_s`.
Result<TlsIdentity> read_identity(const std::string& cert_file, const std::string& key_file,
                                  int64_t now_unix_s, const PemReader& read);

// The certificates of a file, at least one.
Result<std::vector<OpensslPtr<X509>>> read_certificates(const std::string& path,
                                                        const PemReader& read);

// The certificates of a file; at least one of them is a CA.
Result<std::vector<OpensslPtr<X509>>> read_roots(const std::string& ca_file, const PemReader& read);

// What OpenSSL says of its latest failure, and forgets.
std::string openssl_reason();

}  // namespace outrigger::io
