// A TlsSession is the TLS state of one connection with the stream below it: OpenSSL's SSL, fed with
// what a read brought, writing straight into that stream. It knows neither events nor loops: first
// a TlsHandshake drives it, then a TlsStream owns it. One thread. For proxy/io only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "proxy/base/buffer.hpp"
#include "proxy/base/error.hpp"
#include "proxy/io/stream.hpp"
#include "proxy/io/tls_context.hpp"
#include "proxy/io/tls_handshake.hpp"

namespace outrigger::io {

class TlsSession {
 public:
  enum class Step : uint8_t { kDone, kWaits, kEnded, kFailed };
  struct Deciphered {
    size_t bytes;
    Step step;  // kWaits for more, kEnded by close_notify, kFailed
  };

  // A plain record (RFC 8446 section 5.1).
  static constexpr size_t kRecordBytes = 16 * 1024;

  TlsSession(StreamPtr inner, const TlsServerContextPtr& context, AlpnChoice choice);
  TlsSession(StreamPtr inner, const TlsClientContextPtr& context, std::string_view server_name,
             AlpnOffer offer);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  Stream& inner() { return *x_inner; }
  const Stream& inner() const { return *x_inner; }

  // Goes on with the handshake: kDone, kWaits or kFailed. What follows it in `bytes` is held().
  Step shake_hands(std::string_view bytes);
  // Bytes of the stream below that came with the end of the handshake.
  Buffer& held() { return x_held; }

  // Deciphers all of `bytes`, which must be at most as many as `into` less one record. What the
  // peer asks for in doing so is answered.
  Deciphered decipher(std::string_view bytes, std::span<char> into, int64_t now_ms);
  // One record, at most kRecordBytes; false when the session has failed.
  bool encipher(std::string_view bytes);
  // Sends close_notify.
  void close();

  // Requires: the handshake is done.
  TlsInfo info() const;
  // Requires: it has failed. The reason is a sentence for the log.
  Cause cause() const { return x_cause; }
  std::string reason() const { return x_reason; }
  // The name that our client has asked for (SNI), also in a handshake that failed. Empty: none, or
  // not yet. Valid while the session lives.
  std::string_view asked_for() const;

  // OpenSSL's callbacks.
  static int verify(int verified, X509_STORE_CTX* store);
  static int choose_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_bytes,
                         const unsigned char* offered, unsigned offered_bytes, void* context);
  static int keep_ticket(SSL* ssl, SSL_SESSION* ticket);

 private:
  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  static int bio_read(BIO* bio, char* into, int bytes);
  static int bio_write(BIO* bio, const char* from, int bytes);
  static long bio_control(BIO* bio, int command, long, void*);
  static BIO_METHOD* bio_method();
  static void on_message(int is_write, int version, int type, const void* bytes, size_t count,
                         SSL* ssl, void* self);
  static TlsSession& of(const SSL* ssl);

  bool make(ssl_ctx_st* context);
  bool expect(std::string server_name);
  void fail();
  void fail(Cause cause, std::string reason);
  bool asks_too_much() const;

  StreamPtr x_inner;
  std::shared_ptr<const void> x_context;  // OpenSSL's callbacks look into it
  const TlsClientContext* x_client = nullptr;
  std::unique_ptr<SSL, SslFree> x_ssl;
  std::string_view x_input;  // of the running call
  Buffer x_flight;           // what the running step of the handshake has written
  Buffer x_held;
  std::string x_server;          // whose tickets ours are
  uint64_t x_deciphered = 0;     // bytes
  uint64_t x_other_records = 0;  // that brought no application data since the handshake
  int64_t x_since_ms = 0;        // what came first behind the handshake; 0: nothing has
  int64_t x_now_ms = 0;          // of the running call
  std::string x_reason;
  Cause x_cause = Cause::kNone;
  AlpnChoice x_alpn_choice = AlpnChoice::kOurs;
  bool x_done = false;
};

}  // namespace outrigger::io
