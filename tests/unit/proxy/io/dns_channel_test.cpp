#include <algorithm>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "proxy/io/loop_names.hpp"
#include "proxy/io/loop_network.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/test_resolve.hpp"
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
  } else if (record.type == DnsResponder::kSrv) {
    std::istringstream words(record.data);
    size_t priority = 0;
    size_t weight = 0;
    size_t port = 0;
    std::string target;
    words >> priority >> weight >> port >> target;
    for (const size_t number : {priority, weight, port}) put16(data, number);
    data += wire_name(target);
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
  out.resize(out.size() - reply.torn_bytes);
  return out;
}

namespace {

struct DnsChannelTest : ::testing::Test {
  io::Loop loop{1};
  io::LoopNetwork network{loop};
  DnsResponder server{loop, network};
  io::LoopNames names{loop, options_for(server.address())};

  static constexpr int kA = DnsResponder::kA;
  static constexpr int kAaaa = DnsResponder::kAaaa;
  static constexpr int kCname = DnsResponder::kCname;

  // As quick as a test may be.
  static io::DnsOptions options_for(const std::string& address) {
    io::DnsOptions options;
    options.servers = {address};
    options.timeout_ms = 100;
    options.tries = 1;
    options.resolv_conf = "/dev/null";
    return options;
  }
  io::Resolved resolve(const std::string& name, io::NameService& by) {
    TestResolve lookup(by, name);
    EXPECT_FALSE(lookup.done());
    EXPECT_TRUE(run_until(loop, [&] { return lookup.done(); }));
    return lookup.told.back();
  }
  static const io::Answer& of(const io::Resolved& resolved, io::RecordType type) {
    return *std::ranges::find(resolved.answers, type, &io::Answer::type);
  }
  io::Answer a_of(const std::string& name) { return of(resolve(name, names), io::RecordType::kA); }
  std::string text(const std::string& name, io::NameService& by) {
    TestResolve lookup(by, name);
    EXPECT_TRUE(run_until(loop, [&] { return lookup.done(); }));
    return lookup.text();
  }
  std::string text(const std::string& name) { return text(name, names); }
};

TEST_F(DnsChannelTest, GivesBothFamiliesAndTheSmallestTtl) {
  server.at("orders.test", kA).records = {{"orders.test", kA, 30, "10.0.0.1"},
                                          {"orders.test", kA, 20, "10.0.0.2"}};
  server.at("orders.test", kAaaa).records = {{"orders.test", kAaaa, 25, "fd00::1"}};
  const io::Resolved resolved = resolve("orders.test.", names);
  const io::Answer& ipv4 = of(resolved, io::RecordType::kA);
  EXPECT_EQ(ipv4.addresses.size(), 2u);
  EXPECT_EQ(ipv4.ttl_s, 20);
  const io::Answer& ipv6 = of(resolved, io::RecordType::kAaaa);
  ASSERT_EQ(ipv6.addresses.size(), 1u);
  EXPECT_EQ(ipv6.addresses[0].ip_string(), "fd00::1");
  EXPECT_EQ(ipv6.ttl_s, 25);
  EXPECT_EQ(server.udp_queries, 2);
}

TEST_F(DnsChannelTest, TakesTheTtlOfAnAliasIntoAccount) {
  server.at("alias.test", kA).records = {{"alias.test", kCname, 7, "middle.test"},
                                         {"middle.test", kCname, 9, "real.test"},
                                         {"real.test", kA, 300, "10.0.0.3"}};
  server.at("alias.test", kAaaa).records = {{"alias.test", kCname, 7, "real.test"}};
  const io::Resolved resolved = resolve("alias.test.", names);
  EXPECT_EQ(of(resolved, io::RecordType::kA).ttl_s, 7);
  EXPECT_EQ(of(resolved, io::RecordType::kAaaa).verdict, io::Verdict::kNoRecords);
}

TEST_F(DnsChannelTest, TellsANameThatIsNotThereFromOneWithoutRecords) {
  EXPECT_EQ(a_of("nobody.test.").verdict, io::Verdict::kNoName);
  server.at("bare.test", kA).rcode = DnsResponder::kNoError;
  server.at("bare.test", kAaaa).rcode = DnsResponder::kNoError;
  EXPECT_EQ(a_of("bare.test.").verdict, io::Verdict::kNoRecords);
}

TEST_F(DnsChannelTest, AnErrorOfOneFamilyIsNoAnswerForIt) {
  server.at("v4.test", kA).records = {{"v4.test", kA, 60, "10.0.0.4"}};
  constexpr int kFormatError = 1;
  constexpr int kNotImplemented = 4;
  constexpr int kRefused = 5;
  for (const int rcode : {kFormatError, DnsResponder::kServerFailure, kNotImplemented, kRefused}) {
    server.at("v4.test", kAaaa).rcode = rcode;
    const io::Resolved resolved = resolve("v4.test.", names);
    EXPECT_EQ(of(resolved, io::RecordType::kA).verdict, io::Verdict::kRecords);
    EXPECT_EQ(of(resolved, io::RecordType::kAaaa).verdict, io::Verdict::kError) << rcode;
  }
}

TEST_F(DnsChannelTest, ASilentServerIsSilence) {
  server.at("silent.test", kA).silent = true;
  server.at("silent.test", kAaaa).silent = true;
  EXPECT_EQ(text("silent.test."), "silence silence");
}

TEST_F(DnsChannelTest, ASilentFamilyHoldsTheOtherForTheResolutionDelayAlone) {
  server.at("half.test", kA).records = {{"half.test", kA, 60, "10.0.0.4"}};
  server.at("half.test", kAaaa).silent = true;
  TestResolve lookup(names, "half.test.");
  ASSERT_TRUE(run_until(loop, [&] { return lookup.done(); }));
  ASSERT_EQ(lookup.told.size(), 2u);
  EXPECT_EQ(lookup.told[0].answers.size(), 1u);
  EXPECT_EQ(lookup.text(), "10.0.0.4 silence");
}

TEST_F(DnsChannelTest, AsksAgainOverTcpWhenAnAnswerIsCutOff) {
  DnsResponder::Reply& reply = server.at("large.test", kA);
  reply.only_over_tcp = true;
  for (int i = 1; i <= 200; ++i) {
    reply.records.push_back({"large.test", kA, 60, "10.0.1." + std::to_string(i)});
  }
  EXPECT_EQ(a_of("large.test.").addresses.size(), 200u);
  EXPECT_EQ(server.tcp_queries, 1);
}

TEST_F(DnsChannelTest, TakesEveryAddressThatFitsIntoAMessage) {
  DnsResponder::Reply& reply = server.at("huge.test", kA);
  reply.only_over_tcp = true;
  for (int i = 0; i < 2'000; ++i) {
    reply.records.push_back(
        {"huge.test", kA, 60, "10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200)});
  }
  EXPECT_EQ(a_of("huge.test.").addresses.size(), 2'000u);
}

TEST_F(DnsChannelTest, CountsATtlWithTheTopBitAsZero) {
  server.at("odd.test", kA).records = {{"odd.test", kA, 0x80000001u, "10.0.0.5"}};
  EXPECT_EQ(a_of("odd.test.").ttl_s, 0);
}

TEST_F(DnsChannelTest, ReadsPlacesWithTheSmallestTtlOfTheChain) {
  constexpr int kSrv = DnsResponder::kSrv;
  server.at("_http._tcp.orders.test", kSrv).records = {
      {"_http._tcp.orders.test", kCname, 9, "_http._tcp.real.test"},
      {"_http._tcp.real.test", kSrv, 30, "10 5 8080 A.orders.test"},
      {"_http._tcp.real.test", kSrv, 20, "20 0 8081 b.orders.test"}};
  TestResolve lookup(names, "_http._tcp.orders.test.", {}, io::kServiceTypes);
  ASSERT_TRUE(run_until(loop, [&] { return lookup.done(); }));
  ASSERT_EQ(lookup.told.back().answers.size(), 1U);
  const io::Answer& answer = lookup.told.back().answers[0];
  EXPECT_EQ(answer.verdict, io::Verdict::kRecords);
  EXPECT_EQ(answer.ttl_s, 9);
  EXPECT_THAT(answer.places,
              ::testing::ElementsAre(io::ServiceRecord{10, 5, 8080, "a.orders.test"},
                                     io::ServiceRecord{20, 0, 8081, "b.orders.test"}));
}

TEST_F(DnsChannelTest, PlacesThatAreTornSayNothing) {
  constexpr int kSrv = DnsResponder::kSrv;
  DnsResponder::Reply& reply = server.at("_http._tcp.torn.test", kSrv);
  reply.records = {{"_http._tcp.torn.test", kSrv, 30, "10 5 8080 a.orders.test"}};
  for (size_t torn_bytes = 1; torn_bytes <= 40; ++torn_bytes) {
    reply.torn_bytes = torn_bytes;
    TestResolve lookup(names, "_http._tcp.torn.test.", {}, io::kServiceTypes);
    ASSERT_TRUE(run_until(loop, [&] { return lookup.done(); }));
    EXPECT_EQ(lookup.text(), "error") << torn_bytes;
  }
}

TEST_F(DnsChannelTest, ReportsAServerThatIsNotThere) {
  const auto nobody = io::ListeningSocket::bind(*Address::parse("127.0.0.1:0"));
  io::LoopNames alone(loop, options_for(nobody->address().to_string()));
  EXPECT_THAT(text("orders.test.", alone), ::testing::EndsWith("error"));
}

TEST_F(DnsChannelTest, RefusesANameThatIsNone) {
  EXPECT_EQ(text(std::string(300, 'a') + "."), "error error");
  EXPECT_EQ(text("a..b."), "error error");
}

TEST_F(DnsChannelTest, SaysNothingAfterACancelledLookup) {
  server.at("orders.test", kA).records = {{"orders.test", kA, 30, "10.0.0.1"}};
  TestResolve cancelled(names, "orders.test.");
  TestResolve literal(names, "10.0.0.1");
  cancelled.cancel();
  literal.cancel();
  EXPECT_EQ(a_of("orders.test.").addresses.size(), 1u);
  EXPECT_TRUE(cancelled.told.empty() && literal.told.empty());
}

TEST_F(DnsChannelTest, ManyCancelledLookupsCostNoOtherItsAnswer) {
  server.at("silent.test", kA).silent = true;
  server.at("silent.test", kAaaa).silent = true;
  server.at("orders.test", kA).records = {{"orders.test", kA, 30, "10.0.0.1"}};
  server.at("orders.test", kAaaa).silent = true;
  TestResolve early(names, "orders.test.");
  for (size_t i = 0; i < io::DnsChannel::kMostCancelled; ++i) {
    TestResolve(names, "silent.test.").cancel();
    loop.poll();
  }
  TestResolve late(names, "orders.test.");
  EXPECT_TRUE(run_until(loop, [&] { return early.done() && late.done(); }));
  EXPECT_EQ(early.text(), "10.0.0.1 silence");
  EXPECT_EQ(late.text(), "10.0.0.1 silence");
}

// ---- the system's configuration

struct ResolvConfTest : DnsChannelTest {
  ResolvConfTest() { std::remove(path.c_str()); }
  ~ResolvConfTest() override { std::remove(path.c_str()); }

  void write(const std::string& text) const {
    std::ofstream(path + ".new") << text;
    std::rename((path + ".new").c_str(), path.c_str());
  }
  // Without servers of their own, `options` name a port in `servers` only.
  io::DnsOptions options() const {
    io::DnsOptions options = options_for(server.address());
    options.resolv_conf = path;
    return options;
  }

  const std::string path =
      ::testing::TempDir() + "outrigger_resolv_conf_" + std::to_string(getpid());
};

TEST_F(ResolvConfTest, TheSearchListIsTakenFromItAlsoWhenItChanges) {
  server.at("web.one.test", kA).records = {{"web.one.test", kA, 30, "10.0.0.1"}};
  server.at("web.two.test", kA).records = {{"web.two.test", kA, 30, "10.0.0.2"}};
  write("search one.test\n");
  io::LoopNames by_file(loop, options());
  EXPECT_EQ(text("web", by_file), "10.0.0.1 nothing");
  write("search two.test\n");
  EXPECT_EQ(text("web", by_file), "10.0.0.2 nothing");
}

TEST_F(ResolvConfTest, ACorrectedFileIsUsedAtOnceAlsoByLookupsUnderWay) {
  server.at("web.one.test", kA).silent = true;
  server.at("web.one.test", kAaaa).silent = true;
  server.at("web.two.test", kA).records = {{"web.two.test", kA, 30, "10.0.0.2"}};
  write("search one.test\n");
  io::DnsOptions patient = options();
  patient.timeout_ms = 60'000;
  io::LoopNames by_file(loop, patient);
  TestResolve early(by_file, "web");
  write("search two.test\n");
  EXPECT_EQ(text("web", by_file), "10.0.0.2 nothing");
  ASSERT_TRUE(run_until(loop, [&] { return early.done(); }));
  EXPECT_EQ(early.text(), "10.0.0.2 nothing");
}

TEST_F(ResolvConfTest, AFileThatIsNotThereIsLookedForAgain) {
  server.at("web.one.test", kA).records = {{"web.one.test", kA, 30, "10.0.0.1"}};
  io::LoopNames by_file(loop, options());
  EXPECT_THAT(text("web", by_file), ::testing::StartsWith("nothing"));
  write("search one.test\n");
  EXPECT_EQ(text("web", by_file), "10.0.0.1 nothing");
}

}  // namespace
}  // namespace outrigger::testing
