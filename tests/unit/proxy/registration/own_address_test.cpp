#include "proxy/registration/own_address.hpp"

#include <map>

#include <gtest/gtest.h>

namespace outrigger::registration {
namespace {

// Routes by what they lead to.
std::string found(const std::optional<std::string>& configured,
                  const std::optional<std::string>& pod_ip, std::string_view registry,
                  const std::map<std::string, std::string>& routes) {
  const auto towards = [&](const Address& there) -> std::optional<Address> {
    const auto route = routes.find(there.ip_string());
    if (route == routes.end()) return std::nullopt;
    return *Address::from_ip(route->second, 0);
  };
  const auto own = find_own_address(configured, pod_ip, registry, towards);
  return own ? own->address.ip_string() + ": " + own->by : "none";
}

TEST(OwnAddress, IsFoundInThisOrder) {
  const std::map<std::string, std::string> routes{{"10.9.0.1", "10.0.0.3"},
                                                  {"192.0.2.1", "10.0.0.4"}};
  EXPECT_EQ(found("10.0.0.1", "10.0.0.2", "10.9.0.1:8500", routes), "10.0.0.1: configured");
  EXPECT_EQ(found({}, "10.0.0.2", "10.9.0.1:8500", routes), "10.0.0.2: POD_IP");
  EXPECT_EQ(found({}, {}, "10.9.0.1:8500", routes), "10.0.0.3: it reaches 10.9.0.1:8500");
  EXPECT_EQ(found({}, {}, "consul.test:8500", routes), "10.0.0.4: it leads out of this host");
  EXPECT_EQ(found({}, {}, "127.0.0.1:8500", routes), "10.0.0.4: it leads out of this host");
}

TEST(OwnAddress, IsNeverOneThatOthersCannotReach) {
  EXPECT_EQ(found({}, {}, "127.0.0.1:8500", {{"127.0.0.1", "127.0.0.1"}}), "none");
  EXPECT_EQ(found({}, {}, "10.9.0.1:8500", {{"10.9.0.1", "127.0.0.1"}}), "none");
  EXPECT_EQ(found({}, "no address", "", {}), "none");
  EXPECT_EQ(found({}, "::", "", {}), "none");
}

TEST(OwnAddress, MayBeOfIpv6) {
  EXPECT_EQ(found({}, {}, "[fd00::1]:8500", {{"fd00::1", "fd00::7"}}),
            "fd00::7: it reaches [fd00::1]:8500");
  EXPECT_EQ(found({}, {}, "consul:8500", {{"2001:db8::1", "fd00::8"}}),
            "fd00::8: it leads out of this host");
}

}  // namespace
}  // namespace outrigger::registration
