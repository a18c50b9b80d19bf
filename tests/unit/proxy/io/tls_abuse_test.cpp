// Hostile TLS by the number of its case: what an upstream (131) and what a caller (154) may try.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/io/tls_ends.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;

using TlsAbuse = TlsMeeting;

// A certificate chain of about so many bytes behind the certificate that counts.
std::string long_chain(const TestAuthority& authority, size_t bytes) {
  std::string chain = authority.read("server.pem");
  const std::string one = authority.read("ca.pem");
  while (chain.size() < bytes) chain += one;
  return chain;
}

TEST_F(TlsAbuse, Case131TakesNothingThatComesBeforeTheHandshake) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  auto [near, far] = make_pipe(loop);
  client.emplace(loop);
  client->connect(std::move(near), load(authority.client()));
  TestPeer injector(std::move(far));
  injector.send(answer);
  ASSERT_TRUE(loop.run_until([&] { return client->is_over(); }));
  EXPECT_EQ(client->failed, Cause::kTlsError);
  EXPECT_EQ(client->peer.received, "");
}

// What stands before the NUL is not the name (CVE-2009-2408).
TEST_F(TlsAbuse, Case131RefusesANameWithNul) {
  const std::string evil("orders.svc\0.evil.example", 24);
  EXPECT_EQ(refusal({.raw_name = evil}), "hostname mismatch");
  EXPECT_TRUE(accepts({.raw_name = "orders.svc"}, "orders.svc"));
}

TEST_F(TlsAbuse, Case131RefusesAnotherNameAndATimeThatIsOver) {
  EXPECT_EQ(refusal({.names = "DNS:orders.svc.evil.example"}), "hostname mismatch");
  EXPECT_EQ(refusal({.names = "DNS:evil.example,URI:orders.svc"}), "hostname mismatch");
}

TEST_F(TlsAbuse, Case131ReadsNoChainWithoutEnd) {
  authority.write("server.pem", long_chain(authority, 1'000'000));
  meet();
  ASSERT_TRUE(client->failed.has_value());
  EXPECT_NE(*client->failed, Cause::kNone);
  EXPECT_THAT(client->reason, HasSubstr("excessive message size"));
}

TEST_F(TlsAbuse, Case154ReadsNoChainOfACallerWithoutEnd) {
  authority.issue("client");
  std::string chain = authority.read("client.pem");
  while (chain.size() < 1'000'000) chain += authority.read("ca.pem");
  authority.write("client.pem", chain);
  meet(load(authority.server("server", true)), load(authority.client("client")));
  EXPECT_EQ(server->failed, Cause::kTlsError);
  EXPECT_THAT(server->reason, HasSubstr("excessive message size"));
}

// Tickets are sealed with keys of their listener (CVE-2025-23419).
TEST_F(TlsAbuse, Case154ATicketOfOneListenerIsNoneOfAnother) {
  authority.issue("client");
  const auto open_to_all = load(authority.server());
  const auto strict = load(authority.server("server", true));
  const auto known = load(authority.client("client"));
  meet(open_to_all, known);
  loop.run_until_idle();
  meet(open_to_all, known);
  ASSERT_TRUE(server->info.has_value());
  EXPECT_TRUE(server->info->resumed);
  loop.run_until_idle();
  meet(strict, known);
  ASSERT_TRUE(server->info.has_value());
  EXPECT_FALSE(server->info->resumed);
  // Nor does one make up for the certificate that the other asks for.
  const auto nobody = load(authority.client());
  meet(open_to_all, nobody);
  loop.run_until_idle();
  meet(strict, nobody);
  EXPECT_FALSE(server->info.has_value());
  EXPECT_EQ(server->failed, Cause::kCertificateRefused);
}

// No ticket allows early data, so no request is taken that somebody could play again (RFC 8446
// section 8).
TEST_F(TlsAbuse, Case154OffersNoEarlyData) {
  auto [near, far] = make_pipe(loop);
  server.emplace(loop);
  server->serve(std::move(far), load(authority.server()));
  RawClient raw(std::move(near));
  ASSERT_TRUE(loop.run_until([&] { return server->is_over() && raw.is_ready(); }));
  loop.run_until_idle();
  SSL_SESSION* const session = SSL_get1_session(raw.ssl());
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(SSL_SESSION_is_resumable(session), 1);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(session), 0u);
  SSL_SESSION_free(session);
}

// Who offers it all the same is heard only after the handshake.
TEST_F(TlsAbuse, Case154DropsBytesInPlaceOfEarlyData) {
  auto [near, far] = make_pipe(loop);
  server.emplace(loop);
  server->serve(std::move(far), load(authority.server()));
  RawClient raw(std::move(near));
  // An application record that no key has sealed, right behind the greeting.
  raw.stream().write(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'p'));
  ASSERT_TRUE(loop.run_until([&] { return server->is_over(); }));
  EXPECT_EQ(server->failed, Cause::kTlsError);
  EXPECT_EQ(server->peer.received, "");
}

TEST_F(TlsAbuse, Case154TakesTinyRecords) {
  auto [near, far] = make_pipe(loop);
  server.emplace(loop);
  server->serve(std::move(far), load(authority.server()));
  RawClient raw(std::move(near));
  ASSERT_TRUE(loop.run_until([&] { return server->is_over() && raw.is_ready(); }));
  std::string sent;
  for (int i = 0; i < 5'000; ++i) {
    sent += static_cast<char>('a' + i % 26);
    raw.send(sent.substr(sent.size() - 1));
  }
  ASSERT_TRUE(loop.run_until([&] { return server->peer.received.size() >= sent.size(); }));
  EXPECT_EQ(server->peer.received, sent);
  EXPECT_FALSE(server->peer.broken);
}

TEST_F(TlsAbuse, Case154FailsWhereNoProtocolIsAgreedUpon) {
  io::TlsClientOptions options = authority.client();
  options.alpn = {"ftp", "h3"};
  meet(load(authority.server()), load(options));
  EXPECT_EQ(server->failed, Cause::kTlsError);
  EXPECT_EQ(client->failed, Cause::kTlsError);
}

}  // namespace
}  // namespace outrigger::testing
