// Workers on threads over loopback sockets, under load, while the control thread changes everything
// it may change: lists, snapshots, circuits, limits, and at last the drain. Meant for
// ThreadSanitizer; what it asserts besides is that no call is lost or mixed up.
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/config.hpp"
#include "proxy/app/control_plane.hpp"
#include "proxy/app/worker_threads.hpp"
#include "proxy/io/disk.hpp"
#include "proxy/io/loop_files.hpp"
#include "proxy/io/loop_kept_files.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/test_peer.hpp"

namespace outrigger::testing {
namespace {

config::Loaded loaded_of(const std::string& yaml) {
  config::Loaded loaded = config::load_text("threads.yaml", yaml, {});
  for (const auto& problem : loaded.problems) ADD_FAILURE() << config::to_string(problem);
  return loaded;
}

// Answers each request with its target, on the loop of the test.
class EchoOrigin final : public io::AcceptEvents {
 public:
  explicit EchoOrigin(io::LoopNetwork& network) {
    auto opened = network.listen(*Address::from_ip("127.0.0.1", 0), *this);
    OUTRIGGER_ASSERT(opened);
    x_listener = std::move(*opened);
  }
  Address address() const { return x_listener->address(); }
  size_t requests = 0;

  void on_accepted(io::StreamPtr stream) override {
    x_peers.push_back(std::make_unique<Peer>(*this, std::move(stream)));
  }
  void on_accept_refused() override {}

 private:
  struct Peer final : TestPeer {
    Peer(EchoOrigin& of, io::StreamPtr stream) : origin(of) { attach(std::move(stream)); }
    void on_read(std::string_view bytes) override {
      TestPeer::on_read(bytes);
      size_t end = 0;
      while ((end = received.find("\r\n\r\n")) != std::string::npos) {
        const size_t from = received.find(' ') + 1;
        const std::string target = received.substr(from, received.find(' ', from) - from);
        received.erase(0, end + 4);
        ++origin.requests;
        send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(target.size()) + "\r\n\r\n" +
             target);
      }
    }
    EchoOrigin& origin;
  };

  io::ListenerPtr x_listener;
  std::vector<std::unique_ptr<Peer>> x_peers;
};

// Calls one after the other on one connection, and checks that each answer is its own.
class Client final : public TestPeer, public io::ConnectEvents {
 public:
  Client(io::LoopNetwork& network, const Address& to, int id, int calls)
      : x_id(id), x_left(calls), x_connect(network.connect(to, *this)) {}

  bool is_done() const { return x_left == 0 || ended || broken || failed; }
  int good = 0;
  int refused = 0;  // our own 503
  int wrong = 0;
  bool failed = false;
  std::string last_other;  // the last answer that was not a good one

  void on_connected(io::StreamPtr stream) override {
    attach(std::move(stream));
    ask();
  }
  void on_connect_failed(Cause) override { failed = true; }
  void on_read(std::string_view bytes) override {
    TestPeer::on_read(bytes);
    const size_t head = received.find("\r\n\r\n");
    const size_t length_at = received.find("Content-Length: ");
    if (head == std::string::npos || length_at > head) return;
    const size_t end = head + 4 + std::stoul(received.substr(length_at + 16));
    if (received.size() < end) return;
    const std::string body = received.substr(head + 4, end - head - 4);
    const bool ok = received.starts_with("HTTP/1.1 200") && body == x_asked;
    const bool no = received.starts_with("HTTP/1.1 503");
    if (!ok) last_other = received;
    ++(ok ? good : no ? refused : wrong);
    received.erase(0, end);
    if (--x_left > 0) ask();
  }

 private:
  void ask() {
    x_asked = "/" + std::to_string(x_id) + "/" + std::to_string(x_left);
    send("GET " + x_asked + " HTTP/1.1\r\nHost: orders\r\n\r\n");
  }

  const int x_id;
  int x_left;
  std::string x_asked;
  io::OperationPtr x_connect;
};

// Counts the permits that cross from one to another.
class Threads final : public app::WorkerThreads {
 public:
  using WorkerThreads::WorkerThreads;
  Inbox& inbox(unsigned worker) override {
    ++permits_posted;
    return WorkerThreads::inbox(worker);
  }
  std::atomic<int> permits_posted{0};
};

// The control thread is the test's: the control plane and the real threads, sockets and loop; the
// loop serves the origins and the clients as well.
class Fleet {
 public:
  Fleet(const std::string& policy, unsigned count)
      : x_policy(policy), x_random(7), x_workers(count, x_random), plane(environment()) {
    loop.set_after_each([](void* of) { static_cast<app::ControlPlane*>(of)->after_each(); },
                        &plane);
    EXPECT_TRUE(plane.start(config(0), {}).empty());
    x_workers.run();
    set_endpoints({&first, &second});
    // A worker that has taken its configuration has an address.
    for (unsigned i = 0; i < count; ++i) {
      x_workers.post(i, [this](app::Worker& worker) {
        const std::vector<Address> at = worker.addresses_of("outbound");
        loop.post([this, at] { addresses.insert(addresses.end(), at.begin(), at.end()); });
      });
    }
    EXPECT_TRUE(run_until(
        loop, [&] { return addresses.size() == count; }, kGuardMs));
  }
  ~Fleet() {
    stop();
    loop.set_after_each([](void*) {}, nullptr);
  }

  int64_t now_ms() { return loop.context().clock.now_ms(); }
  upstream::Service& service() { return *plane.services().find("orders"); }

  void set_endpoints(const std::vector<EchoOrigin*>& origins) {
    std::vector<upstream::ListedAddress> list;
    for (EchoOrigin* origin : origins) list.push_back({origin->address()});
    plane.on_endpoints("orders", service().set_endpoints(list, now_ms()));
  }
  void reload() {
    plane.take(config(++x_round), {"test", "", std::nullopt},
               [](const admin::Reloaded& reloaded) { EXPECT_TRUE(reloaded.problems.empty()); });
  }
  void post(const std::function<void(app::Worker&)>& task) {
    for (unsigned i = 0; i < x_workers.count(); ++i) x_workers.post(i, task);
  }
  int stop() { return x_workers.stop(); }
  int permits_posted() const { return x_workers.permits_posted.load(); }

  static constexpr int64_t kGuardMs = 60'000;

  io::FileThread disk;
  io::Loop loop{1};
  io::LoopFiles files{loop, disk};
  io::LoopNetwork network{loop};
  EchoOrigin first{network};
  EchoOrigin second{network};
  std::vector<Address> addresses;

 private:
  app::ControlEnvironment environment() {
    return {.loop = loop.context(),
            .outbox = loop.outbox(),
            .network = network,
            .binder = x_binder,
            .workers = x_workers,
            .surroundings = discovery::surroundings_on(loop, files),
            .kept = x_kept,
            .config = {},
            .read_now = [](const std::string& path) { return io::read_file(path); },
            .open_log = [this](const std::string& path) { return disk.append_to(path); },
            .log_lines_dropped = [this] { return disk.lines_dropped(); },
            .interfaces = [] { return std::vector<Address>(); },
            .address_towards = {},
            .memory = std::nullopt,
            .seed = 7,
            .ended = [](int) {}};
  }
  config::Loaded config(int round) const {
    return loaded_of(
        "admin: off\nmetrics: off\nworkers: " + std::to_string(x_workers.count()) +
        "\nlisteners: [{name: outbound, address: '127.0.0.1:0'}]\n"
        "registries: {dns: {servers: ['127.0.0.1:9']}}\n"
        "services: {orders: {endpoints: {dns: {name: orders.svc, port: 80}}, timeout: {request: " +
        std::to_string(10 + round % 3) + "s}, " + x_policy + "}}");
  }

  const std::string x_policy;
  int x_round = 0;
  io::LoopKeptFiles x_kept{loop, disk};
  io::SocketBinder x_binder;
  Random x_random;
  Threads x_workers;

 public:
  app::ControlPlane plane;
};

struct Crowd {
  Crowd(Fleet& fleet, int count, int calls) {
    for (int i = 0; i < count; ++i) {
      const Address& to = fleet.addresses[static_cast<size_t>(i) % fleet.addresses.size()];
      clients.push_back(std::make_unique<Client>(fleet.network, to, i, calls));
    }
  }
  bool is_done() const {
    return std::all_of(clients.begin(), clients.end(),
                       [](const auto& client) { return client->is_done(); });
  }
  int sum(int Client::*member) const {
    int total = 0;
    for (const auto& client : clients) total += (*client).*member;
    return total;
  }
  std::vector<std::unique_ptr<Client>> clients;
};

constexpr int kClients = 24;
constexpr int kCalls = 60;
constexpr int kEndless = 1'000'000;
constexpr int64_t kGuardMs = Fleet::kGuardMs;

TEST(Workers, LoseNoCallWhileListsAndSnapshotsChange) {
  Fleet fleet("retry: {attempts: 2}, circuit: off", 3);
  Crowd crowd(fleet, kClients, kCalls);
  int round = 0;
  const auto done = [&] {
    if (++round % 20 == 0) fleet.reload();
    if (round % 30 == 0) fleet.set_endpoints({round % 60 == 0 ? &fleet.first : &fleet.second});
    if (round % 45 == 0) fleet.set_endpoints({&fleet.first, &fleet.second});
    return crowd.is_done();
  };
  EXPECT_TRUE(run_until(fleet.loop, done, kGuardMs));
  for (const auto& client : crowd.clients) {
    EXPECT_EQ(client->last_other, "");
    EXPECT_FALSE(client->ended || client->broken || client->failed);
  }
  EXPECT_EQ(crowd.sum(&Client::good), kClients * kCalls);
  EXPECT_EQ(crowd.sum(&Client::wrong), 0);
  EXPECT_EQ(fleet.stop(), 0);
}

TEST(Workers, ShareOneCircuitThatIsForcedUnderLoad) {
  Fleet fleet("retry: {attempts: 2}", 2);
  Crowd crowd(fleet, kClients, kCalls);
  int round = 0;
  const auto done = [&] {
    using upstream::CircuitForce;
    if (++round % 20 == 0) {
      const auto force = round % 40 == 0 ? CircuitForce::kForcedOpen : CircuitForce::kAuto;
      fleet.service().circuit().force(force, fleet.now_ms());
    }
    return crowd.is_done();
  };
  EXPECT_TRUE(run_until(fleet.loop, done, kGuardMs));
  EXPECT_EQ(crowd.sum(&Client::good) + crowd.sum(&Client::refused), kClients * kCalls);
  EXPECT_GT(crowd.sum(&Client::good), 0);
  EXPECT_GT(crowd.sum(&Client::refused), 0);
}

TEST(Workers, PassPermitsOnAndLoseNone) {
  Fleet fleet("circuit: off, retry: off, limits: {outstanding: 2, queue: 100, queue_wait: 30s}", 4);
  Crowd crowd(fleet, kClients, kCalls);
  EXPECT_TRUE(run_until(
      fleet.loop, [&] { return crowd.is_done(); }, kGuardMs));
  EXPECT_EQ(crowd.sum(&Client::good), kClients * kCalls);
  EXPECT_GT(fleet.permits_posted(), 0);
  // What is on its way arrives before the workers stop.
  fleet.stop();
  EXPECT_EQ(fleet.service().limit().outstanding(), 0);
  EXPECT_EQ(fleet.service().limit().queued(), 0);
}

TEST(Workers, RefuseNewCallsInTheLastPhaseAndEnd) {
  Fleet fleet("circuit: off", 2);
  Crowd crowd(fleet, kClients, kEndless);
  const auto some = [&] { return fleet.first.requests + fleet.second.requests > 300; };
  EXPECT_TRUE(run_until(fleet.loop, some, kGuardMs));
  fleet.post([](app::Worker& worker) { worker.begin_last_phase(); });
  EXPECT_TRUE(run_until(
      fleet.loop, [&] { return crowd.is_done(); }, kGuardMs));
  EXPECT_EQ(crowd.sum(&Client::wrong), 0);
  EXPECT_EQ(fleet.stop(), 0);
  for (const auto& [name, listener] : fleet.plane.process().listeners) {
    EXPECT_EQ(listener.open_connections.load(), 0);
  }
}

TEST(Workers, MayBeStoppedWithCallsRunning) {
  Fleet fleet("circuit: off", 2);
  Crowd crowd(fleet, kClients, kEndless);
  const auto some = [&] { return fleet.first.requests + fleet.second.requests > 300; };
  EXPECT_TRUE(run_until(fleet.loop, some, kGuardMs));
  fleet.stop();
  EXPECT_TRUE(run_until(
      fleet.loop, [&] { return crowd.is_done(); }, kGuardMs));
  EXPECT_EQ(fleet.service().limit().outstanding(), 0);
}

}  // namespace
}  // namespace outrigger::testing
