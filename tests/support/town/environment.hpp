// The world of a Town's control plane: one virtual loop and one network of pipes for it and all
// workers. Posts to workers run at once, as if the worker had been idle; what workers post comes by
// the loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/app/control_plane.hpp"
#include "proxy/io/disk.hpp"
#include "proxy/io/line_buffer.hpp"
#include "tests/support/fake_files.hpp"
#include "tests/support/fake_kept_files.hpp"
#include "tests/support/known_names.hpp"
#include "tests/support/worker_town.hpp"

namespace outrigger::testing {

class TownEnvironment final : public app::WorkerSet, public io::Binder {
 public:
  TownEnvironment(VirtualLoop& loop, PipeNetwork& network, VirtualNames& names, unsigned count_of,
                  uint64_t seed, const config::Texts& texts)
      : files(loop),
        kept(loop),
        x_loop(loop),
        x_network(network),
        x_names(names),
        x_count(count_of),
        x_seed(seed) {
    // Certificates of tests that have them are on the disk.
    files.otherwise = [](const std::string& path) { return io::read_file(path); };
    for (const config::SourceText& source : texts) {
      x_paths.push_back(source.path);
      files.set(source.path, *source.text);
    }
  }

  std::unique_ptr<app::ControlPlane> make_plane() {
    auto plane = std::make_unique<app::ControlPlane>(app::ControlEnvironment{
        .loop = x_loop.context(),
        .outbox = x_loop.outbox(),
        .network = x_network,
        .binder = *this,
        .workers = *this,
        .surroundings = {x_loop.context(), files,
                         [this](const config::DnsRegistryConfig&) {
                           return std::make_shared<KnownNames>(x_names);
                         }},
        .kept = kept,
        .config = {.paths = x_paths,
                   .variables = [](std::string_view) -> std::optional<std::string> {
                     return std::nullopt;
                   }},
        .read_now = [this](const std::string& path) { return files.read_now(path); },
        .open_log = [](const std::string&) { return lines_to_nobody(); },
        .log_lines_dropped = [] { return uint64_t{0}; },
        .interfaces = [] { return std::vector<Address>(); },
        .address_towards = [](const Address&) -> std::optional<Address> {
          return *Address::from_ip("10.0.0.250", 0);
        },
        .memory = std::nullopt,
        .seed = x_seed,
        .ended =
            [this](int reset) {
              end = Town::End{x_loop.now_ms(), reset};
            }});
    x_plane = plane.get();
    return plane;
  }
  // The control plane is about to go.
  void end_plane() { x_plane = nullptr; }

  void after_each() {
    for (auto& worker : workers) worker->after_each();
    if (x_plane != nullptr) x_plane->after_each();
  }
  // -- app::WorkerSet
  unsigned count() const override { return x_count; }
  Inbox& inbox(unsigned) override {
    ++permits_posted;
    return x_loop.context().inbox;
  }
  void start(app::Process& process) override {
    for (unsigned i = 0; i < x_count; ++i) {
      workers.push_back(std::make_unique<app::Worker>(i, x_loop.context(), x_loop.outbox(),
                                                      x_network, x_names, process));
    }
  }
  void set_dns(const config::DnsRegistryConfig&) override {}
  void post(unsigned worker, std::function<void(app::Worker&)> task) override {
    if (worker < workers.size()) task(*workers[worker]);
  }
  int stop() override {
    int running = 0;
    for (const auto& worker : workers) running += worker->end();
    return running;
  }
  void clear() override { workers.clear(); }

  // -- io::Binder: so that callers may choose, each worker has a port of its own but the first one.
  Result<std::vector<io::BoundSocketPtr>> bind(const Address& at, size_t count,
                                               bool is_port_ours) override {
    std::vector<io::BoundSocketPtr> sockets;
    for (size_t i = 0; i < count; ++i) {
      Address address = at;
      if (i > 0 && at.is_ip()) address = Address::from_bytes(at.ip(), 0);
      if (i > 0 && !at.is_ip()) address = *Address::parse(at.to_string() + std::to_string(i));
      auto socket = x_network.bind(address, is_port_ours);
      if (!socket) return failure(socket.error());
      sockets.push_back(std::move(*socket));
    }
    return sockets;
  }

  std::vector<std::unique_ptr<app::Worker>> workers;
  int permits_posted = 0;
  FakeFiles files;
  FakeKeptFiles kept;
  std::optional<Town::End> end;

 private:
  static Result<std::unique_ptr<io::LineWriter>> lines_to_nobody() {
    auto dropped = std::make_shared<std::atomic<uint64_t>>(0);
    return std::make_unique<io::LineWriter>(std::make_shared<io::LineBuffer>(std::move(dropped)));
  }

  VirtualLoop& x_loop;
  PipeNetwork& x_network;
  VirtualNames& x_names;
  std::vector<std::string> x_paths;
  const unsigned x_count;
  const uint64_t x_seed;
  app::ControlPlane* x_plane = nullptr;
};

}  // namespace outrigger::testing
