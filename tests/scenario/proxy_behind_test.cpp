// A proxy behind us: what names its proxy goes there as it was written, and nobody else is told the
// caller's credentials for it.
#include "tests/support/h2_caller.hpp"
#include "tests/support/neighbour.hpp"

namespace outrigger::testing {
namespace {

constexpr std::string_view kCredentials = "Proxy-Authorization: Basic eDp5\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view kAuthenticate =
    "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"\r\n"
    "Content-Length: 0\r\n\r\n";

std::string absolute(std::string_view target, std::string_view host) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" +
         std::string(kCredentials) + "\r\n";
}
std::string connect(std::string_view to) {
  return "CONNECT " + std::string(to) + " HTTP/1.1\r\nHost: " + std::string(to) + "\r\n" +
         std::string(kCredentials) + "\r\n";
}

// The proxy behind us wants to know who the caller is.
void expect_asked(const std::string& answer) {
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 407 ")) << answer;
  EXPECT_NE(answer.find("Proxy-Authenticate: Basic realm=\"corp\"\r\n"), std::string::npos)
      << answer;
}

// A redirected neighbour that uses the proxy of its company.
struct RedirectedToProxy : ::testing::Test {
  Town town{"services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}"};
  TestOrigin proxy{town.network, *Address::parse("10.9.9.9:3128")};
  Neighbour caller{town, "10.9.9.9:3128"};
};

TEST_F(RedirectedToProxy, AHostThatNobodyClaimsGoesThereAsItWasWritten) {
  for (const std::string target : {"http://web.test/x?y=1", "HTTP://web.test", "http://web.test?q",
                                   "https://web.test/x", "ftp://web.test/pub/file"}) {
    caller.send(absolute(target, "web.test"));
    town.run();
    ASSERT_EQ(proxy.peers.size(), 1u) << target;
    EXPECT_EQ(proxy.last().take(), "GET " + target + " HTTP/1.1\r\nHost: web.test\r\n" +
                                       std::string(kCredentials) + "\r\n");
    proxy.last().send(kOk);
    town.run();
    EXPECT_TRUE(caller.take().ends_with("ok")) << target;
  }
  EXPECT_EQ(town.names.lookups(), 0u);
}

TEST_F(RedirectedToProxy, WhatTheProxyWantsToKnowReachesTheCaller) {
  caller.send(absolute("http://web.test/", "web.test"));
  town.run();
  proxy.last().take();
  proxy.last().send(kAuthenticate);
  town.run();
  expect_asked(caller.take());
  EXPECT_FALSE(caller.ended);
  caller.send(absolute("http://web.test/", "web.test"));
  town.run();
  EXPECT_NE(proxy.last().take().find(kCredentials), std::string::npos);
  EXPECT_EQ(proxy.peers.size(), 1u);
}

TEST_F(RedirectedToProxy, AHostThatIsClaimedIsAnsweredByItsService) {
  TestOrigin server(town.network, *Address::parse("10.0.0.1:80"));
  caller.send(absolute("http://orders/x", "orders"));
  town.run();
  EXPECT_EQ(server.last().take(), "GET /x HTTP/1.1\r\nHost: orders\r\n\r\n");
  EXPECT_TRUE(proxy.peers.empty());
}

TEST_F(RedirectedToProxy, ATunnelMayFollowOnTheSameConnection) {
  caller.send(absolute("http://web.test/", "web.test"));
  town.run();
  proxy.last().take();
  proxy.last().send(kOk);
  town.run();
  caller.take();
  caller.send(connect("web.test:443"));
  town.run();
  EXPECT_EQ(proxy.last().take(), connect("web.test:443"));
  proxy.last().send("HTTP/1.1 200 Connection established\r\n\r\nfirst");
  town.run();
  EXPECT_TRUE(caller.take().ends_with("\r\n\r\nfirst"));
}

TEST_F(RedirectedToProxy, OriginFormIsForTheHost) {
  caller.send("GET /x HTTP/1.1\r\nHost: web.test\r\n" + std::string(kCredentials) + "\r\n");
  town.run();
  EXPECT_EQ(proxy.last().take(), "GET /x HTTP/1.1\r\nHost: web.test\r\n\r\n");
}

// Not redirected: then we are the proxy that the caller means.
TEST(NoProxyBehind, AbsoluteFormGoesToTheHostAndCredentialsEndHere) {
  Town town("services: {}");
  town.names.set("web.test", {"10.7.7.7"}, 10);
  TestOrigin web(town.network, *Address::parse("10.7.7.7:80"));
  TestClient caller(town.network, town.address());
  town.run();
  caller.send(absolute("http://web.test/x", "web.test"));
  town.run();
  EXPECT_EQ(web.last().take(), "GET /x HTTP/1.1\r\nHost: web.test\r\n\r\n");
  TestClient other(town.network, town.address());
  town.run();
  other.send(absolute("ftp://web.test/x", "web.test"));
  town.run();
  EXPECT_TRUE(other.take().starts_with("HTTP/1.1 400 "));
}

struct ProxyService : ::testing::Test {
  explicit ProxyService(std::string_view more = {})
      : town(R"(
listeners:
  - {name: outbound, address: '127.0.0.1:15001'}
  - {name: corp, address: '127.0.0.1:15002', service: corp}
services:
  corp: {proxy: true, endpoints: {static: ['10.9.9.9:3128']})" +
             std::string(more) + "}\n" + R"(
  spare: {endpoints: {static: ['10.0.0.2:80']}}
)") {
    town.run();
  }
  Town town;
  TestOrigin proxy{town.network, *Address::parse("10.9.9.9:3128")};
  TestClient caller{town.network, town.address(0, "corp")};
};

TEST_F(ProxyService, GetsAbsoluteFormAsItWasWritten) {
  town.run();
  caller.send(absolute("http://web.test:8080/x", "web.test:8080"));
  town.run();
  EXPECT_EQ(proxy.last().take(), absolute("http://web.test:8080/x", "web.test:8080"));
  proxy.last().send(kAuthenticate);
  town.run();
  expect_asked(caller.take());
}

TEST_F(ProxyService, GetsOriginFormAsAnyOther) {
  town.run();
  caller.send("GET /x HTTP/1.1\r\nHost: web.test\r\n" + std::string(kCredentials) + "\r\n");
  town.run();
  EXPECT_EQ(proxy.last().take(), "GET /x HTTP/1.1\r\nHost: 10.9.9.9:3128\r\n\r\n");
}

TEST_F(ProxyService, IsAskedForTunnels) {
  town.run();
  caller.send(connect("web.test:443") + "ahead");
  town.run();
  EXPECT_EQ(proxy.last().take(), connect("web.test:443"));
  proxy.last().send("HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\n\r\nfirst");
  town.run();
  EXPECT_EQ(caller.take(), "HTTP/1.1 200 Connection established\r\n\r\nfirst");
  EXPECT_EQ(proxy.last().take(), "ahead");
  caller.send("second");
  caller.finish();
  town.run();
  EXPECT_EQ(proxy.last().take(), "second");
  EXPECT_TRUE(proxy.last().ended);
  proxy.last().finish();
  town.run();
  EXPECT_TRUE(caller.ended);
}

TEST_F(ProxyService, MayRefuseATunnel) {
  town.run();
  caller.send(connect("web.test:443") + "ahead");
  town.run();
  proxy.last().take();
  proxy.last().send(kAuthenticate);
  town.run();
  expect_asked(caller.take());
  EXPECT_TRUE(caller.ended);
  EXPECT_EQ(proxy.last().take(), "");
  EXPECT_FALSE(proxy.last().ended) << "it serves the next call";
}

TEST_F(ProxyService, ACallerThatLeavesEndsItsTunnel) {
  town.run();
  caller.send(connect("web.test:443"));
  town.run();
  caller.abort();
  town.run();
  EXPECT_TRUE(proxy.last().ended || proxy.last().broken);
}

TEST_F(ProxyService, IsAskedForTunnelsOfHttp2CallersToo) {
  H2Caller h2(town, {}, "corp");
  h2.host = "web.test:443";
  H2Side& side = h2.begin_open("CONNECT", "");
  town.run();
  EXPECT_EQ(proxy.last().take(), "CONNECT web.test:443 HTTP/1.1\r\nHost: web.test:443\r\n\r\n");
  proxy.last().send("HTTP/1.1 200 OK\r\n\r\nfirst");
  town.run();
  EXPECT_EQ(side.message.body, "first");
  side.send_data("second", true);
  town.run();
  EXPECT_EQ(proxy.last().take(), "second");
  proxy.last().finish();
  town.pass_ms(5);
}

struct ProxyWithSpare : ProxyService {
  ProxyWithSpare() : ProxyService(", fallback: [{on: [connect], service: spare}]") {}
};

TEST_F(ProxyWithSpare, WhatAnswersInItsPlaceIsNotToldItsCredentials) {
  proxy.close();
  TestOrigin spare(town.network, *Address::parse("10.0.0.2:80"));
  town.run();
  caller.send(absolute("http://web.test/x", "web.test"));
  town.run();
  ASSERT_EQ(spare.peers.size(), 1u);
  EXPECT_EQ(spare.last().take(), "GET /x HTTP/1.1\r\nHost: 10.0.0.2:80\r\n\r\n");
}

}  // namespace
}  // namespace outrigger::testing
