// The LoopNames are the real NameService of one loop. Owned by the worker, or by a registry of the
// control thread, beside the Loop; every lookup dies before it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/io/dns_channel.hpp"
#include "proxy/io/resolver.hpp"

namespace outrigger::io {

class LoopNames final : public NameService {
 public:
  explicit LoopNames(Loop& loop, DnsOptions options = {}) : x_loop(loop) {
    x_ways.push_back(std::make_unique<Way>(loop, std::move(options)));
  }

  // How names are looked up from now on; lookups under way end as they began.
  void set_options(DnsOptions options) {
    if (options == x_ways.back()->options) return;
    x_version = version() + 1;
    x_ways.push_back(std::make_unique<Way>(x_loop, std::move(options)));
  }

  OperationPtr resolve(const Question& question, ResolveEvents& events) override {
    if (x_ways.size() > 1) forget_idle_ways();
    return x_ways.back()->resolver.resolve(question, events);
  }
  uint64_t version() override { return x_version + x_ways.back()->resolver.version(); }

 private:
  struct Way {
    Way(Loop& loop, DnsOptions of)
        : options(std::move(of)),
          servers(loop, options),
          resolver(loop.context(), servers, options.hosts_file) {}

    const DnsOptions options;
    DnsChannel servers;
    Resolver resolver;
  };

  void forget_idle_ways() {
    std::erase_if(x_ways, [this](const auto& way) {
      return way != x_ways.back() && way->resolver.is_idle();
    });
  }

  Loop& x_loop;
  std::vector<std::unique_ptr<Way>> x_ways;  // the last one is in use, others have lookups
  uint64_t x_version = 0;                    // of those that were replaced
};

}  // namespace outrigger::io
