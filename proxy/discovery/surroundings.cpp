#include "proxy/discovery/surroundings.hpp"

#include "proxy/io/loop_network.hpp"

namespace outrigger::discovery {

Surroundings surroundings_on(io::Loop& loop) {
  const auto watch_file = [&loop](const std::string& path, io::FileChangeEvents& events) {
    return std::make_unique<io::FileWatch>(loop, path, events);
  };
  const auto open_dns = [&loop](const config::DnsRegistryConfig& registry) {
    io::ResolverOptions options;
    for (const std::string& server : registry.servers) {
      if (!options.servers.empty()) options.servers += ',';
      options.servers += server;
    }
    options.hosts_file = registry.hosts_file.value_or("");
    return std::make_shared<io::LoopNetwork>(loop, std::move(options));
  };
  return {loop.context(), watch_file, open_dns};
}

}  // namespace outrigger::discovery
