// Bodies both ways: constant memory, back-pressure, early answers. (ABUSE, pool hygiene and flow.)
#include <gtest/gtest.h>

#include "tests/support/worker_town.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kAt = "10.0.0.1:80";
constexpr std::string_view kOrders =
    "services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off}}";
constexpr size_t kKernelBytes = 8 * 1024;
// What one call may hold on its way, besides the kernel's buffers: a read and one bounded buffer.
constexpr size_t kHeldMax = 2 * 64 * 1024 + 1024;

// A town whose kernels hold little, so that what waits, waits in the proxy.
struct NarrowTown : Town {
  explicit NarrowTown(std::string_view yaml = kOrders) : Town(yaml) {
    network.at(address()).pipe.kernel_bytes = kKernelBytes;
    network.at(*Address::parse(kAt)).pipe.kernel_bytes = kKernelBytes;
  }
};

// Sends as fast as its stream takes it, and counts.
class Source {
 public:
  Source(VirtualLoop& loop, TestPeer& peer, size_t total)
      : x_peer(peer), x_left(total), x_loop(loop) {
    x_more.arm();
  }
  size_t sent() const { return x_sent; }

 private:
  void go_on() {
    if (x_peer.is_open() && x_peer.stream().unsent() == 0 && x_left > 0) {
      const size_t count = std::min<size_t>(x_left, 4096);
      x_peer.send(std::string(count, 's'));
      x_left -= count;
      x_sent += count;
    }
    if (x_left > 0) x_more.arm_at(x_loop.now_ms() + 1);
  }

  TestPeer& x_peer;
  size_t x_left;
  size_t x_sent = 0;
  VirtualLoop& x_loop;
  VirtualLoop::Event x_more{x_loop, [this] { go_on(); }};
};

// ABUSE 115, 127
TEST(Flow, ALargeResponseToACallerThatDoesNotReadWaitsAtTheUpstream) {
  NarrowTown town;
  Origin& origin = town.origin(kAt);
  std::unique_ptr<Source> source;
  constexpr size_t kTotal = 1 << 20;
  origin.otherwise = [&](Origin::Connection& on) {
    on.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    source = std::make_unique<Source>(town.loop, on, kTotal);
  };
  Caller caller(town);
  caller.begin("GET", "/");
  caller.pause();
  town.pass_ms(5'000);
  EXPECT_LT(source->sent(), kHeldMax + 2 * kKernelBytes);
  caller.resume();
  EXPECT_EQ(caller.next().body.size(), kTotal);
}

TEST(Flow, ACallerThatTakesNothingForWriteStallIsResetWhereMemoryIsShort) {
  NarrowTown town;
  town.process.answers.set_much(-1);
  Origin& origin = town.origin(kAt);
  origin.otherwise = answers(200, std::string(1 << 20, 'x'));
  Caller caller(town);
  caller.begin("GET", "/");
  caller.pause();
  town.pass_ms(29'000);
  EXPECT_EQ(town.workers[0]->running(), 1u);
  town.pass_ms(9'000);
  EXPECT_EQ(town.workers[0]->running(), 0u);
  EXPECT_EQ(origin.open_connections(), 0u);
}

TEST(Flow, ACallerThatReadsSlowlyIsNotStalled) {
  NarrowTown town;
  town.network.at(town.address()).pipe.drip_bytes = 16;  // 16 bytes a millisecond
  town.origin(kAt).otherwise = answers(200, std::string(1 << 20, 'x'));
  Caller caller(town);
  EXPECT_EQ(caller.get().body.size(), size_t{1 << 20});
}

TEST(Flow, ALargeRequestToAnUpstreamThatDoesNotReadWaitsAtTheCaller) {
  for (const char* policy : {"retry: off", "retry: {attempts: 2}"}) {
    NarrowTown town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}, circuit: off, " +
                    std::string(policy) + "}}");
    Origin& origin = town.origin(kAt);
    origin.on_head = [](Origin::Connection& on) { on.pause(); };
    constexpr size_t kTotal = 1 << 20;
    Caller caller(town);
    caller.begin_raw("PUT", "PUT / HTTP/1.1\r\nHost: orders\r\nContent-Length: " +
                                std::to_string(kTotal) + "\r\n\r\n");
    Source source(town.loop, caller, kTotal);
    town.pass_ms(5'000);
    EXPECT_LT(source.sent(), kHeldMax + 64 * 1024 + 2 * kKernelBytes);
    origin.last().resume();
    EXPECT_EQ(caller.next().status(), 200);
    EXPECT_EQ(origin.requests[0].body.size(), kTotal);
  }
}

TEST(Flow, ALargeBodyPassesBothWaysAtOnce) {
  NarrowTown town;
  Origin& origin = town.origin(kAt);
  constexpr size_t kTotal = 1 << 20;
  std::unique_ptr<Source> answer;
  origin.on_head = [&](Origin::Connection& on) {
    on.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kTotal) + "\r\n\r\n");
    answer = std::make_unique<Source>(town.loop, on, kTotal);
  };
  origin.otherwise = stalls();
  Caller caller(town);
  caller.begin_raw("PUT", "PUT / HTTP/1.1\r\nHost: orders\r\nContent-Length: " +
                              std::to_string(kTotal) + "\r\n\r\n");
  Source request(town.loop, caller, kTotal);
  EXPECT_EQ(caller.next().body.size(), kTotal);
  town.pass_ms(3'000);
  ASSERT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0].body.size(), kTotal);
}

// ABUSE 114
TEST(Flow, ABodyThatStallsIs408AndTheUpstreamIsNotHeld) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  Caller caller(town);
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 100\r\n\r\nabc");
  const int64_t began_ms = town.now_ms();
  EXPECT_EQ(caller.next().status(), 408);
  EXPECT_EQ(town.now_ms() - began_ms, 60'000);
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_EQ(origin.requests.size(), 0u);
}

// ABUSE 113
TEST(Flow, HeadsThatComeByteByByteEndWith408AndDisturbNobody) {
  Town town(kOrders);
  town.origin(kAt);
  std::vector<std::unique_ptr<Caller>> slow;
  for (int i = 0; i < 500; ++i) {
    slow.push_back(std::make_unique<Caller>(town));
    slow.back()->begin_raw("GET", "GET / HT");
  }
  Caller good(town);
  for (int second = 0; second < 9; ++second) {
    town.pass_ms(1'000);
    for (auto& caller : slow) caller->send("T");
    const int64_t began_ms = town.now_ms();
    EXPECT_EQ(good.get().status(), 200);
    EXPECT_EQ(town.now_ms(), began_ms);
  }
  town.pass_ms(1'000);
  for (auto& caller : slow) {
    ASSERT_EQ(caller->answers.size(), 1u);
    EXPECT_EQ(caller->answers[0].status(), 408);
    EXPECT_TRUE(caller->ended);
  }
}

// ABUSE 70
TEST(Flow, AFinalAnswerInsteadOf100IsForwardedAndItsConnectionDropped) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.on_head = [](Origin::Connection& on) {
    if (on.request().has("expect")) on.answer(401, "no");
  };
  Caller caller(town);
  caller.begin_raw("POST",
                   "POST / HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\n"
                   "Content-Length: 100\r\n\r\n");
  const Message answer = caller.next();
  EXPECT_EQ(answer.status(), 401);
  EXPECT_EQ(answer.field("connection"), "close");  // the body may come or not
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  EXPECT_EQ(Caller(town).get("/next").body, "ok");
  EXPECT_EQ(origin.requests[0].target(), "/next");
}

TEST(Flow, A100LetsTheBodyComeAndBothConnectionsLive) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.on_head = [](Origin::Connection& on) {
    if (on.request().has("expect")) on.send("HTTP/1.1 100 Go on, please\r\n\r\n");
  };
  Caller caller(town);
  caller.begin_raw("POST",
                   "POST / HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\n"
                   "Content-Length: 3\r\n\r\n");
  town.run();
  ASSERT_EQ(caller.interims.size(), 1u);
  EXPECT_EQ(caller.interims[0].start, "HTTP/1.1 100 Go on, please") << "the phrase is the server's";
  caller.send("abc");
  EXPECT_EQ(caller.next().status(), 200);
  EXPECT_EQ(caller.get().status(), 200);
  EXPECT_EQ(origin.accepted(), 1u);
}

// ABUSE 71
TEST(Flow, AnEarlyAnswerIsForwardedAndItsConnectionNotPooled) {
  for (const size_t declared : {size_t{1'000}, size_t{1'000'000}}) {
    Town town(kOrders);
    Origin& origin = town.origin(kAt);
    origin.on_head = [](Origin::Connection& on) {
      if (on.request().method() == "POST") on.answer(403, "no");
    };
    Caller caller(town);
    caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: " +
                                 std::to_string(declared) + "\r\n\r\nabc");
    EXPECT_EQ(caller.next().status(), 403);
    town.run();
    EXPECT_EQ(origin.open_connections(), 0u);
    const bool little = declared < 64 * 1024;
    EXPECT_EQ(caller.is_over(), !little);  // a small rest is read and thrown away
    if (!little) continue;
    caller.send(std::string(declared - 3, 'x'));
    EXPECT_EQ(caller.get("/next").body, "ok");
    ASSERT_EQ(origin.requests.size(), 1u);
    EXPECT_EQ(origin.requests[0].target(), "/next");
  }
}

TEST(Flow, TheRestOfAChunkedBodyThatOutlastsItsAnswerIsReadPastAndGoesNowhere) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.on_head = [](Origin::Connection& on) {
    if (on.request().method() == "POST") on.answer(403, "no");
  };
  Caller caller(town);
  caller.begin_raw("POST",
                   "POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n");
  EXPECT_EQ(caller.next().status(), 403);
  town.run();
  EXPECT_EQ(origin.open_connections(), 0u);
  caller.send("3\r\ndef\r\n0\r\n\r\n");
  EXPECT_EQ(caller.get("/next").body, "ok");
  EXPECT_EQ(origin.connections[0]->received.find("0\r\n\r\n"), std::string::npos);
  ASSERT_EQ(origin.requests.size(), 1u);
  EXPECT_EQ(origin.requests[0].target(), "/next");
}

TEST(Flow, TheHeadIsForwardedBeforeTheBodyIsThere) {
  Town town(kOrders);
  Origin& origin = town.origin(kAt);
  origin.otherwise = stalls();
  Caller caller(town);
  caller.begin_raw("POST", "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 6\r\n\r\nabc");
  town.run();
  EXPECT_EQ(origin.heads, 1u);
  EXPECT_TRUE(origin.last().received.ends_with("abc"));
}

TEST(Flow, AnEventReachesTheCallerAtOnce) {
  Town town(kOrders);
  town.origin(kAt).otherwise =
      both(sends("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
                 "\r\n\r\n"),
           after(1'000, sends("8\r\ndata: 1\n\r\n")));
  Caller caller(town);
  caller.begin("GET", "/");
  town.run();
  EXPECT_EQ(caller.partial().status(), 200);
  town.pass_ms(999);
  EXPECT_EQ(caller.partial().body, "");
  town.pass_ms(1);
  EXPECT_EQ(caller.partial().body, "data: 1\n");
}

}  // namespace
}  // namespace outrigger::testing
