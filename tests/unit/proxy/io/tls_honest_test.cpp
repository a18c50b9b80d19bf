// Peers that ask something of a connection that is established, as honest ones do, at ten times
// their rate.
#include <gtest/gtest.h>

#include "tests/unit/proxy/io/tls_ends.hpp"

namespace outrigger::testing {
namespace {

// The server's side by hand.
class RawServer final : public io::StreamEvents {
 public:
  RawServer(io::StreamPtr stream, const TestAuthority& authority, size_t tickets)
      : x_stream(std::move(stream)), x_context(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_use_certificate_file(x_context, authority.path("server.pem").c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(x_context, authority.path("server.key").c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_load_verify_locations(x_context, authority.path("ca.pem").c_str(), nullptr);
    SSL_CTX_set_num_tickets(x_context, tickets);
    x_ssl = SSL_new(x_context);
    SSL_set_bio(x_ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(x_ssl);
    x_stream->start(*this);
  }
  ~RawServer() {
    SSL_free(x_ssl);
    SSL_CTX_free(x_context);
  }

  bool is_ready() const { return SSL_is_init_finished(x_ssl) == 1; }
  void send(const std::string& bytes) {
    SSL_write(x_ssl, bytes.data(), static_cast<int>(bytes.size()));
    flush();
  }
  // RFC 8446 section 4.6.2; false: the client has not said that it would answer.
  bool ask_for_a_certificate() {
    SSL_set_verify(x_ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    if (SSL_verify_client_post_handshake(x_ssl) != 1) return false;
    SSL_do_handshake(x_ssl);
    flush();
    return true;
  }
  bool knows_its_client() const { return SSL_get0_peer_certificate(x_ssl) != nullptr; }

  std::string received;

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
  void on_end() override {}
  void on_broken() override {}
  void on_drained() override {}
  void flush() {
    char* bytes = nullptr;
    const long count = BIO_get_mem_data(SSL_get_wbio(x_ssl), &bytes);
    if (count > 0) x_stream->write({bytes, static_cast<size_t>(count)});
    BIO_reset(SSL_get_wbio(x_ssl));
  }

  io::StreamPtr x_stream;
  SSL_CTX* x_context;
  SSL* x_ssl = nullptr;
};

struct TlsHonest : ::testing::Test {
  TlsHonest() {
    authority.issue("server");
    authority.issue("client", {.subject = "billing"});
  }

  void connect(const io::TlsClientOptions& options, size_t tickets = 2) {
    auto [near, far] = make_pipe(loop, {}, *Address::parse("10.0.0.1:443"));
    server.emplace(std::move(far), authority, tickets);
    client.connect(std::move(near), load(options));
    ASSERT_TRUE(loop.run_until([&] { return client.is_over() && server->is_ready(); }));
    ASSERT_TRUE(client.info.has_value()) << client.reason;
    loop.run_until_idle();
  }
  bool are_talking() {
    client.peer.received.clear();
    server->send("answer");
    client.peer.send("question");
    loop.run_until_idle();
    return client.peer.received == "answer" && server->received.ends_with("question") &&
           !client.peer.broken;
  }

  TestAuthority authority;
  VirtualLoop loop;
  TlsEnd client{loop};
  std::optional<RawServer> server;
};

// As Apache httpd does for a part of its paths.
TEST_F(TlsHonest, AServerThatAsksForTheCertificateLaterGetsIt) {
  connect(authority.client("client"));
  EXPECT_FALSE(server->knows_its_client());
  ASSERT_TRUE(server->ask_for_a_certificate());
  loop.run_until_idle();
  EXPECT_TRUE(server->knows_its_client());
  EXPECT_TRUE(are_talking());
}

TEST_F(TlsHonest, WhoHasNoCertificateIsNotAskedForIt) {
  connect(authority.client());
  EXPECT_FALSE(server->ask_for_a_certificate());
  EXPECT_TRUE(are_talking());
}

// Most servers send two, some four.
TEST_F(TlsHonest, FortyTicketsAreTaken) {
  connect(authority.client(), 40);
  EXPECT_TRUE(are_talking());
}

// Once an hour is often. Those that count bytes or records (Java, GnuTLS, rustls) renew them after
// a hundred gigabytes.
TEST_F(TlsHonest, KeysThatAreRenewedEverySixMinutesOfSilenceForDaysAreTaken) {
  TlsEnd end(loop);
  auto [near, far] = make_pipe(loop);
  end.serve(std::move(far), load(authority.server()));
  RawClient peer(std::move(near));
  ASSERT_TRUE(loop.run_until([&] { return end.is_over() && peer.is_ready(); }));
  for (int i = 0; i < 1'000; ++i) {
    loop.advance_ms(360'000);
    SSL_key_update(peer.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(peer.ssl());
    peer.flush();
    loop.run_until_idle();
    ASSERT_FALSE(end.peer.broken) << i;
  }
  peer.send("still there");
  ASSERT_TRUE(loop.run_until([&] { return end.peer.received == "still there"; }));
}

}  // namespace
}  // namespace outrigger::testing
