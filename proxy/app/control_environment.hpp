// What the control plane needs of the world, as arguments: the real process assembles it of a loop,
// sockets, files and threads (app.cpp), tests of virtual time and networks in memory. All of it
// outlives the control plane.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "proxy/app/access_log_file.hpp"
#include "proxy/app/memory_guard.hpp"
#include "proxy/app/overrides_watch.hpp"
#include "proxy/app/reloader.hpp"
#include "proxy/app/worker_set.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/surroundings.hpp"
#include "proxy/io/kept_files.hpp"
#include "proxy/io/network.hpp"
#include "proxy/io/outbox.hpp"
#include "proxy/registration/own_address.hpp"

namespace outrigger::app {

struct ControlEnvironment {
  LoopContext loop;
  io::Outbox& outbox;
  io::Network& network;  // of the admin API and the metrics page
  io::Binder& binder;    // for this loop and those of the workers
  WorkerSet& workers;
  discovery::Surroundings surroundings;
  io::KeptFiles& kept;
  ConfigSource config;
  NamedFiles::ReadNow read_now;  // before calls run
  OpenLog open_log;
  std::function<uint64_t()> log_lines_dropped;       // since the start, of all logs
  std::function<std::vector<Address>()> interfaces;  // the addresses of this host
  registration::AddressTowards address_towards;
  std::optional<MemorySource> memory;  // none: it is not watched
  uint64_t seed = 0;
  // The drain is over: the workers have stopped, and so many calls were reset.
  std::function<void(int calls_reset)> ended;
};

}  // namespace outrigger::app
