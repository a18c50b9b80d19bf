#include "proxy/io/tls_session.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proxy/base/assert.hpp"
#include "proxy/io/tls_identity.hpp"
#include "proxy/io/tls_reason.hpp"
#include "proxy/io/tls_tickets.hpp"

namespace outrigger::io {
namespace {

// Key updates, tickets and refused renegotiations cost us more than the peer: so many are free, and
// one more for so many bytes of data, and for each second of the connection. What honest peers send
// of them stands in docs/abuse.md.
constexpr uint64_t kOtherRecordsFree = 64;
constexpr uint64_t kBytesForEachOther = 64 * 1024;
constexpr int64_t kMsForEachOther = 1000;

constexpr uint8_t kApplicationData = 23;

// OpenSSL would take what an earlier call left behind for the failure of the next. To look costs a
// quarter of clearing what is empty.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

TlsSession::TlsSession(StreamPtr inner, const TlsServerContextPtr& context, AlpnChoice choice)
    : x_inner(std::move(inner)), x_context(context), x_alpn_choice(choice) {
  if (make(context->ssl_ctx())) SSL_set_accept_state(x_ssl.get());
}

TlsSession::TlsSession(StreamPtr inner, const TlsClientContextPtr& context,
                       std::string_view server_name, AlpnOffer offer)
    : x_inner(std::move(inner)), x_context(context), x_client(context.get()) {
  if (!make(context->ssl_ctx())) return;
  SSL_set_connect_state(x_ssl.get());
  if (offer == AlpnOffer::kWithoutHttp2) {
    const std::string& alpn = context->alpn_wire_without_http2();
    SSL_set_alpn_protos(x_ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned>(alpn.size()));
  }
  const std::string& own = context->server_name();
  if (!expect(own.empty() ? std::string(server_name) : own)) return;
  if (const SslSessionPtr ticket = context->tickets().take(x_server)) {
    SSL_set_session(x_ssl.get(), ticket.get());
  }
}

// OpenSSL would let tickets of a session that was not shut down be resumed no more.
TlsSession::~TlsSession() {
  if (x_done && x_cause == Cause::kNone) {
    SSL_set_shutdown(x_ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
}

bool TlsSession::make(ssl_ctx_st* context) {
  ERR_clear_error();
  x_ssl.reset(SSL_new(context));
  BIO* const bio = x_ssl == nullptr ? nullptr : BIO_new(bio_method());
  if (bio == nullptr) {
    fail(Cause::kOverload, "out of memory");
    return false;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(x_ssl.get(), bio, bio);
  SSL_set_app_data(x_ssl.get(), this);
  return true;
}

// RFC 9525: subjectAltNames alone count, a wildcard is a whole label, an IP is one of the IPs. An
// id of SPIFFE stands instead of the names; see verify().
bool TlsSession::expect(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  x_server = name + ' ' + x_inner->peer().to_string();
  X509_VERIFY_PARAM* const rules = SSL_get0_param(x_ssl.get());
  X509_VERIFY_PARAM_set_hostflags(
      rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool by_name = x_client->spiffe().empty();
  ERR_clear_error();
  if (is_ip(name)) {
    if (!by_name || X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1) return true;
  } else if (name.empty() && !by_name) {
    return true;
  } else if (is_host_name(name) && SSL_set_tlsext_host_name(x_ssl.get(), name.c_str()) == 1) {
    if (!by_name || X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size()) == 1) return true;
  }
  fail(Cause::kTlsError, "\"" + name + "\" is no server name that a certificate can have");
  return false;
}

TlsSession::Step TlsSession::shake_hands(std::string_view bytes) {
  if (x_cause != Cause::kNone) return Step::kFailed;
  x_input = bytes;
  ERR_clear_error();
  const int status = SSL_do_handshake(x_ssl.get());
  if (!x_flight.empty()) x_inner->write(x_flight.view());
  x_flight.clear();
  const std::string_view rest = std::exchange(x_input, {});
  if (status == 1) {
    x_held.append(rest);
    x_done = true;
    SSL_set_msg_callback(x_ssl.get(), &on_message);
    SSL_set_msg_callback_arg(x_ssl.get(), this);
    return Step::kDone;
  }
  if (SSL_get_error(x_ssl.get(), status) == SSL_ERROR_WANT_READ) return Step::kWaits;
  fail();
  return Step::kFailed;
}

TlsSession::Deciphered TlsSession::decipher(std::string_view bytes, std::span<char> into,
                                            int64_t now_ms) {
  OUTRIGGER_ASSERT(bytes.size() + kRecordBytes <= into.size());
  if (x_cause != Cause::kNone) return {0, Step::kFailed};
  if (x_since_ms == 0) x_since_ms = now_ms;
  x_now_ms = now_ms;
  x_input = bytes;
  size_t total = 0;
  int error = SSL_ERROR_WANT_READ;
  // Mostly one record comes at a time: then OpenSSL need not be asked whether there is another.
  do {
    forget_errors();
    size_t got = 0;
    const int status = SSL_read_ex(x_ssl.get(), into.data() + total, into.size() - total, &got);
    total += got;
    x_deciphered += got;
    if (status != 1) {
      error = SSL_get_error(x_ssl.get(), status);
      break;
    }
  } while (!x_input.empty() || SSL_has_pending(x_ssl.get()) == 1);
  x_input = {};
  if (error == SSL_ERROR_ZERO_RETURN) return {total, Step::kEnded};
  if (error == SSL_ERROR_WANT_READ && !asks_too_much()) return {total, Step::kWaits};
  fail();
  return {total, Step::kFailed};
}

bool TlsSession::encipher(std::string_view bytes) {
  if (x_cause != Cause::kNone) return false;
  forget_errors();
  size_t written = 0;
  const int status = SSL_write_ex(x_ssl.get(), bytes.data(), bytes.size(), &written);
  if (status == 1) return true;
  fail();
  return false;
}

void TlsSession::close() {
  if (!x_done || x_cause != Cause::kNone) return;
  ERR_clear_error();
  SSL_shutdown(x_ssl.get());
  ERR_clear_error();
}

TlsInfo TlsSession::info() const {
  const SSL* const ssl = x_ssl.get();
  TlsInfo info;
  info.version = SSL_get_version(ssl);
  info.cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
  const unsigned char* alpn = nullptr;
  unsigned alpn_bytes = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_bytes);
  if (alpn_bytes > 0) info.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_bytes);
  const char* const sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (sni != nullptr) info.sni = sni;
  X509* const peer = SSL_get0_peer_certificate(ssl);
  if (peer != nullptr && SSL_get_verify_result(ssl) == X509_V_OK) info.peer = identity_of(peer);
  info.resumed = SSL_session_reused(ssl) == 1;
  return info;
}

void TlsSession::fail(Cause cause, std::string reason) {
  x_cause = cause;
  x_reason = std::move(reason);
}

// Keeps what OpenSSL says; it never holds key material.
void TlsSession::fail() {
  if (asks_too_much()) return fail(Cause::kTlsError, "too many records without data");
  const unsigned long error = ERR_peek_error();
  const long verified = SSL_get_verify_result(x_ssl.get());
  ERR_clear_error();
  if (!x_done && verified == X509_V_ERR_APPLICATION_VERIFICATION) {
    return fail(Cause::kCertificateRefused, "not the SPIFFE id " + x_client->spiffe());
  }
  if (!x_done && verified != X509_V_OK) {
    return fail(Cause::kCertificateRefused, X509_verify_cert_error_string(verified));
  }
  const int reason = ERR_GET_REASON(error);
  const bool none_shown =
      ERR_GET_LIB(error) == ERR_LIB_SSL && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
  fail(none_shown ? Cause::kCertificateRefused : Cause::kTlsError, tls_reason(error));
}

std::string_view TlsSession::asked_for() const {
  if (x_client != nullptr || x_ssl == nullptr) return {};
  const char* const name = SSL_get_servername(x_ssl.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view() : name;
}

bool TlsSession::asks_too_much() const {
  const auto seconds = static_cast<uint64_t>((x_now_ms - x_since_ms) / kMsForEachOther);
  return x_other_records > kOtherRecordsFree + x_deciphered / kBytesForEachOther + seconds;
}

TlsSession& TlsSession::of(const SSL* ssl) {
  return *static_cast<TlsSession*>(SSL_get_app_data(ssl));
}

int TlsSession::verify(int verified, X509_STORE_CTX* store) {
  if (verified != 1 || X509_STORE_CTX_get_error_depth(store) != 0) return verified;
  const auto* const ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const std::string& wanted = of(ssl).x_client->spiffe();
  if (wanted.empty() || has_spiffe_id(X509_STORE_CTX_get_current_cert(store), wanted)) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int TlsSession::choose_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_bytes,
                            const unsigned char* offered, unsigned offered_bytes, void* context) {
  // OpenSSL has seen that the list is well-formed and not empty.
  if (of(ssl).x_alpn_choice == AlpnChoice::kCallersFirst) {
    *chosen = offered + 1;
    *chosen_bytes = *offered;
    return SSL_TLSEXT_ERR_OK;
  }
  const std::string& ours = static_cast<const TlsServerContext*>(context)->alpn_wire();
  unsigned char* found = nullptr;
  const int status = SSL_select_next_proto(
      &found, chosen_bytes, reinterpret_cast<const unsigned char*>(ours.data()),
      static_cast<unsigned>(ours.size()), offered, offered_bytes);
  *chosen = found;
  // RFC 7301 section 3.2: no_application_protocol.
  return status == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int TlsSession::keep_ticket(SSL* ssl, SSL_SESSION* ticket) {
  const TlsSession& self = of(ssl);
  self.x_client->tickets().put(self.x_server, SslSessionPtr(ticket));
  return 1;
}

void TlsSession::on_message(int is_write, int, int type, const void* bytes, size_t count, SSL*,
                            void* self) {
  if (is_write != 0 || count == 0) return;
  // The header of each record; within TLS 1.3 the true type of its content follows.
  if (type != SSL3_RT_HEADER && type != SSL3_RT_INNER_CONTENT_TYPE) return;
  if (*static_cast<const uint8_t*>(bytes) == kApplicationData) return;
  ++static_cast<TlsSession*>(self)->x_other_records;
}

int TlsSession::bio_read(BIO* bio, char* into, int bytes) {
  auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.asks_too_much()) return -1;
  if (self.x_input.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t count = std::min(self.x_input.size(), static_cast<size_t>(bytes));
  std::memcpy(into, self.x_input.data(), count);
  self.x_input.remove_prefix(count);
  return static_cast<int>(count);
}

// The stream below takes everything, or keeps it. All that a step of the handshake writes goes out
// at once.
int TlsSession::bio_write(BIO* bio, const char* from, int bytes) {
  auto& self = *static_cast<TlsSession*>(BIO_get_data(bio));
  const std::string_view record(from, static_cast<size_t>(bytes));
  if (self.x_done) {
    self.x_inner->write(record);
  } else {
    self.x_flight.append(record);
  }
  return bytes;
}

long TlsSession::bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// Lives as long as the process.
BIO_METHOD* TlsSession::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    OUTRIGGER_ASSERT(made != nullptr);
    BIO_meth_set_read(made, &bio_read);
    BIO_meth_set_write(made, &bio_write);
    BIO_meth_set_ctrl(made, &bio_control);
    return made;
  }();
  return method;
}

}  // namespace outrigger::io
