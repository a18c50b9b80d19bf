// Hostile TLS through a whole worker, by the number of its case: upstreams (131) that are not who
// they should be or break off, and callers (154).
#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"
#include "tests/support/tls_network.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:443";

// A service over TLS, whose origin holds the certificate of the test's authority.
struct TlsTown {
  explicit TlsTown(const CertificateSpec& spec = {.names = "DNS:orders"}) {
    authority.issue("server", spec);
    town.service("orders").tls().set(load(authority.client()));
    network.emplace(town.network, io::TlsLoop{town.loop.context(), town.loop.outbox()},
                    load(authority.server()), nullptr, "");
    origin.emplace(town.loop, *network, *Address::parse(kAt));
  }

  TestAuthority authority;
  Town town{
      "services: {orders: {endpoints: {static: ['10.0.0.1:443']}, protocol: http1, tls: on}}"};
  std::optional<TlsNetwork> network;
  std::optional<Origin> origin;
};

TEST(TlsUpstream, SpeaksToWhomItsCertificateIsForAbuse131) {
  TlsTown at;
  Caller caller(at.town);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(at.origin->requests.size(), 1u);
}

TEST(TlsUpstream, SaysNothingToAnybodyElseAbuse131) {
  for (const CertificateSpec& spec :
       {CertificateSpec{.names = "DNS:other"}, CertificateSpec{.names = "DNS:orders.evil"},
        CertificateSpec{.raw_name = std::string("orders\0.evil", 12)}}) {
    TlsTown at(spec);
    Caller caller(at.town);
    const Message answer = caller.get();
    EXPECT_EQ(answer.status(), 502);
    EXPECT_NE(answer.field("proxy-status").find("tls_certificate_error"), std::string::npos)
        << answer.field("proxy-status");
    EXPECT_EQ(at.origin->heads, 0u);
  }
}

TEST(TlsUpstream, TakesNoAnswerInClearTextAbuse131) {
  TestAuthority authority;
  Town town(
      "services: {orders: {endpoints: {static: ['10.0.0.1:443']}, protocol: http1, tls: on}}");
  town.service("orders").tls().set(load(authority.client()));
  struct Injector final : io::AcceptEvents {
    void on_accepted(io::StreamPtr stream) override {
      peers.push_back(std::make_unique<TestPeer>(std::move(stream)));
      peers.back()->send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    }
    void on_accept_refused() override {}
    std::vector<std::unique_ptr<TestPeer>> peers;
  } injector;
  const auto listener = town.network.listen(*Address::parse(kAt), injector);
  ASSERT_TRUE(listener);
  Caller caller(town);
  const Message answer = caller.get();
  EXPECT_EQ(answer.status(), 502);
  EXPECT_NE(answer.field("proxy-status").find("tls_protocol_error"), std::string::npos);
  for (const auto& peer : injector.peers) {
    EXPECT_EQ(peer->received.find("GET "), std::string::npos);
  }
}

// Without close_notify, the end of a body that lasts until the end is none.
TEST(TlsUpstream, ABodyThatIsCutOffIsNotCompleteAbuse131) {
  for (const bool cut_off : {false, true}) {
    TlsTown at;
    at.origin->otherwise = [cut_off](Origin::Connection& on) {
      on.send_if_open("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf");
      on.after(5, [&on, cut_off] { cut_off ? on.reset() : on.close_cleanly(); });
    };
    Caller caller(at.town);
    const Message answer = caller.get();
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, "half");
    EXPECT_EQ(answer.complete, !cut_off);
  }
}

}  // namespace
}  // namespace outrigger::testing
