#include "proxy/discovery/surroundings.hpp"

#include "proxy/io/loop_names.hpp"

namespace outrigger::discovery {

Surroundings surroundings_on(io::Loop& loop, io::Files& files) {
  const auto open_dns = [&loop](const config::DnsRegistryConfig& registry) {
    io::DnsOptions options;
    options.servers = registry.servers;
    options.hosts_file = registry.hosts_file.value_or("");
    return std::make_shared<io::LoopNames>(loop, std::move(options));
  };
  return {loop.context(), files, open_dns};
}

}  // namespace outrigger::discovery
