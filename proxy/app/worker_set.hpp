// The workers of the process, wherever they run: on threads (worker_threads.hpp), or in virtual
// time. The control plane reaches them through this alone. Outlives the control plane; its thread,
// but for inbox().
#pragma once

#include <functional>

#include "config/model.hpp"
#include "proxy/base/inbox.hpp"

namespace outrigger::app {

class Worker;
struct Process;

class WorkerSet {
 public:
  virtual ~WorkerSet() = default;

  // How many there are, from the beginning and for good.
  virtual unsigned count() const = 0;
  // Any thread: the way to the loop of one, which is there from the beginning.
  virtual Inbox& inbox(unsigned worker) = 0;

  // Makes them and lets them run; they serve nothing yet. Once.
  virtual void start(Process& process) = 0;
  // How they look names up that no service claims.
  virtual void set_dns(const config::DnsRegistryConfig& dns) = 0;
  // Runs on the loop of that worker, in the order of the calls; dropped once it has stopped.
  virtual void post(unsigned worker, std::function<void(Worker&)> task) = 0;
  // Resets what runs and ends their loops; returns how many calls that were. Idempotent.
  virtual int stop() = 0;
  // Destroys them. Requires: they were stopped.
  virtual void clear() = 0;
};

}  // namespace outrigger::app
