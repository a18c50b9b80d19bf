#include "proxy/app/tls_options.hpp"

#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"

namespace outrigger::app {
namespace {

struct TlsFilesTest : ::testing::Test {
  TlsFilesTest() {
    authority.issue("good");
    authority.issue("old", {.valid_from_s = -7200, .valid_until_s = -3600});
  }
  config::ServerTls server(const std::string& name) const {
    return {authority.path(name + ".pem"), authority.path(name + ".key"), {}};
  }
  std::vector<std::string> problems() const {
    std::vector<std::string> lines;
    for (const config::Problem& problem : check_tls_files(config, std::time(nullptr))) {
      lines.push_back(to_string(problem));
    }
    return lines;
  }

  testing::TestAuthority authority;
  config::Config config;
};

TEST_F(TlsFilesTest, SaysWhichTlsHasWhichBadFile) {
  config.admin->tls = server("old");
  config.listeners[0].tls = server("good");
  config.listeners[0].tls->client_ca_file = authority.path("good.pem");
  config.services.emplace_back().name = "orders";
  config.services.back().policy.tls.emplace().ca_file = authority.path("good.key");
  const std::string at = '"' + authority.directory() + "/";
  EXPECT_THAT(problems(),
              ::testing::ElementsAre(
                  ::testing::StartsWith("admin.tls: a certificate in " + at +
                                        "old.pem\" has expired, on 20"),
                  "listeners.outbound.tls: " + at + "good.pem\" holds no certificate of a CA",
                  "services.orders.tls: " + at + "good.key\" holds no certificate in PEM"));
}

TEST_F(TlsFilesTest, SaysNothingWhenAllIsGood) {
  EXPECT_THAT(problems(), ::testing::IsEmpty());
  config.admin->tls = server("good");
  config.services.emplace_back().policy.tls = config::ClientTls{};
  EXPECT_THAT(problems(), ::testing::IsEmpty());
}

TEST(TlsOptions, OfferWhatIsImpliedUnlessAListIsWritten) {
  config::ClientTls tls;
  tls.server_name = "a.svc";
  tls.verify.spiffe = "spiffe://shop/a";
  EXPECT_THAT(tls_options(tls, {"h2"}).alpn, ::testing::ElementsAre("h2"));
  EXPECT_EQ(tls_options(tls, {}).server_name, "a.svc");
  EXPECT_EQ(tls_options(tls, {}).spiffe, "spiffe://shop/a");
  EXPECT_EQ(tls_options(tls, {}).ca_file, "");
  tls.alpn = std::vector<std::string>{"http/1.1"};
  EXPECT_THAT(tls_options(tls, {"h2"}).alpn, ::testing::ElementsAre("http/1.1"));
}

}  // namespace
}  // namespace outrigger::app
