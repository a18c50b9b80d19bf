// A Race connects to whichever of several addresses answers first ("happy eyeballs", RFC 8305): one
// that swallows packets costs the next one a head start, not a connect timeout. Owned by whoever
// asked; destroying it or giving it to the Reaper cancels every connect. The timeout is the
// owner's. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "proxy/base/loop_context.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::io {

class RaceEvents {
 public:
  // Not yet started. No other connect is left.
  virtual void on_race_won(const Address& address, StreamPtr stream) = 0;
  // All have failed; the cause is that of the first address that has another than kOverload.
  virtual void on_race_lost(Cause cause) = 0;

 protected:
  ~RaceEvents() = default;
};

class Race final : public Operation {
 public:
  // The Connection Attempt Delay (RFC 8305 section 5).
  static constexpr int64_t kHeadStartMs = 250;
  static constexpr size_t kAddressesMax = 8;

  // In the order of `addresses`, but that the families take turns (RFC 8305 section 4); no more
  // than kAddressesMax of them. Requires: not empty.
  Race(const LoopContext& loop, Network& network, std::span<const Address> addresses,
       RaceEvents& events);

 private:
  struct Connect final : ConnectEvents {
    Connect(Race& of, const Address& address) : race(of), to(address) {}
    void on_connected(StreamPtr stream) override { race.win(*this, std::move(stream)); }
    void on_connect_failed(Cause cause) override { race.fail(*this, cause); }

    Race& race;
    const Address to;
    OperationPtr operation;
    std::optional<Cause> failure;
  };

  void enter(const Address& address);
  void begin_next();
  void win(const Connect& winner, StreamPtr stream);
  void fail(Connect& connect, Cause cause);
  Cause verdict() const;
  void stop();

  // Given to the Reaper, which may come a callback later: nobody is told any more.
  bool is_cancelled() const { return is_linked(); }

  const LoopContext x_loop;
  Network& x_network;
  RaceEvents& x_events;
  std::deque<Connect> x_connects;  // grows at its end only: their network knows where they are
  size_t x_begun = 0;
  size_t x_failed = 0;
  Timer x_head_start = Timer::of<&Race::begin_next>(*this);
};

}  // namespace outrigger::io
