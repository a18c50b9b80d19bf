// TLS contexts are what handshakes are made from: certificates, keys, roots and rules (RFC 8446 and
// RFC 5246; TLS 1.2 and 1.3 with AEAD suites only, no renegotiation, no early data). Each is an
// immutable snapshot of its files, shared by all threads; when a file changes whoever watches it
// loads a new one, and connections made from the old one live on. The first one starts OpenSSL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.hpp"

struct ssl_ctx_st;

namespace outrigger::io {

class TlsTickets;

struct TlsServerOptions {
  std::string cert_file;       // PEM: the certificate, then its intermediates
  std::string key_file;        // PEM, not encrypted
  std::string client_ca_file;  // empty: no certificate is asked for; else one is required
  std::vector<std::string> alpn{"h2", "http/1.1"};  // the first one that the client offers too

  bool operator==(const TlsServerOptions&) const = default;
};

struct TlsClientOptions {
  std::string ca_file;            // empty: the system's roots
  std::string cert_file;          // empty: no certificate is shown
  std::string key_file;           // with cert_file, or empty
  std::string server_name;        // a name or an IP; empty: the one that the handshake is given
  std::string spiffe;             // the peer is this SPIFFE id, whatever its names; empty: by name
  std::vector<std::string> alpn;  // what is offered, best first; empty: nothing

  bool operator==(const TlsClientOptions&) const = default;
};

// The whole text of a file that the options name, or a sentence why there is none.
using PemReader = std::function<Result<std::string>(const std::string& path)>;
// From the disk, at once: before calls run, and in commands.
Result<std::string> read_pem(const std::string& path);

// Which protocols a client's handshake offers (RFC 7301) of those of its context.
enum class AlpnOffer : uint8_t { kAll, kWithoutHttp2 };
// Which one a server's takes: the first of its context's that is offered, or what the client would
// like best, for a server that reads nothing of it.
enum class AlpnChoice : uint8_t { kOurs, kCallersFirst };

struct SslCtxFree {
  void operator()(ssl_ctx_st* context) const;
};
using SslCtxPtr = std::unique_ptr<ssl_ctx_st, SslCtxFree>;

class TlsServerContext {
 public:
  // Reads the files by `read`. `now_unix_s` decides whether the certificate is valid. The failure
  // is a sentence that names the file and what is wrong with it.
  static Result<std::shared_ptr<const TlsServerContext>> load(const TlsServerOptions& options,
                                                              int64_t now_unix_s,
                                                              const PemReader& read = read_pem);

  // When the first certificate of the chain to end ends.
  int64_t expires_unix_s() const { return x_expires_unix_s; }

  // For proxy/io only.
  ssl_ctx_st* ssl_ctx() const { return x_context.get(); }
  const std::string& alpn_wire() const { return x_alpn_wire; }

 private:
  TlsServerContext() = default;

  std::string x_alpn_wire;  // each name behind its length (RFC 7301 section 3.1)
  SslCtxPtr x_context;
  int64_t x_expires_unix_s = 0;
};

class TlsClientContext {
 public:
  static Result<std::shared_ptr<const TlsClientContext>> load(const TlsClientOptions& options,
                                                              int64_t now_unix_s,
                                                              const PemReader& read = read_pem);
  ~TlsClientContext();

  // When our own certificate expires; 0 when none is shown.
  int64_t expires_unix_s() const { return x_expires_unix_s; }

  // Whether there is anything but HTTP/2 to agree upon.
  bool offers_http1() const { return x_offers_http1; }

  // For proxy/io only.
  ssl_ctx_st* ssl_ctx() const { return x_context.get(); }
  const std::string& alpn_wire_without_http2() const { return x_alpn_wire_without_http2; }
  const std::string& server_name() const { return x_server_name; }
  const std::string& spiffe() const { return x_spiffe; }
  // What may be resumed; shared by all threads.
  TlsTickets& tickets() const { return *x_tickets; }

 private:
  TlsClientContext();

  std::string x_server_name;
  std::string x_spiffe;
  std::string x_alpn_wire_without_http2;
  bool x_offers_http1 = true;
  std::unique_ptr<TlsTickets> x_tickets;
  SslCtxPtr x_context;
  int64_t x_expires_unix_s = 0;
};

using TlsServerContextPtr = std::shared_ptr<const TlsServerContext>;
using TlsClientContextPtr = std::shared_ptr<const TlsClientContext>;

}  // namespace outrigger::io
