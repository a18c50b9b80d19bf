// The listeners' addresses: binds what a configuration is the first to name, on the control thread,
// and has the workers serve it. The same address in the next configuration keeps its sockets,
// whichever listener it is of.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/app/part.hpp"
#include "proxy/app/process.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::app {

class Listeners final : public Part {
 public:
  // `interfaces`: the addresses of this host; they are looked at again and again.
  Listeners(const LoopContext& loop, io::Binder& binder, unsigned workers,
            std::function<std::vector<Address>()> interfaces, Process& process);

  void prepare(Proposal& next) override;
  void commit(Snapshot& next) noexcept override;
  void abandon() noexcept override { x_bound.clear(); }

  // What that worker has to serve of the latest commit; once.
  PortSockets take_sockets(unsigned worker) { return std::exchange(x_sockets[worker], {}); }
  // All workers have the latest commit: what it closed is closed.
  void on_taken() { x_closing.clear(); }

 private:
  struct Port {
    uint64_t id = 0;
    Address address;
  };

  bool is_ours(const Address& address) const;
  void look_at_interfaces();
  Port open(const std::string& listener, std::vector<io::BoundSocketPtr> sockets);

  LoopContext x_loop;
  io::Binder& x_binder;
  const unsigned x_workers;
  const std::function<std::vector<Address>()> x_read_interfaces;
  const std::shared_ptr<upstream::OwnListeners::Interfaces> x_interfaces =
      std::make_shared<upstream::OwnListeners::Interfaces>();
  Timer x_look = Timer::of<&Listeners::look_at_interfaces>(*this);
  Process& x_process;
  // By their place in the configuration.
  std::map<std::string, Port> x_ports;
  std::map<std::string, std::vector<io::BoundSocketPtr>> x_bound;  // prepared
  std::vector<PortSockets> x_sockets;                              // by worker
  std::vector<Address> x_closing;                                  // by workers, some time soon
  uint64_t x_last_id = 0;
};

}  // namespace outrigger::app
