#include "proxy/app/worker_thread.hpp"

#include <utility>

#include "proxy/io/process.hpp"

namespace outrigger::app {

WorkerThread::WorkerThread(unsigned index, uint64_t seed, const io::DnsOptions& dns,
                           Process& process)
    : x_loop(seed),
      x_network(x_loop),
      x_names(x_loop, dns),
      x_worker(index, x_loop.context(), x_loop.outbox(), x_network, x_names, process) {
  x_network.set_descriptors_max(io::descriptors_for_calls());
  x_loop.set_after_each([](void* worker) { static_cast<Worker*>(worker)->after_each(); },
                        &x_worker);
}

WorkerThread::~WorkerThread() { stop(); }

Result<bool> WorkerThread::listen(const config::ListenerConfig& config,
                                  io::ListeningSocket socket) {
  downstream::Acceptor& acceptor = x_worker.acceptor_of(config);
  auto listener = x_network.listen_on(std::move(socket), acceptor);
  if (!listener) return failure(listener.error());
  acceptor.add_listener(std::move(*listener));
  return true;
}

void WorkerThread::start() {
  x_thread = std::thread([this] { x_loop.run(); });
}

void WorkerThread::post(std::function<void(Worker&)> task) {
  x_loop.post([this, task = std::move(task)] { task(x_worker); });
}

int WorkerThread::stop() {
  if (!x_thread.joinable()) return 0;
  x_loop.post([this] {
    x_still_running = x_worker.end();
    x_loop.stop();
  });
  x_thread.join();
  // What was reset is closed now, not when we are destroyed.
  x_loop.context().reaper.flush();
  return x_still_running;
}

}  // namespace outrigger::app
