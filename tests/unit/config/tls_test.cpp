#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A file that is there; what is in it is not the reader's business.
std::string file() {
  const std::string path = testing::TempDir() + "outrigger_tls_file";
  std::ofstream(path) << "x";
  return path;
}

ServiceConfig service(const std::string& tls) {
  return only_service("services: {a: {tls: " + tls + "}}");
}

TEST(Tls, OfAServiceIsOffOnOrAMap) {
  EXPECT_FALSE(service("off").policy.tls);
  EXPECT_FALSE(service("false").policy.tls);
  EXPECT_EQ(service("on").policy.tls, ClientTls{});
  EXPECT_EQ(service("true").policy.tls, ClientTls{});
  EXPECT_EQ(service("{}").policy.tls, ClientTls{});
  const ServiceConfig whole =
      service("{ca_file: " + file() +
              ", server_name: \"2001:db8::1\", alpn: [h2], verify: {spiffe: "
              "\"spiffe://shop/a\"}}");
  ASSERT_TRUE(whole.policy.tls);
  EXPECT_EQ(whole.policy.tls->ca_file, file());
  EXPECT_EQ(whole.policy.tls->server_name, "2001:db8::1");
  EXPECT_THAT(*whole.policy.tls->alpn, ElementsAre("h2"));
  EXPECT_EQ(whole.policy.tls->verify.spiffe, "spiffe://shop/a");
  EXPECT_FALSE(whole.policy.tls->cert_file);
}

TEST(Tls, OfDefaultsIsUnderThatOfAServiceAndNotOfUnknownHosts) {
  const Config config = good("defaults: {tls: {ca_file: " + file() + "}}\n" +
                             "services: {a: {tls: {server_name: a.svc}}, b: {tls: off}, c: {}}");
  EXPECT_EQ(config.services[0].policy.tls->ca_file, file());
  EXPECT_EQ(config.services[0].policy.tls->server_name, "a.svc");
  EXPECT_FALSE(config.services[1].policy.tls);
  EXPECT_EQ(config.services[2].policy.tls->ca_file, file());
  EXPECT_FALSE(config.passthrough.tls);
}

TEST(Tls, OfAListenerNamesACertificateAndItsKey) {
  const Config config = good("listeners: [{timeout: {handshake: 2s}, tls: {cert_file: " + file() +
                             ", key_file: " + file() + "}}]");
  EXPECT_EQ(config.listeners[0].tls, (ServerTls{file(), file(), {}}));
  EXPECT_EQ(config.listeners[0].timeout.handshake_ms, 2'000);
  EXPECT_THAT(mistakes("listeners: [{tls: {cert_file: " + file() + "}}]"),
              ElementsAre("f:1:19: \"tls\" has no \"key_file\"; the certificate needs its key"));
  EXPECT_THAT(mistakes("admin: {tls: {key_file: " + file() + "}}"),
              ElementsAre("f:1:14: \"tls\" has no \"cert_file\"; which certificate is shown?"));
  EXPECT_THAT(mistakes("listeners: [{tls: on}]"), testing::SizeIs(1));
}

TEST(Tls, SaysWhatIsNotAValue) {
  const auto mistake = [](const std::string& tls) {
    return mistakes("services: {a: {tls: {" + tls + "}}}");
  };
  EXPECT_THAT(mistake("cert_file: " + file()),
              ElementsAre(testing::EndsWith("\"cert_file\" and \"key_file\" need each other")));
  EXPECT_THAT(mistake("ca_file: ''"), ElementsAre(testing::HasSubstr("not the path of a file")));
  EXPECT_THAT(mistake("server_name: \"a:443\""),
              ElementsAre(testing::EndsWith("not a host name or an IP; write it without a port")));
  for (const char* id : {"http://a", "spiffe://", "spiffe:///a", "spiffe://a/", "\"spiffe://a b\"",
                         "\"spiffe://a:1/b\""}) {
    EXPECT_THAT(mistake("verify: {spiffe: " + std::string(id) + "}"),
                ElementsAre(testing::EndsWith("not a SPIFFE id; write spiffe://TRUST-DOMAIN/PATH")))
        << id;
  }
  EXPECT_THAT(mistake("alpn: [\"\"]"), testing::SizeIs(1));
  EXPECT_THAT(mistakes("services: {a: {routes: [{tls: on}]}}"), testing::SizeIs(1));
}

TEST(Tls, LetsTheAdminApiFaceANetworkThatHasTokens) {
  const std::string tls = "tls: {cert_file: " + file() + ", key_file: " + file() + "}";
  EXPECT_THAT(mistakes("admin: {address: \"0.0.0.0:9901\", " + tls + "}"),
              ElementsAre(testing::EndsWith("so \"tokens\" must say who may ask")));
  EXPECT_THAT(mistakes("admin: {address: \"0.0.0.0:9901\", " + tls +
                       ", tokens: [{name: a, role: viewer, file: " + file() + "}]}"),
              IsEmpty());
}

}  // namespace
}  // namespace outrigger::config::test
