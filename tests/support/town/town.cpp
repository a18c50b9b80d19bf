#include "proxy/base/log.hpp"
#include "tests/support/town/environment.hpp"

namespace outrigger::testing {
namespace {

void check_at_rest(const std::string& name, const upstream::Service& service) {
  EXPECT_EQ(service.limit().outstanding(), 0) << name;
  EXPECT_EQ(service.limit().queued(), 0) << name;
  EXPECT_EQ(service.limit().streams().open(), 0) << name;
  if (const auto set = service.endpoints()) {
    for (const auto& entry : set->entries) {
      EXPECT_EQ(entry.endpoint->outstanding(), 0) << name << " " << entry.endpoint->name();
    }
  }
}

}  // namespace

Town::Town(config::Loaded loaded, const config::Texts& texts, unsigned worker_count, uint64_t seed,
           std::optional<int64_t> wall_ms, const Contents& named, Contents kept)
    : loop(seed),
      x_world(std::make_unique<TownEnvironment>(loop, network, names, worker_count, seed, texts)),
      plane(x_world->make_plane()),
      process(plane->process()),
      workers(x_world->workers),
      permits_posted(x_world->permits_posted),
      files(x_world->files),
      disk(x_world->kept),
      end(x_world->end) {
  log::set_level(log::Level::kWarning);
  for (const auto& [path, bytes] : named) files.set(path, bytes);
  if (wall_ms) loop.jump_wall_ms(*wall_ms - loop.context().clock.wall_ms());
  loop.set_after_each([](void* world) { static_cast<TownEnvironment*>(world)->after_each(); },
                      x_world.get());
  x_world->kept.texts = std::move(kept);
  for (const config::Problem& problem : plane->start(loaded, texts)) {
    ADD_FAILURE() << config::to_string(problem);
  }
  note_addresses();
}

Town::~Town() {
  constexpr int64_t kLongestMs = 7'200'000;
  loop.run_until_idle();
  for (auto& worker : workers) EXPECT_EQ(worker->running(), 0u);
  for (const auto& [name, service] : process.services.services()) check_at_rest(name, *service);
  EXPECT_EQ(process.retry_bodies.used(), 0);
  for (auto& worker : workers) worker->end();
  loop.run_until_idle();
  for (auto& [name, listener] : process.listeners) EXPECT_EQ(listener.open_connections.load(), 0);
  EXPECT_EQ(process.answers.bytes(), 0);
  x_world->end_plane();
  plane.reset();
  origins.clear();
  // Slots of the wheel that timers have left are looked at once more; then nothing is due, ever.
  EXPECT_TRUE(loop.run_until([&] { return loop.is_empty(); }, kLongestMs));
}

void Town::take(config::Loaded loaded) {
  for (const config::Problem& problem : reload(std::move(loaded))) {
    ADD_FAILURE() << config::to_string(problem);
  }
}

std::vector<config::Problem> Town::reload(config::Loaded loaded) {
  constexpr int64_t kLongestMs = 1'000;
  std::optional<admin::Reloaded> reloaded;
  plane->take(std::move(loaded), {"test", "", std::nullopt},
              [&](const admin::Reloaded& outcome) { reloaded = outcome; });
  EXPECT_TRUE(loop.run_until([&] { return reloaded.has_value(); }, kLongestMs));
  note_addresses();
  return reloaded->problems;
}

void Town::write(std::string_view yaml) { files.set(kFile, std::string(yaml)); }

void Town::load_tls() {
  files.look_again();
  run();
  pass_ms(app::NamedFiles::kTogetherMs);
}

void Town::set_endpoints(const std::string& name, const std::vector<std::string>& addresses) {
  std::vector<upstream::ListedAddress> list;
  for (const std::string& address : addresses) list.push_back({*Address::parse(address)});
  give(name, list);
}

void Town::give(const std::string& name, const std::vector<upstream::ListedAddress>& list) {
  plane->on_endpoints(name, service(name).set_endpoints(list, loop.now_ms()));
}

void Town::note_addresses() {
  for (const config::ListenerConfig& listener : plane->loaded().config.listeners) {
    std::vector<Address> now;
    for (const auto& worker : workers) {
      const std::vector<Address> of_worker = worker->addresses_of(listener.name);
      if (!of_worker.empty()) now.push_back(of_worker.front());
    }
    if (now.size() == workers.size()) x_addresses[listener.name] = now;
  }
}

}  // namespace outrigger::testing
