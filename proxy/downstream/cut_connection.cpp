#include "proxy/downstream/cut_connection.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::downstream {
namespace {

// Mostly it is over after a round trip.
constexpr int64_t kFirstLookMs = 5;
constexpr int64_t kLongestLookMs = 250;

}  // namespace

void CutConnection::cut(ServerContext& context, Arrival arrival, io::StreamPtr stream) {
  auto* const connection = new CutConnection(context, std::move(arrival), std::move(stream));
  context.cut.push_back(*connection);
  connection->look();
}

CutConnection::CutConnection(ServerContext& context, Arrival arrival, io::StreamPtr stream)
    : Connection(context, std::move(arrival)),
      x_stream(std::move(stream)),
      x_left(x_stream->unacked()),
      x_taken_ms(context.runtime.loop.clock.now_ms()),
      x_look_in_ms(kFirstLookMs) {
  x_stream->pause_reading();
  x_stream->start(*this);
}

void CutConnection::look() {
  if (x_stream == nullptr) return;
  const size_t left = x_stream->unacked();
  if (left == 0 || x_stream->is_broken()) {
    reset();
    return;
  }
  LoopContext& loop = x_context.runtime.loop;
  const int64_t now_ms = loop.clock.now_ms();
  if (std::exchange(x_left, left) > left) x_taken_ms = now_ms;
  if (now_ms - x_taken_ms >= x_context.config.timeout.write_stall_ms) {
    x_context.series.write_stalls.add();
    reset();
    return;
  }
  loop.timers.arm(x_timer, now_ms + x_look_in_ms);
  x_look_in_ms = std::min(2 * x_look_in_ms, kLongestLookMs);
}

// Only its caller has use for it, and that call has failed.
Holding CutConnection::holding() {
  return {.kind = Holding::Kind::kUnfinished,
          .bytes = Holding::kSocketBytes + static_cast<int64_t>(x_stream->unacked())};
}

int CutConnection::reset() {
  if (x_stream == nullptr) return 0;
  x_timer.cancel();
  ListNode<OwnedByAcceptor>::unlink();
  Reaper& reaper = x_context.runtime.loop.reaper;
  x_stream->abort();
  reaper.doom(std::move(x_stream));
  reaper.doom(this);
  return 0;
}

}  // namespace outrigger::downstream
