#include "proxy/base/cidr.hpp"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

Address at(std::string_view text) { return *Address::parse(text); }

TEST(Cidr, ReadsNetworksAndSingleAddresses) {
  EXPECT_EQ(Cidr::parse("10.1.0.0/16")->to_string(), "10.1.0.0/16");
  EXPECT_EQ(Cidr::parse("10.0.0.7")->to_string(), "10.0.0.7/32");
  EXPECT_EQ(Cidr::parse("0.0.0.0/0")->to_string(), "0.0.0.0/0");
  EXPECT_EQ(Cidr::parse("fd00::/8")->to_string(), "fd00::/8");
  EXPECT_EQ(Cidr::parse("FD00:0::1")->to_string(), "fd00::1/128");
}

TEST(Cidr, RefusesWhatIsNoNetwork) {
  for (const char* text : {"", "10.1.0.0/", "10.1.0.0/33", "10.1.0.0/-1", "10.1.0.0/+8",
                           "10.1.0.0/8x", "10.1/16", "fd00::/129", "fd00::/256", "a/8", "/8"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

TEST(Cidr, RefusesBitsBeyondThePrefix) {
  EXPECT_FALSE(Cidr::parse("10.1.2.0/16"));
  EXPECT_FALSE(Cidr::parse("10.1.0.1/31"));
  EXPECT_FALSE(Cidr::parse("fd00::1/64"));
  EXPECT_TRUE(Cidr::parse("10.1.0.2/31"));
}

TEST(Cidr, ContainsWhatSharesItsPrefix) {
  const Cidr inside_a_byte = *Cidr::parse("172.16.0.0/12");
  EXPECT_TRUE(inside_a_byte.contains(at("172.16.0.0:1")));
  EXPECT_TRUE(inside_a_byte.contains(at("172.31.255.255:2")));
  EXPECT_FALSE(inside_a_byte.contains(at("172.32.0.0:1")));
  EXPECT_FALSE(inside_a_byte.contains(at("172.15.255.255:1")));
  EXPECT_TRUE(Cidr::parse("10.0.0.7")->contains(at("10.0.0.7:9")));
  EXPECT_FALSE(Cidr::parse("10.0.0.7")->contains(at("10.0.0.6:9")));
  EXPECT_TRUE(Cidr::parse("fd00::/8")->contains(at("[fdff::1]:1")));
  EXPECT_FALSE(Cidr::parse("fd00::/8")->contains(at("[fe00::1]:1")));
}

TEST(Cidr, OfOneFamilyContainsNothingOfAnother) {
  const Cidr all = *Cidr::parse("0.0.0.0/0");
  EXPECT_TRUE(all.contains(at("255.1.2.3:1")));
  EXPECT_FALSE(all.contains(at("[::1]:1")));
  EXPECT_FALSE(all.contains(at("unix:/run/x")));
  EXPECT_FALSE(Cidr::parse("::/0")->contains(at("10.0.0.1:1")));
}

TEST(Cidr, OfMappedAddressesIsThatOfTheIpv4Addresses) {
  EXPECT_EQ(Cidr::parse("::ffff:10.1.0.0/112"), Cidr::parse("10.1.0.0/16"));
  EXPECT_EQ(Cidr::parse("::ffff:a01:0/112"), Cidr::parse("10.1.0.0/16"));
  EXPECT_EQ(Cidr::parse("::ffff:10.0.0.7"), Cidr::parse("10.0.0.7/32"));
  EXPECT_EQ(Cidr::parse("::ffff:0:0/96"), Cidr::parse("0.0.0.0/0"));
  for (const char* text :
       {"::ffff:10.1.0.0/16", "::ffff:0:0/95", "::ffff:10.1.0.0/129", "::ffff:10.1.0.0/111"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
  EXPECT_TRUE(Cidr::parse("10.0.0.0/8")->contains(at("[::ffff:10.1.2.3]:1")));
  EXPECT_FALSE(Cidr::parse("::/0")->contains(at("[::ffff:10.1.2.3]:1")));
  EXPECT_EQ(AddressRange::parse("[::ffff:10.1.0.0/112]:80"), AddressRange::parse("10.1.0.0/16:80"));
  EXPECT_FALSE(AddressRange::parse("::ffff:10.1.0.0/112:80"));
}

TEST(AddressRange, ReadsWhatItWrites) {
  for (const char* text :
       {"10.1.0.0/16:5432", "10.0.0.7/32:1", "[fd00::/8]:65535", "[::/0]:*", "0.0.0.0/0:*"}) {
    const auto range = AddressRange::parse(text);
    ASSERT_TRUE(range) << text;
    EXPECT_EQ(range->to_string(), text);
  }
  EXPECT_EQ(AddressRange::parse("10.0.0.7:5432"), AddressRange::parse("10.0.0.7/32:5432"));
  EXPECT_EQ(AddressRange::parse("[FD00::1]:5432")->to_string(), "[fd00::1/128]:5432");
}

TEST(AddressRange, RefusesWhatIsNoRange) {
  for (const char* text : {"10.1.0.0/16", "10.1.0.0/16:", "10.1.0.0/16:0", "10.1.0.0/16:65536",
                           "10.1.0.0/16:**", "fd00::/8:5432", "fd00::1:5432", "[10.0.0.7]:5432",
                           "[fd00::/8:5432", "[fd00::]/8:5432", "db.internal:5432", ":5432", ""}) {
    EXPECT_FALSE(AddressRange::parse(text)) << text;
  }
}

TEST(AddressRange, ContainsAddressesOfItsPort) {
  const AddressRange one = *AddressRange::parse("10.1.0.0/16:5432");
  EXPECT_TRUE(one.contains(at("10.1.9.9:5432")));
  EXPECT_FALSE(one.contains(at("10.1.9.9:5433")));
  EXPECT_FALSE(one.contains(at("10.2.9.9:5432")));
  EXPECT_TRUE(AddressRange::parse("[fd00::/8]:*")->contains(at("[fd00::1]:1")));
}

}  // namespace
}  // namespace outrigger
