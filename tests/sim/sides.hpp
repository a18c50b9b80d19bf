// The workers of a World: each on a loop and a network of its own, reached by posts as threads are.
// Owned by the World; one thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/app/worker.hpp"
#include "proxy/app/worker_set.hpp"
#include "tests/sim/watched_network.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/virtual_names.hpp"

namespace outrigger::sim {

// One worker and what it stands on, destroyed from the bottom up.
struct Side {
  explicit Side(uint64_t seed) : loop(seed), network(loop), names(loop), watched(loop, network) {}

  testing::VirtualLoop loop;
  testing::PipeNetwork network;
  testing::VirtualNames names;
  int64_t asked_ms = 0;    // when a name was known to have been asked for; 0: none was
  WatchedNetwork watched;  // what the worker sees of it
  std::unique_ptr<app::Worker> worker;
};

class Sides final : public app::WorkerSet, public io::Binder {
 public:
  Sides(unsigned count, Random& random, bool shuffles) {
    for (unsigned i = 0; i < count; ++i) {
      all.push_back(std::make_unique<Side>(random.next()));
      if (shuffles) all.back()->loop.shuffle();
    }
  }

  unsigned count() const override { return static_cast<unsigned>(all.size()); }
  Inbox& inbox(unsigned worker) override { return all[worker]->loop.context().inbox; }
  void start(app::Process& process) override {
    for (unsigned i = 0; i < count(); ++i) {
      Side& side = *all[i];
      side.worker = std::make_unique<app::Worker>(i, side.loop.context(), side.loop.outbox(),
                                                  side.watched, side.names, process);
      side.loop.set_after_each(
          [](void* worker) { static_cast<app::Worker*>(worker)->after_each(); }, side.worker.get());
    }
  }
  void set_dns(const config::DnsRegistryConfig&) override {}
  void post(unsigned worker, std::function<void(app::Worker&)> task) override {
    if (x_stopped) return;
    Side& side = *all[worker];
    side.loop.post([this, &side, task = std::move(task)] {
      if (!x_stopped) task(*side.worker);
    });
  }
  // After clear(): those of another process follow. What was posted to the last ones is lost.
  void begin_anew() {
    for (const auto& side : all) side->loop.drop_posts();
    x_stopped = false;
  }
  // On a thread the loop would end too: nobody accepts any more.
  int stop() override {
    if (std::exchange(x_stopped, true)) return 0;
    int running = 0;
    for (const auto& side : all) {
      if (side->worker == nullptr) continue;
      running += side->worker->end();
      side->worker->begin_last_phase();
    }
    return running;
  }
  void clear() override {
    x_stopped = true;
    for (const auto& side : all) {
      side->worker.reset();
      side->loop.set_after_each([](void*) {}, nullptr);
    }
  }

  Result<std::vector<io::BoundSocketPtr>> bind(const Address& at, size_t count_of,
                                               bool is_port_ours) override {
    std::vector<io::BoundSocketPtr> sockets;
    for (size_t i = 0; i < count_of; ++i) {
      auto socket = all[i]->network.bind(at, is_port_ours);
      if (!socket) return failure(socket.error());
      sockets.push_back(std::move(*socket));
    }
    return sockets;
  }

  std::vector<std::unique_ptr<Side>> all;

 private:
  bool x_stopped = false;
};

}  // namespace outrigger::sim
