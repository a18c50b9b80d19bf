#include "proxy/io/tls_context.hpp"

#include <mutex>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/base/pool.hpp"
#include "proxy/io/tls_files.hpp"
#include "proxy/io/tls_session.hpp"
#include "proxy/io/tls_tickets.hpp"

namespace outrigger::io {
namespace {

// RFC 9325 section 4.2; those of TLS 1.3 are all AEAD.
constexpr const char* kTls12Suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr int kMostIntermediates = 8;
constexpr size_t kAlpnNameMost = 255;

// OpenSSL's memory, as it wants it: nothing for no bytes.
void* allocate(size_t bytes, const char*, int) {
  return bytes == 0 ? nullptr : Pool::of_thread().allocate(bytes);
}

void* reallocate(void* memory, size_t bytes, const char*, int) {
  if (bytes > 0) return Pool::of_thread().reallocate(memory, bytes);
  Pool::of_thread().free(memory);
  return nullptr;
}

void release(void* memory, const char*, int) { Pool::of_thread().free(memory); }

// Neither a file of the system nor an exit handler takes part: what TLS does is what stands here,
// and the threads of a process that ends may still be in OpenSSL.
void start_openssl() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Refused where somebody used OpenSSL before us: then it is malloc's.
    CRYPTO_set_mem_functions(allocate, reallocate, release);
    OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  });
}

SslCtxPtr make_context(const SSL_METHOD* method) {
  start_openssl();
  ERR_clear_error();
  SslCtxPtr context(SSL_CTX_new(method));
  SSL_CTX* const ssl = context.get();
  if (ssl == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
  SSL_CTX_set_security_level(ssl, 2);
  SSL_CTX_set_cipher_list(ssl, kTls12Suites);
  SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(
      ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify_depth(ssl, kMostIntermediates);
  // Whoever is named as trusted is, also an intermediate or a leaf, as to curl and Go.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
  return context;
}

Result<std::string> alpn_wire_of(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kAlpnNameMost) {
      return failure("\"" + name + "\" is not a name of a protocol (RFC 7301)");
    }
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

// Empty when all is well.
std::string use(SSL_CTX* ssl, const TlsIdentity& identity, const std::string& cert_file) {
  bool used = SSL_CTX_use_certificate(ssl, identity.chain.front().get()) == 1 &&
              SSL_CTX_use_PrivateKey(ssl, identity.key.get()) == 1;
  for (size_t i = 1; used && i < identity.chain.size(); ++i) {
    used = SSL_CTX_add1_chain_cert(ssl, identity.chain[i].get()) == 1;
  }
  return used ? std::string()
              : "the certificate in \"" + cert_file + "\" cannot be used: " + openssl_reason();
}

void trust(SSL_CTX* ssl, const std::vector<OpensslPtr<X509>>& roots) {
  X509_STORE* const store = SSL_CTX_get_cert_store(ssl);
  for (const auto& root : roots) X509_STORE_add_cert(store, root.get());
}

// A resumed client is not verified again: its ticket ends with its certificate.
SSL_TICKET_RETURN judge_ticket(SSL*, SSL_SESSION* ticket, const unsigned char*, size_t,
                               SSL_TICKET_STATUS status, void*) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  const X509* const client = SSL_SESSION_get0_peer(ticket);
  if (client != nullptr && X509_cmp_current_time(X509_get0_notAfter(client)) <= 0) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

}  // namespace

void SslCtxFree::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<TlsServerContextPtr> TlsServerContext::load(const TlsServerOptions& options,
                                                   int64_t now_unix_s, const PemReader& read) {
  std::shared_ptr<TlsServerContext> made(new TlsServerContext);
  made->x_context = make_context(TLS_server_method());
  SSL_CTX* const ssl = made->ssl_ctx();
  if (ssl == nullptr) return failure("OpenSSL cannot start: " + openssl_reason());

  const auto identity = read_identity(options.cert_file, options.key_file, now_unix_s, read);
  if (!identity) return failure(identity.error());
  const std::string unusable = use(ssl, *identity, options.cert_file);
  if (!unusable.empty()) return failure(unusable);
  made->x_expires_unix_s = identity->expires_unix_s;

  if (!options.client_ca_file.empty()) {
    const auto roots = read_roots(options.client_ca_file, read);
    if (!roots) return failure(roots.error());
    trust(ssl, *roots);
    for (const auto& root : *roots) SSL_CTX_add_client_CA(ssl, root.get());
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  auto alpn = alpn_wire_of(options.alpn);
  if (!alpn) return failure(alpn.error());
  made->x_alpn_wire = std::move(*alpn);
  if (!made->x_alpn_wire.empty())
    SSL_CTX_set_alpn_select_cb(ssl, &TlsSession::choose_alpn, made.get());

  // Resumption is by tickets alone, whose keys live and die with this context: no memory, and no
  // client that an older client_ca_file let in.
  constexpr unsigned char kUs[] = "outrigger";
  SSL_CTX_set_session_id_context(ssl, kUs, sizeof kUs - 1);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_ticket_cb(ssl, nullptr, &judge_ticket, nullptr);
  SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  return TlsServerContextPtr(std::move(made));
}

TlsClientContext::TlsClientContext() : x_tickets(std::make_unique<TlsTickets>()) {}
TlsClientContext::~TlsClientContext() = default;

Result<TlsClientContextPtr> TlsClientContext::load(const TlsClientOptions& options,
                                                   int64_t now_unix_s, const PemReader& read) {
  std::shared_ptr<TlsClientContext> made(new TlsClientContext);
  made->x_context = make_context(TLS_client_method());
  SSL_CTX* const ssl = made->ssl_ctx();
  if (ssl == nullptr) return failure("OpenSSL cannot start: " + openssl_reason());
  made->x_server_name = options.server_name;
  made->x_spiffe = options.spiffe;

  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(ssl);
  } else {
    const auto roots = read_certificates(options.ca_file, read);
    if (!roots) return failure(roots.error());
    trust(ssl, *roots);
  }
  if (!options.cert_file.empty()) {
    const auto identity = read_identity(options.cert_file, options.key_file, now_unix_s, read);
    if (!identity) return failure(identity.error());
    const std::string unusable = use(ssl, *identity, options.cert_file);
    if (!unusable.empty()) return failure(unusable);
    made->x_expires_unix_s = identity->expires_unix_s;
    // A server may ask for it later (RFC 8446 section 4.6.2).
    SSL_CTX_set_post_handshake_auth(ssl, 1);
  }
  const auto alpn = alpn_wire_of(options.alpn);
  if (!alpn) return failure(alpn.error());
  if (!alpn->empty()) {
    SSL_CTX_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn->data()),
                            static_cast<unsigned>(alpn->size()));
  }
  std::vector<std::string> without_http2 = options.alpn;
  std::erase(without_http2, "h2");
  made->x_alpn_wire_without_http2 = *alpn_wire_of(without_http2);
  made->x_offers_http1 = options.alpn.empty() || !without_http2.empty();
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, &TlsSession::verify);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ssl, &TlsSession::keep_ticket);
  return TlsClientContextPtr(std::move(made));
}

}  // namespace outrigger::io
