#include "proxy/base/url.hpp"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

std::string said(std::string_view text) {
  const auto url = parse_url(text);
  return url ? url->origin() + " " + url->base : url.error();
}

TEST(Url, HasASchemeAHostAPortAndAPath) {
  EXPECT_EQ(said("http://127.0.0.1:8500"), "http://127.0.0.1:8500 ");
  EXPECT_EQ(said("https://Consul.Test"), "https://consul.test:443 ");
  EXPECT_EQ(said("http://eureka:8761/eureka/"), "http://eureka:8761 /eureka");
  EXPECT_EQ(said("http://[::1]/v1"), "http://[::1]:80 /v1");
  EXPECT_EQ(said("https://[2001:db8::1]:6443"), "https://[2001:db8::1]:6443 ");
}

TEST(Url, AnythingElseIsRefusedWithASentence) {
  for (const char* text : {"", "consul:8500", "ftp://a", "HTTP://a"}) {
    EXPECT_EQ(said(text), "a URL begins with http:// or https://") << text;
  }
  for (const char* text : {"http://", "http:///x", "http://user@a", "http://a b", "http://[::1",
                           "http://[zz]:1", "http://?x"}) {
    EXPECT_EQ(said(text), "the URL has no host") << text;
  }
  for (const char* text : {"http://a:", "http://a:0", "http://a:65536", "http://a:8x"}) {
    EXPECT_EQ(said(text), "the URL has no port there") << text;
  }
  for (const char* text : {"http://a/x?y", "http://a/x#y", "http://a/x y"}) {
    EXPECT_EQ(said(text), "the URL has more than a path") << text;
  }
}

TEST(Url, WhatGoesIntoAPathIsEncoded) {
  EXPECT_EQ(percent_encoded("orders-1.a_b~"), "orders-1.a_b~");
  EXPECT_EQ(percent_encoded("a/b?c d\xff"), "a%2Fb%3Fc%20d%FF");
}

}  // namespace
}  // namespace outrigger
