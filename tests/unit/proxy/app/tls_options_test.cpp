#include "proxy/app/tls_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outrigger::app {
namespace {

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
