// What every Stream promises, checked on sockets, on the pipes that stand in for them in other
// tests, and on TLS over both, so that they cannot drift apart.
#include <filesystem>
#include <functional>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

#include "proxy/io/loop_network.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/test_peer.hpp"
#include "tests/support/tls_network.hpp"

namespace outrigger::testing {
namespace {

// A network with something that drives it.
class World {
 public:
  virtual ~World() = default;
  virtual io::Network& network() = 0;
  virtual LoopContext context() = 0;
  virtual io::Outbox& outbox() = 0;
  virtual Address address() = 0;
  virtual bool until(std::function<bool()> done) = 0;
  virtual void post(std::function<void()> task) = 0;
  // Until everything that is on its way has arrived.
  virtual void settle() = 0;
};

class SocketWorld final : public World {
 public:
  explicit SocketWorld(bool is_unix) {
    std::string pattern = "/tmp/outrigger-contract-XXXXXX";
    x_directory = mkdtemp(pattern.data());
    x_address = *Address::parse(is_unix ? "unix:" + x_directory + "/s" : "127.0.0.1:0");
  }
  ~SocketWorld() override { std::filesystem::remove_all(x_directory); }
  io::Network& network() override { return x_network; }
  LoopContext context() override { return x_loop.context(); }
  io::Outbox& outbox() override { return x_loop.outbox(); }
  Address address() override { return x_address; }
  bool until(std::function<bool()> done) override { return run_until(x_loop, std::move(done)); }
  void post(std::function<void()> task) override { x_loop.post(std::move(task)); }
  // The loopback interface delivers within the system call that sends.
  void settle() override {
    for (int i = 0; i < 5; ++i) x_loop.poll();
  }

 private:
  std::string x_directory;
  Address x_address;
  io::Loop x_loop{1};
  io::LoopNetwork x_network{x_loop};
};

class PipeWorld final : public World {
 public:
  explicit PipeWorld(bool rough) : x_loop(11) {
    if (!rough) return;
    x_loop.shuffle();
    x_network.defaults.pipe = {
        .kernel_bytes = 3000, .latency_ms = 3, .random_chunks = true, .reset_after_bytes = {}};
  }
  io::Network& network() override { return x_network; }
  LoopContext context() override { return x_loop.context(); }
  io::Outbox& outbox() override { return x_loop.outbox(); }
  Address address() override { return *Address::parse("10.0.0.1:80"); }
  bool until(std::function<bool()> done) override { return x_loop.run_until(std::move(done)); }
  void post(std::function<void()> task) override { x_loop.post(std::move(task)); }
  void settle() override { x_loop.advance_ms(20); }

 private:
  VirtualLoop x_loop;
  PipeNetwork x_network{x_loop};
};

class TlsWorld final : public World {
 public:
  explicit TlsWorld(std::unique_ptr<World> below) : x_below(std::move(below)) {
    x_authority.issue("server");
    x_network.emplace(x_below->network(), io::TlsLoop{x_below->context(), x_below->outbox()},
                      load(x_authority.server()), load(x_authority.client()), "orders.svc");
  }
  io::Network& network() override { return *x_network; }
  LoopContext context() override { return x_below->context(); }
  io::Outbox& outbox() override { return x_below->outbox(); }
  Address address() override { return x_below->address(); }
  bool until(std::function<bool()> done) override { return x_below->until(std::move(done)); }
  void post(std::function<void()> task) override { x_below->post(std::move(task)); }
  void settle() override { x_below->settle(); }

 private:
  std::unique_ptr<World> x_below;
  TestAuthority x_authority;
  std::optional<TlsNetwork> x_network;
};

std::unique_ptr<World> make_world(std::string_view kind) {
  if (kind.starts_with("tls_")) return std::make_unique<TlsWorld>(make_world(kind.substr(4)));
  if (kind.ends_with("pipe")) return std::make_unique<PipeWorld>(kind == "rough_pipe");
  return std::make_unique<SocketWorld>(kind == "unix");
}

class StreamContract : public ::testing::TestWithParam<const char*> {
 protected:
  StreamContract() {
    world = make_world(GetParam());
    origin.listen(world->network(), world->address());
    client = std::make_unique<TestClient>(world->network(), origin.address());
    EXPECT_TRUE(until([&] { return client->connected && !origin.peers.empty(); }));
  }
  ~StreamContract() override {
    client.reset();
    origin.peers.clear();
    origin.close();
  }

  TestPeer& server() { return origin.last(); }
  bool until(std::function<bool()> done) { return world->until(std::move(done)); }

  std::unique_ptr<World> world;
  TestOrigin origin;
  std::unique_ptr<TestClient> client;
};

TEST_P(StreamContract, DeliversEverythingThenTheEnd) {
  std::string sent;
  for (int i = 0; i < 50'000; ++i) sent += std::to_string(i);
  client->send(sent);
  client->finish();
  ASSERT_TRUE(until([&] { return server().ended; }));
  EXPECT_EQ(server().received, sent);
  server().send("answer");
  server().finish();
  ASSERT_TRUE(until([&] { return client->ended; }));
  EXPECT_EQ(client->received, "answer");
  EXPECT_FALSE(client->broken || server().broken);
}

TEST_P(StreamContract, SaysOnceThatATailIsDrained) {
  server().pause();
  while (client->stream().unsent() == 0) client->send(std::string(50'000, 'x'));
  const size_t tail = client->stream().unsent();
  client->send("after the tail");
  EXPECT_EQ(client->stream().unsent(), tail + 14);
  EXPECT_EQ(client->drained, 0);
  server().resume();
  ASSERT_TRUE(until([&] { return client->drained > 0; }));
  EXPECT_EQ(client->stream().unsent(), 0u);
  client->finish();
  ASSERT_TRUE(until([&] { return server().ended; }));
  EXPECT_EQ(client->drained, 1);
  EXPECT_TRUE(server().received.ends_with("after the tail"));
}

TEST_P(StreamContract, GivesNothingWhilePaused) {
  server().pause();
  client->send("text");
  client->finish();
  world->settle();
  EXPECT_EQ(server().received, "");
  EXPECT_FALSE(server().ended);
  server().resume();
  server().resume();
  ASSERT_TRUE(until([&] { return server().ended; }));
  EXPECT_EQ(server().received, "text");
}

TEST_P(StreamContract, ReportsAPeerThatClosedWithoutReadingAsBroken) {
  server().pause();
  client->send("never read");
  world->settle();
  server().close();
  ASSERT_TRUE(until([&] { return client->broken; }));
  EXPECT_FALSE(client->ended);
}

TEST_P(StreamContract, ReportsAWriteToAClosedPeerAsBroken) {
  server().close();
  ASSERT_TRUE(until([&] { return client->ended; }));
  for (int i = 0; i < 100 && !client->broken; ++i) {
    client->send("x");
    world->settle();
  }
  ASSERT_TRUE(until([&] { return client->broken; }));
  EXPECT_EQ(client->received, "");
}

TEST_P(StreamContract, IsSilentOnceAborted) {
  client->send("x");
  client->stream().abort();
  client->stream().write("ignored");
  client->stream().finish();
  EXPECT_EQ(client->stream().unsent(), 0u);
  client->close();
  ASSERT_TRUE(until([&] { return server().broken || server().ended; }));
  EXPECT_FALSE(client->broken || client->ended);
}

// Both directions at once, with pauses, until everything has arrived.
TEST_P(StreamContract, LosesNothingUnderRandomTraffic) {
  Random random(5);
  std::string to_server;
  std::string to_client;
  for (int i = 0; i < 300; ++i) {
    const std::string bytes(random.below(20'000), static_cast<char>('a' + i % 26));
    const bool forth = random.chance(0.5);
    (forth ? static_cast<TestPeer&>(*client) : server()).send(bytes);
    (forth ? to_server : to_client) += bytes;
    if (random.chance(0.1)) client->pause();
    if (random.chance(0.1)) server().pause();
    if (random.chance(0.2)) client->resume();
    if (random.chance(0.2)) server().resume();
    if (random.chance(0.5)) world->settle();
    ASSERT_TRUE(to_server.starts_with(server().received));
    ASSERT_TRUE(to_client.starts_with(client->received));
  }
  client->resume();
  server().resume();
  client->finish();
  server().finish();
  ASSERT_TRUE(until([&] { return client->ended && server().ended; }));
  EXPECT_EQ(server().received, to_server);
  EXPECT_EQ(client->received, to_client);
}

TEST_P(StreamContract, IsSilentOnceGivenToTheReaper) {
  world->post([&] {
    world->context().reaper.doom(client->take_stream());
    server().send("too late");
  });
  ASSERT_TRUE(until([&] { return server().ended || server().broken; }));
  EXPECT_EQ(client->received, "");
  EXPECT_FALSE(client->ended || client->broken);
}

INSTANTIATE_TEST_SUITE_P(All, StreamContract,
                         ::testing::Values("tcp", "unix", "pipe", "rough_pipe", "tls_tcp",
                                           "tls_unix", "tls_pipe", "tls_rough_pipe"),
                         [](const auto& parameter) { return std::string(parameter.param); });

}  // namespace
}  // namespace outrigger::testing
