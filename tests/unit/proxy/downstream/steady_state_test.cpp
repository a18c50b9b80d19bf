#include <gtest/gtest.h>

#include "proxy/base/pool.hpp"
#include "proxy/http/h2_session.hpp"
#include "tests/unit/proxy/downstream/server_support.hpp"

#if defined(__SANITIZE_ADDRESS__)

// Of the sanitizer's run-time library, whose header Debian does not ship with g++.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           size_t),
                                                         void (*on_free)(const volatile void*));

namespace outrigger::testing {
namespace {

int allocations = 0;

// Answers from within start(), as the admin API does, and allocates nothing for it.
class LocalTerminal final : public chain::Terminal {
 public:
  explicit LocalTerminal(std::string_view body) : x_body(body) {}
  chain::CallPtr start(chain::CallLeg leg) override {
    chain::LocalReply reply;
    reply.fields.add(leg.exchange().arena(), "x-a", "b");
    reply.body = x_body;
    leg.deliver_reply(reply);
    return nullptr;
  }

 private:
  std::string_view x_body;
};

class PlainResolver final : public downstream::Resolver {
 public:
  explicit PlainResolver(const chain::Route& route) : x_route(route) {}
  downstream::Resolution resolve(const http::RequestHead&, const Address*, Arena&) override {
    return {&x_route, x_route.chains.front().get(), Cause::kNone};
  }

 private:
  const chain::Route& x_route;
};

// Takes everything at once; a test delivers its events.
class SinkStream final : public io::Stream {
 public:
  explicit SinkStream(size_t& writes, io::StreamEvents*& events)
      : x_writes(writes), x_events(events) {}
  void start(io::StreamEvents& events) override { x_events = &events; }
  void pause_reading() override {}
  void resume_reading() override {}
  void write(std::span<const std::string_view>) override { ++x_writes; }
  size_t unsent() const override { return 0; }
  void finish() override {}
  void abort() override {}
  bool is_broken() const override { return false; }
  std::optional<uint64_t> bytes_acked() const override { return std::nullopt; }
  Address peer() const override { return {}; }

 private:
  size_t& x_writes;
  io::StreamEvents*& x_events;
};

// The pools keep what was freed, as they do without a sanitizer.
TEST(SteadyState, ARequestCostsOneWriteAndNoAllocation) {
  Server server;
  server.exchanges.set_keeping(true);
  LocalTerminal terminal("hello");
  server.route.chains.front() =
      std::make_unique<chain::Chain>(std::vector<chain::Filter*>(), terminal);
  PlainResolver resolver(server.route);
  downstream::ServerContext context{server.runtime, resolver, server.series, {}, server.counts};
  downstream::Acceptor acceptor(context);
  size_t writes = 0;
  io::StreamEvents* events = nullptr;
  acceptor.on_accepted(std::make_unique<SinkStream>(writes, events));
  const std::string bytes = get("/a/path?q=1", "Accept: */*\r\nUser-Agent: test\r\n");
  const std::string body = post("/b", "with a body");
  __sanitizer_install_malloc_and_free_hooks([](const volatile void*, size_t) { ++allocations; },
                                            [](const volatile void*) {});
  const auto request = [&](std::string_view text) {
    events->on_read(text);
    server.loop.outbox().flush();
    server.loop.context().reaper.flush();
  };
  request(bytes);
  request(body);
  allocations = 0;
  writes = 0;
  for (int i = 0; i < 50; ++i) {
    request(bytes);
    request(body);
  }
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(writes, 100u);
  EXPECT_EQ(server.ends.done, 102);
  acceptor.close_all();
  server.loop.run_until_idle();
}

// ---- HTTP/2

bool counts = false;

class Uncounted {
 public:
  Uncounted() : x_before(std::exchange(counts, false)) {}
  ~Uncounted() { counts = x_before; }

 private:
  bool x_before;
};

// The caller's side of one connection, and one request at a time.
class H2Client final : private http::H2SessionEvents {
 public:
  explicit H2Client(const Clock& clock) : x_session(http::H2Role::kClient, {}, clock, *this) {}

  std::string request(std::string_view body) {
    x_stream = std::make_unique<Stream>(x_session, body);
    http::RequestHead head;
    head.method = body.empty() ? http::Method::kGet : http::Method::kPost;
    head.method_text = body.empty() ? "GET" : "POST";
    head.authority = "orders";
    head.target = "/a/path?q=1";
    head.framing = body.empty() ? http::Framing::kNone : http::Framing::kLength;
    head.content_length = static_cast<int64_t>(body.size());
    EXPECT_TRUE(x_session.submit_request(*x_stream, head, {}, !body.empty()));
    return bytes();
  }
  std::string bytes() {
    std::string out(64 * 1024, 0);
    out.resize(x_session.write({out.data(), out.size()}));
    return out;
  }
  bool receive(std::string_view bytes) { return x_session.receive(bytes); }
  std::string_view answer() const { return x_stream->answer; }

 private:
  struct Stream final : http::H2Stream {
    Stream(http::H2Session& of, std::string_view to_send) : session(of), body(to_send) {}
    ~Stream() override { session.release(*this); }
    Arena& arena() override { return x_arena; }
    void on_data(std::string_view bytes) override {
      answer += bytes;
      session.consume(*this, bytes.size());
    }
    void on_end(const http::Fields*) override {}
    void on_closed(const http::H2Close&) override { answer = "closed"; }
    std::string_view body_ready() override { return body; }
    void body_sent(size_t bytes) override { body.remove_prefix(bytes); }
    http::H2Session& session;
    std::string_view body;
    std::string answer;
    Arena x_arena{{}};
  };

  void on_want_write() override {}

  http::H2Session x_session;
  std::unique_ptr<Stream> x_stream;
};

class RecordStream final : public io::Stream {
 public:
  RecordStream(std::string& out, io::StreamEvents*& events) : x_out(out), x_events(events) {}
  void start(io::StreamEvents& events) override { x_events = &events; }
  void pause_reading() override {}
  void resume_reading() override {}
  void write(std::span<const std::string_view> pieces) override {
    const Uncounted here;
    for (const std::string_view piece : pieces) x_out += piece;
  }
  size_t unsent() const override { return 0; }
  void finish() override {}
  void abort() override {}
  bool is_broken() const override { return false; }
  std::optional<uint64_t> bytes_acked() const override { return std::nullopt; }
  Address peer() const override { return {}; }

 private:
  std::string& x_out;
  io::StreamEvents*& x_events;
};

TEST(SteadyState, AnHttp2RequestAllocatesNothing) {
  static int counted = 0;
  Pool::of_thread().set_keeping(true);
  const std::string answer(5000, 'x');  // more than fits into what an exchange has at hand
  __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, size_t) { counted += counts ? 1 : 0; }, [](const volatile void*) {});
  Server server;
  server.exchanges.set_keeping(true);
  LocalTerminal terminal(answer);
  server.route.chains.front() =
      std::make_unique<chain::Chain>(std::vector<chain::Filter*>(), terminal);
  PlainResolver resolver(server.route);
  downstream::ServerContext context{server.runtime, resolver, server.series, {}, server.counts};
  downstream::Acceptor acceptor(context);
  std::string out;
  io::StreamEvents* events = nullptr;
  acceptor.on_accepted(std::make_unique<RecordStream>(out, events));
  H2Client client(server.loop.context().clock);
  const auto turn = [&](std::string_view bytes) {
    counts = true;
    events->on_read(bytes);
    server.loop.outbox().flush();
    server.loop.outbox().call_late_writers();
    server.loop.context().reaper.flush();
    counts = false;
    EXPECT_TRUE(client.receive(std::exchange(out, {})));
  };
  const auto request = [&](std::string_view body) {
    turn(client.request(body));
    EXPECT_EQ(client.answer(), answer);
    const std::string rest = client.bytes();
    if (!rest.empty()) turn(rest);
  };
  // What is remembered of closed streams grows with the first of them.
  constexpr int kWarmUp = 2'100;
  for (int i = 0; i < kWarmUp; ++i) request("with a body");
  counted = 0;
  for (int i = 0; i < 30; ++i) {
    request({});
    request("with a body");
  }
  EXPECT_EQ(counted, 0);
  EXPECT_EQ(server.ends.done, kWarmUp + 60);
  acceptor.close_all();
  server.loop.run_until_idle();
  Pool::of_thread().set_keeping(false);
}

}  // namespace
}  // namespace outrigger::testing
#endif
