// One configuration as the workers run it, with the process-wide objects of its services.
// Immutable; shared by the control thread and the workers until the last call that began under it
// has ended.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/model.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::app {

struct Snapshot {
  config::Config config;
  std::map<std::string, std::shared_ptr<upstream::Service>, std::less<>> services;
  // "orders/reads": of routes with a circuit or limits of their own.
  std::map<std::string, std::shared_ptr<upstream::PolicyState>, std::less<>> routes;
  std::shared_ptr<upstream::Service> passthrough;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// The name under which the built-in service for unmatched hosts shows in metrics and logs.
inline constexpr std::string_view kPassthrough = "passthrough";

// Control thread: finds or makes the services of `config`, with its policies applied.
SnapshotPtr make_snapshot(config::Config config, upstream::Services& services, int64_t now_ms);

}  // namespace outrigger::app
