// The World is one run: the control plane and the workers of one process, each on a loop and a
// network of its own, origins and clients around them, and whoever changes lists, the configuration
// and circuits meanwhile. All of it follows from the seed. After every step it looks for what must
// never be, and at the end, when everyone has left, for what must be gone. Owned by main; one
// thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/app/control_plane.hpp"
#include "tests/sim/caller.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/operator.hpp"
#include "tests/sim/origin.hpp"
#include "tests/sim/overrides_model.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/sides.hpp"
#include "tests/support/fake_files.hpp"
#include "tests/support/fake_kept_files.hpp"

namespace outrigger::sim {

inline constexpr const char* kFile = "sim.yaml";  // the configuration

class World final : public chain::ExchangeObserver {
 public:
  World(uint64_t seed, Ledger& ledger);
  ~World();

  // Until nothing is left to happen, or something happened that must not.
  void run();

 private:
  void build();
  app::ControlEnvironment environment();
  void start(const config::Loaded& first, const config::Texts& texts,
             const app::RefusedFiles* refused);
  config::Loaded take_good_file(const std::string& text);
  void draw_good_file();
  void draw_file();
  void change_secret();
  void change_certificate();
  void check_reloaded(bool is_good);
  void build_origins();
  void add_origin(size_t service, const Address& address, bool opaque);
  void prepare_pipes();
  void invite_clients();

  // -- time
  void step_all();
  void pause();
  bool move_on();
  template <class F>
  void for_each_loop(F visit);

  // -- the control side
  void plan_next_event();
  void on_event();
  void change_lists();
  void send_list(size_t service);
  void change_names();
  std::vector<std::string> passthrough_ips() const;
  bool knows_passthrough(Side& side) const;
  void reload();
  void force_circuit();
  void begin_drain();
  void end_workers();
  void operate();
  void restart();
  void mend_files();
  void start_again();

  // -- what must hold
  void on_exchange_end(const chain::Exchange& exchange, const chain::Outcome& outcome) override;
  void check_honest(const chain::Exchange& exchange, const Call& call);
  void check_probes(const chain::Facts& facts, size_t service);
  bool may_have_probe(size_t service, int64_t since_ms) const;
  void check_times(const chain::Exchange& exchange, const Call& call);
  OverridesModel::Seen seen();
  void check_overrides();
  void check_step();
  void check_end();
  void check_tunnels();
  void add_counted_tunnels();
  void count_tunnel(const chain::Exchange& exchange, const chain::Outcome& outcome);
  void check_configuration();
  void check_nothing_left();
  void check_counts();
  void check_budgets();
  void check_floods();

  std::shared_ptr<upstream::Service> service(size_t index) const;
  app::Process& process() const { return x_plane->process(); }
  int64_t now_ms() const { return x_control.now_ms(); }
  Random& random() { return x_random; }

  Ledger& x_ledger;
  Random x_random;
  Plan x_plan;
  testing::VirtualLoop x_control;
  testing::PipeNetwork x_control_network{x_control};
  testing::VirtualNames x_control_names{x_control};
  testing::FakeFiles x_files{x_control};
  testing::FakeKeptFiles x_kept{x_control};
  Sides x_workers;
  const std::vector<std::unique_ptr<Side>>& x_sides = x_workers.all;
  std::unique_ptr<app::ControlPlane> x_plane;
  std::vector<std::unique_ptr<Origin>> x_origins;
  std::vector<std::unique_ptr<Caller>> x_clients;
  testing::VirtualLoop::Event x_event;
  int x_events_left = 0;
  int64_t x_pause_ms = 0;  // that is to come
  bool x_was_paused = false;
  uint64_t x_opaque_counted = 0;  // by the metrics
  uint64_t x_opaque_good = 0;     // of these
  uint64_t x_opaque_ended = 0;    // exchanges that are nothing but bytes and count as calls
  int64_t x_start_ms = 0;
  int64_t x_last_call_ms = 0;  // when the last exchange ended
  int64_t x_bodies_most = 0;   // that may be retained, under any configuration so far
  bool x_draining = false;
  bool x_is_file_bad = false;
  std::map<std::string, OverridesModel::File> x_good_files;  // by hash
  config::Texts x_last_good;                                 // that the process kept
  bool x_is_restart_due = false;
  Operator x_operator{x_control, x_control_network, x_ledger};
  OverridesModel x_overrides{x_ledger};
  OverridesModel::Forces x_seen_forces;
  // What was looked at last.
  uint64_t x_checked_forces = 0;
  std::string x_checked_hash;
  std::string x_checked_file;
  std::string x_secret = "s0";              // the last one that can be used
  std::optional<size_t> x_certificate = 0;  // whose both files stand there; nothing: of none
};

}  // namespace outrigger::sim
