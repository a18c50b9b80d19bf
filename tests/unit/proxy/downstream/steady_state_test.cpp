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
  chain::CallPtr start(chain::Leg& leg) override {
    chain::LocalReply reply;
    reply.fields.add(leg.exchange().arena(), "x-a", "b");
    reply.body = "hello";
    leg.deliver_reply(reply);
    return nullptr;
  }
};

class PlainResolver final : public downstream::Resolver {
 public:
  explicit PlainResolver(const chain::Route& route) : x_route(route) {}
  downstream::Resolution resolve(const http::RequestHead&, Arena&) override {
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

TEST(SteadyState, ARequestCostsOneWriteAndNoAllocation) {
  Server server;
  LocalTerminal terminal;
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

}  // namespace
}  // namespace outrigger::testing
#endif
