#include "proxy/base/address.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace outrigger {
namespace {

TEST(Address, ReadsWhatItWrites) {
  for (const char* text : {"10.0.0.1:8080", "0.0.0.0:0", "[::1]:65535", "[2001:db8::1]:443",
                           "unix:/run/app.sock", "unix:relative.sock"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(Address, NormalisesIpv6) {
  EXPECT_EQ(Address::parse("[2001:DB8:0:0:0:0:0:1]:80")->to_string(), "[2001:db8::1]:80");
  EXPECT_EQ(*Address::parse("[::0001]:80"), *Address::from_ip("::1", 80));
}

TEST(Address, IsTheIpv4AddressThatItMapsHoweverItWasMade) {
  const Address plain = *Address::parse("127.0.0.1:80");
  for (const char* text : {"[::ffff:127.0.0.1]:80", "[::FFFF:7f00:1]:80",
                           "[0:0:0:0:0:ffff:127.0.0.1]:80", "[0000::ffff:7f00:0001]:80"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(*address, plain) << text;
    EXPECT_EQ(std::hash<Address>{}(*address), std::hash<Address>{}(plain)) << text;
    EXPECT_EQ(address->kind(), Address::Kind::kIpv4) << text;
    EXPECT_EQ(address->to_string(), "127.0.0.1:80") << text;
  }
  EXPECT_EQ(*Address::from_ip("::ffff:127.0.0.1", 80), plain);
  const std::array<uint8_t, 16> bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  EXPECT_EQ(Address::from_bytes(bytes, 80), plain);
  sockaddr_in6 raw{};
  raw.sin6_family = AF_INET6;
  raw.sin6_port = htons(80);
  std::copy(bytes.begin(), bytes.end(), raw.sin6_addr.s6_addr);
  EXPECT_EQ(Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&raw)), plain);
}

TEST(Address, KnowsWhatATranslatorMakesOfIt) {
  const auto translated = [](std::string_view text) {
    const auto to = Address::from_ip(text, 80)->translated();
    return to ? to->to_string() : "nothing";
  };
  EXPECT_EQ(translated("64:ff9b::10.1.2.3"), "10.1.2.3:80");
  EXPECT_EQ(translated("64:ff9b:1:fffe::127.0.0.1"), "127.0.0.1:80");
  EXPECT_EQ(translated("2002:a9fe:a9fe::1"), "169.254.169.254:80");
  EXPECT_EQ(translated("::ffff:0:127.0.0.1"), "127.0.0.1:80");
  EXPECT_EQ(translated("::127.0.0.1"), "127.0.0.1:80");
  for (const char* other : {"::", "::1", "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::10.1.2.3",
                            "64:ff9b:2::10.1.2.3", "64:ff9b:0:1::10.1.2.3"}) {
    EXPECT_EQ(translated(other), "nothing") << other;
  }
  EXPECT_FALSE(Address::parse("unix:/x")->translated());
}

TEST(Address, SaysWhatIsWrong) {
  const auto error = [](std::string_view text) { return Address::parse(text).error(); };
  EXPECT_EQ(error("10.0.0.1"), "'10.0.0.1' has no port; IP:PORT, [IPV6]:PORT or unix:PATH");
  EXPECT_EQ(error("10.0.0.1:"), "'' is not a port (0 to 65535)");
  EXPECT_EQ(error("10.0.0.1:65536"), "'65536' is not a port (0 to 65535)");
  EXPECT_EQ(error("10.0.0.1:+1"), "'+1' is not a port (0 to 65535)");
  EXPECT_EQ(error("10.0.0.1:80 "), "'80 ' is not a port (0 to 65535)");
  EXPECT_EQ(error("10.0.0:80"), "'10.0.0' is not an IP address");
  EXPECT_EQ(error("example.org:80"), "'example.org' is not an IP address");
  EXPECT_EQ(error("::1:80"), "an IPv6 address stands in brackets: [::1]:PORT");
  EXPECT_EQ(error("[10.0.0.1]:80"), "'10.0.0.1' in brackets is not an IPv6 address");
  EXPECT_EQ(error("unix:"), "the path after 'unix:' is empty");
  EXPECT_EQ(error("unix:" + std::string(108, 'x')),
            "the path of a unix socket has at most 107 bytes");
  EXPECT_TRUE(Address::parse("unix:" + std::string(107, 'x')));
}

TEST(Address, DoesNotReadAPathOrNameWithNul) {
  EXPECT_FALSE(Address::from_ip(std::string_view("10.0.0.1\0x", 10), 1));
  EXPECT_FALSE(Address::parse(std::string_view("unix:/a\0b", 9)));
}

TEST(Address, SurvivesTheWayThroughASockaddr) {
  for (const char* text : {"10.0.0.1:8080", "[2001:db8::1]:443"}) {
    const Address address = *Address::parse(text);
    sockaddr_storage raw;
    EXPECT_GT(address.to_sockaddr(raw), 0u);
    EXPECT_EQ(Address::from_sockaddr(reinterpret_cast<sockaddr*>(&raw)), address);
  }
}

TEST(Address, KnowsLoopbackLinkLocalAndAny) {
  const auto ip = [](std::string_view text) { return *Address::from_ip(text, 0); };
  EXPECT_TRUE(ip("127.0.0.1").is_loopback());
  EXPECT_TRUE(ip("127.9.9.9").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_TRUE(ip("::ffff:127.0.0.1").is_loopback());
  EXPECT_FALSE(ip("128.0.0.1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  EXPECT_FALSE(ip("::ffff:10.0.0.1").is_loopback());
  EXPECT_FALSE(Address::parse("unix:/x")->is_loopback());
  EXPECT_TRUE(ip("169.254.169.254").is_link_local());
  EXPECT_TRUE(ip("fe80::1").is_link_local());
  EXPECT_TRUE(ip("febf::1").is_link_local());
  EXPECT_FALSE(ip("fec0::1").is_link_local());
  EXPECT_FALSE(ip("169.253.0.1").is_link_local());
  EXPECT_TRUE(ip("0.0.0.0").is_any());
  EXPECT_TRUE(ip("::").is_any());
  EXPECT_FALSE(ip("0.0.0.1").is_any());
  EXPECT_FALSE(Address().is_any());
}

TEST(Address, ComparesByWhatItNames) {
  const Address a = *Address::parse("10.0.0.1:80");
  EXPECT_NE(a, *Address::parse("10.0.0.1:81"));
  EXPECT_NE(a, *Address::parse("10.0.0.2:80"));
  EXPECT_NE(a, *Address::parse("[::10.0.0.1]:80"));
  std::unordered_set<Address> set = {a, *Address::parse("10.0.0.1:80"), *Address::parse("unix:/a"),
                                     *Address::parse("unix:/b")};
  EXPECT_EQ(set.size(), 3u);
}

}  // namespace
}  // namespace outrigger
