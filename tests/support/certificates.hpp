// A certificate authority for tests, with the files that it issues in a directory of its own, which
// goes with it. Keys are fresh each time; nothing of this is ever worth keeping.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/io/tls_context.hpp"

struct evp_pkey_st;
struct x509_st;

namespace outrigger::testing {

struct CertificateSpec {
  std::string subject = "test";
  std::string names = "DNS:orders.svc";  // subjectAltNames as in openssl-x509v3_config(5); or empty
  std::string raw_name = {};             // instead of them, a DNS name of any bytes
  int64_t valid_from_s = -3600;          // from now
  int64_t valid_until_s = 3600;
};

class TestAuthority {
 public:
  // Writes `ca.pem`. An intermediate one where there is one above it, which signs its certificate.
  explicit TestAuthority(const TestAuthority* above = nullptr);
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  // Writes (over) NAME.pem and NAME.key.
  void issue(const std::string& name, const CertificateSpec& spec = {});
  // As issue(), but signed by its own key.
  void issue_self_signed(const std::string& name, const CertificateSpec& spec = {});
  void write(const std::string& file, const std::string& text);
  std::string read(const std::string& file) const;
  std::string path(const std::string& file) const { return x_directory + "/" + file; }
  const std::string& directory() const { return x_directory; }

  // Options that name files of this authority. `client_ca`: clients must show a certificate of it.
  io::TlsServerOptions server(const std::string& name = "server", bool client_ca = false) const;
  io::TlsClientOptions client(const std::string& name = {}) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
    void operator()(x509_st* certificate) const;
  };
  using Key = std::unique_ptr<evp_pkey_st, Free>;
  using Certificate = std::unique_ptr<x509_st, Free>;

  // Signed by `above`; null: by itself.
  static Certificate make(evp_pkey_st* key, const CertificateSpec& spec, bool is_ca,
                          const TestAuthority* above);
  void write(const std::string& name, x509_st* certificate, evp_pkey_st* key);

  std::string x_directory;
  Key x_key;
  Certificate x_certificate;
};

// Contexts of options that must be good.
io::TlsServerContextPtr load(const io::TlsServerOptions& options);
io::TlsClientContextPtr load(const io::TlsClientOptions& options);

}  // namespace outrigger::testing
