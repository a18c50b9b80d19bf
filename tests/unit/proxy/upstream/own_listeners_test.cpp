#include "proxy/upstream/own_listeners.hpp"

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

Address at(std::string_view text) { return *Address::parse(text); }

struct Own : ::testing::Test {
  Own() {
    have({at("127.0.0.1:0"), at("[::1]:0"), at("10.0.0.5:0"), at("[fd00::5]:0")});
    own.set_interfaces(interfaces);
  }
  void have(std::vector<Address> addresses) {
    interfaces->set(std::make_shared<const std::vector<Address>>(std::move(addresses)));
  }
  std::shared_ptr<OwnListeners::Interfaces> interfaces =
      std::make_shared<OwnListeners::Interfaces>();
  OwnListeners own;
};

TEST_F(Own, AreReachedByTheirAddressInAnySpelling) {
  own.add(at("127.0.0.1:9901"));
  for (const char* text : {"127.0.0.1:9901", "[::ffff:127.0.0.1]:9901", "[::ffff:7f00:1]:9901",
                           "0.0.0.0:9901", "[::ffff:0.0.0.0]:9901", "[::]:9901",
                           "[64:ff9b::127.0.0.1]:9901", "[2002:7f00:1::]:9901"}) {
    EXPECT_TRUE(own.contains(at(text))) << text;
  }
  for (const char* text : {"127.0.0.1:9902", "10.0.0.5:9901", "[::ffff:10.0.0.5]:9901"}) {
    EXPECT_FALSE(own.contains(at(text))) << text;
  }
}

TEST_F(Own, OnAllAddressesAreReachedByOneThatThisHostGotLater) {
  own.add(at("0.0.0.0:15001"));
  EXPECT_FALSE(own.contains(at("10.0.0.6:15001")));
  have({at("10.0.0.6:0")});
  EXPECT_TRUE(own.contains(at("10.0.0.6:15001")));
  EXPECT_FALSE(own.contains(at("10.0.0.5:15001")));
}

TEST_F(Own, OnAllAddressesAreReachedByAnyOfThisHost) {
  own.add(at("0.0.0.0:15001"));
  for (const char* text :
       {"127.0.0.1:15001", "127.9.9.9:15001", "10.0.0.5:15001", "[::ffff:10.0.0.5]:15001",
        "[fd00::5]:15001", "[::1]:15001", "0.0.0.0:15001", "[64:ff9b::10.0.0.5]:15001",
        "[64:ff9b:1::10.0.0.5]:15001", "[2002:a00:5::1]:15001"}) {
    EXPECT_TRUE(own.contains(at(text))) << text;
  }
  for (const char* text : {"10.0.0.6:15001", "[64:ff9b::10.0.0.6]:15001", "[fd00::6]:15001",
                           "10.0.0.5:15002", "unix:/run/x"}) {
    EXPECT_FALSE(own.contains(at(text))) << text;
  }
}

}  // namespace
}  // namespace outrigger::upstream
