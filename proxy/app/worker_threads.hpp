// The workers of the real process: each on a thread, a loop and sockets of its own. Owned by the
// assembler of the process; control thread, but for inbox().
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "proxy/app/worker.hpp"
#include "proxy/app/worker_set.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/loop_names.hpp"
#include "proxy/io/loop_network.hpp"

namespace outrigger::app {

class WorkerThreads : public WorkerSet {
 public:
  // `random` seeds them.
  WorkerThreads(unsigned count, Random& random);
  ~WorkerThreads() override;

  unsigned count() const override { return static_cast<unsigned>(x_threads.size()); }
  Inbox& inbox(unsigned worker) override;
  void start(Process& process) override;
  // Lets the threads run. Until then posts run at once, on the control thread: what connects to
  // the listeners waits to be accepted. Once, after start().
  void run();
  void set_dns(const config::DnsRegistryConfig& dns) override;
  void post(unsigned worker, std::function<void(Worker&)> task) override;
  int stop() override;
  void clear() override;

 private:
  struct Thread {
    explicit Thread(uint64_t seed) : loop(seed), network(loop), names(loop) {}

    io::Loop loop;
    io::LoopNetwork network;
    io::LoopNames names;
    std::unique_ptr<Worker> worker;
    std::thread thread;
    bool is_running = false;  // or was
    int still_running = 0;
  };

  void on_loop_of(Thread& on, std::function<void()> task);

  std::vector<std::unique_ptr<Thread>> x_threads;
};

}  // namespace outrigger::app
