#include "tests/support/process/namespaces.hpp"

#include <sstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "proxy/base/assert.hpp"

namespace outrigger::testing {
namespace {

std::string network_of(const std::string& process) {
  std::error_code none;
  return std::filesystem::read_symlink("/proc/" + process + "/ns/net", none).string();
}

std::string why_not() {
  if (!is_installed("ip")) return "ip is not installed (package iproute2)";
  const Finished tried = run({"unshare", "--net", "ip", "link", "add", "type", "veth"});
  return tried.code == 0 ? "" : "network namespaces are not permitted here: " + tried.err;
}

}  // namespace

std::string why_no_namespaces() {
  static const std::string reason = why_not();
  return reason;
}

Host::Host() : x_holder({"unshare", "--net", "sleep", "infinity"}) {
  const std::string process = std::to_string(x_holder.pid());
  const std::string ours = network_of("self");
  OUTRIGGER_ASSERT(eventually([&] {
    const std::string theirs = network_of(process);
    return !theirs.empty() && theirs != ours;
  }));
  x_network = io::Fd(::open(("/proc/" + process + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  must("ip link set lo up");
}

Host::~Host() = default;

Spawn Host::spawn(std::optional<uid_t> user) const {
  Spawn spawn;
  spawn.user = user;
  spawn.network = x_network.get();
  return spawn;
}

void Host::must(const std::string& command) const {
  std::istringstream words(command);
  std::vector<std::string> argv;
  for (std::string word; std::getline(words, word, ' ');) argv.push_back(word);
  const Finished done = run(std::move(argv));
  EXPECT_EQ(done.code, 0) << command << ": " << done.err;
}

void Host::enter() const { OUTRIGGER_ASSERT(::setns(x_network.get(), CLONE_NEWNET) == 0); }

void Host::connect(Host& other, const std::vector<std::string>& near,
                   const std::vector<std::string>& far) {
  const std::string our_end = "eth" + std::to_string(x_cables++);
  const std::string their_end = "eth" + std::to_string(other.x_cables++);
  must("ip link add " + our_end + " type veth peer name " + their_end + " netns " +
       std::to_string(other.pid()));
  // Without `nodad` an address of IPv6 cannot be used for a second or two.
  const auto set_up = [](const Host& host, const std::string& end,
                         const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses) {
      const bool is_ipv6 = address.find(':') != std::string::npos;
      host.must("ip address add " + address + " dev " + end + (is_ipv6 ? " nodad" : ""));
    }
    host.must("ip link set " + end + " up");
  };
  set_up(*this, our_end, near);
  set_up(other, their_end, far);
}

PodNetwork::PodNetwork(int hosts) {
  for (int n = 1; n <= hosts; ++n) {
    Host& host = *x_hosts.emplace_back(std::make_unique<Host>());
    x_pod.connect(host, {pod_ipv4(n) + "/24", pod_ipv6(n) + "/64"},
                  {ipv4(n) + "/24", ipv6(n) + "/64"});
    host.must("ip route add default via " + pod_ipv4(n));
    host.must("ip -6 route add default via " + pod_ipv6(n));
  }
}

}  // namespace outrigger::testing
