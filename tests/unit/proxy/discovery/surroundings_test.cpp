#include "proxy/discovery/surroundings.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "proxy/discovery/dns_source.hpp"
#include "tests/support/run_until.hpp"
#include "tests/unit/proxy/discovery/support.hpp"

namespace outrigger::discovery {
namespace {

TEST(Surroundings, ANameOfTheHostsFileOfItsRegistryIsFoundThere) {
  std::string pattern = "/tmp/outrigger-hosts-XXXXXX";
  const int fd = mkstemp(pattern.data());
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(pattern) << "10.0.0.2 orders.test\n10.0.0.1 orders.test\n";
  io::Loop loop(1);
  VirtualWorld world;
  const Surroundings surroundings = surroundings_on(loop, world.files);
  config::DnsRegistryConfig registry;
  registry.servers = {"127.0.0.1:9", "[::1]:9"};
  registry.hosts_file = pattern;
  Recorder events;
  DnsSource source(surroundings.loop, surroundings.open_dns(registry), registry, {}, "orders.test",
                   80, events);
  source.start();
  EXPECT_TRUE(testing::run_until(loop, [&] { return source.answered(); }));
  EXPECT_EQ(events.latest(), (Texts{"10.0.0.1:80", "10.0.0.2:80"}));
  std::filesystem::remove(pattern);
}

}  // namespace
}  // namespace outrigger::discovery
