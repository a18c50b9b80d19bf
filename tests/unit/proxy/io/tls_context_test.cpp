#include "proxy/io/tls_context.hpp"

#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"

namespace outrigger::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct TlsContextTest : ::testing::Test {
  TlsContextTest() { authority.issue("server"); }

  std::string why_not(const io::TlsServerOptions& options, int64_t later_s = 0) {
    const auto loaded = io::TlsServerContext::load(options, std::time(nullptr) + later_s);
    return loaded ? "it was loaded" : loaded.error();
  }
  std::string why_not(const io::TlsClientOptions& options) {
    const auto loaded = io::TlsClientContext::load(options, std::time(nullptr));
    return loaded ? "it was loaded" : loaded.error();
  }
  std::string in_quotes(const std::string& file) { return '"' + authority.path(file) + '"'; }

  TestAuthority authority;
};

TEST_F(TlsContextTest, KnowsWhenItsCertificateEnds) {
  const int64_t now_s = std::time(nullptr);
  EXPECT_NEAR(static_cast<double>(load(authority.server())->expires_unix_s()),
              static_cast<double>(now_s + 3600), 5);
  EXPECT_EQ(load(authority.client())->expires_unix_s(), 0);
}

TEST_F(TlsContextTest, TheFirstOfAChainToEndCounts) {
  authority.issue("short", {.valid_until_s = 60});
  authority.write("server.pem", authority.read("server.pem") + authority.read("short.pem"));
  EXPECT_NEAR(static_cast<double>(load(authority.server())->expires_unix_s()),
              static_cast<double>(std::time(nullptr) + 60), 5);
}

TEST_F(TlsContextTest, SaysThatAFileIsMissing) {
  EXPECT_EQ(why_not(authority.server("absent")),
            in_quotes("absent.pem") + ": there is no such file");
  io::TlsClientOptions options = authority.client();
  options.ca_file = authority.path("nothing.pem");
  EXPECT_EQ(why_not(options), in_quotes("nothing.pem") + ": there is no such file");
}

TEST_F(TlsContextTest, SaysThatAFileIsNotPem) {
  authority.write("server.pem", "hello");
  EXPECT_EQ(why_not(authority.server()), in_quotes("server.pem") + " holds no certificate in PEM");
  authority.issue("server");
  authority.write("server.key", authority.read("server.pem"));
  EXPECT_EQ(why_not(authority.server()), in_quotes("server.key") + " holds no private key in PEM");
  authority.write("ca.pem", "");
  EXPECT_EQ(why_not(authority.client()), in_quotes("ca.pem") + " holds no certificate in PEM");
}

TEST_F(TlsContextTest, SaysThatACertificateIsDamaged) {
  const std::string whole = authority.read("server.pem");
  authority.write("server.pem", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(why_not(authority.server()),
              StartsWith(in_quotes("server.pem") + " holds a damaged certificate: "));
  authority.write("server.pem", whole + "-----BEGIN CERTIFICATE-----\nMIIB!\n");
  EXPECT_THAT(why_not(authority.server()), HasSubstr("damaged"));
}

TEST_F(TlsContextTest, SaysThatTheKeyIsAnothers) {
  authority.issue("other");
  io::TlsServerOptions options = authority.server();
  options.key_file = authority.path("other.key");
  EXPECT_EQ(why_not(options), "the key in " + in_quotes("other.key") +
                                  " is not that of the certificate in " + in_quotes("server.pem"));
}

TEST_F(TlsContextTest, SaysThatAKeyIsEncrypted) {
  authority.write("server.key",
                  "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                  "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh3dHvnYJRnHgICCAAw\n"
                  "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJrcpFnE0bEwN5RrZ6ViJ7UEgZBq\n"
                  "-----END ENCRYPTED PRIVATE KEY-----\n");
  const std::string said = why_not(authority.server());
  EXPECT_THAT(said, StartsWith(in_quotes("server.key")));
}

TEST_F(TlsContextTest, SaysWhenACertificateExpiredOrBegins) {
  const std::string expired = why_not(authority.server(), 7200);
  EXPECT_THAT(expired,
              StartsWith("a certificate in " + in_quotes("server.pem") + " has expired, on 20"));
  EXPECT_THAT(expired, EndsWith(" UTC"));
  EXPECT_THAT(why_not(authority.server(), -7200), HasSubstr(" is not valid yet, until 20"));
}

TEST_F(TlsContextTest, SaysThatAFileHasNoAuthority) {
  io::TlsServerOptions options = authority.server();
  options.client_ca_file = authority.path("server.pem");
  EXPECT_EQ(why_not(options), in_quotes("server.pem") + " holds no certificate of a CA");
}

TEST_F(TlsContextTest, SaysThatAnAlpnNameIsNone) {
  io::TlsServerOptions options = authority.server();
  options.alpn = {"h2", ""};
  EXPECT_EQ(why_not(options), "\"\" is not a name of a protocol (RFC 7301)");
}

TEST_F(TlsContextTest, ClientsMayTrustTheSystem) {
  EXPECT_EQ(why_not(io::TlsClientOptions{}), "it was loaded");
}

TEST_F(TlsContextTest, IsMadeFromWhatItsReaderGives) {
  authority.issue("later", {.valid_until_s = 7200});
  const auto later = [this](const std::string& path) -> Result<std::string> {
    if (path == "key") return authority.read("later.key");
    if (path == "cert") return authority.read("later.pem");
    return failure(path + " is not there");
  };
  io::TlsServerOptions options;
  options.cert_file = "cert";
  options.key_file = "key";
  const auto loaded = io::TlsServerContext::load(options, std::time(nullptr), later);
  ASSERT_TRUE(static_cast<bool>(loaded)) << loaded.error();
  EXPECT_GT((*loaded)->expires_unix_s(), std::time(nullptr) + 7000);
  options.client_ca_file = "ca";
  const auto refused = io::TlsServerContext::load(options, std::time(nullptr), later);
  EXPECT_EQ(refused ? "it was loaded" : refused.error(), "ca is not there");
}

}  // namespace
}  // namespace outrigger::testing
