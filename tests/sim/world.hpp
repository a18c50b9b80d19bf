// The World is one run: the workers of one process, each on a loop and a network of its own,
// origins and clients around them, and a control side that changes lists, policies and circuits
// meanwhile. All of it follows from the seed. After every step it looks for what must never be, and
// at the end, when everyone has left, for what must be gone. Owned by main; one thread.
#pragma once

#include <memory>
#include <vector>

#include "proxy/app/worker.hpp"
#include "tests/sim/caller.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/origin.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/watched_network.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/virtual_names.hpp"

namespace outrigger::sim {

class World final : public upstream::PermitPost, public chain::ExchangeObserver {
 public:
  World(uint64_t seed, Ledger& ledger);
  ~World() override;

  // Until nothing is left to happen, or something happened that must not.
  void run();

 private:
  // One worker and what it stands on, destroyed from the bottom up.
  struct Side {
    explicit Side(uint64_t seed) : loop(seed), network(loop), names(loop), watched(loop, network) {}

    testing::VirtualLoop loop;
    testing::PipeNetwork network;
    testing::VirtualNames names;
    WatchedNetwork watched;  // what the worker sees of it
    std::unique_ptr<app::Worker> worker;
  };

  void build();
  void build_origins();
  void add_origin(size_t service, const Address& address, bool opaque);
  void listen();
  void invite_clients();

  // -- time
  void step_all();
  bool move_on();
  template <class F>
  void for_each_loop(F visit);

  // -- the control side
  void plan_next_event();
  void on_event();
  void change_lists();
  void send_list(size_t service);
  void change_policies();
  void force_circuit();
  void begin_drain();
  void end_workers();
  void post(unsigned worker, std::function<void(app::Worker&)> task);

  void post_permit(upstream::OutstandingLimit& limit, unsigned worker) noexcept override;

  // -- what must hold
  void on_exchange_end(const chain::Exchange& exchange, const chain::Outcome& outcome) override;
  void check_times(const chain::Exchange& exchange, const Call& call);
  void check_step();
  void check_end();
  void check_tunnels();
  void count_tunnel(const chain::Exchange& exchange, const chain::Outcome& outcome);
  void check_nothing_left();
  void check_counts();
  void check_budgets();

  int64_t now_ms() const { return x_control.now_ms(); }
  Random& random() { return x_random; }

  Ledger& x_ledger;
  Random x_random;
  Plan x_plan;
  testing::VirtualLoop x_control;
  std::unique_ptr<app::Process> x_process;
  std::vector<std::unique_ptr<Side>> x_sides;
  std::vector<std::unique_ptr<Origin>> x_origins;
  std::vector<std::unique_ptr<Caller>> x_clients;
  app::SnapshotPtr x_snapshot;
  testing::VirtualLoop::Event x_event;
  int x_events_left = 0;
  uint64_t x_opaque_ended = 0;  // exchanges that are nothing but bytes and count as calls
  int64_t x_start_ms = 0;
  int64_t x_last_call_ms = 0;  // when the last exchange ended
  bool x_draining = false;
};

}  // namespace outrigger::sim
