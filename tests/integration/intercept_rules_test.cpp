// The rules of `outrigger intercept`, loaded in a network namespace: who is sent where by them.
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "proxy/base/address.hpp"
#include "tests/support/process/namespaces.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

constexpr int kSoOriginalDst = 80;  // as <linux/netfilter_ipv4.h> and its sister have it

// Where the caller wanted to go before the kernel sent it here.
std::string original_destination(int fd, bool is_ipv6) {
  sockaddr_storage to{};
  socklen_t length = sizeof to;
  if (::getsockopt(fd, is_ipv6 ? SOL_IPV6 : SOL_IP, kSoOriginalDst, &to, &length) != 0) return "?";
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&to)).to_string();
}

// Tells what it was asked to carry.
Origin::Script catching(bool is_ipv6) {
  return [is_ipv6](const Request&, Wire& wire) {
    return wire.send(Origin::response("caught " + original_destination(wire.fd(), is_ipv6)));
  };
}

// A pod with something at the sidecar's port and at a port of its own, and a host outside.
class InterceptRules : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (const std::string reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    const std::string tool = GetParam() == "nft" ? "nft" : "iptables-restore";
    if (!is_installed(tool)) GTEST_SKIP() << tool << " is not installed";
    x_net = std::make_unique<PodNetwork>();
    static std::map<std::string, std::string> complaints;  // one look at each backend
    const auto [complaint, is_new] = complaints.try_emplace(GetParam());
    if (is_new) {
      const Finished tried = install("services: {}\n");
      if (tried.code != 0) complaint->second = tried.err;
      EXPECT_EQ(remove().code, tried.code);
    }
    if (!complaint->second.empty()) GTEST_SKIP() << GetParam() << ": " << complaint->second;
  }

  void serve() {
    serve_at(x_net->pod(), catching(false), "0.0.0.0:15001");
    serve_at(x_net->pod(), catching(true), "[::]:15001");
    for (const std::string any : {"0.0.0.0", "[::]"}) {
      serve_at(x_net->pod(), Origin::answer("pod"), any + ":8000");
      serve_at(x_net->host(1), Origin::answer("host"), any + ":8000");
      serve_at(x_net->host(1), Origin::answer("host"), any + ":8001");
    }
  }
  void serve_at(const Host& host, Origin::Script script, const std::string& address) {
    host.inside([&] { x_servers.push_back(std::make_unique<Origin>(std::move(script), address)); });
  }

  std::string file(const std::string& yaml) const {
    const auto path = x_folder / "outrigger.yaml";
    replace_file(path, yaml);
    return path.string();
  }
  Finished intercept(std::vector<std::string> arguments, std::optional<uid_t> user = {}) const {
    arguments.insert(arguments.begin(), {outrigger_binary(), "intercept"});
    arguments.insert(arguments.end(), {"--backend", GetParam()});
    return x_net->pod().run(std::move(arguments), user);
  }
  Finished install(const std::string& yaml, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"install", "-c", file(yaml)});
    return intercept(std::move(more));
  }
  Finished remove() const { return intercept({"remove"}); }

  // All rules there are, of everybody, without the comments of the tools.
  std::string ruleset() const {
    if (GetParam() == "nft") return x_net->pod().run({"nft", "list", "ruleset"}).out;
    std::string text;
    for (const std::string save : {"iptables-save", "ip6tables-save"}) {
      std::istringstream lines(x_net->pod().run({save, "-t", "nat"}).out);
      for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with('#')) text += line + "\n";
      }
    }
    return text;
  }
  // Rules of somebody else, which are none of our business.
  void add_foreign_rules() const {
    if (GetParam() == "nft") {
      x_net->pod().must("nft add table inet other");
      x_net->pod().must("nft add chain inet other output { type nat hook output priority -90 ; }");
      x_net->pod().must("nft add rule inet other output ip daddr 192.0.2.1 return");
      return;
    }
    x_net->pod().must("iptables -t nat -A OUTPUT -d 192.0.2.1 -j RETURN");
    x_net->pod().must("ip6tables -t nat -A OUTPUT -d 2001:db8::1 -j RETURN");
  }

  // Who answers a connection that this user makes.
  std::string reached(const Host& from, uid_t user, const std::string& ip, int port = 8000) const {
    const std::string host = ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
    const Finished got = from.run({"curl", "-s", "--noproxy", "*", "--max-time", "5",
                                   "http://" + host + ":" + std::to_string(port) + "/"},
                                  user);
    return got.code == 0 ? got.out : "curl ended with " + std::to_string(got.code);
  }
  std::string reached(uid_t user, const std::string& ip, int port = 8000) const {
    return reached(x_net->pod(), user, ip, port);
  }

  static constexpr const char* kHere = "127.0.0.1";
  const std::string x_host4 = PodNetwork::ipv4(1);
  const std::string x_host6 = PodNetwork::ipv6(1);
  TempFolder x_folder;
  std::unique_ptr<PodNetwork> x_net;
  std::vector<std::unique_ptr<Origin>> x_servers;
};

INSTANTIATE_TEST_SUITE_P(Backends, InterceptRules, ::testing::Values("nft", "iptables"),
                         [](const auto& test) { return test.param; });

TEST_P(InterceptRules, CatchOtherUsersAndNeverTheSidecar) {
  serve();
  ASSERT_EQ(reached(kNeighbour, x_host4), "host");
  ASSERT_EQ(reached(kNeighbour, x_host6), "host");
  const Finished done = install("services: {}\n");
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.err.find("every user but 15001"), std::string::npos) << done.err;

  EXPECT_EQ(reached(kNeighbour, x_host4), "caught " + x_host4 + ":8000");
  EXPECT_EQ(reached(kNeighbour, x_host6), "caught [" + x_host6 + "]:8000");
  EXPECT_EQ(reached(0, x_host4), "caught " + x_host4 + ":8000");
  EXPECT_EQ(reached(kSidecar, x_host4), "host");
  EXPECT_EQ(reached(kSidecar, x_host6), "host");

  ASSERT_EQ(remove().code, 0);
  EXPECT_EQ(reached(kNeighbour, x_host4), "host");
  EXPECT_EQ(reached(kNeighbour, x_host6), "host");
}

TEST_P(InterceptRules, LeaveWhatStaysInThePodAlone) {
  serve();
  ASSERT_EQ(install("services: {}\n").code, 0);
  for (const std::string& ip : {std::string(kHere), std::string("127.1.2.3"), std::string("::1"),
                                PodNetwork::pod_ipv4(1), PodNetwork::pod_ipv6(1)}) {
    EXPECT_EQ(reached(kNeighbour, ip), "pod") << ip;
  }
}

TEST_P(InterceptRules, LeaveWhatIsExcludedAlone) {
  serve();
  ASSERT_EQ(install("intercept: {exclude_ports: [9, 8001]}\n").code, 0);
  EXPECT_EQ(reached(kNeighbour, x_host4, 8001), "host");
  EXPECT_EQ(reached(kNeighbour, x_host4, 8000), "caught " + x_host4 + ":8000");
  ASSERT_EQ(install("intercept: {include_ports: [80, 8001]}\n").code, 0);
  EXPECT_EQ(reached(kNeighbour, x_host6, 8001), "caught [" + x_host6 + "]:8001");
  EXPECT_EQ(reached(kNeighbour, x_host6, 8000), "host");
  ASSERT_EQ(install("intercept: {exclude_cidrs: [10.0.0.0/8, 10.77.0.0/16]}\n").code, 0);
  EXPECT_EQ(reached(kNeighbour, x_host4), "host");
  EXPECT_EQ(reached(kNeighbour, x_host6), "caught [" + x_host6 + "]:8000");
  ASSERT_EQ(install("intercept: {ipv6: off}\n").code, 0);
  EXPECT_EQ(reached(kNeighbour, x_host4), "caught " + x_host4 + ":8000");
  EXPECT_EQ(reached(kNeighbour, x_host6), "host");
}

TEST_P(InterceptRules, CatchWhatAGatewayForwardsOnlyWhenAsked) {
  serve();
  Host guest;
  x_net->pod().connect(guest, {"10.78.0.1/24"}, {"10.78.0.2/24"});
  guest.must("ip route add default via 10.78.0.1");
  x_net->pod().inside([] { std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1; });
  const std::string yaml = "listeners: [{address: \"0.0.0.0:15001\"}]\n";
  ASSERT_EQ(install(yaml, {"--prerouting"}).code, 0);
  EXPECT_EQ(reached(guest, kNeighbour, x_host4), "caught " + x_host4 + ":8000");
  EXPECT_EQ(reached(guest, kNeighbour, "10.78.0.1"), "pod");
  EXPECT_EQ(reached(guest, kNeighbour, PodNetwork::pod_ipv4(1)), "pod");
  ASSERT_EQ(install(yaml).code, 0);
  EXPECT_NE(reached(guest, kNeighbour, x_host4), "caught " + x_host4 + ":8000");
  EXPECT_EQ(reached(kNeighbour, x_host4), "caught " + x_host4 + ":8000");
}

TEST_P(InterceptRules, InstalledTwiceAreInstalledOnce) {
  add_foreign_rules();
  const std::string foreign = ruleset();
  ASSERT_EQ(install("services: {}\n").code, 0);
  const std::string once = ruleset();
  EXPECT_NE(once, foreign);
  ASSERT_EQ(install("services: {}\n").code, 0);
  EXPECT_EQ(ruleset(), once);
  // Nothing of another file's rules is left either.
  ASSERT_EQ(install("listeners: [{address: \"0.0.0.0:15001\"}]\n", {"--prerouting"}).code, 0);
  ASSERT_EQ(install("services: {}\n").code, 0);
  EXPECT_EQ(ruleset(), once);
  ASSERT_EQ(remove().code, 0);
  EXPECT_EQ(ruleset(), foreign);
}

TEST_P(InterceptRules, RemovedWhereThereAreNoneIsNoError) {
  add_foreign_rules();
  const std::string before = ruleset();
  const Finished removed = remove();
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(ruleset(), before);
}

TEST_P(InterceptRules, PrintedAreThoseThatAreInstalled) {
  ASSERT_EQ(install("services: {}\n").code, 0);
  const std::string installed = ruleset();
  ASSERT_EQ(remove().code, 0);
  const Finished printed = intercept({"print", "-c", file("services: {}\n")}, kNeighbour);
  ASSERT_EQ(printed.code, 0) << printed.err;
  const std::string rules = (x_folder / "rules").string();
  replace_file(rules, printed.out);
  if (GetParam() == "nft") {
    x_net->pod().must("nft -f " + rules);
  } else {
    x_net->pod().must("iptables-restore --noflush " + rules);
    x_net->pod().must("ip6tables-restore --noflush " + rules);
  }
  EXPECT_EQ(ruleset(), installed);
}

TEST_P(InterceptRules, CannotBeInstalledWithoutTheRight) {
  const std::string before = ruleset();
  const Finished refused = intercept({"install", "-c", file("services: {}\n")}, kNeighbour);
  EXPECT_EQ(refused.code, 1);
  const bool tells = refused.err.find("ermission denied") != std::string::npos ||
                     refused.err.find("not permitted") != std::string::npos;
  EXPECT_TRUE(tells) << refused.err;
  EXPECT_EQ(ruleset(), before);
}

// nft changes both families in one transaction.
class InterceptRulesByFamily : public InterceptRules {};
INSTANTIATE_TEST_SUITE_P(Backends, InterceptRulesByFamily, ::testing::Values("iptables"),
                         [](const auto& test) { return test.param; });

TEST_P(InterceptRulesByFamily, AreAsBeforeWhenOneFails) {
  replace_file(x_folder / "ip6tables-restore", "#!/bin/sh\necho broken >&2\nexit 1\n");
  std::filesystem::permissions(x_folder / "ip6tables-restore", std::filesystem::perms(0755));
  const std::string path = "PATH=" + x_folder.path().string() + ":" + std::getenv("PATH");
  const auto fails = [&](const std::string& yaml) {
    const Finished failed =
        x_net->pod().run({"env", path, outrigger_binary(), "intercept", "install", "--backend",
                          "iptables", "-c", file(yaml)});
    EXPECT_EQ(failed.code, 1);
    EXPECT_NE(failed.err.find("broken; IPv4 is as it was before"), std::string::npos) << failed.err;
  };
  add_foreign_rules();
  const std::string foreign = ruleset();
  fails("services: {}\n");
  EXPECT_EQ(ruleset(), foreign);
  ASSERT_EQ(install("intercept: {exclude_ports: [25], include_ports: [80]}\n").code, 0);
  const std::string installed = ruleset();
  fails("services: {}\n");
  EXPECT_EQ(ruleset(), installed);
}

}  // namespace
}  // namespace outrigger::testing
