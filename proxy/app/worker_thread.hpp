// A worker on a thread and a loop of its own. Made, started and stopped by the control thread; what
// it carries is reached through post() only.
#pragma once

#include <functional>
#include <thread>

#include "proxy/app/worker.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/loop_names.hpp"
#include "proxy/io/loop_network.hpp"

namespace outrigger::app {

class WorkerThread {
 public:
  WorkerThread(unsigned index, uint64_t seed, const io::DnsOptions& dns, Process& process);
  // Stops it; calls that still run are reset.
  ~WorkerThread();
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  // Before start(): a socket that this worker shall serve. The failure is a sentence for people.
  Result<bool> listen(const config::ListenerConfig& config, io::ListeningSocket socket);
  Worker& worker() { return x_worker; }

  void start();
  void post(std::function<void(Worker&)> task);
  // Resets what runs, ends the loop and the thread. Returns how many calls still ran.
  int stop();

 private:
  io::Loop x_loop;
  io::LoopNetwork x_network;
  io::LoopNames x_names;
  Worker x_worker;
  std::thread x_thread;
  int x_still_running = 0;
};

}  // namespace outrigger::app
