#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/io/connector.hpp"
#include "proxy/io/socket_listener.hpp"
#include "proxy/io/socket_stream.hpp"
#include "tests/unit/proxy/io/socket_fixture.hpp"

namespace outrigger::io {
namespace {

struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string pattern = "/tmp/outrigger-test-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST_F(SocketTest, CarriesBytesBothWays) {
  Pair pair(*this);
  pair.client.send("ping");
  ASSERT_TRUE(run_until(loop, [&] { return pair.server().received == "ping"; }));
  pair.server().send("pong");
  ASSERT_TRUE(run_until(loop, [&] { return pair.client.received == "pong"; }));
  EXPECT_EQ(pair.client.stream().peer(), pair.origin.address());
  EXPECT_EQ(pair.server().stream().peer().ip_string(), "127.0.0.1");
}

// Notes when it reads first, and whether what it reads then was there at another's first moment.
struct ReadMoment final : StreamEvents {
  explicit ReadMoment(Stream& of) : stream(of) { stream.start(*this); }
  void on_read(std::string_view) override {
    ++reads;
    was_there = other != nullptr && other->reads > 0 && stream.was_readable_at(other->moment);
    moment = stream.moment();
  }
  void on_end() override {}
  void on_broken() override {}
  void on_drained() override {}

  Stream& stream;
  const ReadMoment* other = nullptr;
  uint64_t moment = 0;
  int reads = 0;
  bool was_there = false;
};

TEST_F(SocketTest, KnowsOfOneBatchOfEventsThatAllOfItWasThereBefore) {
  Pair one(*this), two(*this);
  ReadMoment first(one.client.stream()), second(two.client.stream());
  second.other = &first;
  one.server().send("a");
  two.server().send("b");
  ASSERT_TRUE(run_until(loop, [&] { return first.reads == 1 && second.reads == 1; }));
  EXPECT_TRUE(second.was_there);
  two.server().send("c");
  ASSERT_TRUE(run_until(loop, [&] { return second.reads == 2; }));
  EXPECT_FALSE(second.was_there);
}

TEST_F(SocketTest, WritesPiecesInOrder) {
  Pair pair(*this);
  std::vector<std::string> texts;
  std::vector<std::string_view> pieces;
  std::string whole;
  for (int i = 0; i < 40; ++i) texts.push_back(std::to_string(i) + ";");
  for (const std::string& text : texts) {
    pieces.push_back(text);
    whole += text;
  }
  pair.client.stream().write(pieces);
  EXPECT_TRUE(run_until(loop, [&] { return pair.server().received == whole; }));
}

TEST_F(SocketTest, KeepsATailForASlowReaderAndSaysWhenItIsDrained) {
  Pair pair(*this);
  pair.server().pause();
  std::string sent;
  while (pair.client.stream().unsent() == 0) {
    const std::string piece(100'000, static_cast<char>('a' + sent.size() / 100'000 % 26));
    const std::string_view halves[] = {std::string_view(piece).substr(0, 30'000),
                                       std::string_view(piece).substr(30'000)};
    pair.client.stream().write(halves);
    sent += piece;
  }
  for (int i = 0; i < 10; ++i) loop.poll();
  EXPECT_GT(pair.client.stream().unsent(), 0u);
  EXPECT_EQ(pair.client.drained, 0);
  pair.server().resume();
  ASSERT_TRUE(run_until(loop, [&] { return pair.server().received.size() == sent.size(); }));
  EXPECT_EQ(pair.server().received, sent);
  EXPECT_EQ(pair.client.drained, 1);
  EXPECT_EQ(pair.client.stream().unsent(), 0u);
}

TEST_F(SocketTest, FinishesAfterTheTailAndReadsOn) {
  Pair pair(*this);
  pair.server().pause();
  size_t sent = 0;
  while (pair.client.stream().unsent() == 0) {
    pair.client.send(std::string(100'000, 'x'));
    sent += 100'000;
  }
  pair.client.finish();
  pair.client.finish();
  pair.client.send("ignored");
  pair.server().resume();
  ASSERT_TRUE(run_until(loop, [&] { return pair.server().ended; }));
  EXPECT_EQ(pair.server().received.size(), sent);
  pair.server().send("answer");
  ASSERT_TRUE(run_until(loop, [&] { return pair.client.received == "answer"; }));
  pair.server().finish();
  EXPECT_TRUE(run_until(loop, [&] { return pair.client.ended; }));
}

TEST_F(SocketTest, SeesAReset) {
  Pair pair(*this);
  pair.server().abort();
  ASSERT_TRUE(run_until(loop, [&] { return pair.client.broken; }));
  EXPECT_FALSE(pair.client.ended);
  pair.client.send("ignored");
  pair.client.finish();
  EXPECT_TRUE(pair.client.stream().is_broken());
}

TEST_F(SocketTest, LetsAPausedStreamAskWhetherItIsBroken) {
  Pair pair(*this);
  pair.client.pause();
  loop.poll();
  EXPECT_FALSE(pair.client.stream().is_broken());
  pair.server().abort();
  EXPECT_TRUE(run_until(loop, [&] {
    loop.post([] {});
    return pair.client.stream().is_broken();
  }));
  EXPECT_FALSE(pair.client.broken);
}

// A server that answers early and closes must not lose its answer to our failing write.
TEST_F(SocketTest, DeliversWhatCameBeforeAFailedWriteBeforeItReportsIt) {
  Pair pair(*this);
  pair.client.pause();
  pair.client.send("request");
  ASSERT_TRUE(run_until(loop, [&] { return pair.server().received == "request"; }));
  pair.server().send("413 early");
  pair.server().abort();
  for (int i = 0; i < 10 && !pair.client.stream().is_broken(); ++i) loop.poll();
  pair.client.send("more");
  EXPECT_FALSE(pair.client.broken);  // never inside the call
  pair.client.send("more");
  pair.client.resume();
  EXPECT_EQ(pair.client.received, "");
  ASSERT_TRUE(run_until(loop, [&] { return pair.client.broken; }));
  EXPECT_EQ(pair.client.received, "413 early");
}

TEST_F(SocketTest, CountsTheBytesThatThePeerAcknowledged) {
  Pair pair(*this);
  EXPECT_EQ(pair.client.stream().bytes_acked(), 0u);
  EXPECT_EQ(pair.server().stream().bytes_acked(), 0u);
  pair.client.send("12345");
  pair.server().send("123");
  ASSERT_TRUE(run_until(loop, [&] {
    loop.post([] {});
    return pair.client.stream().bytes_acked() == 5u && pair.server().stream().bytes_acked() == 3u;
  }));
  pair.client.finish();
  ASSERT_TRUE(run_until(loop, [&] { return pair.server().ended; }));
  EXPECT_EQ(pair.client.stream().bytes_acked(), 5u);
}

// The stream is silent from the moment it is given to the Reaper, whatever arrives in that turn.
TEST_F(SocketTest, MayBeDoomedInItsOwnReadCallback) {
  struct Quitter : TestPeer {
    explicit Quitter(Reaper& grave) : reaper(grave) {}
    void on_read(std::string_view bytes) override {
      TestPeer::on_read(bytes);
      stream().write("last words");
      stream().finish();
      reaper.doom(take_stream());
    }
    Reaper& reaper;
  } quitter(loop.context().reaper);
  struct Acceptor : TestOrigin {
    explicit Acceptor(Quitter& peer) : quitter(peer) {}
    void on_accepted(StreamPtr stream) override { quitter.attach(std::move(stream)); }
    Quitter& quitter;
  } acceptor(quitter);
  acceptor.listen(network, kAnyPort);
  TestClient client(network, acceptor.address());
  ASSERT_TRUE(run_until(loop, [&] { return client.connected; }));
  client.send("bye");
  ASSERT_TRUE(run_until(loop, [&] { return client.ended || client.broken; }));
  EXPECT_EQ(client.received, "last words");
  EXPECT_EQ(quitter.reads, 1u);
  EXPECT_FALSE(quitter.ended);
}

TEST_F(SocketTest, FlushesTheOutboxAfterTheCallback) {
  Pair pair(*this);
  loop.post([&] {
    loop.outbox().append(pair.client.stream(), "HEAD ");
    loop.outbox().append(pair.client.stream(), "BODY");
  });
  ASSERT_TRUE(run_until(loop, [&] { return pair.server().received.size() == 9; }));
  EXPECT_EQ(pair.server().received, "HEAD BODY");
  EXPECT_EQ(pair.server().reads, 1u);
}

TEST_F(SocketTest, ReportsARefusedConnect) {
  auto socket = ListeningSocket::bind(kAnyPort);  // bound, but nobody listens
  ASSERT_TRUE(socket);
  TestClient client(network, socket->address());
  EXPECT_FALSE(client.failed.has_value());
  ASSERT_TRUE(run_until(loop, [&] { return client.failed.has_value(); }));
  EXPECT_EQ(client.failed, Cause::kConnectRefused);
}

TEST_F(SocketTest, ReportsAnUnreachableAddress) {
  TestClient client(network, *Address::parse("255.255.255.255:9"));
  ASSERT_TRUE(run_until(loop, [&] { return client.failed.has_value(); }));
  EXPECT_EQ(client.failed, Cause::kConnectUnreachable);
}

TEST_F(SocketTest, NamesTheCauseOfAFailedConnect) {
  EXPECT_EQ(cause_of_connect_error(ENOENT), Cause::kConnectRefused);
  EXPECT_EQ(cause_of_connect_error(EHOSTUNREACH), Cause::kConnectUnreachable);
  EXPECT_EQ(cause_of_connect_error(ETIMEDOUT), Cause::kConnectTimeout);
  for (const int ours : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EADDRINUSE, EPERM}) {
    EXPECT_EQ(cause_of_connect_error(ours), Cause::kOverload) << ours;
  }
}

TEST_F(SocketTest, SaysNothingAfterACancelledConnect) {
  TestOrigin origin(network, kAnyPort);
  TestClient client(network, origin.address());
  TestClient doomed(network, *Address::parse("unix:/nonexistent/socket"));
  client.cancel();
  doomed.cancel();
  TestClient other(network, origin.address());
  ASSERT_TRUE(run_until(loop, [&] { return other.connected; }));
  EXPECT_FALSE(client.connected);
  EXPECT_FALSE(client.failed.has_value() || doomed.failed.has_value());
}

TEST_F(SocketTest, ListensOnIpv6WithoutIpv4) {
  Pair pair(*this, *Address::parse("[::1]:0"));
  EXPECT_EQ(pair.client.stream().peer().kind(), Address::Kind::kIpv6);
  const auto any6 = ListeningSocket::bind(*Address::parse("[::]:0"));
  ASSERT_TRUE(any6);
  EXPECT_TRUE(ListeningSocket::bind(*Address::from_ip("0.0.0.0", any6->address().port())));
}

TEST_F(SocketTest, SaysThatAnAddressIsTaken) {
  TestOrigin origin(network, kAnyPort);
  const auto second = network.listen(origin.address(), origin);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            "cannot listen on " + origin.address().to_string() + ": Address already in use");
}

TEST_F(SocketTest, SharesOnePortAmongLoops) {
  Loop second_loop(2);
  LoopNetwork second_network(second_loop);
  auto sockets = SocketBinder().bind(kAnyPort, 2, /*is_port_ours=*/false);
  ASSERT_TRUE(sockets);
  EXPECT_EQ((*sockets)[0]->address(), (*sockets)[1]->address());
  TestOrigin first;
  TestOrigin second;
  first.serve(std::move(*network.listen_on(std::move((*sockets)[0]), first)));
  second.serve(std::move(*second_network.listen_on(std::move((*sockets)[1]), second)));
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<TestClient>(network, first.address()));
  }
  ASSERT_TRUE(run_until(loop, [&] {
    second_loop.poll();
    loop.post([] {});
    return first.peers.size() + second.peers.size() == 64;
  }));
  EXPECT_GT(first.peers.size(), 0u);
  EXPECT_GT(second.peers.size(), 0u);
}

TEST_F(SocketTest, ServesAUnixSocketAndRemovesItsFileAtTheEnd) {
  const TemporaryDirectory directory;
  const Address at = *Address::parse("unix:" + directory.path + "/app.sock");
  {
    Pair pair(*this, at);
    pair.client.send("ping");
    ASSERT_TRUE(run_until(loop, [&] { return pair.server().received == "ping"; }));
    EXPECT_EQ(pair.client.stream().bytes_acked(), std::nullopt);
    EXPECT_EQ(pair.server().stream().peer().kind(), Address::Kind::kUnix);
    EXPECT_FALSE(network.listen(at, pair.origin));
    pair.server().close();
    EXPECT_TRUE(run_until(loop, [&] { return pair.client.ended; }));
  }
  EXPECT_FALSE(std::filesystem::exists(at.path()));
  TestClient late(network, at);
  ASSERT_TRUE(run_until(loop, [&] { return late.failed.has_value(); }));
  EXPECT_EQ(late.failed, Cause::kConnectRefused);
}

TEST_F(SocketTest, ReplacesASocketFileThatNobodyAnswersOnAndNothingElse) {
  const TemporaryDirectory directory;
  const Address at = *Address::parse("unix:" + directory.path + "/app.sock");
  {
    sockaddr_storage address;
    const socklen_t length = at.to_sockaddr(address);
    const Fd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(stale.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(at.path()));
  {
    auto socket = ListeningSocket::bind(at);
    ASSERT_TRUE(socket);
    EXPECT_TRUE(socket->share());
  }
  std::ofstream(at.path()) << "precious";
  EXPECT_FALSE(ListeningSocket::bind(at));
  EXPECT_TRUE(std::filesystem::exists(at.path()));
}

TEST_F(SocketTest, SharesOneUnixSocketAmongLoops) {
  const TemporaryDirectory directory;
  const Address at = *Address::parse("unix:" + directory.path + "/app.sock");
  auto socket = ListeningSocket::bind(at);
  ASSERT_TRUE(socket);
  auto share = socket->share();
  ASSERT_TRUE(share);
  Loop second_loop(2);
  LoopNetwork second_network(second_loop);
  TestOrigin first;
  TestOrigin second;
  first.serve(
      std::move(*network.listen_on(std::make_unique<ListeningSocket>(std::move(*socket)), first)));
  second.serve(std::move(
      *second_network.listen_on(std::make_unique<ListeningSocket>(std::move(*share)), second)));
  first.close();
  EXPECT_TRUE(std::filesystem::exists(at.path()));
  TestClient client(network, at);
  ASSERT_TRUE(run_until(loop, [&] {
    second_loop.poll();
    loop.post([] {});
    return client.connected && second.peers.size() == 1;
  }));
}

// In a process of its own, which is short of descriptors.
int refuse_without_descriptors() {
  // Fills the gaps below, so that the limit counts from the last descriptor.
  for (int i = 0; i < 200; ++i) static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Loop loop(1);
  LoopNetwork network(loop);
  TestOrigin origin(network, kAnyPort);
  TestClient served(network, origin.address());
  if (!run_until(loop, [&] { return served.connected && origin.peers.size() == 1; })) return 2;

  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  // One more descriptor: for the client's end.
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(next);
  const rlimit few{static_cast<rlim_t>(next) + 1, before.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 3;
  TestClient refused(network, origin.address());
  TestClient helpless(network, origin.address());
  // Reset, perhaps before it has heard that it was connected.
  const auto is_reset = [&] { return refused.broken || refused.failed == Cause::kConnectRefused; };
  const bool all = run_until(loop, [&] { return is_reset() && helpless.failed.has_value(); });
  // The one that was there is still served.
  served.send("ping");
  const bool alive = run_until(loop, [&] { return origin.last().received == "ping"; });
  ::setrlimit(RLIMIT_NOFILE, &before);
  if (!all || !alive) return 4;
  if (origin.refused != 1 || origin.peers.size() != 1) return 5;
  if (helpless.failed != Cause::kOverload) return 6;

  // With descriptors free again, so is the next one.
  TestClient next_one(network, origin.address());
  if (!run_until(loop, [&] { return next_one.connected && origin.peers.size() == 2; })) return 7;
  return 0;
}

TEST(SocketListener, ResetsConnectionsWhenNoDescriptorIsLeftAndGoesOn) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(refuse_without_descriptors());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SocketStream, StaysSmall) { EXPECT_LE(sizeof(SocketStream) + sizeof(uv_poll_t), 400u); }

}  // namespace
}  // namespace outrigger::io
