#include "proxy/io/race.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/io/loop_network.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/test_peer.hpp"

namespace outrigger::testing {
namespace {

const Address kSix = *Address::parse("[2001:db8::1]:80");
const Address kSixToo = *Address::parse("[2001:db8::2]:80");
const Address kLocalSix = *Address::parse("[::1]:0");
const Address kFour = *Address::parse("10.0.0.1:80");
const Address kFourToo = *Address::parse("10.0.0.2:80");

// Notes what is begun, and counts what is under way.
struct WatchedNetwork final : io::Network {
  explicit WatchedNetwork(PipeNetwork& network) : below(network) {}

  struct Watched final : io::Operation {
    explicit Watched(WatchedNetwork& network) : owner(network) { ++owner.under_way; }
    ~Watched() override { --owner.under_way; }
    WatchedNetwork& owner;
    io::OperationPtr operation;
  };
  struct Relay final : io::ConnectEvents {
    Relay(Watched& by, io::ConnectEvents& to) : watched(by), events(to) {}
    void on_connected(io::StreamPtr stream) override {
      if (!watched.is_linked()) events.on_connected(std::move(stream));
    }
    void on_connect_failed(Cause cause) override {
      if (!watched.is_linked()) events.on_connect_failed(cause);
    }
    Watched& watched;
    io::ConnectEvents& events;
  };

  io::OperationPtr connect(const Address& to, io::ConnectEvents& events) override {
    begun.push_back(to);
    auto watched = std::make_unique<Watched>(*this);
    relays.push_back(std::make_unique<Relay>(*watched, events));
    watched->operation = below.connect(to, *relays.back());
    return watched;
  }
  Result<io::ListenerPtr> listen(const Address& at, io::AcceptEvents& events) override {
    return below.listen(at, events);
  }
  Result<io::ListenerPtr> listen_on(io::BoundSocketPtr socket, io::AcceptEvents& events) override {
    return below.listen_on(std::move(socket), events);
  }

  PipeNetwork& below;
  std::vector<std::unique_ptr<Relay>> relays;
  std::vector<Address> begun;
  int under_way = 0;
};

struct RaceTest : ::testing::Test, io::RaceEvents {
  using Fate = AddressOptions::Fate;

  void begin(std::vector<Address> addresses) {
    began_ms = loop.now_ms();
    race = std::make_unique<io::Race>(loop.context(), network, addresses, *this);
  }
  AddressOptions& at(const Address& address) { return pipes.at(address); }

  void on_race_won(const Address& address, io::StreamPtr won) override {
    EXPECT_FALSE(winner || lost);
    winner = address;
    stream = std::move(won);
    end();
  }
  void on_race_lost(Cause cause) override {
    EXPECT_FALSE(winner || lost);
    lost = cause;
    end();
  }
  // As an owner does: it may be on the call stack.
  void end() {
    took_ms = loop.now_ms() - began_ms;
    loop.context().reaper.doom(std::move(race));
  }

  VirtualLoop loop{7};
  PipeNetwork pipes{loop};
  WatchedNetwork network{pipes};
  std::unique_ptr<io::Race> race;
  int64_t began_ms = 0;
  int64_t took_ms = -1;
  std::optional<Address> winner;
  io::StreamPtr stream;
  std::optional<Cause> lost;
};

TEST_F(RaceTest, TheFirstThatConnectsInTimeIsAlone) {
  TestOrigin six(network, kSix);
  at(kSix).connect_ms = 249;
  begin({kSix, kFour});
  loop.advance_ms(1'000);
  EXPECT_EQ(winner, kSix);
  EXPECT_EQ(took_ms, 249);
  EXPECT_EQ(network.begun, std::vector{kSix});
  EXPECT_EQ(network.under_way, 0);
}

TEST_F(RaceTest, OneThatSwallowsPacketsCostsAHeadStart) {
  TestOrigin four(network, kFour);
  at(kSix).fate = Fate::kBlackhole;
  begin({kSix, kFour});
  loop.advance_ms(249);
  EXPECT_FALSE(winner);
  EXPECT_EQ(network.under_way, 1);
  loop.advance_ms(1);
  EXPECT_EQ(winner, kFour);
  EXPECT_EQ(took_ms, 250);
  EXPECT_EQ(network.under_way, 0);
  // What was won is a connection like any other.
  TestPeer peer(std::move(stream));
  peer.send("hello");
  loop.run_until_idle();
  EXPECT_EQ(four.last().take(), "hello");
}

TEST_F(RaceTest, OneThatIsRefusedCostsNothing) {
  TestOrigin four(network, kFour);
  at(kSix).fate = Fate::kRefuse;
  begin({kSix, kFour});
  loop.run_until_idle();
  EXPECT_EQ(winner, kFour);
  EXPECT_EQ(took_ms, 0);
}

TEST_F(RaceTest, OurOwnShortageIsTheCauseOnlyWhereNobodyElseHasOne) {
  at(kSix).fate = Fate::kShortage;
  at(kFour).fate = Fate::kRefuse;
  begin({kSix, kFour});
  loop.run_until_idle();
  EXPECT_EQ(lost, Cause::kConnectRefused);
  lost.reset();
  at(kFour).fate = Fate::kShortage;
  begin({kSix, kFour});
  loop.run_until_idle();
  EXPECT_EQ(lost, Cause::kOverload);
}

TEST_F(RaceTest, ASlowFirstStillWinsFromASlowerSecond) {
  TestOrigin six(network, kSix);
  TestOrigin four(network, kFour);
  at(kSix).connect_ms = 300;
  at(kFour).connect_ms = 100;
  begin({kSix, kFour});
  loop.advance_ms(5'000);
  EXPECT_EQ(winner, kSix);
  EXPECT_EQ(took_ms, 300);
  EXPECT_EQ(network.begun.size(), 2u);
  EXPECT_EQ(network.under_way, 0);
  EXPECT_TRUE(four.peers.empty());
}

TEST_F(RaceTest, AFailureWhileOthersRunBeginsTheNextAndItsHeadStart) {
  at(kSix).fate = Fate::kBlackhole;
  at(kFour).fate = Fate::kUnreachable;
  at(kFour).connect_ms = 30;
  at(kSixToo).fate = Fate::kBlackhole;
  TestOrigin four(network, kFourToo);
  begin({kSix, kFour, kSixToo, kFourToo});
  loop.advance_ms(280);
  EXPECT_EQ(network.begun.size(), 3u);
  loop.advance_ms(249);
  EXPECT_EQ(network.begun.size(), 3u);
  loop.advance_ms(1);
  EXPECT_EQ(winner, kFourToo);
  EXPECT_EQ(took_ms, 280 + 250);
}

TEST_F(RaceTest, WhenAllFailTheCauseIsThatOfTheFirstAddress) {
  at(kSix).fate = Fate::kUnreachable;
  at(kSix).connect_ms = 400;
  at(kFour).fate = Fate::kRefuse;
  begin({kSix, kFour});
  loop.advance_ms(399);
  EXPECT_FALSE(lost);
  loop.advance_ms(1);
  EXPECT_EQ(lost, Cause::kConnectUnreachable);
  EXPECT_EQ(network.under_way, 0);
}

TEST_F(RaceTest, TheFamiliesTakeTurnsAndTheListSaysWhichIsFirst) {
  begin({kSix, kSixToo, kFour, kFourToo});  // nobody listens
  loop.run_until_idle();
  EXPECT_EQ(network.begun, (std::vector{kSix, kFour, kSixToo, kFourToo}));
  EXPECT_EQ(lost, Cause::kConnectRefused);

  network.begun.clear();
  lost.reset();
  begin({kFour, kFourToo, kSix});
  loop.run_until_idle();
  EXPECT_EQ(network.begun, (std::vector{kFour, kSix, kFourToo}));
}

TEST_F(RaceTest, TheirNumberIsBounded) {
  std::vector<Address> many;
  for (int i = 1; i <= 200; ++i) {
    many.push_back(*Address::parse("10.0.1." + std::to_string(i) + ":80"));
  }
  many.push_back(kSix);
  begin(many);
  loop.run_until_idle();
  EXPECT_EQ(network.begun.size(), io::Race::kAddressesMax);
  EXPECT_EQ(network.begun[1], kSix);
  EXPECT_EQ(lost, Cause::kConnectRefused);
}

// Whichever way its owner lets go of it, and whenever: nothing is left, and nobody is told.
TEST_F(RaceTest, MayBeCancelledAtAnyMoment) {
  TestOrigin six(network, kSixToo);
  for (const bool reaped : {false, true}) {
    for (int64_t moment_ms = 0; moment_ms < 700; ++moment_ms) {
      at(kSix).fate = Fate::kBlackhole;
      at(kFour).fate = Fate::kRefuse;
      at(kFour).connect_ms = 130;
      at(kSixToo).connect_ms = 320;
      begin({kSix, kFour, kSixToo, kFourToo});
      if (moment_ms > 0) loop.advance_ms(moment_ms - 1);
      ASSERT_FALSE(winner || lost);
      if (reaped) {
        // While it waits for the Reaper, what is due comes by.
        loop.post([this] { loop.context().reaper.doom(std::move(race)); });
        loop.advance_ms(1);
      }
      race.reset();
      loop.run_until_idle();
      EXPECT_EQ(network.under_way, 0);
      loop.advance_ms(2'000);
      EXPECT_TRUE(loop.is_empty());
      ASSERT_FALSE(winner || lost) << moment_ms;
      network.relays.clear();
    }
  }
}

// The stream of a connect that ends after the race was given up is closed.
TEST_F(RaceTest, AConnectionThatComesTooLateIsClosed) {
  TestOrigin four(network, kFour);
  begin({kFour, kSix});
  io::ConnectEvents& late = network.relays.front()->events;
  loop.context().reaper.doom(std::move(race));
  auto [ours, theirs] = make_pipe(loop);
  TestPeer peer(std::move(theirs));
  late.on_connected(std::move(ours));
  loop.run_until_idle();
  EXPECT_FALSE(winner || lost);
  EXPECT_TRUE(peer.ended || peer.broken);
}

// Over real sockets: whether this machine has IPv6 or not.
TEST_F(RaceTest, TheKernelsRefusalsGoOnToTheNext) {
  io::Loop kernel{1};
  io::LoopNetwork sockets{kernel};
  TestOrigin origin(sockets, *Address::parse("127.0.0.1:0"));
  const Address six = Address::from_bytes(kLocalSix.ip(), origin.address().port());
  race = std::make_unique<io::Race>(kernel.context(), sockets, std::vector{six, origin.address()},
                                    *this);
  ASSERT_TRUE(run_until(kernel, [&] { return winner || lost; }));
  EXPECT_EQ(winner, origin.address());
  loop.run_until_idle();
  stream.reset();
  kernel.poll();
}

}  // namespace
}  // namespace outrigger::testing
