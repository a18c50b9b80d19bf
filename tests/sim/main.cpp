// Seeded fault simulation: whole workers in virtual time over networks in memory, among origins and
// callers that misbehave. A failing seed prints what must not have been, and the one command that
// replays it.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "proxy/base/line_sink.hpp"
#include "proxy/base/log.hpp"
#include "tests/sim/world.hpp"

namespace {

using outrigger::sim::Ledger;
using outrigger::sim::World;

// Every so often a seed runs twice: the same must happen.
constexpr uint64_t kTwiceEach = 50;

uint64_t g_seed = 0;

void print_replay() {
  std::printf("  replay: ./dev sim --seed %llu\n", (unsigned long long)g_seed);
}

// Broken invariants of the product, and what a sanitizer finds.
void on_death() {
  std::printf("seed %llu died\n", (unsigned long long)g_seed);
  print_replay();
  std::fflush(stdout);
}

void on_signal(int number) {
  on_death();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

// Mistakes of drawn configurations are none of ours.
struct Nobody final : outrigger::LineSink {
  void append(std::string_view) override {}
};

struct Totals {
  uint64_t failed = 0;
  uint64_t calls = 0;
  uint64_t answers = 0;
  uint64_t own = 0;
  uint64_t stale = 0;
  uint64_t broken = 0;
  std::map<int, uint64_t> statuses;
};

uint64_t run_once(uint64_t seed, bool trace, Totals& totals) {
  Ledger ledger(trace);
  World(seed, ledger).run();
  totals.calls += ledger.calls().size();
  totals.answers += ledger.answers_seen;
  totals.own += ledger.own_replies_seen;
  totals.stale += ledger.stale_seen;
  totals.broken += ledger.clients_broken_off;
  for (const auto& [status, count] : ledger.statuses) totals.statuses[status] += count;
  if (ledger.is_violated()) {
    ++totals.failed;
    std::printf("seed %llu: %s\n", (unsigned long long)seed, ledger.what().c_str());
    print_replay();
  }
  return ledger.hash();
}

void run_seed(uint64_t seed, bool trace, bool twice, Totals& totals) {
  g_seed = seed;
  const uint64_t failed = totals.failed;
  const uint64_t hash = run_once(seed, trace, totals);
  if (trace) std::printf("trace %016llx\n", (unsigned long long)hash);
  if (!twice || totals.failed > failed) return;
  Totals again;
  if (run_once(seed, false, again) == hash) return;
  ++totals.failed;
  std::printf("seed %llu: two runs differ\n", (unsigned long long)seed);
  print_replay();
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __sanitizer_set_death_callback(void (*callback)());
#endif

int main(int argc, char** argv) {
  uint64_t seeds = 500;
  uint64_t from = 1;
  uint64_t one = 0;
  bool trace = false;
  CLI::App app("Seeded fault simulation of whole workers");
  app.add_option("--seeds", seeds, "how many seeds to run");
  app.add_option("--from", from, "the first of them");
  const auto* single = app.add_option("--seed", one, "only this one, twice");
  app.add_flag("--trace", trace, "print what happens");
  CLI11_PARSE(app, argc, argv);

  outrigger::log::set_level(outrigger::log::Level::kError);
  Nobody nobody;
  const outrigger::log::To nowhere(nobody);
  std::signal(SIGABRT, on_signal);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(on_death);
#else
  std::signal(SIGSEGV, on_signal);
#endif
  Totals totals;
  if (single->count() > 0) {
    run_seed(one, trace, true, totals);
    seeds = 1;
  } else {
    constexpr uint64_t kFailuresShown = 10;
    for (uint64_t seed = from; seed < from + seeds && totals.failed < kFailuresShown; ++seed) {
      run_seed(seed, trace, seed % kTwiceEach == 0, totals);
    }
  }
  std::printf(
      "%llu seeds, %llu calls: %llu answers of origins (%llu stale), %llu of our own, "
      "%llu connections broken; %llu seeds failed\n",
      (unsigned long long)seeds, (unsigned long long)totals.calls,
      (unsigned long long)totals.answers, (unsigned long long)totals.stale,
      (unsigned long long)totals.own, (unsigned long long)totals.broken,
      (unsigned long long)totals.failed);
  for (const auto& [status, count] : totals.statuses) {
    std::printf("  %d: %llu", status, (unsigned long long)count);
  }
  std::printf("\n");
  return totals.failed == 0 ? 0 : 1;
}
