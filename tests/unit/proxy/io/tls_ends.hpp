// Two ends of a pipe that shake hands, and a peer that speaks TLS by OpenSSL's own hand where a
// test needs one that breaks the rules.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "proxy/io/tls_handshake.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/test_peer.hpp"

namespace outrigger::testing {

// One end: its handshake, then what was received.
class TlsEnd final : public io::TlsHandshakeEvents {
 public:
  explicit TlsEnd(VirtualLoop& loop) : x_loop{loop.context(), loop.outbox()} {}

  void serve(io::StreamPtr inner, const io::TlsServerContextPtr& context,
             io::AlpnChoice choice = io::AlpnChoice::kOurs) {
    x_handshake =
        std::make_unique<io::TlsHandshake>(x_loop, std::move(inner), context, *this, choice);
  }
  void connect(io::StreamPtr inner, const io::TlsClientContextPtr& context,
               const std::string& name = "orders.svc") {
    x_handshake =
        std::make_unique<io::TlsHandshake>(x_loop, std::move(inner), context, name, *this);
  }
  void cancel() { x_handshake.reset(); }
  bool is_over() const { return info.has_value() || failed.has_value(); }
  // Takes the stream of a handshake that was told not to start it.
  void start() { peer.attach(std::move(waiting)); }

  TestPeer peer;
  std::optional<io::TlsInfo> info;
  std::optional<Cause> failed;
  std::string reason;
  bool starts_at_once = true;
  io::StreamPtr waiting;

 private:
  void on_handshake_done(io::StreamPtr stream, const io::TlsInfo& agreed) override {
    info = agreed;
    waiting = std::move(stream);
    if (starts_at_once) start();
    x_loop.context.reaper.doom(std::move(x_handshake));
  }
  void on_handshake_failed(Cause cause, std::string_view why) override {
    failed = cause;
    reason = why;
    x_loop.context.reaper.doom(std::move(x_handshake));
  }

  io::TlsLoop x_loop;
  io::OperationPtr x_handshake;
};

// Two ends that meet, as often as a test likes.
struct TlsMeeting : ::testing::Test {
  TlsMeeting() { authority.issue("server"); }

  // Runs a handshake to its end on both sides.
  void meet(const io::TlsServerContextPtr& at, const io::TlsClientContextPtr& from,
            const std::string& name = "orders.svc") {
    client.emplace(loop);
    server.emplace(loop);
    auto [near, far] = make_pipe(loop, pipe, *Address::parse("10.0.0.1:443"));
    server->serve(std::move(far), at);
    client->connect(std::move(near), from, name);
    EXPECT_TRUE(loop.run_until([&] { return client->is_over() && server->is_over(); }));
  }
  void meet(const std::string& name = "orders.svc") {
    meet(load(authority.server()), load(authority.client()), name);
  }
  // Of a server whose certificate says so, the client's side.
  std::string refusal(const CertificateSpec& spec, const std::string& name = "orders.svc") {
    authority.issue("server", spec);
    meet(name);
    EXPECT_EQ(client->failed, Cause::kCertificateRefused);
    EXPECT_EQ(server->failed, Cause::kTlsError);
    return client->reason;
  }
  bool accepts(const CertificateSpec& spec, const std::string& name) {
    authority.issue("server", spec);
    meet(name);
    return client->info.has_value() && server->info.has_value();
  }

  TestAuthority authority;
  VirtualLoop loop;
  PipeOptions pipe;
  std::optional<TlsEnd> client;
  std::optional<TlsEnd> server;
};

// The client's side by hand. It trusts everybody.
class RawClient final : public io::StreamEvents {
 public:
  explicit RawClient(io::StreamPtr stream, int version = TLS1_3_VERSION,
                     const char* tls12_suites = "DEFAULT")
      : x_stream(std::move(stream)) {
    x_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(x_context, 0);
    SSL_CTX_set_min_proto_version(x_context, version);
    SSL_CTX_set_max_proto_version(x_context, version);
    SSL_CTX_set_cipher_list(x_context, tls12_suites);
    x_ssl = SSL_new(x_context);
    SSL_set_bio(x_ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(x_ssl);
    x_stream->start(*this);
    SSL_do_handshake(x_ssl);
    flush();
  }
  ~RawClient() {
    SSL_free(x_ssl);
    SSL_CTX_free(x_context);
  }

  SSL* ssl() { return x_ssl; }
  bool is_ready() const { return SSL_is_init_finished(x_ssl) == 1; }
  io::Stream& stream() { return *x_stream; }
  void close() { x_stream.reset(); }
  void send(const std::string& bytes) {
    SSL_write(x_ssl, bytes.data(), static_cast<int>(bytes.size()));
    flush();
  }
  // What OpenSSL has written and nobody sent.
  std::string take_output() {
    char* bytes = nullptr;
    const long count = BIO_get_mem_data(SSL_get_wbio(x_ssl), &bytes);
    std::string output(bytes, static_cast<size_t>(count));
    BIO_reset(SSL_get_wbio(x_ssl));
    return output;
  }
  void flush() {
    if (holds_output) return;
    const std::string output = take_output();
    if (!output.empty()) x_stream->write(output);
  }

  bool holds_output = false;
  std::string received;
  bool ended = false;
  bool broken = false;

 private:
  void on_read(std::string_view bytes) override {
    BIO_write(SSL_get_rbio(x_ssl), bytes.data(), static_cast<int>(bytes.size()));
    if (!is_ready()) SSL_do_handshake(x_ssl);
    char text[4096];
    int count = 0;
    while (is_ready() && (count = SSL_read(x_ssl, text, sizeof text)) > 0) {
      received.append(text, static_cast<size_t>(count));
    }
    flush();
  }
  void on_end() override { ended = true; }
  void on_broken() override { broken = true; }
  void on_drained() override {}

  io::StreamPtr x_stream;
  SSL_CTX* x_context = nullptr;
  SSL* x_ssl = nullptr;
};

}  // namespace outrigger::testing
