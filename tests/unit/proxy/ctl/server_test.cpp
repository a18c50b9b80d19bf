#include "proxy/ctl/server.hpp"

#include <ctime>

#include <gtest/gtest.h>

#include "tests/support/certificates.hpp"

namespace outrigger::ctl {
namespace {

class FindServer : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    x_files.write(name, text);
    return x_files.path(name);
  }
  static FoundServer found(const ServerOptions& options) {
    auto server = find_server(options, ::time(nullptr));
    EXPECT_TRUE(server) << server.error();
    return server ? *server : FoundServer{};
  }
  static std::string why_not(const ServerOptions& options) {
    const auto server = find_server(options, ::time(nullptr));
    return server ? "found " + server->server.address.to_string() : server.error();
  }

  testing::TestAuthority x_files;
};

TEST_F(FindServer, IsOnLoopbackUnlessToldOtherwise) {
  EXPECT_EQ(found({}).server.address.to_string(), "127.0.0.1:9901");
  EXPECT_EQ(found({}).server.authority, "127.0.0.1:9901");
  EXPECT_EQ(found({.admin = "unix:/run/a.sock"}).server.authority, "localhost");
  EXPECT_EQ(found({.admin = "localhost:99"}).server.address.to_string(), "127.0.0.1:99");
  EXPECT_EQ(found({.admin = "localhost:99"}).server.authority, "localhost:99");
  EXPECT_EQ(found({.admin = "http://[::1]:99/"}).server.address.to_string(), "[::1]:99");
  EXPECT_EQ(why_not({.admin = "sidecar:99"}), "'sidecar' is not an IP address");
}

TEST_F(FindServer, IsWhereTheConfigurationSays) {
  const auto of = [&](const std::string& text) {
    return ServerOptions{.files = {write("o.yaml", text)}};
  };
  EXPECT_EQ(
      found(of("admin: {address: 'unix:/run/a.sock'}\nservices: {}\n")).server.address.to_string(),
      "unix:/run/a.sock");
  EXPECT_EQ(found(of("services: {}\n")).server.address.to_string(), "127.0.0.1:9901");
  EXPECT_EQ(found(of("admin: {address: '0.0.0.0:7', insecure: true, tokens: [{name: a, role: "
                     "viewer, file: /x}]}\nservices: {}\n"))
                .server.address.to_string(),
            "127.0.0.1:7");
  EXPECT_EQ(why_not(of("admin: off\nservices: {}\n")), "the configuration says `admin: off`");
  EXPECT_NE(why_not(of("servces: {}\n")).find("o.yaml:1:1: "), std::string::npos);
  EXPECT_NE(why_not({.files = {"/nowhere.yaml"}}).find("/nowhere.yaml"), std::string::npos);
}

TEST_F(FindServer, ATokenComesFromAFileWithoutItsNewline) {
  EXPECT_EQ(found({.token_file = write("token", "secret\n")}).token, "secret");
  EXPECT_NE(why_not({.token_file = write("token", "\n")}).find("it is empty"), std::string::npos);
  EXPECT_NE(why_not({.token_file = "/nowhere"}).find("--token-file: /nowhere"), std::string::npos);
}

TEST_F(FindServer, ATokenLeavesLoopbackOverTlsOnly) {
  const std::string token = write("token", "secret");
  for (const char* near : {"127.0.0.1:9", "[::1]:9", "unix:/run/a", "localhost:9"}) {
    EXPECT_EQ(found({.admin = near, .token_file = token}).token, "secret") << near;
  }
  EXPECT_EQ(why_not({.admin = "10.0.0.1:9", .token_file = token}),
            "a token goes to 10.0.0.1:9 over TLS only: --ca-file, or --admin https://10.0.0.1:9");
  const FoundServer far =
      found({.admin = "10.0.0.1:9", .token_file = token, .ca_file = x_files.path("ca.pem")});
  EXPECT_EQ(far.token, "secret");
  EXPECT_NE(far.server.tls, nullptr);
  EXPECT_NE(why_not({.ca_file = "/nowhere"}).find("--ca-file: "), std::string::npos);
}

TEST_F(FindServer, ProbesAreAskedAtTheMetricsAddress) {
  const auto at = [&](const std::string& text) {
    const auto address = probe_address_of({write("o.yaml", text + "\nservices: {}\n")});
    return address ? *address : address.error();
  };
  EXPECT_EQ(at(""), "127.0.0.1:9902");
  EXPECT_EQ(at("metrics: {address: '0.0.0.0:7'}"), "127.0.0.1:7");
  EXPECT_EQ(at("metrics: off\nadmin: {address: 'unix:/a'}"), "unix:/a");
  EXPECT_NE(at("metrics: off\nadmin: off").find("neither"), std::string::npos);
}

}  // namespace
}  // namespace outrigger::ctl
