// TLS towards endpoints, wired into a whole worker: whom an endpoint has to be, who we are to it,
// and what a call gets when it is not.
#include <gtest/gtest.h>

#include "tests/support/tls_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:443";
constexpr const char* kOther = "10.0.0.2:443";
const std::vector<std::string> kH1{"http/1.1"};
const std::vector<std::string> kH2{"h2"};

std::string orders(std::string_view policy = {}, std::string_view tls = {}) {
  return "services: {orders: {hosts: [orders, stock, nobody], "
         "endpoints: {static: ['10.0.0.1:443']}, tls: {ca_file: @/ca.pem" +
         std::string(tls) + "}" + std::string(policy) + "}}";
}
std::string two(std::string_view policy = {}) {
  return "services: {orders: {balance: round_robin, "
         "endpoints: {static: ['10.0.0.1:443', '10.0.0.2:443']}, tls: {ca_file: @/ca.pem}" +
         std::string(policy) + "}}";
}

struct Refused : ::testing::TestWithParam<const char*> {
  std::string protocol() const { return ", protocol: " + std::string(GetParam()); }
  std::vector<std::string> alpn() const {
    return std::string_view(GetParam()) == "http2" ? kH2 : kH1;
  }
  static bool is_certificate_error(const Message& answer) {
    return answer.status() == 502 &&
           answer.field("proxy-status").find("tls_certificate_error") != std::string::npos;
  }
};

TEST_P(Refused, ACertificateOfAnotherNameOrTimeOrAuthority) {
  for (const auto& spec :
       {CertificateSpec{.names = "DNS:somebody-else"}, CertificateSpec{.names = "DNS:*.orders"},
        CertificateSpec{.subject = "orders", .names = ""},
        CertificateSpec{.names = "DNS:orders", .valid_from_s = -7200, .valid_until_s = -3600},
        CertificateSpec{.names = "DNS:orders", .valid_from_s = 3600, .valid_until_s = 7200}}) {
    TlsTown town(orders(protocol()));
    town.authority.issue("bad", spec);
    io::TlsServerOptions options = town.authority.server("bad");
    options.alpn = alpn();
    // Whatever it shows, it thinks that it is good.
    const int64_t good_s = (spec.valid_from_s + spec.valid_until_s) / 2;
    auto loaded = io::TlsServerContext::load(options, std::time(nullptr) + good_s);
    ASSERT_TRUE(loaded) << loaded.error();
    TlsNetwork tls(town.network, {town.loop.context(), town.loop.outbox()}, *loaded, nullptr, "");
    Origin origin(town.loop, tls, *Address::parse(kAt));
    Caller caller(town);
    EXPECT_TRUE(is_certificate_error(caller.get())) << spec.names;
    town.run();
    EXPECT_EQ(origin.bytes_received, 0u);
    EXPECT_EQ(town.series().upstream_connections.value(), 0);
  }
  TlsTown town(orders(protocol()));
  TestAuthority foreign;
  foreign.issue("server", {.names = "DNS:orders"});
  Origin& origin = town.origin_over(town.server(foreign.server(), alpn()), kAt);
  EXPECT_TRUE(is_certificate_error(Caller(town).get()));
  EXPECT_EQ(origin.bytes_received, 0u);
}

TEST_P(Refused, IsTriedElsewhereAndCountsForTheCircuitOfTheEndpoint) {
  TlsTown town(two(protocol() + ", endpoint_circuit: {consecutive_failures: 2}"));
  TestAuthority foreign;
  foreign.issue("server", {.names = "DNS:orders"});
  TlsNetwork& bad = town.server(foreign.server(), alpn());
  town.origin_over(bad, kAt);
  std::unique_ptr<H2Origin> h2;
  if (alpn() == kH2) {
    h2 = std::make_unique<H2Origin>(town, town.server(kH2), kOther);
  } else {
    town.origin_over(town.server(kH1), kOther);
  }
  Caller caller(town);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(caller.post("/", "pay").status(), 200);
  EXPECT_EQ(bad.failed.size() + bad.agreed.size(), 2u) << "then its circuit was open";
  const auto set = town.service("orders").endpoints();
  EXPECT_EQ(set->entries[0].endpoint->circuit().times_opened(), 1u);
}

TEST_P(Refused, AConnectionServesOnlyTheNameThatItWasVerifiedFor) {
  TlsTown town(orders(protocol()));
  TlsNetwork& tls = town.server(alpn());
  std::unique_ptr<H2Origin> h2;
  if (alpn() == kH2) {
    h2 = std::make_unique<H2Origin>(town, tls, kAt);
  } else {
    town.origin_over(tls, kAt);
  }
  Caller caller(town);
  for (const char* host : {"orders", "stock", "orders", "stock"}) {
    caller.host = host;
    EXPECT_EQ(caller.get().status(), 200) << host;
  }
  ASSERT_EQ(tls.agreed.size(), 2u) << "a connection for each name, used again";
  EXPECT_EQ(tls.agreed[0].sni, "orders");
  EXPECT_EQ(tls.agreed[1].sni, "stock");
  caller.host = "nobody";
  EXPECT_TRUE(is_certificate_error(caller.get()));
}

// Both come while nothing is known of the endpoint; the one does not fall with the other.
TEST_P(Refused, OneNameIsNoVerdictOnAnother) {
  for (const bool bad_first : {true, false}) {
    TlsTown town(orders(protocol() + ", retry: off"));
    town.network.at(*Address::parse(kAt)).connect_ms = 10;
    TlsNetwork& tls = town.server(alpn());
    std::unique_ptr<H2Origin> h2;
    if (alpn() == kH2) {
      h2 = std::make_unique<H2Origin>(town, tls, kAt);
    } else {
      town.origin_over(tls, kAt);
    }
    Caller bad(town);
    Caller good(town);
    bad.host = "nobody";
    if (bad_first) bad.begin("GET", "/");
    good.begin("GET", "/");
    if (!bad_first) bad.begin("GET", "/");
    EXPECT_EQ(good.next().status(), 200) << bad_first;
    EXPECT_TRUE(is_certificate_error(bad.next())) << bad_first;
  }
}

TEST_P(Refused, OurCertificateIsShownToWhoAsks) {
  const std::string ours = ", cert_file: @/client.pem, key_file: @/client.key";
  for (const bool shown : {true, false}) {
    TlsTown town(orders(protocol() + ", retry: off", shown ? ours : ""));
    TlsNetwork& tls = town.server(town.authority.server("server", true), alpn());
    std::unique_ptr<H2Origin> h2;
    Origin* h1 = nullptr;
    if (alpn() == kH2) {
      h2 = std::make_unique<H2Origin>(town, tls, kAt);
    } else {
      h1 = &town.origin_over(tls, kAt);
    }
    const Message answer = Caller(town).post("/", "pay");
    EXPECT_EQ(answer.status(), shown ? 200 : 502);
    EXPECT_EQ(h1 != nullptr ? h1->requests.size() : h2->requests.size(), shown ? 1u : 0u);
    if (shown) {
      EXPECT_EQ(tls.agreed.at(0).peer, "billing.svc");
    } else {
      EXPECT_EQ(tls.failed.at(0), Cause::kCertificateRefused);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(TlsVerified, Refused, ::testing::Values("auto", "http1", "http2"));

TEST(TlsVerified, WhoWaitsForAnotherNameHoldsNobodyUp) {
  TlsTown town(orders(", protocol: http2, retry: off, pool: {streams: 1, connections: 2}"));
  H2Origin origin(town, town.server(kH2), kAt);
  H2Side* held = nullptr;
  origin.script = {[&](H2Side& side) { held = &side; }};
  Caller first(town);
  Caller other(town);
  Caller next(town);
  other.host = "stock";
  first.begin("GET", "/first");
  town.run();
  ASSERT_NE(held, nullptr);
  town.network.at(*Address::parse(kAt)).fate = AddressOptions::Fate::kBlackhole;
  other.begin("GET", "/other");
  town.run();
  next.begin("GET", "/next");
  town.pass_ms(100);
  held->answer(200, "ok");
  EXPECT_EQ(first.next().status(), 200);
  EXPECT_EQ(next.next().status(), 200);
  EXPECT_EQ(other.next().status(), 504);
}

TEST(TlsVerified, TheNameIsTheOneThatIsConfigured) {
  TlsTown town(orders("", ", server_name: stock"));
  TlsNetwork& tls = town.server(kH1);
  Origin& origin = town.origin_over(tls, kAt);
  Caller caller(town);
  caller.host = "nobody";
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(tls.agreed.at(0).sni, "stock");
  EXPECT_EQ(origin.requests.at(0).field("host"), "nobody");
}

TEST(TlsVerified, AnAddressMustBeAmongThoseOfTheCertificate) {
  for (const bool has_ip : {true, false}) {
    TlsTown town(orders(", authority: upstream"));
    town.authority.issue("server", {.names = has_ip ? "IP:10.0.0.1" : "DNS:10.0.0.1"});
    town.origin_over(town.server(kH1), kAt);
    EXPECT_EQ(Caller(town).get().status(), has_ip ? 200 : 502);
  }
}

TEST(TlsVerified, AChangedAuthorityCountsForTheNextConnection) {
  const std::string yaml = orders();
  TlsTown town(yaml);
  Origin& origin = town.origin_over(town.server(kH1), kAt);
  Caller caller(town);
  EXPECT_EQ(caller.get().status(), 200);
  const TestAuthority foreign;
  town.authority.write("ca.pem", foreign.read("ca.pem"));
  town.load_tls();
  EXPECT_EQ(caller.get().status(), 200) << "what is open lives on";
  origin.last().close_cleanly();
  town.run();
  EXPECT_EQ(caller.get().status(), 502);
}

}  // namespace
}  // namespace outrigger::testing
