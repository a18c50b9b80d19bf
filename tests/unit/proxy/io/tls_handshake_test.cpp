#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/io/tls_ends.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;

using TlsHandshakeTest = TlsMeeting;

// Counts what is written, each of which is a system call.
class CountingStream final : public io::Stream {
 public:
  CountingStream(io::StreamPtr inner, int& writes) : x_inner(std::move(inner)), x_writes(writes) {}
  void start(io::StreamEvents& events) override { x_inner->start(events); }
  void pause_reading() override { x_inner->pause_reading(); }
  void resume_reading() override { x_inner->resume_reading(); }
  void write(std::span<const std::string_view> pieces) override {
    ++x_writes;
    x_inner->write(pieces);
  }
  size_t unsent() const override { return x_inner->unsent(); }
  void finish() override { x_inner->finish(); }
  void abort() override { x_inner->abort(); }
  bool is_broken() const override { return x_inner->is_broken(); }
  std::optional<uint64_t> bytes_acked() const override { return x_inner->bytes_acked(); }
  Address peer() const override { return x_inner->peer(); }

 private:
  io::StreamPtr x_inner;
  int& x_writes;
};

TEST_F(TlsHandshakeTest, AgreesOnTls13AndTellsBothSides) {
  io::TlsClientOptions options = authority.client();
  options.alpn = {"http/1.1", "h2"};
  meet(load(authority.server()), load(options));
  for (const TlsEnd* end : {&*client, &*server}) {
    ASSERT_TRUE(end->info.has_value()) << end->reason;
    EXPECT_EQ(end->info->version, "TLSv1.3");
    EXPECT_THAT(std::string(end->info->cipher), HasSubstr("TLS_AES"));
    EXPECT_EQ(end->info->alpn, "h2") << "the server's first choice";
    EXPECT_EQ(end->info->sni, "orders.svc");
    EXPECT_FALSE(end->info->resumed);
  }
  EXPECT_EQ(client->info->peer, "orders.svc");
  EXPECT_EQ(server->info->peer, "");
  EXPECT_EQ(client->peer.stream().bytes_acked(), std::nullopt);
  EXPECT_EQ(client->peer.stream().peer(), *Address::parse("10.0.0.1:443"));
}

TEST_F(TlsHandshakeTest, WorksByteByByte) {
  pipe.drip_bytes = 1;
  meet();
  ASSERT_TRUE(client->info && server->info) << client->reason << server->reason;
  client->peer.send("question");
  ASSERT_TRUE(loop.run_until([&] { return server->peer.received == "question"; }));
}

TEST_F(TlsHandshakeTest, WritesOnceInEachStep) {
  client.emplace(loop);
  server.emplace(loop);
  auto [near, far] = make_pipe(loop, pipe, *Address::parse("10.0.0.1:443"));
  int client_writes = 0;
  int server_writes = 0;
  server->serve(std::make_unique<CountingStream>(std::move(far), server_writes),
                load(authority.server()));
  client->connect(std::make_unique<CountingStream>(std::move(near), client_writes),
                  load(authority.client()));
  ASSERT_TRUE(loop.run_until([&] { return client->is_over() && server->is_over(); }));
  EXPECT_EQ(client_writes, 2) << "its hello, and its end";
  EXPECT_EQ(server_writes, 2) << "all until its end, and all tickets";
}

TEST_F(TlsHandshakeTest, WithoutAlpnNothingIsAgreedUpon) {
  meet();
  EXPECT_EQ(client->info->alpn, "");
  EXPECT_EQ(server->info->alpn, "");
}

// RFC 7301 section 3.2.
TEST_F(TlsHandshakeTest, FailsWhenTheClientOffersOnlyUnknownProtocols) {
  io::TlsClientOptions options = authority.client();
  options.alpn = {"spdy/1"};
  meet(load(authority.server()), load(options));
  EXPECT_EQ(server->failed, Cause::kTlsError);
  EXPECT_EQ(client->failed, Cause::kTlsError);
  EXPECT_THAT(client->reason, HasSubstr("no application protocol"));
}

TEST_F(TlsHandshakeTest, TakesTheFirstProtocolOfACallerWhoseBytesNobodyReads) {
  const auto at = load(authority.server());
  const std::vector<std::string> kOffers[] = {{"mqtt"}, {"x", "http/1.1"}, {"h2"}, {}};
  for (const auto& offer : kOffers) {
    io::TlsClientOptions options = authority.client();
    options.alpn = offer;
    client.emplace(loop);
    server.emplace(loop);
    auto [near, far] = make_pipe(loop, pipe, *Address::parse("10.0.0.1:443"));
    server->serve(std::move(far), at, io::AlpnChoice::kCallersFirst);
    client->connect(std::move(near), load(options));
    ASSERT_TRUE(loop.run_until([&] { return client->is_over() && server->is_over(); }));
    ASSERT_TRUE(client->info && server->info) << client->reason << server->reason;
    EXPECT_EQ(client->info->alpn, offer.empty() ? "" : offer[0]);
    EXPECT_EQ(server->info->alpn, client->info->alpn);
  }
}

TEST_F(TlsHandshakeTest, RefusesAnotherName) {
  EXPECT_EQ(refusal({.names = "DNS:other.svc"}), "hostname mismatch");
}

TEST_F(TlsHandshakeTest, DoesNotLookAtTheSubject) {
  EXPECT_EQ(refusal({.subject = "orders.svc", .names = ""}), "hostname mismatch");
}

TEST_F(TlsHandshakeTest, AWildcardIsAWholeLabel) {
  EXPECT_TRUE(accepts({.names = "DNS:*.shop.svc"}, "orders.shop.svc"));
  EXPECT_EQ(refusal({.names = "DNS:ord*.shop.svc"}, "orders.shop.svc"), "hostname mismatch");
  EXPECT_EQ(refusal({.names = "DNS:*.shop.svc"}, "a.orders.shop.svc"), "hostname mismatch");
}

TEST_F(TlsHandshakeTest, ANameMayEndInADot) {
  EXPECT_TRUE(accepts({.names = "DNS:orders.svc"}, "Orders.SVC."));
  EXPECT_EQ(server->info->sni, "Orders.SVC");
}

TEST_F(TlsHandshakeTest, AnIpMustBeAmongTheIps) {
  EXPECT_TRUE(accepts({.names = "IP:10.0.0.1"}, "10.0.0.1"));
  EXPECT_EQ(server->info->sni, "") << "RFC 6066 section 3";
  EXPECT_TRUE(accepts({.names = "IP:2001:db8::1"}, "2001:db8::1"));
  EXPECT_TRUE(accepts({.names = "IP:2001:db8::1"}, "[2001:db8::1]"));
  EXPECT_EQ(refusal({.names = "DNS:10.0.0.1"}, "10.0.0.1"), "IP address mismatch");
  EXPECT_EQ(refusal({.names = "IP:10.0.0.2"}, "10.0.0.1"), "IP address mismatch");
}

TEST_F(TlsHandshakeTest, TheContextsServerNameCountsBeforeTheGivenOne) {
  io::TlsClientOptions options = authority.client();
  options.server_name = "orders.svc";
  meet(load(authority.server()), load(options), "elsewhere");
  EXPECT_TRUE(client->info.has_value());
  EXPECT_EQ(server->info->sni, "orders.svc");
}

TEST_F(TlsHandshakeTest, RefusesAnExpiredCertificate) {
  authority.issue("server", {.valid_from_s = -7200, .valid_until_s = -3600});
  const auto then = io::TlsServerContext::load(authority.server(), std::time(nullptr) - 5000);
  ASSERT_TRUE(then);
  meet(*then, load(authority.client()));
  EXPECT_EQ(client->failed, Cause::kCertificateRefused);
  EXPECT_EQ(client->reason, "certificate has expired");
}

TEST_F(TlsHandshakeTest, RefusesACertificateOfAnUnknownAuthority) {
  TestAuthority other;
  meet(load(authority.server()), load(other.client()));
  EXPECT_EQ(client->failed, Cause::kCertificateRefused);
  EXPECT_EQ(client->reason, "unable to get local issuer certificate");
}

// Of the certificate's own chain to a root nothing needs to be known.
TEST_F(TlsHandshakeTest, TrustsAnIntermediateThatIsNamedAsTrusted) {
  TestAuthority intermediate(&authority);
  intermediate.issue("server");
  meet(load(intermediate.server()), load(intermediate.client()));
  EXPECT_TRUE(client->info.has_value()) << client->reason;
  meet(load(intermediate.server()), load(authority.client()));
  EXPECT_EQ(client->failed, Cause::kCertificateRefused) << "it has not shown its issuer";
}

TEST_F(TlsHandshakeTest, TrustsALeafThatIsNamedAsTrustedAndNothingItSigned) {
  authority.issue_self_signed("server");
  authority.issue_self_signed("other");
  io::TlsClientOptions options = authority.client();
  options.ca_file = authority.path("server.pem");
  meet(load(authority.server()), load(options));
  EXPECT_TRUE(client->info.has_value()) << client->reason;
  meet(load(authority.server()), load(options), "another.name");
  EXPECT_EQ(client->failed, Cause::kCertificateRefused);
  meet(load(authority.server("other")), load(options));
  EXPECT_EQ(client->failed, Cause::kCertificateRefused);
}

TEST_F(TlsHandshakeTest, RequiresACertificateOfTheClientWhereAnAuthorityIsGiven) {
  const auto strict = load(authority.server("server", true));
  meet(strict, load(authority.client()));
  EXPECT_EQ(server->failed, Cause::kCertificateRefused);
  EXPECT_EQ(server->reason,
            "the peer has shown no certificate (peer did not return a certificate); it asked for "
            "\"orders.svc\"");
  // In TLS 1.3 the client has finished by then, and learns it as a broken connection.
  ASSERT_TRUE(loop.run_until([&] { return client->peer.broken; }));

  TestAuthority other;
  other.issue("client");
  io::TlsClientOptions foreign = authority.client();
  foreign.cert_file = other.path("client.pem");
  foreign.key_file = other.path("client.key");
  meet(strict, load(foreign));
  EXPECT_EQ(server->failed, Cause::kCertificateRefused);

  authority.issue("client", {.subject = "billing", .names = ""});
  meet(strict, load(authority.client("client")));
  ASSERT_TRUE(server->info.has_value()) << server->reason;
  EXPECT_EQ(server->info->peer, "billing");
}

TEST_F(TlsHandshakeTest, KnowsAPeerByItsSpiffeId) {
  const std::string id = "spiffe://shop/ns/a/sa/orders";
  authority.issue("client", {.names = "DNS:x,URI:" + id});
  meet(load(authority.server("server", true)), load(authority.client("client")));
  ASSERT_TRUE(server->info.has_value()) << server->reason;
  EXPECT_EQ(server->info->peer, id);
}

TEST_F(TlsHandshakeTest, ASpiffeIdStandsInsteadOfTheNames) {
  io::TlsClientOptions options = authority.client();
  options.spiffe = "spiffe://shop/ns/a/sa/orders";
  const auto from = load(options);
  const auto verdict = [&](const std::string& names) {
    authority.issue("server", {.names = names});
    meet(load(authority.server()), from, "any.name");
    return client->info.has_value();
  };
  EXPECT_TRUE(verdict("URI:spiffe://shop/ns/a/sa/orders"));
  EXPECT_FALSE(verdict("URI:spiffe://shop/ns/a/sa/other"));
  EXPECT_EQ(client->failed, Cause::kCertificateRefused);
  EXPECT_EQ(client->reason, "not the SPIFFE id " + options.spiffe);
  EXPECT_FALSE(verdict("DNS:any.name"));
  EXPECT_FALSE(verdict("URI:spiffe://shop/ns/a/sa/orders,URI:spiffe://shop/ns/a/sa/other"))
      << "an SVID has exactly one URI";
}

TEST_F(TlsHandshakeTest, RefusesTls11) {
  const auto at = load(authority.server());
  auto [near, far] = make_pipe(loop);
  server.emplace(loop);
  server->serve(std::move(far), at);
  RawClient old(std::move(near), TLS1_1_VERSION);
  ASSERT_TRUE(loop.run_until([&] { return server->is_over() && (old.ended || old.broken); }));
  EXPECT_EQ(server->failed, Cause::kTlsError);
  EXPECT_EQ(server->reason, "the peer speaks neither TLS 1.2 nor 1.3 (unsupported protocol)");
  EXPECT_FALSE(old.is_ready());
}

TEST_F(TlsHandshakeTest, SpeaksTls12WithAeadOnly) {
  const auto at = load(authority.server());
  const auto hear = [&](const char* suites) {
    auto [near, far] = make_pipe(loop);
    server.emplace(loop);
    server->serve(std::move(far), at);
    const RawClient old(std::move(near), TLS1_2_VERSION, suites);
    ASSERT_TRUE(loop.run_until([&] { return server->is_over(); }));
  };
  hear("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256");
  ASSERT_TRUE(server->info.has_value()) << server->reason;
  EXPECT_EQ(server->info->version, "TLSv1.2");
  EXPECT_EQ(server->info->cipher, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
  hear("ECDHE-ECDSA-AES128-SHA256");
  EXPECT_EQ(server->failed, Cause::kTlsError);
  EXPECT_THAT(server->reason, HasSubstr("offers none of our cipher suites"));
  EXPECT_THAT(server->reason, HasSubstr("no CBC"));
}

// What a server that knows CBC suites only answers to us.
TEST_F(TlsHandshakeTest, SaysInWordsWhatAPeerRefuses) {
  const auto answered = [&](char alert) {
    auto [near, far] = make_pipe(loop);
    client.emplace(loop);
    client->connect(std::move(near), load(authority.client()));
    TestPeer peer(std::move(far));
    EXPECT_TRUE(loop.run_until([&] { return !peer.received.empty(); }));
    peer.send(std::string("\x15\x03\x03\x00\x02\x02", 6) + alert);
    EXPECT_TRUE(loop.run_until([&] { return client->is_over(); }));
    EXPECT_EQ(client->failed, Cause::kTlsError);
    return client->reason;
  };
  EXPECT_THAT(answered(40), HasSubstr("no CBC suites"));
  EXPECT_THAT(answered(48), HasSubstr("does not trust the certificate"));
  EXPECT_THAT(answered(70), HasSubstr("neither TLS 1.2 nor 1.3"));
  EXPECT_THAT(answered(112), HasSubstr("does not know the name that was asked for"));
  EXPECT_THAT(answered(116), HasSubstr("wants a client certificate"));
  EXPECT_THAT(answered(120), HasSubstr("(ALPN)"));
}

TEST_F(TlsHandshakeTest, SaysWhatGarbageLooksLike) {
  const auto at = load(authority.server());
  const auto answer_to = [&](const std::string& bytes) {
    auto [near, far] = make_pipe(loop);
    server.emplace(loop);
    server->serve(std::move(far), at);
    TestPeer peer(std::move(near));
    peer.send(bytes);
    EXPECT_TRUE(loop.run_until([&] { return server->is_over() && (peer.ended || peer.broken); }));
    EXPECT_EQ(server->failed, Cause::kTlsError);
    return server->reason;
  };
  EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "what came is not TLS but HTTP in clear text (http request)");
  EXPECT_NE(answer_to(std::string(500, '\0')), "");
  EXPECT_NE(answer_to(std::string("\x16\x03\x01\xff\xff", 5) + std::string(500, 'x')), "");
  EXPECT_NE(answer_to(std::string("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9)), "");
}

TEST_F(TlsHandshakeTest, SurvivesRandomBytes) {
  const auto at = load(authority.server());
  const auto from = load(authority.client());
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    auto [near, far] = make_pipe(loop);
    TlsEnd end(loop);
    if (i % 2 == 0) {
      end.serve(std::move(far), at);
    } else {
      end.connect(std::move(far), from);
    }
    TestPeer peer(std::move(near));
    std::string bytes(1 + random.below(300), '\0');
    for (char& c : bytes) c = static_cast<char>(random.below(256));
    if (random.chance(0.5)) bytes.replace(0, 3, "\x16\x03\x03");
    peer.send(bytes);
    peer.finish();
    ASSERT_TRUE(loop.run_until([&] { return end.is_over(); }));
    EXPECT_EQ(end.failed, Cause::kTlsError);
    EXPECT_NE(end.reason, "");
  }
}

TEST_F(TlsHandshakeTest, TellsOfAPeerThatLeaves) {
  for (const bool cleanly : {true, false}) {
    auto [near, far] = make_pipe(loop);
    client.emplace(loop);
    client->connect(std::move(near), load(authority.client()));
    TestPeer peer(std::move(far));
    ASSERT_TRUE(loop.run_until([&] { return !peer.received.empty(); }));
    cleanly ? peer.close() : peer.abort();
    ASSERT_TRUE(loop.run_until([&] { return client->is_over(); }));
    EXPECT_EQ(client->failed, Cause::kTlsError);
    EXPECT_THAT(client->reason, HasSubstr("within the handshake"));
  }
}

TEST_F(TlsHandshakeTest, ABadServerNameIsToldFromTheLoop) {
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\0b", 3),
                                  std::string(300, 'a'), std::string(".")}) {
    auto [near, far] = make_pipe(loop);
    client.emplace(loop);
    client->connect(std::move(near), load(authority.client()), name);
    EXPECT_FALSE(client->is_over());
    ASSERT_TRUE(loop.run_until([&] { return client->is_over(); }));
    EXPECT_EQ(client->failed, Cause::kTlsError);
  }
}

// Whatever is under way, destroying a side is silent, and the other one learns of it.
TEST_F(TlsHandshakeTest, CanBeCancelledAtEachStep) {
  const auto at = load(authority.server());
  const auto from = load(authority.client());
  pipe.drip_bytes = 100;
  for (const bool cancel_client : {true, false}) {
    int step = 0;
    for (bool done = false; !done; ++step) {
      client.emplace(loop);
      server.emplace(loop);
      auto [near, far] = make_pipe(loop, pipe);
      server->serve(std::move(far), at);
      client->connect(std::move(near), from);
      for (int i = 0; i < step; ++i) loop.advance_to_next();
      TlsEnd& victim = cancel_client ? *client : *server;
      TlsEnd& other = cancel_client ? *server : *client;
      done = victim.is_over();
      victim.cancel();
      victim.peer.close();
      loop.advance_ms(100);
      EXPECT_EQ(victim.is_over(), done);
      EXPECT_TRUE(other.is_over()) << step;
    }
    EXPECT_GT(step, 5);
  }
}

TEST_F(TlsHandshakeTest, WaitsAsLongAsItsOwnerLikes) {
  auto [near, far] = make_pipe(loop);
  server.emplace(loop);
  server->serve(std::move(far), load(authority.server()));
  TestPeer silent(std::move(near));
  loop.advance_ms(3'600'000);
  EXPECT_FALSE(server->is_over());
  server->cancel();
  ASSERT_TRUE(loop.run_until([&] { return silent.ended || silent.broken; }));
  EXPECT_FALSE(server->is_over());
}

}  // namespace
}  // namespace outrigger::testing
