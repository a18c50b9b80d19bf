#include "proxy/discovery/surroundings.hpp"

#include "proxy/io/loop_network.hpp"

namespace outrigger::discovery {

Surroundings surroundings_on(io::Loop& loop, io::Files& files) {
  const auto open_dns = [&loop](const config::DnsRegistryConfig& registry) {
    io::ResolverOptions options;
    for (const std::string& server : registry.servers) {
      if (!options.servers.empty()) options.servers += ',';
      options.servers += server;
    }
    options.hosts_file = registry.hosts_file.value_or("");
    return std::make_shared<io::LoopNetwork>(loop, std::move(options));
  };
  return {loop.context(), files, open_dns};
}

}  // namespace outrigger::discovery
