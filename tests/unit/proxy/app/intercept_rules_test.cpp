#include "proxy/app/intercept_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outrigger::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr InterceptionPlace kPod;
constexpr InterceptionPlace kPodWithoutIpv6{.has_ipv6 = false};
constexpr InterceptionPlace kGateway{.forwarded = true};

config::Config listening_at(std::vector<std::string> addresses) {
  config::Config config;
  config.listeners[0].addresses = std::move(addresses);
  return config;
}

// Something in each list.
config::Config full() {
  config::Config config = listening_at({"0.0.0.0:15001", "[::]:15006"});
  config.intercept.user = 1337;
  config.intercept.include_ports = {443, 80, 443};
  config.intercept.exclude_ports = {8081, 25};
  config.intercept.exclude_cidrs = {"10.0.0.0/8", "fd00::/8", "192.0.2.7"};
  return config;
}

Interception caught(const config::Config& config, const InterceptionPlace& place = kPod) {
  const auto what = interception(config, place);
  EXPECT_TRUE(what) << what.error();
  return what ? *what : Interception{};
}

std::string refusal(const config::Config& config, const InterceptionPlace& place = kPod) {
  const auto what = interception(config, place);
  return what ? "" : what.error();
}

TEST(Interception, OfTheBuiltInConfigurationIsEverythingButOurOwn) {
  const Interception what = caught({});
  EXPECT_EQ(what.user, 15001u);
  EXPECT_THAT(what.ports, ElementsAre(15001, 15001));
  EXPECT_TRUE(what.include_ports.empty() && what.exclude_ports.empty());
  EXPECT_THAT(what.exclude_networks[0], ElementsAre("169.254.169.254/32"));
  EXPECT_TRUE(what.exclude_networks[1].empty());
}

TEST(Interception, GoesToTheFirstListenerThatTakesIt) {
  config::Config config;
  config::ListenerConfig other;
  config.listeners.assign(5, other);
  config.listeners[0].intercept = config::Intercept::kProxy;
  config.listeners[1].intercept = config::Intercept::kAuthority;
  config.listeners[2].service = "orders";
  config.listeners[3].tls.emplace();
  config.listeners[4].addresses = {"unix:/run/x", "127.0.0.1:4140", "127.0.0.1:4141"};
  EXPECT_THAT(caught(config).ports, ElementsAre(4140, 0));
  config.listeners.pop_back();
  EXPECT_THAT(refusal(config), HasSubstr("no listener takes redirected connections"));
}

TEST(Interception, NeedsAnAddressThatARedirectLeadsTo) {
  EXPECT_THAT(caught(listening_at({"0.0.0.0:1", "[::]:2"})).ports, ElementsAre(1, 2));
  EXPECT_THAT(caught(listening_at({"10.0.0.1:1", "127.0.0.1:2"})).ports, ElementsAre(2, 0));
  EXPECT_THAT(refusal(listening_at({"10.0.0.1:15001"})),
              HasSubstr("\"outbound\" is at 10.0.0.1:15001, where no redirect leads"));
  EXPECT_THAT(refusal(listening_at({"127.0.0.2:15001"})), HasSubstr("no redirect leads"));
  EXPECT_THAT(refusal(listening_at({"127.0.0.1:0"})), HasSubstr("no redirect leads"));
  EXPECT_THAT(refusal(listening_at({"unix:/run/x"})), HasSubstr("has no IP address"));
}

TEST(Interception, OfAGatewayNeedsAListenerThatOthersReach) {
  EXPECT_THAT(refusal({}, kGateway), HasSubstr("0.0.0.0 or [::]"));
  EXPECT_THAT(caught(listening_at({"0.0.0.0:1", "[::1]:2"}), kGateway).ports, ElementsAre(1, 0));
}

TEST(Interception, OfIpv6IsAutomaticOnOrOff) {
  config::Config config;
  EXPECT_THAT(caught(config, kPodWithoutIpv6).ports, ElementsAre(15001, 0));
  config.intercept.ipv6 = false;
  EXPECT_THAT(caught(config).ports, ElementsAre(15001, 0));
  config.intercept.ipv6 = true;
  EXPECT_THAT(caught(config).ports, ElementsAre(15001, 15001));
  EXPECT_THAT(refusal(config, kPodWithoutIpv6), HasSubstr("this system has no IPv6"));
  config.listeners[0].addresses = {"127.0.0.1:15001"};
  EXPECT_THAT(refusal(config), HasSubstr("the listener \"outbound\" has no IPv6 address"));
  config.intercept.ipv6.reset();
  EXPECT_THAT(caught(config).ports, ElementsAre(15001, 0));
}

TEST(Interception, MayBeOfIpv6Alone) {
  const config::Config config = listening_at({"[::1]:15001"});
  EXPECT_THAT(caught(config).ports, ElementsAre(0, 15001));
  EXPECT_THAT(refusal(config, kPodWithoutIpv6), HasSubstr("IPv6 is not caught here"));
}

TEST(NftRules, OfTheBuiltInConfiguration) {
  EXPECT_EQ(nft_rules(caught({})), R"(table inet outrigger {}
delete table inet outrigger
table inet outrigger {
  chain output {
    type nat hook output priority -100; policy accept;
    meta skuid 15001 return
    oifname "lo" return
    ip daddr 127.0.0.0/8 return
    ip daddr 169.254.169.254/32 return
    ip6 daddr ::1/128 return
    meta nfproto ipv4 meta l4proto tcp redirect to :15001
    meta nfproto ipv6 meta l4proto tcp redirect to :15001
  }
}
)");
}

TEST(NftRules, OfEverythingThatCanBeSaid) {
  EXPECT_EQ(nft_rules(caught(full(), kGateway)), R"(table inet outrigger {}
delete table inet outrigger
table inet outrigger {
  chain output {
    type nat hook output priority -100; policy accept;
    meta skuid 1337 return
    oifname "lo" return
    ip daddr 127.0.0.0/8 return
    ip daddr 10.0.0.0/8 return
    ip daddr 192.0.2.7 return
    ip6 daddr ::1/128 return
    ip6 daddr fd00::/8 return
    tcp dport { 25, 8081 } return
    meta nfproto ipv4 tcp dport { 80, 443 } redirect to :15001
    meta nfproto ipv6 tcp dport { 80, 443 } redirect to :15006
  }
  chain prerouting {
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local return
    ip daddr 127.0.0.0/8 return
    ip daddr 10.0.0.0/8 return
    ip daddr 192.0.2.7 return
    ip6 daddr ::1/128 return
    ip6 daddr fd00::/8 return
    tcp dport { 25, 8081 } return
    meta nfproto ipv4 tcp dport { 80, 443 } redirect to :15001
    meta nfproto ipv6 tcp dport { 80, 443 } redirect to :15006
  }
}
)");
}

TEST(NftRules, LeaveAFamilyAloneThatIsNotCaught) {
  EXPECT_THAT(nft_rules(caught({}, kPodWithoutIpv6)), Not(HasSubstr("nfproto ipv6")));
}

TEST(IptablesRules, OfTheBuiltInConfiguration) {
  EXPECT_EQ(iptables_rules(caught({})), R"(*nat
:OUTRIGGER_OUTPUT - [0:0]
-A OUTRIGGER_OUTPUT -m owner --uid-owner 15001 -j RETURN
-A OUTRIGGER_OUTPUT -o lo -j RETURN
-A OUTRIGGER_OUTPUT -4 -d 127.0.0.0/8 -j RETURN
-A OUTRIGGER_OUTPUT -4 -d 169.254.169.254/32 -j RETURN
-A OUTRIGGER_OUTPUT -6 -d ::1/128 -j RETURN
-A OUTRIGGER_OUTPUT -4 -p tcp -j REDIRECT --to-ports 15001
-A OUTRIGGER_OUTPUT -6 -p tcp -j REDIRECT --to-ports 15001
-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT
COMMIT
)");
}

TEST(IptablesRules, OfEachFamilyAlone) {
  const Interception what = caught(full(), kGateway);
  EXPECT_EQ(nat_transition({}, nat_chains(what, Family::kIpv6)), R"(*nat
:OUTRIGGER_OUTPUT - [0:0]
-A OUTRIGGER_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A OUTRIGGER_OUTPUT -o lo -j RETURN
-A OUTRIGGER_OUTPUT -d ::1/128 -j RETURN
-A OUTRIGGER_OUTPUT -d fd00::/8 -j RETURN
-A OUTRIGGER_OUTPUT -p tcp --dport 25 -j RETURN
-A OUTRIGGER_OUTPUT -p tcp --dport 8081 -j RETURN
-A OUTRIGGER_OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 15006
-A OUTRIGGER_OUTPUT -p tcp --dport 443 -j REDIRECT --to-ports 15006
-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT
:OUTRIGGER_PREROUTING - [0:0]
-A OUTRIGGER_PREROUTING -m addrtype --dst-type LOCAL -j RETURN
-A OUTRIGGER_PREROUTING -d ::1/128 -j RETURN
-A OUTRIGGER_PREROUTING -d fd00::/8 -j RETURN
-A OUTRIGGER_PREROUTING -p tcp --dport 25 -j RETURN
-A OUTRIGGER_PREROUTING -p tcp --dport 8081 -j RETURN
-A OUTRIGGER_PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 15006
-A OUTRIGGER_PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 15006
-A PREROUTING -p tcp -j OUTRIGGER_PREROUTING
COMMIT
)");
  EXPECT_EQ(nat_chains(caught({}, kPodWithoutIpv6), Family::kIpv6), NatChains{});
}

// As `iptables -t nat -S` prints it, among what others have installed.
constexpr std::string_view kListing = R"(-P PREROUTING ACCEPT
-P OUTPUT ACCEPT
-N OUTRIGGER_OUTPUT
-N OUTRIGGER_OTHER
-N DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT
-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT
-A OUTRIGGER_OUTPUT -m owner --uid-owner 1 -j RETURN
-A OUTRIGGER_OUTPUT -p tcp -m tcp --dport 25 -j RETURN
-A OUTRIGGER_OTHER -j RETURN
)";

TEST(NatChains, AreReadFromAListing) {
  const NatChains found = read_nat_chains(kListing);
  EXPECT_TRUE(found.output.exists);
  EXPECT_EQ(found.output.jumps, 2);
  EXPECT_THAT(found.output.rules, ElementsAre("-m owner --uid-owner 1 -j RETURN",
                                              "-p tcp -m tcp --dport 25 -j RETURN"));
  EXPECT_EQ(found.prerouting, NatChains::Chain{});
  EXPECT_EQ(read_nat_chains("-P OUTPUT ACCEPT\n"), NatChains{});
}

TEST(NatChains, AreRemovedWithEveryJumpToThem) {
  EXPECT_EQ(nat_transition(read_nat_chains(kListing), {}), R"(*nat
-D OUTPUT -p tcp -j OUTRIGGER_OUTPUT
-D OUTPUT -p tcp -j OUTRIGGER_OUTPUT
-F OUTRIGGER_OUTPUT
-X OUTRIGGER_OUTPUT
COMMIT
)");
  EXPECT_EQ(nat_transition({}, {}), "");
}

TEST(NatChains, KeepTheirOneJumpWhenTheyAreInstalledAgain) {
  const NatChains wanted = nat_chains(caught({}), Family::kIpv4);
  const std::string text = nat_transition(read_nat_chains(kListing), wanted);
  EXPECT_THAT(text, HasSubstr(":OUTRIGGER_OUTPUT - [0:0]\n-D OUTPUT -p tcp -j OUTRIGGER_OUTPUT\n"
                              "-A OUTRIGGER_OUTPUT -m owner"));
  EXPECT_THAT(text, Not(HasSubstr("-A OUTPUT")));
  EXPECT_THAT(nat_transition(wanted, wanted), Not(HasSubstr("OUTPUT -p tcp -j OUTRIGGER")));
}

TEST(NatChains, ReturnToWhatTheyWere) {
  const NatChains before = read_nat_chains(kListing);
  const NatChains wanted = nat_chains(caught(full(), kGateway), Family::kIpv4);
  EXPECT_EQ(nat_transition(wanted, before), R"(*nat
:OUTRIGGER_OUTPUT - [0:0]
-A OUTRIGGER_OUTPUT -m owner --uid-owner 1 -j RETURN
-A OUTRIGGER_OUTPUT -p tcp -m tcp --dport 25 -j RETURN
-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT
-D PREROUTING -p tcp -j OUTRIGGER_PREROUTING
-F OUTRIGGER_PREROUTING
-X OUTRIGGER_PREROUTING
COMMIT
)");
}

}  // namespace
}  // namespace outrigger::app
