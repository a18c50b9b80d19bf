// What discovery needs of the world, as arguments, so that tests run it in virtual time: the loop
// of the control thread, files, and a name server for each registry of kind dns. A value that
// Discovery keeps.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/model.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/files.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/name_service.hpp"

namespace outrigger::discovery {

struct Surroundings {
  LoopContext loop;
  io::Files& files;
  // What asks the servers of this registry.
  std::function<std::shared_ptr<io::NameService>(const config::DnsRegistryConfig& registry)>
      open_dns;
};

// The real ones. `loop` and `files` outlive all that is made of them.
Surroundings surroundings_on(io::Loop& loop, io::Files& files);

}  // namespace outrigger::discovery
