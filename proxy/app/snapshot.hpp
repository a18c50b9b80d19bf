// One configuration as the workers run it, with the process-wide objects of its services and
// listeners. Made by the control plane, whose parts add to it what is theirs (see part.hpp), then
// immutable; shared by the control thread and the workers until the last call that began under it
// has ended.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "proxy/downstream/server_context.hpp"
#include "proxy/io/line_writer.hpp"
#include "proxy/io/network.hpp"
#include "proxy/upstream/own_listeners.hpp"
#include "proxy/upstream/service.hpp"

namespace outrigger::app {

struct Snapshot {
  // One address of a listener. The same id in the next snapshot is the same socket.
  struct Port {
    uint64_t id = 0;
    size_t listener = 0;  // in config.listeners
  };

  uint64_t number = 0;  // they are counted
  config::Config config;
  // By service, the number of the snapshot since which nothing of it differs.
  std::map<std::string, uint64_t, std::less<>> versions;
  std::map<std::string, std::shared_ptr<upstream::Service>, std::less<>> services;
  // "orders/reads": of routes with a circuit or limits of their own, by the service that they lead
  // to.
  std::map<std::string, std::shared_ptr<upstream::PolicyState>, std::less<>> routes;
  std::shared_ptr<upstream::Service> passthrough;
  std::vector<Port> ports;
  std::vector<downstream::ListenerState*> listeners;  // by listener; they live in the Process
  upstream::OwnListeners own_listeners;
  std::shared_ptr<io::LineWriter> access_log;  // null: off
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// One worker's sockets for the ports that a snapshot is the first to have.
struct PortSocket {
  uint64_t port = 0;
  io::BoundSocketPtr socket;
};
using PortSockets = std::vector<PortSocket>;

// The name under which the built-in service for unmatched hosts shows in metrics and logs.
inline constexpr std::string_view kPassthrough = "passthrough";

// Control thread: finds or makes the services of `config`, with its policies applied, and forgets
// those that it does not name. `before` is the last one; null: there is none.
std::shared_ptr<Snapshot> make_snapshot(config::Config config, upstream::Services& services,
                                        int64_t now_ms, const Snapshot* before);

}  // namespace outrigger::app
