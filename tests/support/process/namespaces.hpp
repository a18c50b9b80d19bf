// Hosts of their own on this machine: network namespaces that are joined by pairs of veth, for
// programs whose traffic the kernel is told to redirect. A pod is one of them, in which the
// neighbour and the sidecar run as different users. Owned by the test; the kernel takes every
// namespace and interface back when the last process in it ends, so that nothing is left even of a
// test that was killed. For the thread of the test.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/io/fd.hpp"
#include "tests/support/process/process.hpp"

namespace outrigger::testing {

inline constexpr uid_t kNeighbour = 1000;
inline constexpr uid_t kSidecar = 15'001;

// Why there can be none here, for GTEST_SKIP; empty when there can.
std::string why_no_namespaces();

class Host {
 public:
  // Requires: why_no_namespaces() is empty. Has nothing but its loopback interface.
  Host();
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // How a program is started here.
  Spawn spawn(std::optional<uid_t> user = {}) const;
  Finished run(std::vector<std::string> argv, std::optional<uid_t> user = {}) const {
    return testing::run(std::move(argv), spawn(user));
  }
  // A command of root's that must succeed; the words are separated by single spaces.
  void must(const std::string& command) const;
  // Runs `work` on a thread of its own here: the sockets that it makes are this host's.
  template <class Work>
  void inside(Work work) const {
    std::thread([&] {
      enter();
      work();
    }).join();
  }

  // Joins two hosts by one cable: `near` and `far` are addresses with their prefixes, of both
  // families, for this host and the other one.
  void connect(Host& other, const std::vector<std::string>& near,
               const std::vector<std::string>& far);
  pid_t pid() const { return x_holder.pid(); }

 private:
  void enter() const;

  Process x_holder;  // keeps the namespace
  io::Fd x_network;
  int x_cables = 0;
};

// A pod and the hosts that it reaches. The n-th, from 1, has 10.77.n.2 and fd77:n::2; towards it
// the pod is 10.77.n.1 and fd77:n::1, which is also the way to everywhere else for it.
class PodNetwork {
 public:
  explicit PodNetwork(int hosts = 1);

  Host& pod() { return x_pod; }
  Host& host(int n) { return *x_hosts.at(static_cast<size_t>(n - 1)); }
  static std::string ipv4(int n) { return "10.77." + std::to_string(n) + ".2"; }
  static std::string ipv6(int n) { return "fd77:" + std::to_string(n) + "::2"; }
  static std::string pod_ipv4(int n) { return "10.77." + std::to_string(n) + ".1"; }
  static std::string pod_ipv6(int n) { return "fd77:" + std::to_string(n) + "::1"; }

 private:
  Host x_pod;
  std::vector<std::unique_ptr<Host>> x_hosts;
};

}  // namespace outrigger::testing
