#include "proxy/app/worker_threads.hpp"

#include <utility>

#include "proxy/io/process.hpp"

namespace outrigger::app {
namespace {

// How passthrough looks names up: as the registry `dns` says, or as the system does.
io::DnsOptions dns_options(const config::DnsRegistryConfig& dns) {
  io::DnsOptions options;
  options.servers = dns.servers;
  options.hosts_file = dns.hosts_file.value_or("/etc/hosts");
  return options;
}

}  // namespace

WorkerThreads::WorkerThreads(unsigned count, Random& random) {
  for (unsigned i = 0; i < count; ++i) {
    x_threads.push_back(std::make_unique<Thread>(random.next()));
  }
}

WorkerThreads::~WorkerThreads() {
  stop();
  clear();
}

Inbox& WorkerThreads::inbox(unsigned worker) { return x_threads[worker]->loop.context().inbox; }

void WorkerThreads::start(Process& process) {
  for (unsigned i = 0; i < count(); ++i) {
    Thread& on = *x_threads[i];
    on.worker = std::make_unique<Worker>(i, on.loop.context(), on.loop.outbox(), on.network,
                                         on.names, process);
    on.network.set_descriptors_max(io::descriptors_for_calls());
    on.loop.watch_memory(process.memory_meter.is_tight());
    on.loop.set_after_each([](void* worker) { static_cast<Worker*>(worker)->after_each(); },
                           on.worker.get());
  }
}

void WorkerThreads::run() {
  for (const auto& on : x_threads) {
    on->is_running = true;
    on->thread = std::thread([&on = *on] { on.loop.run(); });
  }
}

void WorkerThreads::set_dns(const config::DnsRegistryConfig& dns) {
  for (const auto& on : x_threads) {
    on_loop_of(*on,
               [&names = on->names, options = dns_options(dns)] { names.set_options(options); });
  }
}

void WorkerThreads::post(unsigned worker, std::function<void(Worker&)> task) {
  Thread& on = *x_threads[worker];
  on_loop_of(on, [&on, task = std::move(task)] { task(*on.worker); });
}

void WorkerThreads::on_loop_of(Thread& on, std::function<void()> task) {
  if (!on.is_running) return task();
  on.loop.post(std::move(task));
}

int WorkerThreads::stop() {
  int still_running = 0;
  for (const auto& on : x_threads) {
    if (!on->thread.joinable()) continue;
    on->loop.post([&on = *on] {
      on.still_running = on.worker->end();
      on.loop.stop();
    });
    on->thread.join();
    // What was reset is closed now, not when it is destroyed.
    on->loop.context().reaper.flush();
    still_running += on->still_running;
  }
  return still_running;
}

void WorkerThreads::clear() {
  for (const auto& on : x_threads) {
    on->loop.set_after_each([](void*) {}, nullptr);
    on->worker.reset();
    on->loop.context().inbox.drop_all();
  }
}

}  // namespace outrigger::app
