#include "proxy/io/resolver.hpp"

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/support/run_until.hpp"
#include "tests/unit/proxy/io/dns_responder.hpp"

namespace outrigger::testing {
namespace {

void put16(std::string& out, size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t end = std::min(name.find('.'), name.size());
    out += static_cast<char>(end);
    out += name.substr(0, end);
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  out += '\0';
  return out;
}

std::string wire_record(const DnsResponder::Record& record) {
  std::string data;
  if (record.type == DnsResponder::kCname) {
    data = wire_name(record.data);
  } else {
    const Address address = *Address::from_ip(record.data, 0);
    data.assign(address.ip().begin(), address.ip().end());
  }
  std::string out = wire_name(record.owner);
  put16(out, record.type);
  put16(out, 1);
  put16(out, record.ttl_s >> 16);
  put16(out, record.ttl_s & 0xffff);
  put16(out, data.size());
  return out + data;
}

}  // namespace

struct DnsResponder::TcpClient : TestPeer {
  explicit TcpClient(DnsResponder& owner) : responder(owner) {}
  void on_read(std::string_view bytes) override {
    TestPeer::on_read(bytes);
    while (received.size() >= 2) {
      const size_t length =
          static_cast<uint8_t>(received[0]) * 256u + static_cast<uint8_t>(received[1]);
      if (received.size() < length + 2) return;
      const std::string reply = responder.answer(received.substr(2, length), true);
      received.erase(0, length + 2);
      if (reply.empty()) continue;
      std::string framed;
      put16(framed, reply.size());
      send(framed + reply);
    }
  }
  DnsResponder& responder;
};

DnsResponder::DnsResponder(io::Loop& loop, io::LoopNetwork& network) : x_loop(loop) {
  // Both ports are the same; another process may have taken the one for UDP.
  for (int attempt = 0; attempt < 100 && !x_udp.is_open(); ++attempt) {
    x_listener = std::move(*network.listen(*Address::parse("127.0.0.1:0"), *this));
    sockaddr_storage at;
    const socklen_t length = x_listener->address().to_sockaddr(at);
    io::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), length) == 0) x_udp = std::move(fd);
  }
  OUTRIGGER_ASSERT(x_udp.is_open());
  x_poll.open(this,
              [&](uv_poll_t* handle) { return uv_poll_init(loop.uv(), handle, x_udp.get()); });
  uv_poll_start(x_poll.get(), UV_READABLE, [](uv_poll_t* handle, int, int) {
    auto* const self = static_cast<DnsResponder*>(handle->data);
    const io::Loop::Turn turn(self->x_loop);
    self->on_datagram();
  });
}

void DnsResponder::on_accepted(io::StreamPtr stream) {
  x_clients.push_back(std::make_unique<TcpClient>(*this));
  x_clients.back()->attach(std::move(stream));
}

void DnsResponder::on_datagram() {
  while (true) {
    char buffer[2048];
    sockaddr_storage from;
    socklen_t length = sizeof from;
    auto* const address = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(x_udp.get(), buffer, sizeof buffer, 0, address, &length);
    if (got < 12) return;
    const std::string reply = answer({buffer, static_cast<size_t>(got)}, false);
    if (!reply.empty()) ::sendto(x_udp.get(), reply.data(), reply.size(), 0, address, length);
  }
}

std::string DnsResponder::answer(std::string_view query, bool over_tcp) {
  ++(over_tcp ? tcp_queries : udp_queries);
  std::string name;
  size_t at = 12;
  while (query[at] != 0) {
    const auto label = static_cast<uint8_t>(query[at]);
    if (!name.empty()) name += '.';
    name += query.substr(at + 1, label);
    at += label + 1u;
  }
  const int type = static_cast<uint8_t>(query[at + 2]);
  const std::string_view question = query.substr(12, at + 5 - 12);
  asked.push_back(name);
  const auto found = x_replies.find({name, type});
  const Reply reply =
      found == x_replies.end() ? Reply{.rcode = kNoSuchName, .records = {}} : found->second;
  if (reply.silent) return {};
  const bool cut = reply.only_over_tcp && !over_tcp;
  std::string out(query.substr(0, 2));
  out += static_cast<char>(cut ? 0x87 : 0x85);  // a response, authoritative, TC, RD
  out += static_cast<char>(0x80 | reply.rcode);
  put16(out, 1);
  put16(out, cut ? 0 : reply.records.size());
  put16(out, 0);
  put16(out, 0);
  out += question;
  if (!cut) {
    for (const Record& record : reply.records) out += wire_record(record);
  }
  return out;
}

namespace {

struct ResolverTest : ::testing::Test {
  io::Loop loop{1};
  io::LoopNetwork plain{loop};
  DnsResponder server{loop, plain};
  io::LoopNetwork network{
      loop, {.servers = server.address(), .hosts_file = "", .timeout_ms = 100, .tries = 1}};

  static constexpr int kA = DnsResponder::kA;
  static constexpr int kAaaa = DnsResponder::kAaaa;
  static constexpr int kCname = DnsResponder::kCname;

  static std::string text(const io::Resolved& answer) {
    std::string out;
    for (const Address& address : answer.addresses) out += address.ip_string() + " ";
    return out + std::to_string(answer.ttl_s);
  }
  std::string resolve(const std::string& name, io::Network& by) {
    TestResolve lookup(by, name);
    EXPECT_FALSE(lookup.done());
    EXPECT_TRUE(run_until(loop, [&] { return lookup.done(); }));
    if (lookup.answer) return text(*lookup.answer);
    return std::string(row_of(*lookup.failed).name) + (lookup.empty ? " empty" : "");
  }
  std::string resolve(const std::string& name) { return resolve(name, network); }
};

TEST_F(ResolverTest, GivesBothFamiliesAndTheSmallestTtl) {
  server.at("orders.test", kA).records = {{"orders.test", kA, 30, "10.0.0.1"},
                                          {"orders.test", kA, 20, "10.0.0.2"}};
  server.at("orders.test", kAaaa).records = {{"orders.test", kAaaa, 25, "fd00::1"}};
  const std::string answer = resolve("orders.test.");
  EXPECT_THAT(answer, ::testing::HasSubstr("10.0.0.1"));
  EXPECT_THAT(answer, ::testing::HasSubstr("10.0.0.2"));
  EXPECT_THAT(answer, ::testing::HasSubstr("fd00::1"));
  EXPECT_THAT(answer, ::testing::EndsWith(" 20"));
  EXPECT_EQ(server.udp_queries, 2);
}

TEST_F(ResolverTest, TakesTheTtlOfAnAliasIntoAccount) {
  server.at("alias.test", kA).records = {{"alias.test", kCname, 7, "middle.test"},
                                         {"middle.test", kCname, 9, "real.test"},
                                         {"real.test", kA, 300, "10.0.0.3"}};
  server.at("alias.test", kAaaa).records = {{"alias.test", kCname, 7, "real.test"}};
  EXPECT_EQ(resolve("alias.test."), "10.0.0.3 7");
}

TEST_F(ResolverTest, SaysThatAnAbsentNameIsEmpty) {
  EXPECT_EQ(resolve("nobody.test."), "dns_error empty");
}

TEST_F(ResolverTest, SaysThatANameWithoutAddressesIsEmpty) {
  server.at("bare.test", kA).rcode = DnsResponder::kNoError;
  server.at("bare.test", kAaaa).rcode = DnsResponder::kNoError;
  EXPECT_EQ(resolve("bare.test."), "dns_error empty");
}

TEST_F(ResolverTest, KeepsAFailingServerApartFromAnEmptyAnswer) {
  server.at("broken.test", kA).rcode = DnsResponder::kServerFailure;
  server.at("broken.test", kAaaa).rcode = DnsResponder::kServerFailure;
  EXPECT_EQ(resolve("broken.test."), "dns_error");
  // Half of the question was not answered: the name may well have addresses.
  server.at("half.test", kA).rcode = DnsResponder::kServerFailure;
  server.at("half.test", kAaaa).rcode = DnsResponder::kNoError;
  EXPECT_EQ(resolve("half.test."), "dns_error");
}

TEST_F(ResolverTest, TakesOneFamilyWhenTheOtherFails) {
  server.at("v4.test", kA).records = {{"v4.test", kA, 60, "10.0.0.4"}};
  server.at("v4.test", kAaaa).rcode = DnsResponder::kServerFailure;
  EXPECT_EQ(resolve("v4.test."), "10.0.0.4 60");
}

TEST_F(ResolverTest, TimesOut) {
  server.at("silent.test", kA).silent = true;
  server.at("silent.test", kAaaa).silent = true;
  EXPECT_EQ(resolve("silent.test."), "dns_timeout");
}

TEST_F(ResolverTest, AsksAgainOverTcpWhenAnAnswerIsCutOff) {
  DnsResponder::Reply& reply = server.at("large.test", kA);
  reply.only_over_tcp = true;
  for (int i = 1; i <= 200; ++i) {
    reply.records.push_back({"large.test", kA, 60, "10.0.1." + std::to_string(i)});
  }
  TestResolve lookup(network, "large.test.");
  ASSERT_TRUE(run_until(loop, [&] { return lookup.done(); }));
  ASSERT_TRUE(lookup.answer.has_value());
  EXPECT_EQ(lookup.answer->addresses.size(), 200u);
  EXPECT_EQ(server.tcp_queries, 1);
}

TEST_F(ResolverTest, BoundsTheNumberOfAddresses) {
  DnsResponder::Reply& reply = server.at("huge.test", kA);
  reply.only_over_tcp = true;
  for (int i = 0; i < 600; ++i) {
    reply.records.push_back(
        {"huge.test", kA, 60, "10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200)});
  }
  TestResolve lookup(network, "huge.test.");
  ASSERT_TRUE(run_until(loop, [&] { return lookup.done(); }));
  ASSERT_TRUE(lookup.answer.has_value());
  EXPECT_EQ(lookup.answer->addresses.size(), io::Resolver::kMaxAddresses);
}

TEST_F(ResolverTest, CountsATtlWithTheTopBitAsZero) {
  server.at("odd.test", kA).records = {{"odd.test", kA, 0x80000001u, "10.0.0.5"}};
  EXPECT_EQ(resolve("odd.test."), "10.0.0.5 0");
}

TEST_F(ResolverTest, AnswersLiteralsWithoutAQuery) {
  EXPECT_THAT(resolve("192.0.2.1"), ::testing::StartsWith("192.0.2.1 "));
  EXPECT_THAT(resolve("fd00::9"), ::testing::StartsWith("fd00::9 "));
  EXPECT_EQ(server.udp_queries, 0);
}

TEST_F(ResolverTest, LooksIntoTheHostsFileOnlyWhenTold) {
  const std::string path = ::testing::TempDir() + "outrigger_hosts_" + std::to_string(getpid());
  std::ofstream(path)
      << "# comment\n10.9.9.9 other Orders.test # tail\nnonsense\nfd00::7\torders.test\n";
  io::LoopNetwork with_hosts(
      loop, {.servers = server.address(), .hosts_file = path, .timeout_ms = 100, .tries = 1});
  EXPECT_EQ(resolve("orders.test", with_hosts), "10.9.9.9 fd00::7 10");
  EXPECT_EQ(server.udp_queries, 0);
  EXPECT_EQ(resolve("orders.test."), "dns_error empty");
  std::remove(path.c_str());
}

TEST_F(ResolverTest, NeverCompletesANameThatEndsWithADot) {
  EXPECT_EQ(resolve("short."), "dns_error empty");
  for (const std::string& name : server.asked) EXPECT_EQ(name, "short");
}

TEST_F(ResolverTest, SaysNothingAfterACancelledLookup) {
  server.at("orders.test", kA).records = {{"orders.test", kA, 30, "10.0.0.1"}};
  TestResolve cancelled(network, "orders.test.");
  TestResolve literal(network, "10.0.0.1");
  cancelled.cancel();
  literal.cancel();
  EXPECT_EQ(resolve("orders.test."), "10.0.0.1 30");
  EXPECT_FALSE(cancelled.done() || literal.done());
}

TEST_F(ResolverTest, LetsLookupsBeyondTheLimitWait) {
  server.at("orders.test", kA).records = {{"orders.test", kA, 30, "10.0.0.1"}};
  std::vector<std::unique_ptr<TestResolve>> lookups;
  for (int i = 0; i < 400; ++i) {
    lookups.push_back(std::make_unique<TestResolve>(network, "orders.test."));
  }
  lookups[399]->cancel();
  ASSERT_TRUE(run_until(loop, [&] {
    return std::ranges::all_of(
        lookups, [&](const auto& lookup) { return lookup == lookups[399] || lookup->done(); });
  }));
  for (int i = 0; i < 399; ++i) EXPECT_TRUE(lookups[i]->answer.has_value());
}

TEST_F(ResolverTest, ReportsAServerThatIsNotThere) {
  const auto nobody = io::ListeningSocket::bind(*Address::parse("127.0.0.1:0"));
  io::LoopNetwork alone(
      loop,
      {.servers = nobody->address().to_string(), .hosts_file = "", .timeout_ms = 100, .tries = 1});
  EXPECT_EQ(resolve("orders.test.", alone), "dns_error");
}

TEST_F(ResolverTest, RefusesANameThatIsNone) {
  EXPECT_EQ(resolve(std::string(300, 'a') + "."), "dns_error");
  EXPECT_EQ(resolve("a..b."), "dns_error");
}

}  // namespace
}  // namespace outrigger::testing
