// The LoopNames are the real NameService of one loop. Owned by the worker, or by a registry of the
// control thread, beside the Loop; every lookup dies before it.
#pragma once

#include <utility>

#include "proxy/io/dns_channel.hpp"
#include "proxy/io/resolver.hpp"

namespace outrigger::io {

class LoopNames final : public NameService {
 public:
  explicit LoopNames(Loop& loop, DnsOptions options = {})
      : x_options(std::move(options)),
        x_servers(loop, x_options),
        x_resolver(loop.context(), x_servers, x_options.hosts_file) {}

  OperationPtr resolve(const Question& question, ResolveEvents& events) override {
    return x_resolver.resolve(question, events);
  }
  uint64_t version() override { return x_resolver.version(); }

 private:
  const DnsOptions x_options;
  DnsChannel x_servers;
  Resolver x_resolver;
};

}  // namespace outrigger::io
