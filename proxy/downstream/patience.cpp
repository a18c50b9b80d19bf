#include "proxy/downstream/patience.hpp"

#include <algorithm>

namespace outrigger::downstream {
namespace {

// The kernel of a caller that lives acknowledges each probe of its closed window. The time between
// two of them doubles, up to two minutes (RFC 9293 section 3.8.6.1), so the last one is younger
// than about half of the stall. Where nothing waits in the kernel, keepalive sees to it.
bool is_alive(const io::Stream& stream, int64_t stalled_ms) {
  constexpr int64_t kProbedWithinMs = 130'000;
  if (stream.unsent() == 0) return true;
  const auto since_ms = stream.ms_since_ack();
  return !since_ms || *since_ms <= std::min(stalled_ms * 2 / 3, kProbedWithinMs);
}

}  // namespace

bool may_stall(const ServerContext& context, const io::Stream& stream, int64_t stalled_ms) {
  if (context.answers == nullptr || context.answers->is_much()) return false;
  const auto longest_ms = config::stream_idle_ms(config::Timeout{}, false);
  return stalled_ms < longest_ms && is_alive(stream, stalled_ms);
}

}  // namespace outrigger::downstream
