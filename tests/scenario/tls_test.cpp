// TLS of a listener, wired into a whole worker: who speaks what, who the caller is, and what
// becomes of those who do not greet as they should.
#include <tuple>

#include <gtest/gtest.h>

#include "tests/support/neighbour.hpp"
#include "tests/support/tls_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";

std::string behind(std::string_view tls, std::string_view more = {}) {
  return "listeners: [{name: outbound, address: '127.0.0.1:15001', tls: {" + std::string(tls) +
         "}" + std::string(more) +
         "}]\n"
         "services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}";
}
constexpr std::string_view kServer = "cert_file: @/server.pem, key_file: @/server.key";
constexpr std::string_view kMutual =
    "cert_file: @/server.pem, key_file: @/server.key, client_ca_file: @/ca.pem";

// What was known of each call when it ended.
struct Seen final : chain::ExchangeObserver {
  struct Call {
    http::Version version;
    std::string tls;
    std::string peer;
    std::optional<http::Version> upstream;
  };
  explicit Seen(Town& town) { town.process.exchange_observer = this; }
  void on_exchange_end(const chain::Exchange& exchange, const chain::Outcome&) override {
    const chain::Facts& facts = exchange.facts();
    calls.push_back({exchange.request().version, "", "", facts.upstream_version});
    if (facts.tls == nullptr) return;
    calls.back().tls = facts.tls->version;
    calls.back().peer = facts.tls->peer;
  }
  std::vector<Call> calls;
};

TEST(Tls, ACallerSpeaksWhatItAgreesTo) {
  TlsTown town(behind(kServer));
  Seen seen(town);
  town.origin(kAt);
  {
    Caller caller(town, town.client({"http/1.1"}));
    EXPECT_EQ(caller.get().status(), 200);
    EXPECT_EQ(town.series().downstream_http1.value(), 1);
  }
  {
    H2Caller caller(town, town.client({"h2"}));
    EXPECT_EQ(caller.get().status(), 200);
    EXPECT_EQ(town.series().downstream_http2.value(), 1);
  }
  town.pass_ms(1);
  EXPECT_EQ(town.series().downstream_http1.value(), 0);
  EXPECT_EQ(town.series().downstream_http2.value(), 0);
  EXPECT_EQ(town.series().downstream_connections.value(), 0);
  ASSERT_EQ(seen.calls.size(), 2u);
  EXPECT_EQ(seen.calls[0].version, http::Version::kHttp11);
  EXPECT_EQ(seen.calls[0].upstream, http::Version::kHttp11);
  EXPECT_EQ(seen.calls[1].version, http::Version::kHttp2);
  EXPECT_EQ(seen.calls[1].upstream, http::Version::kHttp11)
      << "nobody knows that it speaks another";
  for (const Seen::Call& call : seen.calls) {
    EXPECT_EQ(call.tls, "TLSv1.3");
    EXPECT_EQ(call.peer, "") << "it was not asked who it is";
  }
}

// Who asks for a proxy by its own name names others in the target.
TEST(Tls, ARequestForAnotherHostThanWasGreetedIs421Abuse154) {
  TlsTown town(behind(kServer));
  town.origin(kAt);
  for (const auto& [target, host, status] : {std::tuple{"/", "stock", 421},
                                             {"/", "ORDERS:443", 200},
                                             {"http://orders/", "orders", 200}}) {
    Caller caller(town, town.client({"http/1.1"}));
    caller.begin_raw("GET",
                     "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    EXPECT_EQ(caller.next().status(), status) << target << ' ' << host;
  }
  H2Caller other(town, town.client({"h2"}));
  other.host = "stock:443";
  H2Side& refused = other.get();
  EXPECT_EQ(refused.status(), 421);
  EXPECT_EQ(refused.message.field("proxy-status"),
            "outrigger; error=http_request_denied; details=\"misdirected\"");
  other.host = "orders";
  EXPECT_EQ(other.get().status(), 200);
}

TEST(Tls, WithoutAnAgreementTheFirstBytesDecide) {
  TlsTown town(behind(kServer));
  town.origin(kAt);
  Caller one(town, town.client({}));
  H2Caller two(town, town.client({}));
  EXPECT_EQ(town.series().downstream_connections.value(), 2);
  EXPECT_EQ(one.get().status(), 200);
  H2Side& side = two.begin("GET", "/");
  town.run();
  EXPECT_EQ(town.series().downstream_http1.value(), 1);
  EXPECT_EQ(town.series().downstream_http2.value(), 1);
  EXPECT_FALSE(side.closed);
}

TEST(Tls, AnOpenConnectionIsOfNoProtocolBeforeItSpoke) {
  TlsTown town(behind(kServer));
  Caller caller(town, town.client({}));
  EXPECT_EQ(town.series().downstream_connections.value(), 1);
  EXPECT_EQ(town.series().downstream_http1.value() + town.series().downstream_http2.value(), 0);
}

TEST(Tls, AClearTextCallHasNeitherVersionNorPeer) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  Seen seen(town);
  town.origin(kAt);
  EXPECT_EQ(Caller(town).get().status(), 200);
  ASSERT_EQ(seen.calls.size(), 1u);
  EXPECT_EQ(seen.calls[0].tls, "");
}

TEST(Tls, ACallThatReachedNobodyHasNoProtocolUpstream) {
  Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
  Seen seen(town);
  EXPECT_EQ(Caller(town).get().status(), 502);
  ASSERT_EQ(seen.calls.size(), 1u);
  EXPECT_EQ(seen.calls[0].upstream, std::nullopt);
}

TEST(Tls, ACallerWithACertificateIsKnownByItsFirstName) {
  TlsTown town(behind(kMutual));
  Seen seen(town);
  town.origin(kAt);
  EXPECT_EQ(Caller(town, town.client({"http/1.1"}, "client")).get().status(), 200);
  H2Caller h2(town, town.client({"h2"}, "client"));
  h2.get();
  ASSERT_EQ(seen.calls.size(), 2u);
  EXPECT_EQ(seen.calls[0].peer, "billing.svc");
  EXPECT_EQ(seen.calls[1].peer, "billing.svc");
}

// Also where the ticket of an earlier handshake stands for the certificate.
TEST(Tls, AResumedCallerIsStillKnown) {
  TlsTown town(behind(kMutual));
  Seen seen(town);
  town.origin(kAt);
  TlsNetwork& with = town.client({"http/1.1"}, "client");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Caller(town, with).get().status(), 200);
  ASSERT_EQ(with.agreed.size(), 2u);
  EXPECT_TRUE(with.agreed[1].resumed);
  ASSERT_EQ(seen.calls.size(), 2u);
  EXPECT_EQ(seen.calls[1].peer, "billing.svc");
}

TEST(Tls, ACallerWithoutTheCertificateThatIsAskedForGetsNothing) {
  TlsTown town(behind(kMutual));
  Origin& origin = town.origin(kAt);
  Caller caller(town, town.client({"http/1.1"}));
  if (caller.is_open()) caller.begin("GET", "/");
  town.run();
  EXPECT_TRUE(caller.is_over());
  EXPECT_EQ(origin.heads, 0u);
  EXPECT_EQ(town.series().detect_tls_failed.value(), 1u);
  EXPECT_EQ(town.series().downstream_connections.value(), 0);
}

TEST(Tls, WhoSpeaksHttpToTheTlsPortIsClosedAndCounted) {
  TlsTown town(behind(kServer));
  Caller caller(town);
  caller.send("GET / HTTP/1.1\r\nHost: orders\r\n\r\n");
  town.run();
  EXPECT_TRUE(caller.ended || caller.broken);
  EXPECT_EQ(caller.received.find("HTTP/"), std::string::npos);
  EXPECT_EQ(town.series().detect_tls_failed.value(), 1u);
}

// A connection that a redirect brought meant someone else, but its bytes are no longer as it sent
// them.
TEST(Tls, WhatWasDecryptedIsNeverCarriedOnInTheClear) {
  TlsTown town(behind(kServer));
  const Address to = *Address::parse("10.1.0.9:5432");
  TestOrigin there(town.network, to);
  RedirectedNetwork redirected(town);
  TestClient caller(town.client_over(redirected, {}), to);
  town.run();
  caller.send("\x01secret");
  town.pass_ms(1'000);
  EXPECT_TRUE(there.peers.empty());
  EXPECT_TRUE(caller.ended || caller.broken);
}

TEST(Tls, AHandshakeThatIsNotDoneInTimeEndsAndIsCounted) {
  TlsTown town(behind(kServer, ", timeout: {handshake: 700ms}"));
  Caller silent(town);
  Caller half(town);
  half.send("\x16\x03\x01\x02");  // the head of a greeting
  town.pass_ms(690);
  EXPECT_EQ(town.series().downstream_connections.value(), 2);
  EXPECT_FALSE(silent.is_over());
  town.pass_ms(20);
  EXPECT_TRUE(silent.is_over());
  EXPECT_TRUE(half.is_over());
  EXPECT_EQ(town.series().downstream_connections.value(), 0);
  EXPECT_EQ(town.series().detect_tls_failed.value(), 2u);
}

// So it is no handshake that memory could be had back from.
TEST(Tls, ACallerThatSaysNothingHasNoStateOfTls) {
  TlsTown town(behind(kServer));
  Caller silent(town);
  Caller half(town);
  half.send("\x16");
  town.run();
  app::WorkerMemory& memory = town.process.memory[0];
  memory.ceiling_bytes = memory.in_use_bytes - 1;
  town.pass_ms(1);
  EXPECT_TRUE(half.is_over());
  EXPECT_FALSE(silent.is_over());
  memory.ceiling_bytes = app::WorkerMemory::kNoCeiling;
}

TEST(Tls, ADoneHandshakeIsNotBoundByItsTimeout) {
  TlsTown town(behind(kServer, ", timeout: {handshake: 700ms}"));
  town.origin(kAt);
  Caller caller(town, town.client({}));
  town.pass_ms(60'000);
  EXPECT_EQ(caller.get().status(), 200);
}

TEST(Tls, ACallerThatLeavesWithinItsHandshakeLeavesNothing) {
  TlsTown town(behind(kServer));
  for (const bool cleanly : {true, false}) {
    Caller caller(town);
    caller.send("\x16\x03\x01");
    town.run();
    cleanly ? caller.finish() : caller.abort();
    town.run();
    EXPECT_EQ(town.series().downstream_connections.value(), 0);
  }
  EXPECT_EQ(town.process.listeners["outbound"].open_connections.load(), 0);
}

// A sentence in clear text would be no answer to a greeting.
TEST(Tls, AConnectionOverTheLimitIsClosedWithoutAWord) {
  TlsTown town(behind(kServer, ", limits: {connections: 1}"));
  Caller first(town, town.client({}));
  Caller second(town);
  town.run();
  EXPECT_TRUE(second.is_over());
  EXPECT_EQ(second.received, "");
  EXPECT_EQ(town.series().overload_connections.value(), 1u);
}

TEST(Tls, AChangedCertificateIsShownToTheNextAndTheOthersLiveOn) {
  const std::string yaml = behind(kServer);
  TlsTown town(yaml);
  town.origin(kAt);
  Caller early(town, town.client({"http/1.1"}));
  EXPECT_EQ(early.get().status(), 200);
  town.authority.issue("server", {.subject = "later", .names = "DNS:later"});
  town.load_tls();
  EXPECT_EQ(early.get().status(), 200);
  TlsNetwork& to_orders = town.client({"http/1.1"});
  Caller late(town, to_orders);
  EXPECT_EQ(late.failed, Cause::kCertificateRefused) << "it is for another name by now";
}

TEST(Tls, ADrainAlsoEndsHandshakes) {
  TlsTown town(behind(kServer));
  Caller caller(town);
  caller.send("\x16\x03\x01");
  town.run();
  town.workers[0]->begin_last_phase();
  town.run();
  EXPECT_TRUE(caller.is_over());
  EXPECT_EQ(town.series().downstream_connections.value(), 0);
}

}  // namespace
}  // namespace outrigger::testing
