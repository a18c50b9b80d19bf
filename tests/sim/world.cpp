#include "tests/sim/world.hpp"

#include <algorithm>
#include <csignal>

#include "config/config.hpp"
#include "tests/sim/certificates.hpp"
#include "tests/sim/h1_client.hpp"
#include "tests/sim/h2_client.hpp"
#include "tests/sim/tunnel_client.hpp"
#include "tests/support/known_names.hpp"

namespace outrigger::sim {
namespace {

std::optional<std::string> no_variable(const std::string&) { return std::nullopt; }

config::Loaded read(const std::string& text, Ledger& ledger) {
  config::Loaded loaded = config::load_text(kFile, text, no_variable);
  if (!loaded.ok()) {
    ledger.violation("the drawn configuration is refused: " + to_string(loaded.problems.front()) +
                     "\n" + text);
  }
  return loaded;
}

}  // namespace

World::World(uint64_t seed, Ledger& ledger)
    : x_ledger(ledger),
      x_random(seed * 0x9e3779b97f4a7c15 + 1),
      x_plan(x_random),
      x_control(seed),
      x_workers(x_plan.workers, x_random, x_plan.shuffles),
      x_event(x_control, [this] { on_event(); }) {
  x_plan.draw_operator(Random(~seed));
  build();
}

// Clients and origins hold streams of the networks; the workers go before these as well.
World::~World() {
  x_clients.clear();
  x_control.set_after_each([](void*) {}, nullptr);
  x_plane.reset();
  for (const auto& side : x_sides) side->loop.drop_posts();
  x_origins.clear();
}

// In the midst of it, orderly or not. If not, a permit may be on its way to a worker that is gone.
void World::end_workers() {
  x_ledger.note(now_ms(), "control: the workers end");
  const bool orderly = random().chance(0.5);
  if (orderly) {
    x_plane->on_signal(SIGINT);
    x_plane->on_signal(SIGINT);
    step_all();
  }
  x_workers.clear();
  const bool all_back = orderly || x_plan.workers == 1;
  if (all_back && !x_ledger.is_violated()) check_counts();
}

void World::build() {
  x_start_ms = x_last_call_ms = now_ms();
  const std::string first = x_plan.draw_config(x_random);
  const config::Loaded loaded = take_good_file(first);
  x_files.set(kSecretFile, x_secret);
  x_files.set(kCertificateFile, certificates()[0].certificate);
  x_files.set(kKeyFile, certificates()[0].key);
  if (x_ledger.is_violated()) return;
  if (x_plan.operates && random().chance(0.5)) x_kept.takes_ms = random().below(2'000);
  start(loaded, {{kFile, first}}, nullptr);
  build_origins();
  x_bodies_most = process().retry_bodies.limit();
  step_all();  // the workers listen
  if (x_ledger.is_violated()) return;
  prepare_pipes();
  invite_clients();
  x_events_left = static_cast<int>(random().below(x_plan.operates ? 25 : 12));
  plan_next_event();
}

// A process.
void World::start(const config::Loaded& first, const config::Texts& texts,
                  const app::RefusedFiles* refused) {
  x_plane = std::make_unique<app::ControlPlane>(environment());
  process().exchange_observer = this;
  if (x_plan.short_of_memory) process().answers.set_much(-1);
  x_control.set_after_each(
      [](void* plane) { static_cast<app::ControlPlane*>(plane)->after_each(); }, x_plane.get());
  for (const config::Problem& problem : x_plane->start(first, texts, refused)) {
    x_ledger.violation("it does not start: " + to_string(problem));
  }
}

app::ControlEnvironment World::environment() {
  return {.loop = x_control.context(),
          .outbox = x_control.outbox(),
          .network = x_control_network,
          .binder = x_workers,
          .workers = x_workers,
          .surroundings = {x_control.context(), x_files,
                           // Nothing answers: the World says itself where instances are.
                           [this](const config::DnsRegistryConfig&) {
                             return std::make_shared<testing::KnownNames>(x_control_names);
                           }},
          .kept = x_kept,
          .config = {.paths = {kFile},
                     .variables = no_variable,
                     .keep_good = [this](const config::Texts& texts) { x_last_good = texts; }},
          .read_now = [this](const std::string& path) { return x_files.read_now(path); },
          .open_log = [](const std::string& path) -> Result<std::unique_ptr<io::LineWriter>> {
            return failure(path + ": a World has no logs");
          },
          .log_lines_dropped = [] { return uint64_t{0}; },
          .interfaces = [] { return std::vector<Address>(); },
          .address_towards = {},
          .memory = std::nullopt,
          .seed = x_random.next(),
          .ended =
              [this](int reset) {
                x_ledger.note(now_ms(), "control: ended", static_cast<uint64_t>(reset));
              }};
}

config::Loaded World::take_good_file(const std::string& text) {
  const auto loaded = std::make_shared<const config::Loaded>(read(text, x_ledger));
  x_good_files.insert_or_assign(hash_of(config::Texts{{kFile, text}}), loaded);
  x_files.set(kFile, text);
  return *loaded;
}

void World::draw_good_file() {
  x_is_file_bad = false;
  take_good_file(x_plan.draw_config(x_random));
}

// Good, or torn, gone, no text, or with a port that somebody has.
void World::draw_file() {
  std::string text = x_plan.draw_config(x_random);
  x_is_file_bad = random().chance(0.3);
  if (!x_is_file_bad) return (void)take_good_file(text);
  constexpr std::string_view kListeners = "listeners:\n";
  switch (random().below(5)) {
    case 0:
      return x_files.remove(kFile);
    case 1:
      return x_files.set(kFile, "");
    case 2:
      return x_files.set(kFile, std::string("\x7f"
                                            "ELF\0\xff",
                                            6));
    case 3:
      return x_files.set(kFile, text + "services: [");
    default:
      text.insert(
          text.find(kListeners) + kListeners.size(),
          "  - {name: taken, address: '" + x_origins.front()->address().to_string() + "'}\n");
      return x_files.set(kFile, std::move(text));
  }
}

std::shared_ptr<upstream::Service> World::service(size_t index) const {
  const bool is_passthrough = index == x_plan.passthrough();
  return x_plane->services().find(is_passthrough ? "passthrough" : x_plan.services[index].name);
}

void World::build_origins() {
  for (size_t service = 0; service < x_plan.services.size(); ++service) {
    for (int i = 0; i < x_plan.services[service].endpoints; ++i) {
      const std::string ip = "10.0." + std::to_string(service) + "." + std::to_string(i + 1);
      const Address address = *Address::from_ip(ip, 80);
      add_origin(service, address, x_plan.opaque == service);
    }
  }
  if (x_plan.opaque) add_origin(x_plan.passthrough(), *Address::parse(kOpaqueAddress), true);
  for (const auto& side : x_sides) {
    side->names.set(x_plan.services.back().name, passthrough_ips(), 2);
    side->names.answer_ms = random().below(50);
  }
}

void World::add_origin(size_t service, const Address& address, bool opaque) {
  x_origins.push_back(std::make_unique<Origin>(OriginContext{x_plan, x_random, x_ledger}, service,
                                               address, opaque));
  for (const auto& side : x_sides) x_origins.back()->listen_on(side->loop, side->network);
  x_origins.back()->change_mood();
}

// What callers' connections go through.
void World::prepare_pipes() {
  for (const config::ListenerConfig& config : x_plane->loaded().config.listeners) {
    for (const auto& side : x_sides) {
      const Address at = *Address::parse(config.addresses.front());
      side->network.at(at).pipe = draw_pipe(random(), x_plan.gentle);
    }
  }
  for (size_t service = 0; service < x_plan.passthrough(); ++service) {
    if (x_plan.gentle || random().chance(0.9)) send_list(service);
  }
}

void World::invite_clients() {
  int left = x_plan.calls;
  while (left > 0) {
    const uint32_t most = x_plan.is_busy ? 300 : 6;
    const int calls = std::min<int>(left, static_cast<int>(between(random(), 1, most)));
    left -= calls;
    Side& side = *x_sides[random().below(x_plan.workers)];
    const int64_t at_ms = now_ms() + random().below(static_cast<uint32_t>(x_plan.span_ms));
    const CallerContext context{x_plan, x_random, x_ledger, side.loop, side.network};
    if (random().chance(x_plan.http2_callers)) {
      x_clients.push_back(std::make_unique<H2Client>(context, calls, at_ms));
    } else {
      x_clients.push_back(std::make_unique<H1Client>(context, calls, at_ms));
    }
  }
  for (int i = 0; i < x_plan.tunnels; ++i) {
    Side& side = *x_sides[random().below(x_plan.workers)];
    const CallerContext context{x_plan, x_random, x_ledger, side.loop, side.network};
    const int64_t at_ms = now_ms() + random().below(static_cast<uint32_t>(x_plan.span_ms));
    x_clients.push_back(std::make_unique<TunnelClient>(context, at_ms));
  }
}

// ---- time

void World::run() {
  // Longer than any timer that may be left, the lifetime of connections included.
  constexpr int64_t kLongestMs = 2 * 3'600'000;
  const int64_t limit_ms = now_ms() + kLongestMs;
  const int64_t cut_ms = now_ms() + random().below(static_cast<uint32_t>(x_plan.span_ms) + 2'000);
  do {
    step_all();
    if (x_pause_ms > 0) pause();
    if (x_is_restart_due && !x_ledger.is_violated()) restart();
    if (x_plan.is_cut_short && now_ms() >= cut_ms) return end_workers();
    if (now_ms() > limit_ms) x_ledger.violation("it does not come to an end");
  } while (!x_ledger.is_violated() && move_on());
  if (!x_ledger.is_violated()) check_end();
}

// What is due now, on all loops, in an order that the seed decides.
void World::step_all() {
  std::vector<testing::VirtualLoop*> loops{&x_control};
  for (const auto& side : x_sides) loops.push_back(&side->loop);
  while (!loops.empty() && !x_ledger.is_violated()) {
    const auto first = loops.begin() + random().below(static_cast<uint32_t>(loops.size()));
    if ((*first)->step()) {
      check_step();
      // A post may have woken one that was idle.
      if (loops.size() == x_sides.size() + 1) continue;
      loops.assign(1, &x_control);
      for (const auto& side : x_sides) loops.push_back(&side->loop);
    } else {
      loops.erase(first);
    }
  }
}

// All of the process, and its peers with it: they are late, and the proxy must not blame them.
void World::pause() {
  const int64_t by_ms = std::exchange(x_pause_ms, 0);
  x_ledger.note(now_ms(), "control: pause", static_cast<uint64_t>(by_ms));
  x_ledger.pause(now_ms(), now_ms() + by_ms);
  const size_t first = random().below(x_plan.workers);
  for (size_t i = 0; i < x_sides.size(); ++i) {
    x_sides[(first + i) % x_sides.size()]->loop.suspend_ms(by_ms);
  }
  x_control.suspend_ms(by_ms);
  step_all();
}

bool World::move_on() {
  int64_t next_ms = x_control.next_ms();
  for (const auto& side : x_sides) next_ms = std::min(next_ms, side->loop.next_ms());
  if (next_ms == TimerWheel::kNever) return false;
  const int64_t by_ms = next_ms - now_ms();
  // Last, so that what it posts finds every worker at its own time.
  const size_t first = random().below(x_plan.workers);
  for (size_t i = 0; i < x_sides.size(); ++i) {
    x_sides[(first + i) % x_sides.size()]->loop.advance_ms(by_ms);
  }
  x_control.advance_ms(by_ms);
  check_step();
  return true;
}

}  // namespace outrigger::sim
