// The control plane and one worker in virtual time, each on a loop of its own, for callgrind: what
// one turn of the worker's loop costs while one key of a large configuration is changed. Prints
// nothing; the figures are in callgrind's dumps, one for each turn. Arguments: services, endpoints.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <valgrind/callgrind.h>

#include "proxy/app/control_plane.hpp"
#include "tests/sim/sides.hpp"
#include "tests/support/fake_files.hpp"
#include "tests/support/fake_kept_files.hpp"
#include "tests/support/known_names.hpp"

namespace {

using namespace outrigger;

std::string configuration(int services, int endpoints, int request_s) {
  std::string text = "services:\n";
  for (int i = 0; i < services; ++i) {
    text += "  s" + std::to_string(i) +
            ": {timeout: {request: " + std::to_string(i == 0 ? request_s : 15) +
            "s}, endpoints: {static: [";
    for (int j = 0; j < endpoints / services; ++j) {
      text += (j == 0 ? "'10." : ", '10.") + std::to_string(i / 250) + "." +
              std::to_string(i % 250) + "." + std::to_string(j + 1) + ":80'";
    }
    text += "]}}\n";
  }
  return text;
}

class Sidecar {
 public:
  Sidecar() : x_sides(1, x_random, false), x_plane(environment()) {
    x_control.set_after_each(
        [](void* plane) { static_cast<app::ControlPlane*>(plane)->after_each(); }, &x_plane);
  }
  ~Sidecar() {
    x_control.set_after_each([](void*) {}, nullptr);
  }

  bool start(const std::string& text) {
    const bool is_good = x_plane.start(config::load_text("f", text, {}), {}).empty();
    settle([] {}, [] {});
    return is_good;
  }
  // One dump of callgrind for each turn of the worker.
  void change(const std::string& text) {
    x_plane.take(config::load_text("f", text, {}), {}, [](const admin::Reloaded&) {});
    settle([] { CALLGRIND_ZERO_STATS; }, [] { CALLGRIND_DUMP_STATS; });
  }

 private:
  app::ControlEnvironment environment() {
    return {.loop = x_control.context(),
            .outbox = x_control.outbox(),
            .network = x_network,
            .binder = x_sides,
            .workers = x_sides,
            .surroundings = {x_control.context(), x_files,
                             [this](const config::DnsRegistryConfig&) {
                               return std::make_shared<testing::KnownNames>(x_names);
                             }},
            .kept = x_kept,
            .config = {},
            .read_now = {},
            .open_log = {},
            .log_lines_dropped = [] { return uint64_t{0}; },
            .interfaces = [] { return std::vector<Address>(); },
            .address_towards = {},
            .memory = std::nullopt,
            .seed = 1,
            .ended = [](int) {}};
  }
  template <class Before, class After>
  void settle(Before before, After after) {
    testing::VirtualLoop& worker = x_sides.all.front()->loop;
    for (bool goes_on = true; goes_on;) {
      x_control.run_until_idle();
      before();
      goes_on = worker.step();
      after();
    }
  }

  testing::VirtualLoop x_control;
  testing::PipeNetwork x_network{x_control};
  testing::VirtualNames x_names{x_control};
  testing::FakeFiles x_files{x_control};
  testing::FakeKeptFiles x_kept{x_control};
  Random x_random{1};
  sim::Sides x_sides;
  app::ControlPlane x_plane;
};

}  // namespace

int main(int argc, char** argv) {
  const int services = argc > 1 ? std::atoi(argv[1]) : 1'000;
  const int endpoints = argc > 2 ? std::atoi(argv[2]) : 10'000;
  Sidecar sidecar;
  if (!sidecar.start(configuration(services, endpoints, 10))) return 1;
  sidecar.change(configuration(services, endpoints, 20));
  return 0;
}
