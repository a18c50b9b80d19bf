#include "proxy/app/app.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <thread>

#include "proxy/app/command_line.hpp"
#include "proxy/app/control_plane.hpp"
#include "proxy/app/last_good.hpp"
#include "proxy/app/version.hpp"
#include "proxy/app/worker_threads.hpp"
#include "proxy/base/log.hpp"
#include "proxy/io/disk.hpp"
#include "proxy/io/file_thread.hpp"
#include "proxy/io/interfaces.hpp"
#include "proxy/io/loop_files.hpp"
#include "proxy/io/loop_kept_files.hpp"
#include "proxy/io/own_file.hpp"
#include "proxy/io/process.hpp"
#include "proxy/io/signals.hpp"

namespace outrigger::app {
namespace {

// Files and name servers that are well have answered by then.
constexpr int64_t kFirstAnswersMs = 300;

uint64_t fresh_seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

unsigned worker_count(const config::Config& config) {
  if (config.workers > 0) return static_cast<unsigned>(config.workers);
  return std::max(1U, std::thread::hardware_concurrency());
}

// The real world around the control plane: its loop and network, the workers' threads, signals.
class App final : private io::SignalEvents {
 public:
  // `disk` outlives it.
  App(const RunCommand& command, const config::Config& first, io::FileThread& disk)
      : x_command(command),
        x_disk(disk),
        x_loop(fresh_seed()),
        x_files(x_loop, disk),
        x_kept(x_loop, disk),
        x_network(x_loop),
        x_random(fresh_seed()),
        x_workers(worker_count(first), x_random),
        x_plane(environment()) {
    x_loop.set_after_each([](void* plane) { static_cast<ControlPlane*>(plane)->after_each(); },
                          &x_plane);
  }
  ~App() {
    x_loop.set_after_each([](void*) {}, nullptr);
    x_loop.context().reaper.flush();
  }

  int run(const FirstConfig& first);

 private:
  ControlEnvironment environment();
  void on_signal(int number) override { x_plane.on_signal(number); }
  void on_ended(int calls_reset) {
    x_calls_reset = calls_reset;
    x_loop.stop();
  }

  void wait_for_first_answers();
  void keep_good(const config::Texts& texts);
  void warn_of_mounts(const NamedFiles::List& named);

  const RunCommand& x_command;
  io::FileThread& x_disk;
  io::Loop x_loop;
  io::LoopFiles x_files;
  io::LoopKeptFiles x_kept;
  io::LoopNetwork x_network;
  io::SocketBinder x_binder;
  const std::optional<io::MemoryCgroup> x_cgroup = io::memory_cgroup();
  const io::MemoryGauge x_gauge{x_cgroup};
  Random x_random;
  WorkerThreads x_workers;
  ControlPlane x_plane;
  int x_calls_reset = 0;
  // By the file thread, which may be later than we are.
  const std::shared_ptr<std::set<std::string>> x_looked_at =
      std::make_shared<std::set<std::string>>();
};

ControlEnvironment App::environment() {
  return {.loop = x_loop.context(),
          .outbox = x_loop.outbox(),
          .network = x_network,
          .binder = x_binder,
          .workers = x_workers,
          .surroundings = discovery::surroundings_on(x_loop, x_files),
          .kept = x_kept,
          .config = {.paths = x_command.paths,
                     .variables = config::process_environment(),
                     .keep_good = x_command.last_good.empty()
                                      ? std::function<void(const config::Texts&)>()
                                      : [this](const config::Texts& texts) { keep_good(texts); },
                     .watching = [this](const auto& named) { warn_of_mounts(named); }},
          .read_now = [](const std::string& path) { return io::read_file(path); },
          .open_log = [this](const std::string& path) { return x_disk.append_to(path); },
          .log_lines_dropped = [this] { return x_disk.lines_dropped(); },
          .interfaces = io::interface_addresses,
          .address_towards = io::address_towards,
          .memory =
              MemorySource{
                  .cgroup = x_cgroup,
                  .machine_bytes = static_cast<int64_t>(io::physical_memory_bytes()),
                  .used_bytes = [this] { return static_cast<int64_t>(x_gauge.anonymous_bytes()); },
                  .cgroup_bytes = [this] { return static_cast<int64_t>(x_gauge.cgroup_bytes()); },
                  .tcp_bytes = [this] { return static_cast<int64_t>(x_gauge.tcp_bytes()); }},
          .seed = x_random.next(),
          .ended = [this](int calls_reset) { on_ended(calls_reset); }};
}

void App::keep_good(const config::Texts& texts) {
  x_disk.post([folder = x_command.last_good, texts](io::FileThread::Watches&) {
    const Result<bool> kept = keep_last_good(folder, texts);
    if (!kept) log::warning("the last good configuration is not kept", {{"why", kept.error()}});
  });
}

// What replaces such a file is not seen through the mount. Each is said once.
void App::warn_of_mounts(const NamedFiles::List& named) {
  std::set<std::string> paths(x_command.paths.begin(), x_command.paths.end());
  for (const config::NamedFile& file : named) paths.insert(file.path);
  x_disk.post([paths, looked_at = x_looked_at](io::FileThread::Watches&) {
    for (const std::string& path : paths) {
      if (config::is_folder(path) || !looked_at->insert(path).second) continue;
      if (!io::is_mount_point(path)) continue;
      log::warning("updates of this file never arrive",
                   {{"path", path}, {"why", "it is a mount point (subPath); mount its folder"}});
    }
  });
}

int App::run(const FirstConfig& first) {
  const std::vector<config::Problem> problems =
      x_plane.start(first.loaded, first.texts, first.refused ? &*first.refused : nullptr);
  for (const config::Problem& problem : problems) {
    log::error("cannot start", {{"why", config::to_string(problem)}});
  }
  if (!problems.empty()) return kExitFailed;
  wait_for_first_answers();
  const io::Signals signals(x_loop, *this);
  x_workers.run();
  log::info("ready");
  x_loop.run();
  log::info("ended", {{"calls_reset", static_cast<int64_t>(x_calls_reset)}});
  return kExitOk;
}

// Callers that come meanwhile wait to be accepted, where they would be refused for want of a list.
void App::wait_for_first_answers() {
  const LoopContext& loop = x_loop.context();
  bool is_over = false;
  Timer limit([](void* over) { *static_cast<bool*>(over) = true; }, &is_over);
  loop.timers.arm(limit, loop.clock.now_ms() + kFirstAnswersMs);
  while (!is_over && !x_plane.all_answered()) x_loop.run_once();
}

}  // namespace

int run_app(const RunCommand& command, const FirstConfig& first) {
  io::FileThread disk;
  const log::To standard_error(disk.standard_error());
  const uint64_t descriptors = io::raise_descriptor_limit();
  log::info("starting", {{"version", kVersion},
                         {"services", static_cast<int64_t>(first.loaded.config.services.size())},
                         {"descriptors", static_cast<int64_t>(descriptors)}});
  App app(command, first.loaded.config, disk);
  return app.run(first);
}

}  // namespace outrigger::app
