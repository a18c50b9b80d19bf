#include <atomic>
#include <csignal>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string orders_at(const std::string& address, const std::string& more = "") {
  return "services: {orders: {endpoints: {static: [\"" + address + "\"]}" + more + "}}\n";
}

// An origin that answers paths under /slow only once it is told to.
class SlowOrigin {
 public:
  ~SlowOrigin() { open(); }
  void open() { x_open = true; }
  const Origin& operator*() const { return x_origin; }
  const Origin* operator->() const { return &x_origin; }

 private:
  std::atomic<bool> x_open{false};
  const Origin x_origin{[this](const Request& request, Wire& wire) {
    if (request.line.starts_with("GET /slow")) {
      eventually([this] { return x_open.load(); }, 20'000);
    }
    return wire.send(Origin::response("ok"));
  }};
};

bool sees(const Origin& origin, size_t hits) {
  return eventually([&] { return origin.hits() >= hits; });
}

TEST(Life, ASecondInterruptEndsAtOnceWhateverIsOpen) {
  SlowOrigin origin;
  Sidecar sidecar("workers: 2\n" + orders_at(origin->address()));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(sidecar.address()));
    ASSERT_EQ(clients.back()->get("orders").status, 200);
  }
  Client running(sidecar.address());
  running.send("GET /slow HTTP/1.1\r\nHost: orders\r\n\r\n");
  Client halfway(sidecar.address());
  halfway.send("POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 10\r\n\r\nhalf");
  Client events(sidecar.admin_address());
  events.send(
      "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  Client page(sidecar.metrics_address());
  EXPECT_EQ(page.get("localhost", "/healthz").status, 200);
  EXPECT_TRUE(sees(*origin, 21));
  EXPECT_EQ(sidecar.interrupt(), 0);
  EXPECT_EQ(running.receive().status, 0);
  EXPECT_NE(sidecar.log().find("\"calls_reset\":\"2\""), std::string::npos) << sidecar.log();
}

TEST(Life, ADrainServesOnUntilTheNeighbourIsGone) {
  SlowOrigin origin;
  Sidecar sidecar("workers: 2\ndrain: {grace: 30s, quiet: 300ms}\n" + orders_at(origin->address()));
  Client running(sidecar.address());
  running.send("GET /slow HTTP/1.1\r\nHost: orders\r\n\r\n");
  Client idle(sidecar.address());
  ASSERT_EQ(idle.get("orders").status, 200);
  EXPECT_TRUE(sees(*origin, 2));
  sidecar.process().signal(SIGTERM);
  EXPECT_TRUE(sidecar.logs("\"kind\":\"drain\""));
  EXPECT_EQ(get(sidecar.metrics_address(), "localhost", "/readyz").status, 503);
  EXPECT_EQ(get(sidecar.metrics_address(), "localhost", "/healthz").status, 200);
  // Exactly as before: on a kept connection, and on a new one.
  const Response kept = idle.get("orders");
  EXPECT_EQ(kept.status, 200);
  EXPECT_EQ(kept.field("connection"), "");
  EXPECT_EQ(sidecar.get("orders").status, 200);
  origin.open();
  EXPECT_EQ(running.receive().status, 200);
  EXPECT_TRUE(sidecar.process().is_running());
  running.wire().close();
  idle.wire().close();
  EXPECT_EQ(sidecar.process().wait(5'000), 0);
  EXPECT_NE(sidecar.log().find("\"calls_reset\":\"0\""), std::string::npos);
}

TEST(Life, InTheLastTwoSecondsNewCallsAreRefusedAndRunningOnesEnd) {
  SlowOrigin origin;
  Sidecar sidecar("drain: {grace: 3s, quiet: 100ms}\n" + orders_at(origin->address()));
  Client idle(sidecar.address());
  Client ends(sidecar.address());
  Client never(sidecar.address());
  ASSERT_EQ(idle.get("orders").status, 200);
  ASSERT_EQ(ends.get("orders").status, 200);
  ends.send("GET /slow HTTP/1.1\r\nHost: orders\r\n\r\n");
  never.send("POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_TRUE(sees(*origin, 3));
  const int64_t began_ms = ticks_ms();
  sidecar.process().signal(SIGTERM);
  EXPECT_TRUE(sidecar.logs("\"kind\":\"drain\""));
  Client waiting(sidecar.address());
  ASSERT_TRUE(waiting.send("GET / HTTP/1.1\r\nHost: ord"));
  // The listeners close when the last phase begins.
  EXPECT_TRUE(eventually([&] { return !Client(sidecar.address()).is_connected(); }));
  EXPECT_GE(ticks_ms() - began_ms, 900);
  const Response refused = waiting.call("ers\r\n\r\n");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("connection"), "close");
  EXPECT_NE(refused.field("proxy-status").find("draining"), std::string::npos);
  EXPECT_TRUE(idle.sees_end());
  origin.open();
  const Response last = ends.receive();
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.field("connection"), "close");
  EXPECT_EQ(sidecar.process().wait(), 0);
  EXPECT_EQ(never.receive().status, 0);
  EXPECT_NE(sidecar.log().find("\"calls_reset\":\"1\""), std::string::npos) << sidecar.log();
}

TEST(Life, DescriptorsAreRaisedToTheHardLimit) {
  const Sidecar sidecar(orders_at("127.0.0.1:1"), {.spawn = {.descriptors = 1234}});
  EXPECT_EQ(sidecar.metric("process_max_fds"), 1234);
}

// Sockets are shared among the workers, never among processes.
TEST(Life, TwoSidecarsDoNotShareAPort) {
  const Origin origin;
  const Sidecar first("workers: 2\n" + orders_at(origin.address()));
  const TempFolder folder;
  replace_file(folder / "second.yaml",
               "workers: 2\nadmin: off\nmetrics: off\nlisteners: [{name: outbound, address: \"" +
                   first.address() + "\"}]\n" + orders_at(origin.address()));
  const Finished second =
      run({outrigger_binary(), "run", "-c", (folder / "second.yaml").string()}, 5'000);
  EXPECT_EQ(second.code, 1) << second.err;
  EXPECT_EQ(first.get("orders").status, 200);
}

TEST(Life, AfterACrashTheSameAddressesAreServedAgain) {
  const Origin origin;
  const TempFolder folder;
  const std::string unix_address = "unix:" + (folder / "s.sock").string();
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  const std::string yaml =
      "workers: 2\nadmin: off\nmetrics: off\nlisteners: [{name: outbound, "
      "address: [\"" +
      address + "\", \"" + unix_address + "\"]}]\n" + orders_at(origin.address());
  replace_file(folder / "outrigger.yaml", yaml);
  {
    Process crashing({outrigger_binary(), "run", "-c", (folder / "outrigger.yaml").string()});
    EXPECT_TRUE(eventually([&] { return get(address, "orders").status == 200; }));
    Client open(address);
    EXPECT_EQ(open.get("orders").status, 200);
    crashing.signal(SIGKILL);
    EXPECT_EQ(crashing.wait(), 128 + SIGKILL);
  }
  {
    const Sidecar again(yaml, {.own_admin = true});
    EXPECT_EQ(get(address, "orders").status, 200);
    EXPECT_EQ(get(unix_address, "orders").status, 200);
    // A second one leaves the living one's socket alone.
    const Finished second =
        run({outrigger_binary(), "run", "-c", (folder / "outrigger.yaml").string()}, 5'000);
    EXPECT_EQ(second.code, 1) << second.err;
    EXPECT_EQ(get(unix_address, "orders").status, 200);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "s.sock"));
}

TEST(Life, ATerminationThatIsRepeatedStillDrains) {
  SlowOrigin origin;
  Sidecar sidecar("drain: {grace: 20s, quiet: 100ms}\n" + orders_at(origin->address()));
  Client running(sidecar.address());
  running.send("GET /slow HTTP/1.1\r\nHost: orders\r\n\r\n");
  EXPECT_TRUE(sees(*origin, 1));
  for (int i = 0; i < 3; ++i) {
    sidecar.process().signal(SIGTERM);
    EXPECT_TRUE(sidecar.logs("\"kind\":\"drain\""));
    sidecar.process().signal(SIGHUP);
    EXPECT_EQ(sidecar.get("orders").status, 200);
  }
  origin.open();
  EXPECT_EQ(running.receive().status, 200);
  running.wire().close();
  EXPECT_EQ(sidecar.process().wait(), 0);
}

// What watches the sidecar does not keep it: only the neighbour's connections count.
TEST(Life, WatchersDoNotHoldUpTheEnd) {
  Sidecar sidecar("drain: {grace: 60s, quiet: 100ms}\n" + orders_at("127.0.0.1:1"));
  Client events(sidecar.admin_address());
  events.send(
      "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
  Client scraper(sidecar.metrics_address());
  EXPECT_EQ(scraper.get("localhost", "/metrics").status, 200);
  sidecar.process().signal(SIGTERM);
  EXPECT_EQ(sidecar.process().wait(10'000), 0);
  const auto seen = events.wire().read_to_end();
  ASSERT_TRUE(seen.has_value());
  EXPECT_NE(seen->find("drain"), std::string::npos) << *seen;
}

}  // namespace
}  // namespace outrigger::testing
