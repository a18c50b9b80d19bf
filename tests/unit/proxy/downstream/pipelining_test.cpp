#include <gtest/gtest.h>

#include "tests/unit/proxy/downstream/server_support.hpp"

namespace outrigger::testing {
namespace {

size_t count(std::string_view text, std::string_view what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

TEST(Pipelining, TenThousandDeepIsAnsweredInOrderAbuse72) {
  Server server;
  Caller caller(server);
  std::string bytes;
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {
    bytes += get("/" + std::to_string(i));
    expected += ok("GET /" + std::to_string(i) + " ");
  }
  caller.send(bytes);
  EXPECT_TRUE(server.loop.run_until([&] { return caller.received.size() >= expected.size(); }));
  EXPECT_EQ(caller.received, expected);
  EXPECT_EQ(server.ends.done, 10'000);
}

TEST(Pipelining, StopsReadingWhenEnoughRequestsWaitAbuse72) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += get("/" + std::to_string(i));
  caller.ask(bytes);
  EXPECT_EQ(server.terminal.calls.size(), 1u);
  EXPECT_LE(server.series.downstream_bytes_in.value(), 2 * 64u * 1024);
  server.loop.advance_ms(5'000);
  EXPECT_LE(server.series.downstream_bytes_in.value(), 2 * 64u * 1024);
  EXPECT_FALSE(caller.is_over());
}

TEST(Pipelining, SixteenSmallRequestsMayWait) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  for (int i = 0; i < 30; ++i) caller.ask(get("/"));
  EXPECT_EQ(server.series.downstream_bytes_in.value(), 17 * get("/").size());
  for (int i = 0; i < 30; ++i) {
    server.loop.post([&] { server.terminal.last().respond(200, ""); });
    EXPECT_EQ(caller.wait(2), ok("")) << i;
  }
  EXPECT_EQ(server.ends.done, 30);
}

TEST(Pipelining, GivesOthersTheirTurn) {
  Server server;
  Caller greedy(server);
  Caller modest(server);
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += get("/");
  greedy.send(bytes);
  modest.send(get("/modest"));
  server.loop.run_until_idle();
  EXPECT_EQ(count(greedy.received, "200 OK"), 32u);
  EXPECT_EQ(modest.received, ok("GET /modest "));
  server.loop.advance_ms(1);
  EXPECT_EQ(count(greedy.received, "200 OK"), 64u);
  server.loop.advance_ms(2);
  EXPECT_EQ(count(greedy.received, "200 OK"), 100u);
}

TEST(Pipelining, BoundsTheTurnOfAnswersThatTheDriverBrings) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += get("/");
  caller.ask(bytes);
  server.terminal.echoes = true;
  server.loop.post([&] { server.terminal.last().respond_at_once(200, ""); });
  server.loop.run_until_idle();
  EXPECT_LE(count(caller.received, "200 OK"), 33u);
  server.loop.advance_ms(5);
  EXPECT_EQ(count(caller.received, "200 OK"), 100u);
}

// The next request begins while the driver is still under way: its filters must have seen the head
// before its body comes.
TEST(Pipelining, FiltersSeeTheHeadBeforeTheBody) {
  RetainingFilter filter;
  Server server({&filter});
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/1") + post("/2", "abc") + post("/3", "defg"));
  for (const std::string body : {"", "abc", "defg"}) {
    EXPECT_EQ(server.terminal.last().body, body);
    EXPECT_TRUE(server.terminal.last().leg->exchange().body().is_whole());
    server.loop.post([&] { server.terminal.last().respond_at_once(200, ""); });
    EXPECT_EQ(caller.wait(2), ok(""));
  }
}

// Its body is there, though it has not been passed on yet: this is no truncation.
TEST(Pipelining, AnEndWhileABodyWaitsForItsHeadIsAHalfClose) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/1") +
             "POST /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
  server.loop.post([&] {
    server.terminal.last().respond_at_once(200, "");
    caller.finish();
  });
  EXPECT_EQ(caller.wait(2), ok(""));
  EXPECT_EQ(server.terminal.last().body, "abc");
  EXPECT_TRUE(server.terminal.last().body_ended);
  server.loop.post([&] { server.terminal.last().respond(200, "two"); });
  EXPECT_TRUE(caller.wait().ends_with("two"));
}

TEST(Pipelining, ACallerThatTakesNoAnswersGetsNoNewOnes) {
  Server server;
  server.terminal.echoes = false;
  server.terminal.on_start = [](CallRecord& call) {
    call.flows = std::string(10'000, 'x');
    call.head(200, 10'000);
  };
  server.network.at(server.address).pipe.kernel_bytes = 4096;
  Caller caller(server);
  caller.pause();
  std::string bytes;
  for (int i = 0; i < 40; ++i) bytes += get("/");
  caller.ask(bytes);
  const size_t begun = server.terminal.calls.size();
  EXPECT_LE(begun, 32u);
  server.loop.advance_ms(100);
  EXPECT_EQ(server.terminal.calls.size(), begun);
  caller.resume();
  server.loop.advance_ms(100);
  EXPECT_EQ(server.terminal.calls.size(), 40u);
  EXPECT_EQ(count(caller.received, "200 OK"), 40u);
}

TEST(Pipelining, IgnoresWhatFollowsConnectionCloseAbuse73) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/1", "Connection: close\r\n") + get("/2") + get("/3"));
  server.loop.post([&] { server.terminal.last().respond(200, "x"); });
  EXPECT_TRUE(caller.wait().ends_with("Connection: close\r\n\r\nx"));
  caller.ask(get("/4"));
  caller.wait(2'000);
  EXPECT_EQ(server.terminal.calls.size(), 1u);
  EXPECT_TRUE(caller.ended);
  EXPECT_FALSE(caller.broken);
}

TEST(Pipelining, AFloodBehindConnectionCloseIsNotReadAbuse73) {
  Server server;
  server.terminal.echoes = false;
  Caller caller(server);
  caller.ask(get("/1", "Connection: close\r\n") + std::string(1'000'000, 'x'));
  EXPECT_LE(server.series.downstream_bytes_in.value(), 3 * 64u * 1024);
  server.loop.post([&] { server.terminal.last().respond(200, "x"); });
  EXPECT_TRUE(caller.wait().ends_with("x"));
}

// Random requests, cut at random, answered after a random time by one of two ways, in a random
// order of events: the answers are those of the requests, in order, and nothing is left.
TEST(Pipelining, RandomTrafficKeepsItsOrder) {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    RetainingFilter filter;
    std::vector<chain::Filter*> filters;
    if (seed % 2 == 0) filters.push_back(&filter);
    Server server(filters);
    server.loop.shuffle();
    server.terminal.echoes = false;
    auto& pipe = server.network.at(server.address).pipe;
    pipe.random_chunks = true;
    pipe.kernel_bytes = 2000;
    Random random(seed);
    std::vector<std::unique_ptr<VirtualLoop::Event>> answers;
    server.terminal.on_start = [&](CallRecord&) {
      const std::shared_ptr<CallRecord> call = server.terminal.calls.back();
      const size_t index = answers.size();
      const bool at_once = random.chance(0.5);
      answers.push_back(
          std::make_unique<VirtualLoop::Event>(server.loop, [&, call, index, at_once] {
            if (!call->leg) return;
            if (!call->body_ended) return answers[index]->arm_at(server.loop.now_ms() + 1);
            const std::string text = call->target + call->body;
            at_once ? call->respond_at_once(200, text) : call->respond(200, text);
          }));
      answers.back()->arm_at(server.loop.now_ms() + random.below(3));
    };
    Caller caller(server);
    std::string bytes;
    std::string expected;
    for (int i = 0; i < 12; ++i) {
      const std::string target = "/" + std::to_string(i);
      const std::string body(random.below(3000), static_cast<char>('a' + i));
      if (random.chance(0.3)) {
        bytes += get(target);
        expected += ok(target);
      } else {
        bytes += post(target, body);
        expected += ok(target + body);
      }
    }
    const bool leaves = random.chance(0.2);
    while (!bytes.empty()) {
      const size_t piece = std::min<size_t>(bytes.size(), 1 + random.below(2500));
      caller.send(bytes.substr(0, piece));
      bytes.erase(0, piece);
      for (uint32_t i = random.below(5); i > 0; --i) server.loop.step();
      if (leaves && bytes.size() < 3000) break;
    }
    if (leaves) {
      caller.abort();
      server.loop.advance_ms(2'000);
      ASSERT_FALSE(server.acceptor->has_connections()) << seed;
      continue;
    }
    ASSERT_TRUE(server.loop.run_until([&] { return caller.received.size() >= expected.size(); }))
        << seed << " calls " << server.terminal.calls.size() << " ended "
        << server.terminal.last().body_ended << " " << caller.received.size() << " of "
        << expected.size() << caller.broken << caller.ended;
    ASSERT_EQ(caller.received, expected) << seed;
  }
}

}  // namespace
}  // namespace outrigger::testing
