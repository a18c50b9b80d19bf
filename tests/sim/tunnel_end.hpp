// A TunnelEnd is the caller or the server at its end of an open tunnel: it says its bytes and hears
// the other's, as its manners want it, each way until that way's end. The same on both sides, and
// whatever asked for the tunnel. Owned by the client or the origin's connection; one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tests/sim/ledger.hpp"
#include "tests/sim/tunnel_manners.hpp"
#include "tests/support/pipe_network.hpp"

namespace outrigger::sim {

class TunnelEnd final : public io::StreamEvents {
 public:
  // `on_over` is called once, when it has dropped its stream.
  TunnelEnd(Ledger& ledger, testing::VirtualLoop& loop, Random& random, TunnelLedger::End& record,
            const TunnelManners& manners, std::function<void()> on_over);

  // -- before there is a tunnel
  // The next bytes that it says, to be sent ahead of the answer.
  std::string take(size_t count);
  // All is said, and its own way has ended.
  void note_finished() { x_record.finished = true; }

  // `begun` has come already.
  void open(io::StreamPtr stream, std::string_view begun);
  // By a reset, now.
  void leave();

  bool is_open() const { return x_stream != nullptr; }
  const TunnelLedger::End& record() const { return x_record; }
  const TunnelManners& manners() const { return x_manners; }

 private:
  using Ending = TunnelManners::Ending;

  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override { x_speak.arm(); }

  void hear(std::string_view bytes);
  void speak();
  size_t due() const;
  bool waits_for_peer() const;
  void finish();
  void close();
  void drop_if_over();
  void drop(std::string_view why);
  void check(const std::string& wrong);
  int64_t now_ms() const { return x_loop.now_ms(); }
  void note(std::string_view what, uint64_t b = 0);

  Ledger& x_ledger;
  testing::VirtualLoop& x_loop;
  Random& x_random;
  TunnelLedger::End& x_record;
  TunnelManners x_manners;
  std::function<void()> x_on_over;
  io::StreamPtr x_stream;  // null: not yet, or not any more
  testing::VirtualLoop::Event x_speak;
  testing::VirtualLoop::Event x_read_on;
  int64_t x_patient_until_ms = 0;
};

}  // namespace outrigger::sim
