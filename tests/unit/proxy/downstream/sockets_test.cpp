// What only a kernel can show: who sees an end, who a reset, and that nothing is lost by either.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/io/loop.hpp"
#include "proxy/io/loop_network.hpp"
#include "tests/support/run_until.hpp"
#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class SocketServer {
 public:
  SocketServer() {
    route.chains.push_back(std::make_unique<chain::Chain>(std::vector<chain::Filter*>(), terminal));
    loop.set_after_each([](void* of) { static_cast<chain::Driver*>(of)->run(); }, &driver);
    address = *acceptor.listen(network, *Address::from_ip("127.0.0.1", 0));
  }
  ~SocketServer() {
    acceptor.stop_listening();
    acceptor.close_all();
    loop.poll();
    EXPECT_EQ(exchanges.in_use(), 0u);
    EXPECT_EQ(counts.open_connections.load(), 0);
  }

  io::Loop loop{1};
  io::LoopNetwork network{loop};
  chain::Driver driver;
  chain::ExchangePool exchanges;
  chain::MemoryBudget retry_bodies{1 << 20};
  EndCounter ends;
  chain::Runtime runtime{loop.context(), loop.outbox(), driver, exchanges, retry_bodies, &ends};
  FakeTerminal terminal;
  chain::Route route;
  FakeResolver resolver{route};
  metrics::WorkerSeries series;
  downstream::ListenerState counts;
  downstream::ServerContext context{runtime, resolver, series, {}, counts};
  downstream::Acceptor acceptor{context};
  Address address;
};

class SocketCaller : public TestClient {
 public:
  explicit SocketCaller(SocketServer& server)
      : TestClient(server.network, server.address), x_loop(server.loop) {
    EXPECT_TRUE(run_until(x_loop, [&] { return connected; }));
  }
  std::string ask(std::string_view bytes, size_t answer_size) {
    send(bytes);
    EXPECT_TRUE(run_until(x_loop, [&] { return received.size() >= answer_size || broken; }));
    return take();
  }

 private:
  io::Loop& x_loop;
};

TEST(Sockets, ServesPipelinedRequestsOverOneConnection) {
  SocketServer server;
  SocketCaller caller(server);
  const std::string expected = ok("GET /1 ") + ok("POST /2 abc") + ok("GET /3 ");
  EXPECT_EQ(caller.ask(get("/1") + post("/2", "abc") + get("/3"), expected.size()), expected);
}

// The caller goes on sending although it was refused; a close over unread bytes would be a reset
// that takes the answer away.
TEST(Sockets, ACallerThatGoesOnSendingSeesTheAnswerAndNoReset) {
  SocketServer server;
  SocketCaller caller(server);
  caller.pause();
  caller.send("POST / HTTP/1.1\r\nHost: unknown\r\nContent-Length: 50000\r\n\r\n" +
              std::string(20'000, 'x'));
  EXPECT_TRUE(run_until(server.loop, [&] { return server.ends.done == 1; }));
  for (int i = 0; i < 10; ++i) {
    caller.send(std::string(3'000, 'x'));
    server.loop.poll();
  }
  caller.resume();
  EXPECT_TRUE(run_until(server.loop, [&] { return caller.ended || caller.broken; }));
  EXPECT_THAT(caller.received, StartsWith("HTTP/1.1 502 "));
  EXPECT_FALSE(caller.broken);
  caller.close();
  EXPECT_TRUE(run_until(server.loop, [&] { return !server.acceptor.has_connections(); }));
}

TEST(Sockets, ATruncatedAnswerEndsInAReset) {
  SocketServer server;
  server.terminal.echoes = false;
  SocketCaller caller(server);
  caller.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(run_until(server.loop, [&] { return !server.terminal.calls.empty(); }));
  server.loop.post([&] {
    server.terminal.last().head(200, -1);
    server.terminal.last().push("abc");
  });
  EXPECT_TRUE(run_until(server.loop, [&] { return caller.received.ends_with("abc"); }));
  server.loop.post([&] {
    Error error;
    error.cause = Cause::kResponseIncomplete;
    server.terminal.last().leg->deliver_error(error);
  });
  EXPECT_TRUE(run_until(server.loop, [&] { return caller.ended || caller.broken; }));
  EXPECT_TRUE(caller.broken);
}

TEST(Sockets, AResetOfTheCallerCancelsItsCall) {
  SocketServer server;
  server.terminal.echoes = false;
  SocketCaller caller(server);
  caller.send(get("/"));
  EXPECT_TRUE(run_until(server.loop, [&] { return !server.terminal.calls.empty(); }));
  caller.abort();
  EXPECT_TRUE(run_until(server.loop, [&] { return server.ends.gone == 1; }));
}

TEST(Sockets, AnAnswerLargerThanTheKernelTakesArrivesWhole) {
  SocketServer server;
  server.terminal.echoes = false;
  SocketCaller caller(server);
  caller.pause();
  caller.send(get("/", "Connection: close\r\n"));
  EXPECT_TRUE(run_until(server.loop, [&] { return !server.terminal.calls.empty(); }));
  std::string body;
  body.resize(20'000'000, 'x');
  server.loop.post([&] { server.terminal.last().respond(200, body); });
  EXPECT_TRUE(run_until(server.loop, [&] { return server.ends.done == 1; }));
  caller.resume();
  EXPECT_TRUE(run_until(server.loop, [&] { return caller.ended || caller.broken; }));
  EXPECT_THAT(caller.received, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(caller.received.size() - caller.received.find("\r\n\r\n") - 4, body.size());
}

}  // namespace
}  // namespace outrigger::testing
